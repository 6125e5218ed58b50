//! The loop: gather what happened, decide, commit, act.
//!
//! ```text
//!   inbox ──> GATHER ──> DECIDE ──> COMMIT ──> ACT ──> inbox
//!             all that   Core       one trans- Turn::deeds
//!             is ready              action
//! ```
//! It is the only owner of the [`Core`] and of the [`Store`], on a thread of its own because
//! commits block; where nothing outlives the process they do not, and it is a task beside the
//! attempts.

mod blocked;

use crate::act::Deed;
use crate::attempts::{Attempts, Moves};
use crate::cache::Caches;
use crate::clock::Clock;
use crate::company::Company;
use crate::cookies::Cookies;
use crate::credentials::Keys;
use crate::files::Files;
use crate::inbox::{Inbox, Message, Pace};
use crate::launch::Launcher;
use crate::network::NetworkWatch;
use crate::peers::Peers;
use crate::progress::Meter;
use crate::replay::Replay;
use crate::simulate::{Courtesy, Simulation};
use crate::stop::Stop;
use crate::store::{Rows, Store};
use crate::strict::Strict;
use crate::wall::WallWatch;
use crate::{EngineError, metrics, orders};
use blocked::Blocked;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use urlsession_core::{Change, Core, Input, Moment, Step, TaskRef};
use urlsession_protocol::{SpeedLimits, TaskMetrics};

/// The first and the longest pause before a failed commit is tried again.
const COMMIT_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The owner of the core.
#[derive(Debug)]
pub(crate) struct Driver<H> {
    pub(crate) version: String,
    pub(crate) clock: Clock,
    pub(crate) core: Core,
    pub(crate) store: Store,
    pub(crate) files: Files,
    pub(crate) cookies: Cookies,
    pub(crate) strict: Strict,
    pub(crate) credentials: Keys,
    pub(crate) caches: Caches,
    pub(crate) attempts: Attempts<H>,
    pub(crate) launcher: Launcher,
    pub(crate) peers: Peers,
    pub(crate) replays: Vec<Replay>,
    pub(crate) meter: Meter,
    pub(crate) speed_limits: SpeedLimits,
    pub(crate) company: Company,
    pub(crate) wall: WallWatch,
    pub(crate) _network: NetworkWatch,
    pub(crate) stop: Option<Stop>,
    pub(crate) inbox: Inbox,
    pub(crate) pace: Pace,
    /// What came while a commit failed, in order; bounded as the inbox is.
    pub(crate) deferred: Vec<Message>,
    pub(crate) idle: watch::Sender<bool>,
    /// What was restored has to be done first.
    pub(crate) restored: Option<Step>,
    /// Whether the tick that was due last has been put off.
    pub(crate) tick_waits: bool,
    /// Whether a stop was asked for; seen even while a commit is being tried.
    pub(crate) stopping: Arc<AtomicBool>,
    pub(crate) temporary: bool,
    pub(crate) simulation: Option<Arc<Simulation>>,
    /// How a simulation waits for the apps in it.
    pub(crate) courtesy: Option<Courtesy>,
}

/// What one turn decided.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) now: Moment,
    pub(crate) changes: Vec<Change>,
    pub(crate) deeds: Vec<Deed>,
    /// What attempts have taken by now, which the core need not know.
    pub(crate) metrics: BTreeMap<TaskRef, TaskMetrics>,
    /// Whether cookies and known hosts must be durable before the deeds are done.
    pub(crate) writes_kept: bool,
    /// How fast all transfers may be together, if that was set.
    pub(crate) speed_limits: Option<SpeedLimits>,
}

impl<H: Moves> Driver<H> {
    /// Turns until a stop is complete, on a thread of its own.
    pub(crate) fn run(mut self) -> Result<(), EngineError> {
        let mut messages = Vec::new();
        while !self.turn(std::mem::take(&mut messages))? {
            let wait = self.sleep();
            messages = self.gather(wait);
        }
        Ok(())
    }

    /// Turns until a stop is complete, as a task: nothing is durable, so nothing is waited for.
    pub(crate) async fn run_beside(mut self) -> Result<(), EngineError> {
        let mut messages = Vec::new();
        while !self.turn(std::mem::take(&mut messages))? {
            let wait = self.sleep();
            messages = self.inbox.gather(wait).await;
        }
        Ok(())
    }

    /// Says whether nothing of it outlives the process, nor is simulated.
    pub(crate) fn is_passing(&self) -> bool {
        self.temporary && self.simulation.is_none()
    }

    /// Does all that follows from the messages; says whether a stop is complete.
    fn turn(&mut self, messages: Vec<Message>) -> Result<bool, EngineError> {
        let mut turn = self.decide(messages);
        orders::complete(&mut turn, &self.store, &self.core);
        metrics::complete(&mut turn, &self.store, &self.core);
        let rows = self.unwritten(&turn);
        self.commit(&turn, &rows)?;
        self.act(turn);
        let has_stopped = self.has_stopped();
        self.peers.flush();
        if !has_stopped {
            let idle = self.peers.count() == 0 && self.core.is_idle();
            self.idle.send_if_modified(|shown| std::mem::replace(shown, idle) != idle);
        }
        Ok(has_stopped)
    }

