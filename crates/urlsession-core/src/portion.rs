//! What is too much for one step is done in portions, so that others are heard in between.

use crate::turn::Turn;
use crate::{Core, SessionNumber, TaskRef};
use std::ops::Bound::{Excluded, Included};
use urlsession_protocol::TaskIdentifier;

/// Most tasks that one step ends or wakes; the next tick goes on at once.
pub const PORTION: usize = 1024;

impl Core {
    /// Cancels all tasks of a session that gets no new ones: a portion at once, then what runs.
    pub(crate) fn cancel_all(&mut self, turn: &mut Turn, number: SessionNumber) {
        self.cancelling.insert(number, TaskIdentifier(0));
        self.cancel_portion(turn);
        if self.cancelling.contains_key(&number) {
            self.index.schedule.hold(number);
            for (key, _) in self.running() {
                if key.session == number {
                    self.cancel(turn, key, false);
                }
            }
        }
    }

    /// Goes on with what [`Core::cancel_all`] began.
    pub(crate) fn cancel_portion(&mut self, turn: &mut Turn) {
        let mut left = PORTION;
        while let Some((session, after)) = self.cancelling.pop_first() {
            let name = |task| TaskRef { session, task };
            let range = (Excluded(name(after)), Included(name(TaskIdentifier(u64::MAX))));
            let keys: Vec<TaskRef> = self.tasks.range(range).take(left).map(|(k, _)| *k).collect();
            for key in &keys {
                self.cancel(turn, *key, false);
            }
            left -= keys.len();
            if left == 0 {
                let after = keys.last().map_or(after, |key| key.task);
                self.cancelling.insert(session, after);
                return;
            }
        }
    }
}
