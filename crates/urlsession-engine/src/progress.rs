//! How far the running attempts are, told at a bounded rate to those who listen.

use crate::act::{Deed, Weight};
use crate::attempts::{Moves, Running};
use crate::driver::{Driver, Turn};
use std::time::Duration;
use urlsession_core::TaskRef;
use urlsession_protocol::Event;

/// Time between two progress events of a task.
const INTERVAL: Duration = Duration::from_millis(200);

/// When progress is told next.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// In steady time; `None` while nothing runs or nobody listens.
    next: Option<Duration>,
}

impl Meter {
    /// Returns how long it is until progress is told.
    pub(crate) fn next(&self, now: Duration) -> Option<Duration> {
        self.next.map(|next| next.saturating_sub(now))
    }
}

impl<H: Moves> Driver<H> {
    /// Adds the progress of all attempts to the turn, if it is time.
    pub(crate) fn measure(&mut self, turn: &mut Turn) {
        if self.meter.next.is_some_and(|next| next <= turn.now.steady) {
            self.meter.next = None;
            for (task, running) in self.attempts.iter_mut() {
                turn.deeds.extend(running.progress(task, Weight::Passing));
            }
        }
    }

    /// Lets the meter run while something runs and somebody listens. Called after the deeds of a
    /// turn, which start attempts.
    pub(crate) fn wind_meter(&mut self, now: Duration) {
        // Simulated time would stop at every interval of a pause otherwise.
        let idles = self.simulation.is_some();
        let tells = |running: &Running| !idles || running.has_moved();
        if self.attempts.iter().any(|(task, running)| tells(running) && self.is_heard(task)) {
            self.meter.next.get_or_insert(now + INTERVAL);
        } else {
            self.meter.next = None;
        }
    }

    fn is_heard(&self, task: TaskRef) -> bool {
        self.core.owner(task.session).is_some()
            || self.core.session_key(task.session).is_some_and(|key| self.peers.is_watched(key))
    }
}

impl Running {
    /// Says whether there is something to tell.
    fn has_moved(&self) -> bool {
        let counts = self.progress.counts();
        counts.received != self.told_received || counts.sent != self.told_sent
    }

    /// Returns what changed since it was asked last.
    pub(crate) fn progress(
        &mut self,
        task: TaskRef,
        weight: Weight,
    ) -> impl Iterator<Item = Deed> + use<> {
        let counts = self.progress.counts();
        let wrote = (self.downloads && counts.received != self.told_received).then(|| {
            Event::DidWriteData {
                bytes_written: since(self.told_received, counts.received),
                total_bytes_written: counts.received,
                total_bytes_expected_to_write: counts.expected_to_receive,
            }
        });
        let sent = (counts.sent != self.told_sent).then(|| Event::DidSendBodyData {
            bytes_sent: since(self.told_sent, counts.sent),
            total_bytes_sent: counts.sent,
            total_bytes_expected_to_send: counts.expected_to_send,
        });
        self.told_received = counts.received;
        self.told_sent = counts.sent;
        // The request goes out before the response comes in.
        sent.into_iter().chain(wrote).map(move |event| Deed::Tell { task, event, weight })
    }
}

/// Returns the bytes that are new; after a restart all are.
fn since(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}
