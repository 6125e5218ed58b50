//! What the driver may look at. Nothing here changes anything or copies everything.

use crate::index::PhaseCounts;
use crate::outbox::Owed;
use crate::task::{Phase, Task};
use crate::{AttemptNumber, Core, PeerNumber, SessionNumber, TaskFacts, TaskRecord, TaskRef};
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::path::Path;
use urlsession_protocol::{
    AuthenticationChallenge, Event, EventNumber, Reason, SessionConfiguration, SessionKey,
    SessionStatus, TaskIdentifier, TaskState, Timestamp,
};

/// A task as a listing needs it; its order is in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskView {
    /// The task.
    pub task: TaskRef,
    /// Its session.
    pub key: SessionKey,
    /// What never changes.
    pub facts: TaskFacts,
    /// Apple's state.
    pub state: TaskState,
    /// Why it waits, where it does.
    pub reason: Option<Reason>,
    /// Attempts, resume state, error and result: what would be written if it changed.
    pub record: TaskRecord,
    /// The question of a server that it waits with.
    pub challenge: Option<AuthenticationChallenge>,
}

/// How many there are of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Sessions known.
    pub sessions: u64,
    /// Tasks with an attempt, those that are being stopped included.
    pub running: u64,
    /// Tasks that wait for something.
    pub waiting: u64,
    /// Of those, tasks that wait for their app's answer.
    pub asking: u64,
    /// Tasks that are suspended.
    pub suspended: u64,
    /// Tasks that completed and whose events are owed.
    pub completed: u64,
    /// Events owed.
    pub events_owed: u64,
}

impl Core {
    /// Returns the number of a session.
    #[must_use]
    pub fn session_number(&self, key: &SessionKey) -> Option<SessionNumber> {
        self.numbers.get(key).copied()
    }

    /// Returns the name of a session.
    #[must_use]
    pub fn session_key(&self, number: SessionNumber) -> Option<&SessionKey> {
        self.sessions.get(&number).map(|session| &session.key)
    }

    /// Returns what a person sees of a session. Looks at every task of it.
    #[must_use]
    pub fn session_status(&self, key: &SessionKey) -> Option<SessionStatus> {
        let number = *self.numbers.get(key)?;
        let session = self.sessions.get(&number)?;
        let configuration = &session.configuration;
        let command = configuration.launch_command.as_ref();
        let counts = self.phases_of(number);
        Some(SessionStatus {
            session: key.clone(),
            owned: session.owner.is_some(),
            invalidating: session.invalidating,
            tasks: session.tasks,
            tasks_running: counts.running,
            tasks_waiting: counts.waiting,
            tasks_suspended: counts.suspended,
            tasks_completed: counts.completed,
            events_owed: session.outbox.owed.len() as u64,
            http_maximum_connections_per_host: configuration.http_maximum_connections_per_host,
            maximum_concurrent_tasks: configuration.maximum_concurrent_tasks,
            launch_program: command.map(|command| command.program.clone()),
            launch: command.map(|_| session.launch.status()),
        })
    }

    /// Returns the sessions after one or from the first, in order.
    pub fn sessions_after(&self, after: Option<&SessionKey>) -> impl Iterator<Item = &SessionKey> {
        let first = after.map_or(Unbounded, Excluded);
        self.numbers.range::<SessionKey, _>((first, Unbounded)).map(|(key, _)| key)
    }

    /// Returns the configuration of a session.
    #[must_use]
    pub fn configuration(&self, number: SessionNumber) -> Option<&SessionConfiguration> {
        self.sessions.get(&number).map(|session| &session.configuration)
    }

    /// Returns who owns a session.
    #[must_use]
    pub fn owner(&self, number: SessionNumber) -> Option<PeerNumber> {
        self.sessions.get(&number)?.owner.as_ref().map(|owner| owner.peer)
    }

    /// Says whether the end of a session cancels its tasks, and has begun.
    #[must_use]
    pub fn is_cancelled(&self, number: SessionNumber) -> bool {
        self.sessions.get(&number).is_some_and(|session| session.invalidating && session.cancels)
    }

    /// Returns the events that a session owes, in order.
    pub fn owed(
        &self,
        number: SessionNumber,
    ) -> impl Iterator<Item = (EventNumber, TaskIdentifier, &Event)> {
        self.sessions
            .get(&number)
            .into_iter()
            .flat_map(|session| &session.outbox.owed)
            .map(|(number, owed)| (*number, owed.task, &owed.event))
    }

    /// Returns the events that a session owes, or all do, in the order of session and number: those
    /// after one or from the first.
    pub fn owed_after(
        &self,
        session: Option<&SessionKey>,
        after: Option<(&SessionKey, EventNumber)>,
    ) -> impl Iterator<Item = (&SessionKey, SessionNumber, EventNumber, TaskIdentifier, &Event)>
    {
        let first = match (session, after) {
            (Some(key), _) | (None, Some((key, _))) => Included(key),
            (None, None) => Unbounded,
        };
        let last = session.map_or(Unbounded, Included);
        let place = after.map(|(key, number)| (key.clone(), number));
        self.numbers.range::<SessionKey, _>((first, last)).flat_map(move |(key, number)| {
            let begin = match &place {
                Some((after, event)) if after == key => Excluded(*event),
                Some(_) | None => Unbounded,
            };
            let owed = self.sessions.get(number).into_iter();
            owed.flat_map(move |session| session.outbox.owed.range((begin, Unbounded)))
                .map(move |(event, owed)| (key, *number, *event, owed.task, &owed.event))
        })
    }

