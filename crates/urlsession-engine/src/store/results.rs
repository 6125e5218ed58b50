//! The rows of tasks that ended: what became of them, what they took, the events that they owe.
//!
//! ```text
//!   PutTask, AppendEvent …, metrics ──one row──> results     written once, as the task ends
//!   RemoveEvent …, RemoveTask ───────nothing────────┘        removed once, with the task
//! ```

use super::{StoreError, damaged, ensure_stored, number, read, task_ref, write};
use rusqlite::{Connection, Transaction, params};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use urlsession_core::{Change, Done, EventRecord, Kind, Stage, TaskRecord, TaskRef};
use urlsession_protocol::{Event, EventNumber, TaskMetrics};

/// Which rows there are: their numbers are told by nothing else.
pub(super) type Numbers = BTreeMap<TaskRef, i64>;

/// What a turn changes of results, put together before it is written.
#[derive(Debug, Default)]
pub(super) struct Endings<'a> {
    ended: BTreeMap<TaskRef, Ending<'a>>,
    acknowledged: BTreeMap<TaskRef, BTreeSet<EventNumber>>,
    removed: BTreeSet<TaskRef>,
    /// Rows that are in the store once the turn is committed.
    added: Numbers,
}

#[derive(Debug, Default)]
struct Ending<'a> {
    state: Option<&'a TaskRecord>,
    events: Vec<&'a EventRecord>,
}

/// A row as it is read.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// `None` where the state of the task counts.
    pub(super) state: Option<TaskRecord>,
    events: Vec<(EventNumber, Content)>,
}

/// An event, in short where the state says it as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Content {
    /// The file of the state was handed over.
    File,
    /// The task ended with the response of the state.
    End,
    /// Anything else.
    Other(Box<Event>),
}

impl<'a> Endings<'a> {
    /// Collects what a turn says of tasks that end or are forgotten.
    pub(super) fn of(changes: &'a [Change]) -> Self {
        let mut endings = Self::default();
        for change in changes {
            match change {
                Change::CreateTask { task, state, .. } | Change::PutTask { task, state }
                    if is_completed(state) =>
                {
                    endings.ended.entry(*task).or_default().state = Some(state);
                }
                Change::AppendEvent(record) => {
                    let task = TaskRef { session: record.session, task: record.task };
                    endings.ended.entry(task).or_default().events.push(record);
                }
                Change::RemoveEvent { task, number } => {
                    endings.acknowledged.entry(*task).or_default().insert(*number);
                }
                Change::RemoveTask(task) => {
                    endings.removed.insert(*task);
                }
                _ => {}
            }
        }
        endings
    }

    /// Says whether the task is gone after the turn.
    pub(super) fn forgets(&self, task: TaskRef) -> bool {
        self.removed.contains(&task)
    }

    /// Says whether the state and the metrics of the task go into its result.
    pub(super) fn ends(&self, task: TaskRef) -> bool {
        self.ended.get(&task).is_some_and(|ending| ending.state.is_some())
    }

    /// Writes it all, after the tasks themselves.
    pub(super) fn apply(
        &mut self,
        to: &Transaction<'_>,
        numbers: &Numbers,
        metrics: &BTreeMap<TaskRef, TaskMetrics>,
    ) -> Result<(), StoreError> {
        for task in &self.removed {
            if let Some(number) = numbers.get(task) {
                to.prepare_cached("DELETE FROM results WHERE number = ?1")?.execute([number])?;
            }
        }
        for (task, ending) in &self.ended {
            if !self.forgets(*task) {
                let number = match numbers.get(task) {
                    Some(number) => ending.rewrite(to, *number, metrics.get(task))?,
                    None => ending.write(to, *task, metrics.get(task))?,
                };
                self.added.insert(*task, number);
            }
        }
        for (task, acknowledged) in &self.acknowledged {
            let number = numbers.get(task).or_else(|| self.added.get(task));
            if let (Some(number), false) = (number, self.forgets(*task)) {
                let mut events = events(to, *number)?;
                events.retain(|(number, _)| !acknowledged.contains(number));
                put_events(to, *number, &events)?;
            }
        }
        Ok(())
    }

    /// Notes which rows there are, now that the turn is committed.
    pub(super) fn settle(self, numbers: &mut Numbers) {
        for task in &self.removed {
            numbers.remove(task);
        }
        // `append` would build the whole map anew, however few are added.
        numbers.extend(self.added);
    }
}