    fn gather(&mut self, wait: Option<Duration>) -> Vec<Message> {
        let deferred = std::mem::take(&mut self.deferred);
        if self.simulation.is_some() && deferred.is_empty() {
            return self.pass_time(wait);
        }
        let gathered = match deferred.is_empty() {
            true => self.pace.gather(&self.inbox, wait, &self.clock),
            false => deferred,
        };
        let now = self.clock.now().steady;
        self.company.admit(gathered, self.attempts.count(), now)
    }

    fn decide(&mut self, messages: Vec<Message>) -> Turn {
        let now = self.clock.now();
        // A task that ends makes so many, and the list is long to move.
        let expected = 4 * messages.len();
        let mut turn = Turn {
            now,
            changes: Vec::with_capacity(expected),
            deeds: Vec::with_capacity(expected),
            metrics: BTreeMap::new(),
            writes_kept: false,
            speed_limits: None,
        };
        if let Some(step) = self.restored.take() {
            turn.add(step);
        }
        // All that it tells was committed by earlier turns.
        self.replay();
        let is_watched = self.peers.has_watchers()
            || !self.replays.is_empty()
            || messages.iter().any(Message::is_watch);
        self.core.set_watched(is_watched);
        // Before the messages: what the tick forgets must have been acted on in an earlier turn. Once it
        // waits for the next one: nobody is refused for the sake of a client that has left.
        let is_due = self.core.next_wakeup(now).is_some_and(|wait| wait.is_zero());
        self.tick_waits = is_due && !self.tick_waits && messages.iter().any(Message::is_farewell);
        if is_due && !self.tick_waits {
            turn.add(self.core.handle(now, Input::Tick));
        }
        for message in messages {
            self.take(&mut turn, message);
        }
        self.measure(&mut turn);
        turn
    }

    /// Takes what this turn writes beside its changes: credentials always, cookies and known hosts
    /// if it commits anyway or the time has come.
    fn unwritten(&mut self, turn: &Turn) -> Rows {
        let credentials = self.credentials.take_unwritten();
        let now = turn.now.steady;
        let mut next = self.cookies.next(now).into_iter().chain(self.strict.next(now));
        let is_asked = turn.writes_kept || self.stop.is_some();
        if !is_asked && turn.changes.is_empty() && !next.any(|wait| wait.is_zero()) {
            return Rows { credentials, speed_limits: turn.speed_limits, ..Rows::default() };
        }
        let cookies = self.cookies.take_unwritten();
        // Who noted a host has said so before its task ended.
        let is_noted = is_asked || self.strict.next(now).is_some();
        let known_hosts = if is_noted { self.strict.take_unwritten() } else { Vec::new() };
        Rows { cookies, credentials, known_hosts, speed_limits: turn.speed_limits }
    }

    /// Makes the changes durable, however long that takes: nothing is visible before.
    fn commit(&mut self, turn: &Turn, rows: &Rows) -> Result<(), EngineError> {
        let (mut pause, longest) = COMMIT_PAUSE;
        let mut blocked = Blocked::default();
        loop {
            let done = self.store.commit_turn(&turn.changes, rows, &turn.metrics);
            let Err(error) = done else { return Ok(()) };
            tracing::error!(%error, changes = turn.changes.len(), "a commit failed");
            if !error.can_pass() || self.stopping.load(Ordering::Acquire) {
                return Err(EngineError::Store(Arc::new(error)));
            }
            self.wait_blocked(&mut blocked, &error, pause);
            pause = longest.min(pause * 2);
        }
    }

    /// Returns how long nothing will be due.
    fn sleep(&mut self) -> Option<Duration> {
        let now = self.clock.now();
        self.wind_meter(now.steady);
        let stop = self.stop.as_ref().map(|stop| stop.deadline.saturating_sub(now.steady));
        let core = self.core.next_wakeup(now).map(|wait| self.wall.limit(wait));
        let cookies = self.cookies.next(now.steady);
        let hosts = self.strict.next(now.steady);
        let company = self.company.next(now.steady);
        stop.into_iter()
            .chain(core)
            .chain(company)
            .chain(self.next_replay())
            .chain(cookies)
            .chain(hosts)
            .chain(self.meter.next(now.steady))
            .min()
    }
}

impl Turn {
    /// Adds a decision to the turn.
    pub(crate) fn add(&mut self, step: Step) {
        self.changes.extend(step.changes);
        self.deeds.extend(step.actions.into_iter().map(Deed::from));
    }
}

#[cfg(test)]
mod tests;