    /// Returns when a task was created.
    #[must_use]
    pub fn created(&self, task: TaskRef) -> Timestamp {
        self.tasks.get(&task).map_or(Timestamp(0), |task| task.created)
    }

    /// Says whether there is such a task, and it has not ended.
    #[must_use]
    pub fn is_unfinished(&self, task: TaskRef) -> bool {
        let task = self.tasks.get(&task);
        task.is_some_and(|task| !matches!(task.phase, Phase::Completed { .. }))
    }

    /// Returns one task.
    #[must_use]
    pub fn task(&self, task: TaskRef) -> Option<TaskView> {
        let key = self.session_key(task.session)?;
        Some(view(key, task, self.tasks.get(&task)?))
    }

    /// Returns a page of tasks in the order of session and number: of one session or of all,
    /// those after a task or from the first.
    #[must_use]
    pub fn tasks_after(
        &self,
        session: Option<&SessionKey>,
        after: Option<(&SessionKey, TaskIdentifier)>,
        limit: usize,
    ) -> Vec<TaskView> {
        let first = match (session, after) {
            (Some(key), _) | (None, Some((key, _))) => Included(key),
            (None, None) => Unbounded,
        };
        let last = session.map_or(Unbounded, Included);
        self.numbers
            .range::<SessionKey, _>((first, last))
            .flat_map(|(key, number)| {
                let begin = match after {
                    Some((after_key, task)) if after_key == key => Excluded(task),
                    // A task of a later session: nothing of this one comes after it.
                    Some((after_key, _)) if after_key > key => Excluded(TaskIdentifier(u64::MAX)),
                    Some(_) | None => Included(TaskIdentifier(0)),
                };
                let name = |task| TaskRef { session: *number, task };
                let end = Included(name(TaskIdentifier(u64::MAX)));
                self.tasks
                    .range((begin.map(name), end))
                    .map(move |(task, state)| (key, *task, state))
            })
            .take(limit)
            .map(|(key, task, state)| view(key, task, state))
            .collect()
    }

    /// Returns all attempts that run, those that are being stopped included.
    #[must_use]
    pub fn running(&self) -> Vec<(TaskRef, AttemptNumber)> {
        self.tasks.iter().filter_map(|(key, task)| Some((*key, task.attempt()?))).collect()
    }

    /// Returns how many there are of everything.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let PhaseCounts { suspended, waiting, running, completed } = self.index.counts;
        Counts {
            sessions: self.sessions.len() as u64,
            running,
            waiting,
            asking: self.index.asking.len() as u64,
            suspended,
            completed,
            events_owed: self.events_owed,
        }
    }

    /// Says whether nothing would happen by itself: every task is suspended or completed, and no
    /// app is about to be launched.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let counts = &self.index.counts;
        counts.waiting == 0
            && counts.running == 0
            && self.launches.is_empty()
            && self.unswept.is_empty()
    }

    /// Returns every file that a known task has or hands over: part files, finished files, kept
    /// bodies, spool files. What else is in the folders of the engine belongs to nobody, but for
    /// the parts that apps hold resume data of.
    pub fn referenced_files(&self) -> impl Iterator<Item = &Path> {
        self.tasks.iter().flat_map(|(key, task)| {
            let done = match &task.phase {
                // The acknowledgement of a file may be all that a crash left of its removal.
                Phase::Completed { done: Some(done), last, .. }
                    if !task.owns_file || self.owes_file(*key, *last) =>
                {
                    done.file.as_deref()
                }
                Phase::Completed { .. }
                | Phase::Suspended
                | Phase::Waiting(_)
                | Phase::Running { .. }
                | Phase::Canceling { .. } => None,
            };
            let part = task.details.resume.as_ref().map(|resume| resume.part.as_path());
            let unfinished = !matches!(task.phase, Phase::Completed { .. });
            let spool = task.details.spool.as_deref().filter(|_| unfinished);
            [done, part, spool].into_iter().flatten()
        })
    }
}

fn view(key: &SessionKey, task: TaskRef, state: &Task) -> TaskView {
    let outside = state.outside();
    TaskView {
        task,
        key: key.clone(),
        facts: state.facts(),
        state: outside.state,
        reason: outside.reason,
        record: state.record(),
        challenge: state.pending_challenge().cloned(),
    }
}

impl Core {
    /// Says whether the event that hands a file over is owed: the one before the terminal event, or
    /// the last that is owed, if the app acknowledged that first.
    fn owes_file(&self, key: TaskRef, last: EventNumber) -> bool {
        let Some(session) = self.sessions.get(&key.session) else { return false };
        let first = EventNumber(last.0.saturating_sub(1));
        session.outbox.owed.range(first..=last).any(|(_, owed)| {
            let Owed { task, event } = owed;
            let is_file =
                matches!(event, Event::DidFinishDownloading { .. } | Event::DidReceiveData { .. });
            *task == key.task && is_file
        })
    }

    /// Counts the tasks of a session by what they do.
    fn phases_of(&self, session: SessionNumber) -> PhaseCounts {
        let name = |task| TaskRef { session, task: TaskIdentifier(task) };
        let mut counts = PhaseCounts::default();
        for (_, task) in self.tasks.range(name(0)..=name(u64::MAX)) {
            *counts.of(&task.phase) += 1;
        }
        counts
    }

    /// Returns the tasks of a session.
    pub(crate) fn tasks_of(&self, session: SessionNumber) -> Vec<TaskRef> {
        let name = |task| TaskRef { session, task: TaskIdentifier(task) };
        self.tasks.range(name(0)..=name(u64::MAX)).map(|(key, _)| *key).collect()
    }
}
