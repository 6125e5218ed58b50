//! What is owed is told to a new watcher in portions, however much that is.
//!
//! ```text
//!   Watch ──> a portion ──> all told: watches
//!                └─> the next turn, once the client has read ──> a portion ──> …
//! ```
//! Of what comes into being in between, a watcher is told what is still owed when its turn comes, and
//! of the sessions whose turn has been, everything.

use crate::act::hide_secrets;
use crate::attempts::Moves;
use crate::driver::Driver;
use crate::peers::{Watching, length};
use std::collections::BTreeSet;
use std::time::Duration;
use urlsession_core::{PeerNumber, TaskRef};
use urlsession_protocol::{DaemonMessage, EventNumber, SessionKey};

/// Most events that one turn tells one watcher of what is owed.
const PORTION: usize = 256;
/// A portion ends with the event that makes it longer than this, in bytes.
const PORTION_BYTES: usize = 1024 * 1024;
/// How soon a client that is behind is looked at again.
const PAUSE: Duration = Duration::from_millis(5);

/// The place of the event that was told last.
pub(crate) type Place = (SessionKey, EventNumber);

/// A watcher that has not been told everything yet.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) peer: PeerNumber,
    pub(crate) watching: Watching,
    pub(crate) told: Place,
}

impl<H: Moves> Driver<H> {
    /// Returns the first portion of the kept events that are owed, after a place or from the first,
    /// and the place of the last if there may be more.
    pub(crate) fn owed(
        &self,
        watching: &Watching,
        after: Option<&Place>,
    ) -> (Vec<DaemonMessage>, Option<Place>) {
        let only = match watching {
            Watching::Everything => None,
            Watching::Session(key) => Some(key),
        };
        let after = after.map(|(key, number)| (key, *number));
        let mut owed = self.core.owed_after(only, after);
        let (mut messages, mut bytes, mut told) = (Vec::new(), 0, None);
        while messages.len() < PORTION && bytes < PORTION_BYTES {
            let Some((key, session, number, task, event)) = owed.next() else {
                return (messages, None);
            };
            told = Some((key.clone(), number));
            let mut event = event.clone();
            self.attach_metrics(TaskRef { session, task }, &mut event);
            hide_secrets(&mut event);
            let (session, task, number) = (key.clone(), Some(task), Some(number));
            let message = DaemonMessage::Event { session, task, number, event };
            bytes += length(&message);
            messages.push(message);
        }
        (messages, told)
    }

    /// Goes on with what watchers are still to be told; those that were told all watch from here on.
    pub(crate) fn replay(&mut self) {
        for mut replay in std::mem::take(&mut self.replays) {
            if self.peers.has_let_go(replay.peer) {
                continue;
            }
            if !self.peers.keeps_up(replay.peer) {
                self.replays.push(replay);
                continue;
            }
            let (messages, more) = self.owed(&replay.watching, Some(&replay.told));
            for message in messages {
                self.peers.send(replay.peer, message);
            }
            match more {
                Some(told) => {
                    replay.told = told;
                    self.replays.push(replay);
                }
                // There was room for it when it was asked for.
                None => drop(self.peers.watch(replay.peer, replay.watching)),
            }
        }
        if !self.replays.is_empty() {
            self.peers.flush();
        }
    }

    /// Tells those of an event whose replay is past its session.
    pub(crate) fn publish_behind(&self, message: &DaemonMessage) {
        let DaemonMessage::Event { session, .. } = message else { return };
        let is_past = |replay: &&Replay| {
            replay.watching == Watching::Everything
                && *session < replay.told.0
                && !self.peers.watches(replay.peer, session)
        };
        // One that asked several times is told once.
        let peers: BTreeSet<PeerNumber> =
            self.replays.iter().filter(is_past).map(|replay| replay.peer).collect();
        for peer in peers {
            self.peers.send(peer, message.clone());
        }
    }

    /// Returns how long it is until there may be room for more.
    pub(crate) fn next_replay(&self) -> Option<Duration> {
        let keeps_up = |replay: &Replay| self.peers.keeps_up(replay.peer);
        match self.replays.iter().any(keeps_up) {
            true => Some(Duration::ZERO),
            false => (!self.replays.is_empty()).then_some(PAUSE),
        }
    }
}