impl Ending<'_> {
    fn write(
        &self,
        to: &Transaction<'_>,
        task: TaskRef,
        metrics: Option<&TaskMetrics>,
    ) -> Result<i64, StoreError> {
        let key = (task.session.0, number(task.task));
        let state = self.state.map(write).transpose()?;
        let metrics = metrics.map(write).transpose()?;
        let events: Vec<_> = self.events().collect();
        let added = to
            .prepare_cached(
                "INSERT INTO results (session, task, state, metrics, events)
                 SELECT ?1, ?2, ?3, ?4, ?5 FROM tasks WHERE session = ?1 AND task = ?2",
            )?
            .execute(params![key.0, key.1, state, metrics, write(&events)?])?;
        ensure_stored(added, task)?;
        Ok(to.last_insert_rowid())
    }

    /// Writes what an end says anew that was written before.
    fn rewrite(
        &self,
        to: &Transaction<'_>,
        number: i64,
        metrics: Option<&TaskMetrics>,
    ) -> Result<i64, StoreError> {
        let state = self.state.map(write).transpose()?;
        let metrics = metrics.map(write).transpose()?;
        to.prepare_cached(
            "UPDATE results SET state = ifnull(?2, state), metrics = ifnull(?3, metrics)
             WHERE number = ?1",
        )?
        .execute(params![number, state, metrics])?;
        let mut events = events(to, number)?;
        events.extend(self.events());
        put_events(to, number, &events)?;
        Ok(number)
    }

    fn events(&self) -> impl Iterator<Item = (EventNumber, Content)> {
        self.events.iter().map(|record| (record.number, Content::of(&record.event, self.state)))
    }
}

impl Found {
    /// Returns the events that the task owes.
    pub(super) fn events(&self, task: TaskRef, kind: Kind) -> Result<Vec<EventRecord>, StoreError> {
        let TaskRef { session, task } = task;
        let events = self.events.iter().map(|(number, content)| {
            let event = content.event(kind, self.state.as_ref())?;
            Ok(EventRecord { session, number: *number, task, event })
        });
        events.collect()
    }
}

/// Finds out which rows there are.
pub(super) fn numbers(connection: &Connection) -> Result<Numbers, StoreError> {
    let mut numbers = Numbers::new();
    let mut statement = connection.prepare("SELECT session, task, number FROM results")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        numbers.insert(task_ref(row.get(0)?, row.get(1)?)?, row.get(2)?);
    }
    Ok(numbers)
}

/// Reads all rows.
pub(super) fn all(connection: &Connection) -> Result<BTreeMap<TaskRef, Found>, StoreError> {
    let mut results = BTreeMap::new();
    let mut statement = connection.prepare("SELECT session, task, state, events FROM results")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let state: Option<String> = row.get(2)?;
        let state = state.as_deref().map(read).transpose()?;
        let events = read(row.get_ref(3)?.as_str().map_err(damaged)?)?;
        results.insert(task_ref(row.get(0)?, row.get(1)?)?, Found { state, events });
    }
    Ok(results)
}

impl Content {
    /// Shortens an event that says what the state says.
    fn of(event: &Event, state: Option<&TaskRecord>) -> Self {
        let is_said = state.and_then(done).is_some_and(|done| match event {
            Event::DidFinishDownloading { path, length }
            | Event::DidReceiveData { path, length } => {
                done.file.as_ref() == Some(path) && done.length == *length
            }
            Event::DidComplete { error: None, response, metrics: None } => {
                response.as_ref() == Some(&done.response)
            }
            _ => false,
        });
        match event {
            Event::DidComplete { .. } if is_said => Self::End,
            _ if is_said => Self::File,
            _ => Self::Other(Box::new(event.clone())),
        }
    }

    fn event(&self, kind: Kind, state: Option<&TaskRecord>) -> Result<Event, StoreError> {
        if let Self::Other(event) = self {
            return Ok(Event::clone(event));
        }
        let done = state.and_then(done).ok_or_else(|| damaged("an event without its result"))?;
        if let Self::End = self {
            let response = Some(done.response.clone());
            return Ok(Event::DidComplete { error: None, response, metrics: None });
        }
        let path = done.file.clone().ok_or_else(|| damaged("a file without a path"))?;
        Ok(match kind {
            Kind::Download => Event::DidFinishDownloading { path, length: done.length },
            Kind::Upload | Kind::Data => Event::DidReceiveData { path, length: done.length },
        })
    }
}

fn is_completed(state: &TaskRecord) -> bool {
    matches!(state.stage, Stage::Completed { .. })
}

fn done(state: &TaskRecord) -> Option<&Done> {
    match &state.stage {
        Stage::Completed { done, .. } => done.as_deref(),
        _ => None,
    }
}

fn events(from: &Connection, number: i64) -> Result<Vec<(EventNumber, Content)>, StoreError> {
    let events: String = from
        .prepare_cached("SELECT events FROM results WHERE number = ?1")?
        .query_row([number], |row| row.get(0))?;
    read(&events)
}

fn put_events(
    to: &Connection,
    number: i64,
    events: &[(EventNumber, Content)],
) -> Result<(), StoreError> {
    to.prepare_cached("UPDATE results SET events = ?2 WHERE number = ?1")?
        .execute(params![number, write(&events)?])?;
    Ok(())
}
