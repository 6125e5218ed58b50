//! How simulated time passes: it jumps to what is due next, when nobody has anything to do.
//!
//! ```text
//!   an attempt is at work ──────────> stands still
//!   an app has something to say ────> stands still, for as long as courtesy demands in real time
//!   no task can go on ──────────────> stands still
//!   else ───────────────────────────> jumps to the next byte, retry, deadline or statement
//! ```

use super::{Happening, Simulation};
use crate::attempts::Moves;
use crate::clock::Clock;
use crate::driver::Driver;
use crate::inbox::{GATHER_LIMIT, Message};
use crate::network::NetworkChange;
use crate::peers::Told;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use urlsession_core::PeerNumber;
use urlsession_protocol::{ClientMessage, EventNumber, SessionKey};

/// Time that an app has to do something after it heard or said something.
const NEWS_GRACE: Duration = Duration::from_millis(30);
/// Time that it has after it heard of progress.
const PROGRESS_GRACE: Duration = Duration::from_millis(2);
/// Time that the first app has to connect to a daemon that began to live.
const START_GRACE: Duration = Duration::from_millis(500);
/// Longest wait for an acknowledgement.
const ACK_GRACE: Duration = Duration::from_secs(2);
/// Longest wait for the answer to a question, and for an app that was launched.
const ANSWER_GRACE: Duration = Duration::from_secs(10);
/// Longest pause of a `hold`.
const HOLD_GRACE: Duration = Duration::from_secs(30);
/// How often attempts that are at work are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
/// What is due no later than that happens although no task can go on.
const IDLE_JUMP: Duration = Duration::from_secs(60);

/// What apps are waited for, in real time.
#[derive(Debug)]
pub(crate) struct Courtesy {
    /// Of the real clock: when an app last heard or said something.
    since: Duration,
    /// How long it may take from then on to do something about it.
    grace: Duration,
    /// Kept events that were sent and not acknowledged.
    owed: BTreeMap<(PeerNumber, SessionKey), BTreeSet<EventNumber>>,
    /// Apps that were launched and have neither connected nor ended.
    launched: usize,
    is_held: bool,
    /// Whether the driver was told so.
    has_network: bool,
}

impl Courtesy {
    pub(crate) fn begin(clock: &Clock) -> Self {
        Self {
            since: clock.real(),
            grace: START_GRACE,
            owed: BTreeMap::new(),
            launched: 0,
            is_held: false,
            has_network: true,
        }
    }

    /// Notes an event that an app must acknowledge.
    pub(crate) fn owes(&mut self, peer: PeerNumber, session: &SessionKey, number: EventNumber) {
        self.owed.entry((peer, session.clone())).or_default().insert(number);
    }

    /// Notes an acknowledgement.
    pub(crate) fn settled(
        &mut self,
        peer: PeerNumber,
        session: &SessionKey,
        (number, through): (EventNumber, Option<EventNumber>),
    ) {
        if let Some(owed) = self.owed.get_mut(&(peer, session.clone())) {
            owed.retain(|owed| *owed < number || *owed > through.unwrap_or(number));
        }
    }

    /// Notes that an app is gone.
    pub(crate) fn gone(&mut self, peer: PeerNumber) {
        self.owed.retain(|(owing, _), _| *owing != peer);
    }

    /// Notes that an app was launched.
    pub(crate) fn launched(&mut self, clock: &Clock) {
        self.launched += 1;
        self.since = clock.real();
    }

    /// Gives time from now on, unless there is more already.
    fn give(&mut self, now: Duration, grace: Duration) {
        if now + grace > self.since + self.grace {
            (self.since, self.grace) = (now, grace);
        }
    }

    /// Notes what apps say.
    fn hear(&mut self, messages: &[Message], now: Duration) {
        for message in messages {
            match message {
                Message::Said { message, .. } => {
                    self.is_held &= !matches!(**message, ClientMessage::Call { .. });
                    self.give(now, NEWS_GRACE);
                }
                // The grace of the start is over.
                Message::Connected(_) => {
                    self.launched = self.launched.saturating_sub(1);
                    (self.since, self.grace) = (now, NEWS_GRACE);
                }
                Message::Disconnected(_) => self.give(now, NEWS_GRACE),
                Message::LaunchEnded { .. } => self.launched = self.launched.saturating_sub(1),
                _ => {}
            }
        }
    }
}

