//! How a core goes on from what the store has: task by task, so that a million of them are in memory
//! once.

use crate::planted::{CoreBug, Planted};
use crate::portion::PORTION;
use crate::session::Session;
use crate::task::{Phase, Task, Wait};
use crate::turn::Turn;
use crate::{
    Action, Core, EventRecord, Moment, SessionNumber, SessionRecord, Snapshot, Stage, Step,
    TaskFacts, TaskRecord, TaskRef, retry,
};
use urlsession_protocol::{Error, ErrorCode, TaskIdentifier};

/// A core that is being told what the store has.
#[derive(Debug)]
pub struct Restoring {
    core: Core,
    now: Moment,
    /// Unfinished tasks that a crash may have left half done.
    half_done: Vec<TaskRef>,
    /// Tasks of which a server may have got what it must not get twice.
    sending: Vec<TaskRef>,
}

impl Core {
    /// Goes on from what the store has. The step completes what a crash left half done and may
    /// start attempts.
    #[must_use]
    pub fn restore(snapshot: Snapshot, now: Moment, seed: u64) -> (Self, Step) {
        Self::restore_with(snapshot, now, seed, Planted::default())
    }

    /// Like [`Core::restore`], with a bug for the simulator to find.
    #[cfg(feature = "planted-bugs")]
    #[doc(hidden)]
    #[must_use]
    pub fn restore_planted(
        snapshot: Snapshot,
        now: Moment,
        seed: u64,
        bug: Option<CoreBug>,
    ) -> (Self, Step) {
        Self::restore_with(snapshot, now, seed, Planted { bug })
    }

    /// Begins to go on from what the store has, with its sessions and the highest number of one
    /// that was removed. Their tasks follow, then the events.
    #[must_use]
    pub fn restoring(
        sessions: Vec<SessionRecord>,
        last_removed: Option<SessionNumber>,
        now: Moment,
        seed: u64,
    ) -> Restoring {
        Restoring::begin(Self::empty(seed, Planted::default()), sessions, last_removed, now)
    }

    fn restore_with(snapshot: Snapshot, now: Moment, seed: u64, planted: Planted) -> (Self, Step) {
        let core = Self::empty(seed, planted);
        let mut restoring = Restoring::begin(core, snapshot.sessions, snapshot.last_removed, now);
        for (key, facts, record) in snapshot.tasks {
            restoring.task(key, facts, record);
        }
        for record in snapshot.events {
            restoring.event(record);
        }
        restoring.finish()
    }
}

impl Restoring {
    fn begin(
        mut core: Core,
        sessions: Vec<SessionRecord>,
        last_removed: Option<SessionNumber>,
        now: Moment,
    ) -> Self {
        if let Some(SessionNumber(removed)) = last_removed {
            core.next_session = SessionNumber(removed.saturating_add(1));
        }
        for record in sessions {
            let number = record.number;
            core.next_session = core.next_session.max(SessionNumber(number.0.saturating_add(1)));
            core.numbers.insert(record.key.clone(), number);
            core.limit(number, &record.configuration);
            if record.cancels {
                core.cancelling.insert(number, TaskIdentifier(0));
                core.index.schedule.hold(number);
            }
            core.sessions.insert(number, Session::new(record));
        }
        Self { core, now, half_done: Vec::new(), sending: Vec::new() }
    }

    /// Takes a task; one of an unknown session is nobody's.
    pub fn task(&mut self, key: TaskRef, facts: TaskFacts, record: TaskRecord) {
        let Some(session) = self.core.sessions.get_mut(&key.session) else { return };
        session.tasks += 1;
        let host = self.core.intern(&facts.host);
        if record.stage == Stage::Sending {
            self.sending.push(key);
        }
        let retry_at = record.retry_at;
        let mut task = Task::new(facts, record, host);
        let is_half_done = match task.phase {
            Phase::Waiting(Wait::Answer | Wait::Challenge(_)) => true,
            Phase::Waiting(_) => {
                let wait = retry_at.and_then(|retry_at| retry::again(retry_at, self.now));
                let wait = wait.unwrap_or_else(|| task.wait_for_begin(self.now.wall));
                task.phase = Phase::Waiting(wait);
                task.is_malformed()
            }
            Phase::Canceling { .. } => true,
            Phase::Completed { .. } => {
                self.core.unswept.push_back(key);
                false
            }
            Phase::Suspended | Phase::Running { .. } => false,
        };
        if is_half_done {
            self.half_done.push(key);
        }
        self.core.index.add(key, &task);
        self.core.tasks.insert(key, task);
    }

    /// Takes an event that is owed.
    pub fn event(&mut self, record: EventRecord) {
        let key = TaskRef { session: record.session, task: record.task };
        let Some(session) = self.core.sessions.get_mut(&key.session) else { return };
        if let Some(Phase::Completed { last, owed, .. }) =
            self.core.tasks.get_mut(&key).map(|task| &mut task.phase)
        {
            *last = record.number.max(*last);
            *owed += 1;
        }
        session.outbox.insert(record);
        self.core.events_owed += 1;
    }

    /// Returns the core with the step that completes what a crash left half done.
    #[must_use]
    pub fn finish(self) -> (Core, Step) {
        let Self { mut core, now, half_done, sending } = self;
        let mut turn = Turn::new(now);
        for key in sending {
            core.fail(&mut turn, key, interrupted());
        }
        for key in half_done {
            core.recover(&mut turn, key);
        }
        core.recover_portion(&mut turn);
        turn.settling.extend(core.sessions.keys().copied());
        if !core.planted.is(CoreBug::LaunchLost) {
            turn.launching.extend(core.sessions.keys().copied());
        }
        for session in core.sessions.values_mut() {
            session.launch.vacate(turn.now.steady);
        }
        let step = core.finish(turn);
        (core, step)
    }
}

impl Core {
    /// Does again what the crash may have lost of some tasks that have ended.
    pub(crate) fn recover_portion(&mut self, turn: &mut Turn) {
        let count = self.unswept.len().min(PORTION);
        for key in self.unswept.drain(..count).collect::<Vec<_>>() {
            self.recover(turn, key);
        }
    }

    /// Does again what the crash may have lost of a task. What is late is found by the first tick.
    fn recover(&mut self, turn: &mut Turn, key: TaskRef) {
        let Some(task) = self.tasks.get(&key) else { return };
        match &task.phase {
            Phase::Suspended | Phase::Running { .. } => {}
            Phase::Waiting(_) if task.is_malformed() => self.refuse(turn, key),
            Phase::Waiting(_) if !self.planted.is(CoreBug::AnswerForgotten) => self.due(turn, key),
            Phase::Waiting(_) => {
                let wait = task.wait_for_begin(turn.now.wall);
                self.change(turn, key, |task| task.phase = Phase::Waiting(wait));
                self.due(turn, key);
            }
            Phase::Canceling { .. } if self.planted.is(CoreBug::CancelingForever) => {}
            Phase::Canceling { by_user, .. } => {
                let by_user = *by_user;
                self.complete_cancelled(turn, key, by_user);
            }
            Phase::Completed { done, owed, .. } => {
                if done.is_none() {
                    self.remove_part(turn, key);
                }
                if let Some(spool) = task.details.spool.as_deref() {
                    turn.act(Action::RemoveFile(spool.into()));
                }
                if *owed == 0 {
                    self.vanish(turn, key);
                }
            }
        }
    }
}

fn interrupted() -> Error {
    Error::new(ErrorCode::NETWORK_CONNECTION_LOST)
        .because("it was being sent when the transfers were cut short, and must not be sent twice")
}
