//! What can be found without looking at every task: who may start, who is due, how many there are.

use crate::edit::is_asking;
use crate::packed::PackedSet;
use crate::schedule::{Schedule, Ticket};
use crate::task::{Phase, Task, Wait};
use crate::{Moment, SessionNumber, TaskRef};
use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use urlsession_protocol::Timestamp;

/// The tasks by what they wait for. A task is removed before it changes and added after.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) schedule: Schedule,
    /// Ends of delays.
    delays: PackedSet<(Duration, TaskRef)>,
    /// Begin dates and deadlines, whichever of a task is first.
    dates: PackedSet<(Timestamp, TaskRef)>,
    /// Those that wait for their app's answer.
    pub(crate) asking: BTreeSet<TaskRef>,
    pub(crate) counts: PhaseCounts,
    /// How many tasks of a session wait or run; no entry is none.
    busy: BTreeMap<SessionNumber, u64>,
}

/// How many tasks are in which phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PhaseCounts {
    pub(crate) suspended: u64,
    pub(crate) waiting: u64,
    /// Those whose attempt is being stopped included.
    pub(crate) running: u64,
    pub(crate) completed: u64,
}

impl PhaseCounts {
    /// Returns the number of those in such a phase.
    pub(crate) fn of(&mut self, phase: &Phase) -> &mut u64 {
        match phase {
            Phase::Suspended => &mut self.suspended,
            Phase::Waiting(_) => &mut self.waiting,
            Phase::Running { .. } | Phase::Canceling { .. } => &mut self.running,
            Phase::Completed { .. } => &mut self.completed,
        }
    }
}

impl Index {
    pub(crate) fn add(&mut self, key: TaskRef, task: &Task) {
        *self.count(task) += 1;
        if task.is_busy() {
            *self.busy.entry(key.session).or_default() += 1;
        }
        if let Some(due) = delay(task) {
            self.delays.insert((due, key), ());
        }
        if let Some(date) = date(task) {
            self.dates.insert((date, key), ());
        }
        if is_asking(task) {
            self.asking.insert(key);
        }
        if task.phase == Phase::Waiting(Wait::Slot) {
            self.schedule.add_ready(&task.lane(key.session), ticket(key, task));
        } else if task.attempt().is_some() {
            match task.is_received {
                true => self.schedule.add_received(),
                false => self.schedule.add_running(&task.lane(key.session)),
            }
        }
    }

    pub(crate) fn remove(&mut self, key: TaskRef, task: &Task) {
        *self.count(task) -= 1;
        if task.is_busy()
            && let Entry::Occupied(mut busy) = self.busy.entry(key.session)
        {
            *busy.get_mut() -= 1;
            if *busy.get() == 0 {
                busy.remove();
            }
        }
        if let Some(due) = delay(task) {
            self.delays.remove(&(due, key));
        }
        if let Some(date) = date(task) {
            self.dates.remove(&(date, key));
        }
        if is_asking(task) {
            self.asking.remove(&key);
        }
        if task.phase == Phase::Waiting(Wait::Slot) {
            self.schedule.remove_ready(&task.lane(key.session), &ticket(key, task));
        } else if task.attempt().is_some() {
            match task.is_received {
                true => self.schedule.remove_received(),
                false => self.schedule.remove_running(&task.lane(key.session)),
            }
        }
    }

    /// Returns the tasks for which a delay, a begin date or a deadline has come, the
    /// first of each up to a limit.
    pub(crate) fn due(&self, now: Moment, limit: usize) -> BTreeSet<TaskRef> {
        let delays = self.delays.keys().take(limit).take_while(|(due, _)| *due <= now.steady);
        let dates = self.dates.keys().take(limit).take_while(|(date, _)| *date <= now.wall);
        delays.map(|(_, task)| *task).chain(dates.map(|(_, task)| *task)).collect()
    }

    /// Returns the tasks that wait for the end of a delay.
    pub(crate) fn delayed(&self) -> Vec<TaskRef> {
        self.delays.keys().map(|(_, task)| *task).collect()
    }

    /// Returns how long it is until the first task is due.
    pub(crate) fn next(&self, now: Moment) -> Option<Duration> {
        let delay = self.delays.first().map(|(due, _)| due.saturating_sub(now.steady));
        let date = self.dates.first().map(|(date, _)| now.wall.until(*date));
        delay.into_iter().chain(date).min()
    }

    /// Says whether a task of the session will move or end by itself.
    pub(crate) fn is_busy(&self, session: SessionNumber) -> bool {
        self.busy.contains_key(&session)
    }

    fn count(&mut self, task: &Task) -> &mut u64 {
        self.counts.of(&task.phase)
    }
}

/// What the index itself keeps of a queued task, for the test of its size.
#[cfg(test)]
pub(crate) type Entries = ((Timestamp, TaskRef), Ticket);

fn ticket(key: TaskRef, task: &Task) -> Ticket {
    (Reverse(task.priority), task.created, key.task)
}

fn delay(task: &Task) -> Option<Duration> {
    match task.phase {
        Phase::Waiting(wait) => wait.due(),
        Phase::Suspended
        | Phase::Running { .. }
        | Phase::Canceling { .. }
        | Phase::Completed { .. } => None,
    }
}

fn date(task: &Task) -> Option<Timestamp> {
    let begin = match task.phase {
        Phase::Waiting(Wait::Begin(at) | Wait::Challenge(at)) => Some(at),
        Phase::Waiting(_)
        | Phase::Suspended
        | Phase::Running { .. }
        | Phase::Canceling { .. }
        | Phase::Completed { .. } => None,
    };
    begin.into_iter().chain(task.armed_deadline()).min()
}