impl<H: Moves> Driver<H> {
    /// Waits until something happened; when nobody has anything to do, lets time pass for at most
    /// so long.
    pub(crate) fn pass_time(&mut self, wait: Option<Duration>) -> Vec<Message> {
        let Some(simulation) = self.simulation.clone() else { return Vec::new() };
        let due = wait.map(|wait| simulation.timeline.now().saturating_add(wait));
        self.courtesy_after_turn();
        loop {
            let (sleepers, woken) = simulation.timeline.sleepers();
            let next = self.next_jump(&simulation, due, woken);
            let rest = self.rest(&simulation, next, sleepers);
            if let Some(first) = self.receive(rest) {
                let messages: Vec<_> =
                    std::iter::once(first).chain(self.inbox.take()).take(GATHER_LIMIT).collect();
                let now = self.clock.real();
                self.courtesy.iter_mut().for_each(|courtesy| courtesy.hear(&messages, now));
                return messages;
            }
            if let (Some(Duration::ZERO), Some(moment)) = (rest, next) {
                return self.jump(&simulation, moment);
            }
        }
    }

    /// Gives those time who were told something in the last turn.
    fn courtesy_after_turn(&mut self) {
        let (told, now) = (self.peers.take_told(), self.clock.real());
        let Some(courtesy) = &mut self.courtesy else { return };
        match told {
            Told::News => courtesy.give(now, NEWS_GRACE),
            Told::Progress => courtesy.give(now, PROGRESS_GRACE),
            Told::Nothing => {}
        }
    }

    /// Returns to which moment time could jump.
    fn next_jump(
        &self,
        simulation: &Simulation,
        due: Option<Duration>,
        woken: Option<Duration>,
    ) -> Option<Duration> {
        let now = simulation.timeline.now();
        let needs_app = self.core.is_idle() || (self.is_asking() && self.peers.count() == 0);
        if needs_app && self.attempts.is_empty() {
            return due.filter(|due| due.saturating_sub(now) <= IDLE_JUMP);
        }
        due.into_iter().chain(woken).chain(simulation.next()).min()
    }

    /// Returns how long to wait in real time before time jumps there; `None` is for ever.
    fn rest(
        &self,
        simulation: &Simulation,
        next: Option<Duration>,
        sleepers: usize,
    ) -> Option<Duration> {
        let next = next?;
        if next <= simulation.timeline.now() {
            return Some(Duration::ZERO);
        }
        let undecided = self.attempts.undecided();
        if self.attempts.count() > sleepers + undecided {
            return Some(LOOK_INTERVAL);
        }
        let Some(courtesy) = &self.courtesy else { return Some(Duration::ZERO) };
        let is_alone = self.peers.count() == 0;
        let grace = if courtesy.is_held {
            HOLD_GRACE
        } else if courtesy.launched > 0 {
            ANSWER_GRACE
        } else if is_alone {
            // Nobody is there to do anything, but for those who are about to come.
            if courtesy.grace == START_GRACE { START_GRACE } else { Duration::ZERO }
        } else if undecided > 0 || self.is_asking() {
            ANSWER_GRACE
        } else if courtesy.owed.values().any(|owed| !owed.is_empty()) || self.core.is_idle() {
            ACK_GRACE
        } else {
            courtesy.grace
        };
        Some((courtesy.since + grace).saturating_sub(self.clock.real()))
    }

    /// Says whether all that is left to do is up to apps.
    fn is_asking(&self) -> bool {
        let counts = self.core.counts();
        counts.asking > 0 && counts.asking == counts.waiting && counts.running == 0
    }

    fn receive(&self, rest: Option<Duration>) -> Option<Message> {
        self.inbox.wait(rest).ok()
    }

    /// Lets a moment come, and what the scenario has for it.
    fn jump(&mut self, simulation: &Arc<Simulation>, moment: Duration) -> Vec<Message> {
        let happenings = simulation.move_to(moment);
        if happenings.contains(&Happening::Kill) {
            crate::crash::die();
        }
        let Some(courtesy) = &mut self.courtesy else { return Vec::new() };
        courtesy.is_held = happenings.contains(&Happening::Hold);
        if courtesy.is_held {
            courtesy.since = self.clock.real();
        }
        let (is_up, _) = simulation.network();
        if is_up == std::mem::replace(&mut courtesy.has_network, is_up) {
            return Vec::new();
        }
        let change = NetworkChange { is_up, is_new: is_up, gone: BTreeSet::default() };
        vec![Message::NetworkChanged(change)]
    }
}
