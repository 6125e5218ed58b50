//! A store in memory that applies changes and refuses those that make no sense.

use super::{Verdict, ensure};
use std::collections::{BTreeMap, BTreeSet};
use urlsession_core::{
    Change, EventRecord, SessionNumber, SessionRecord, Snapshot, Stage, TaskFacts, TaskRecord,
    TaskRef,
};
use urlsession_protocol::{Event, EventNumber, RequestEdit, SessionKey, TaskIdentifier};

#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    pub(super) sessions: BTreeMap<SessionNumber, SessionRecord>,
    pub(super) tasks: BTreeMap<TaskRef, (TaskFacts, TaskRecord)>,
    pub(super) events: BTreeMap<(SessionNumber, EventNumber), EventRecord>,
    last_removed: Option<SessionNumber>,
    /// The numbers of the edits that are written, as the names of their header fields.
    edits: BTreeMap<TaskRef, BTreeSet<String>>,
}

impl Store {
    pub(super) fn snapshot(&self) -> Snapshot {
        let task = |(key, (facts, record)): (&TaskRef, &(TaskFacts, TaskRecord))| {
            (*key, facts.clone(), record.clone())
        };
        Snapshot {
            sessions: self.sessions.values().cloned().collect(),
            tasks: self.tasks.iter().map(task).collect(),
            events: self.events.values().cloned().collect(),
            last_removed: self.last_removed,
        }
    }

    pub(super) fn stage(&self, task: TaskRef) -> Option<&Stage> {
        self.tasks.get(&task).map(|(_, record)| &record.stage)
    }

    pub(super) fn number(&self, key: &SessionKey) -> Option<SessionNumber> {
        self.sessions.values().find(|session| session.key == *key).map(|session| session.number)
    }

    pub(super) fn events_of(&self, task: TaskRef) -> impl Iterator<Item = &EventRecord> {
        self.events
            .range((task.session, EventNumber(0))..=(task.session, EventNumber(u64::MAX)))
            .map(|(_, record)| record)
            .filter(move |record| record.task == task.task)
    }

    /// Says whether the edit is written.
    pub(super) fn has_edit(&self, task: TaskRef, edit: &RequestEdit) -> bool {
        let written = self.edits.get(&task);
        edit.headers.iter().all(|header| written.is_some_and(|all| all.contains(&header.name)))
    }

    pub(super) fn tasks_of(&self, session: SessionNumber) -> impl Iterator<Item = &TaskRef> {
        let name = |task| TaskRef { session, task: TaskIdentifier(task) };
        self.tasks.range(name(0)..=name(u64::MAX)).map(|(key, _)| key)
    }

    pub(super) fn apply(&mut self, change: Change) -> Verdict {
        match change {
            Change::PutSession(record) => {
                let other = self.number(&record.key).filter(|number| *number != record.number);
                ensure(other.is_none(), || format!("two sessions are called {}", record.key))?;
                self.sessions.insert(record.number, *record);
                Ok(())
            }
            Change::RemoveSession(number) => {
                let first = EventNumber(0);
                let events = self.events.range((number, first)..).next();
                let has_events = events.is_some_and(|((session, _), _)| *session == number);
                let in_use = has_events || self.tasks_of(number).next().is_some();
                ensure(!in_use, || format!("session {number:?} was removed before its tasks"))?;
                self.sessions.remove(&number);
                self.last_removed = self.last_removed.max(Some(number));
                Ok(())
            }
            Change::CreateTask { task, facts, state, .. } => {
                let known = self.sessions.contains_key(&task.session);
                ensure(known, || format!("{task:?} was created without its session"))?;
                let before = self.tasks.insert(task, (facts, state));
                ensure(before.is_none(), || format!("{task:?} was created twice"))
            }
            Change::EditTask { task, facts, edit } => match self.tasks.get_mut(&task) {
                Some((before, _)) => {
                    let numbers = edit.headers.into_iter().map(|header| header.name);
                    self.edits.entry(task).or_default().extend(numbers);
                    *before = facts;
                    Ok(())
                }
                None => Err(format!("{task:?} was edited but not created")),
            },
            Change::AnswerTask { task, .. } => {
                let known = self.tasks.contains_key(&task);
                ensure(known, || format!("{task:?} was answered but not created"))
            }
            Change::PutTask { task, state } => match self.tasks.get_mut(&task) {
                Some((_, record)) => {
                    let completed =
                        |record: &TaskRecord| matches!(record.stage, Stage::Completed { .. });
                    let revived = completed(record) && !completed(&state);
                    *record = state;
                    ensure(!revived, || format!("{task:?} came back to life"))
                }
                None => Err(format!("{task:?} was written but not created")),
            },
            Change::RemoveTask(task) => {
                let owes = self.events_of(task).next().is_some();
                ensure(!owes, || format!("{task:?} was forgotten before its events"))?;
                self.edits.remove(&task);
                let known = self.tasks.remove(&task).is_some();
                ensure(known, || format!("{task:?} was forgotten twice"))
            }
            Change::AppendEvent(record) => self.append(record),
            Change::RemoveEvent { task, number } => {
                let record = self.events.remove(&(task.session, number));
                let known = record.is_some_and(|record| record.task == task.task);
                ensure(known, || format!("event {} was forgotten twice", number.0))
            }
        }
    }

    fn append(&mut self, record: EventRecord) -> Verdict {
        let task = TaskRef { session: record.session, task: record.task };
        let ended =
            self.events_of(task).any(|earlier| matches!(earlier.event, Event::DidComplete { .. }));
        ensure(!ended, || format!("{task:?} has an event after its terminal one"))?;
        let next = self.sessions.get(&record.session).map(|session| session.next_event);
        let counted = next.is_some_and(|next| record.number < next);
        ensure(counted, || format!("event {} is not counted", record.number.0))?;
        let completed = matches!(self.stage(task), Some(Stage::Completed { .. }));
        ensure(completed, || format!("{task:?} has an event before it completed"))?;
        let before = self.events.insert((record.session, record.number), record);
        ensure(before.is_none(), || format!("{task:?} has an event with a used number"))
    }
}
