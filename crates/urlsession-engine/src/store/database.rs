//! What is durable, which is in SQLite: this room and those below it know the format.
//!
//! Everything of one turn becomes durable in one transaction (WAL, `synchronous=FULL`) or not at
//! all.

use super::results::{self, Endings, Numbers};
use super::{
    Rows, StoreError, cookies, credentials, known_hosts, metrics, schema, settings, tasks,
};
use crate::crash;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
#[cfg(test)]
use urlsession_core::Snapshot;
use urlsession_core::{
    Change, EventRecord, Order, SessionNumber, SessionRecord, TaskFacts, TaskRecord, TaskRef,
};
use urlsession_protocol::{RequestEdit, TaskIdentifier, TaskMetrics};

/// How long a statement waits for another program that reads the file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Memory for pages of the file, in KiB: more would not pay for rows that are read once.
const PAGE_CACHE_KIB: i64 = 1024;
/// The write-ahead log is cut to this many bytes after a checkpoint.
const LOG_LIMIT: i64 = 4 * 1024 * 1024;
/// Statements that stay prepared; more than there are.
const STATEMENT_CACHE: usize = 24;

/// All that is durable. One thread owns it.
#[derive(Debug)]
pub(crate) struct Database {
    pub(super) connection: Connection,
    pub(super) results: Numbers,
    /// So many commits fail as on a full disk.
    #[cfg(test)]
    pub(super) faults: u32,
}

impl Database {
    /// Opens the store in that file, creating or upgrading it as needed. A store that is refused
    /// stays as it is.
    pub(super) fn open(file: &Path) -> Result<Self, StoreError> {
        crate::files::create_private_file(file)?;
        let connection = Connection::open(file)?;
        // The check must not write, and closing after it would move the log into the file.
        let no_checkpoint = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        connection.set_db_config(no_checkpoint, true)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        schema::check(&connection)?;
        connection.set_db_config(no_checkpoint, false)?;
        Self::prepare(connection, Some(file))
    }

    /// Opens one that ends with the process.
    #[cfg(test)]
    pub(super) fn in_memory() -> Result<Self, StoreError> {
        Self::prepare(Connection::open_in_memory()?, None)
    }

    fn prepare(mut connection: Connection, file: Option<&Path>) -> Result<Self, StoreError> {
        if file.is_some() {
            // One program at a time has a store: who looks at it meanwhile must wait for its end.
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        if cfg!(target_vendor = "apple") {
            // A plain fsync there is no barrier.
            connection.pragma_update(None, "fullfsync", true)?;
            connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        }
        // There are none in the schema any more, and those of old steps would only be in the way.
        connection.pragma_update(None, "foreign_keys", false)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cache_size", -PAGE_CACHE_KIB)?;
        // Orders hold credentials: what is deleted is overwritten.
        connection.query_row("PRAGMA secure_delete = ON", [], |_| Ok(()))?;
        connection.query_row(
            &format!("PRAGMA journal_size_limit = {LOG_LIMIT}"),
            [],
            |_| Ok(()),
        )?;
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        schema::migrate(&mut connection, file, schema::STEPS)?;
        let results = results::numbers(&connection)?;
        Ok(Self {
            results,
            connection,
            #[cfg(test)]
            faults: 0,
        })
    }

    /// Reads the sessions, and the highest number of one that was removed.
    pub(super) fn sessions(
        &self,
    ) -> Result<(Vec<SessionRecord>, Option<SessionNumber>), StoreError> {
        let mut sessions = Vec::new();
        let mut statement =
            self.connection.prepare("SELECT record FROM sessions ORDER BY number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            sessions.push(read(row.get_ref(0)?.as_str().map_err(damaged)?)?);
        }
        let last_removed = self
            .connection
            .query_row("SELECT max(session) FROM last_removed", [], |r| r.get(0))
            .map(|session: Option<u32>| session.map(SessionNumber))?;
        Ok((sessions, last_removed))
    }

    /// Reads all tasks, without their orders, each with the events that it owes.
    pub(super) fn each_task(
        &self,
        take: impl FnMut(TaskRef, TaskFacts, TaskRecord, Vec<EventRecord>),
    ) -> Result<(), StoreError> {
        tasks::each(&self.connection, take)
    }

    /// Reads everything but the orders.
    #[cfg(test)]
    pub(super) fn load(&self) -> Result<Snapshot, StoreError> {
        let (sessions, last_removed) = self.sessions()?;
        let mut snapshot = Snapshot { sessions, last_removed, ..Snapshot::default() };
        self.each_task(|task, facts, state, events| {
            snapshot.events.extend(events);
            snapshot.tasks.push((task, facts, state));
        })?;
        snapshot.events.sort_by_key(|event| (event.session, event.number));
        Ok(snapshot)
    }

    /// Moves what is in the log into the file itself, as far as no other program reads it.
    pub(super) fn checkpoint(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }

    /// Makes all changes durable, or none of them.
    #[cfg(test)]
    pub(super) fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.commit_turn(changes, &Rows::default(), &BTreeMap::new())
    }

    /// Makes all changes of one turn durable, or none of them.
    pub(super) fn commit_turn(
        &mut self,
        changes: &[Change],
        rows: &Rows,
        metrics: &BTreeMap<TaskRef, TaskMetrics>,
    ) -> Result<(), StoreError> {
        let Rows { cookies, credentials, known_hosts, speed_limits } = rows;
        let has_none = cookies.is_empty() && credentials.is_empty() && known_hosts.is_empty();
        let is_empty = has_none && speed_limits.is_none();
        if changes.is_empty() && is_empty && metrics.is_empty() {
            return Ok(());
        }
        #[cfg(test)]
        if let Some(left) = self.faults.checked_sub(1) {
            self.faults = left;
            return Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into());
        }
        let transaction = self.connection.transaction()?;
        let mut endings = Endings::of(changes);
        for change in last_of_each(changes) {
            apply(&transaction, change, &endings)?;
        }
        check_sessions(&transaction, changes)?;
        for (task, metrics) in metrics {
            if !endings.ends(*task) {
                metrics::apply(&transaction, *task, metrics)?;
            }
        }
        endings.apply(&transaction, &self.results, metrics)?;
        for row in cookies {
            cookies::apply(&transaction, row)?;
        }
        for row in credentials {
            credentials::apply(&transaction, row)?;
        }
        for row in known_hosts {
            known_hosts::apply(&transaction, row)?;
        }
        if let Some(limits) = speed_limits {
            settings::apply(&transaction, limits)?;
        }
        crash::point("store.commit");
        transaction.commit()?;
        crash::point("store.committed");
        endings.settle(&mut self.results);
        Ok(())
    }

    /// Reads what a task asks for; `None` if there is no such task.
    pub(super) fn order(&self, task: TaskRef) -> Result<Option<Order>, StoreError> {
        let content = self
            .connection
            .prepare_cached("SELECT content FROM tasks WHERE session = ?1 AND task = ?2")?
            .query_row(params![task.session.0, number(task.task)], |r| {
                r.get::<_, Option<String>>(0)
            })
            .optional()?
            .flatten();
        Ok(content.and_then(|content| read_order(&content, task)))
    }

    /// Reads the orders of those of the tasks that may be about a path with one of the names, or one
    /// that begins so.
    pub(super) fn orders_about(
        &self,
        tasks: &[TaskRef],
        names: &[&str],
    ) -> Result<Vec<Option<Order>>, StoreError> {
        let mut texts = Vec::with_capacity(names.len());
        for name in names {
            let text = write(name)?;
            // Without its quotes.
            let inside = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
            texts.push(format!("/{inside}"));
        }
        let transaction = self.connection.unchecked_transaction()?;
        let mut statement = self
            .connection
            .prepare_cached("SELECT content FROM tasks WHERE session = ?1 AND task = ?2")?;
        let about = |row: &rusqlite::Row<'_>| {
            let content = row.get_ref(0)?.as_str_or_null()?;
            // To look for a text costs a tenth of reading what it is in.
            let found = content.filter(|c| texts.iter().any(|text| c.contains(text)));
            Ok(found.map(ToOwned::to_owned))
        };
        let mut orders = Vec::with_capacity(tasks.len());
        for task in tasks {
            let found = statement.query_row(params![task.session.0, number(task.task)], about);
            let content: Option<String> = found.optional()?.flatten();
            orders.push(content.and_then(|content| read_order(&content, *task)));
        }
        drop(statement);
        transaction.finish()?;
        Ok(orders)
    }

    /// Reads the orders of many tasks, in their order.
    pub(super) fn orders(&mut self, tasks: &[TaskRef]) -> Result<Vec<Option<Order>>, StoreError> {
        // One transaction is one lock of the file instead of one for every row.
        let transaction = self.connection.unchecked_transaction()?;
        let orders = tasks.iter().map(|task| self.order(*task)).collect();
        transaction.finish()?;
        orders
    }
}

/// Leaves out records that a later change writes again: one turn may create a thousand tasks, and
/// each of them writes its session.
fn last_of_each(changes: &[Change]) -> impl Iterator<Item = &Change> {
    let mut written = BTreeSet::new();
    let mut kept: Vec<&Change> = changes.iter().rev().collect();
    kept.retain(|change| match change {
        Change::PutSession(record) => written.insert((record.number, None)),
        Change::PutTask { task, .. } => written.insert((task.session, Some(task.task))),
        Change::RemoveSession(_)
        | Change::CreateTask { .. }
        | Change::EditTask { .. }
        | Change::AnswerTask { .. }
        | Change::RemoveTask(_)
        | Change::AppendEvent(_)
        | Change::RemoveEvent { .. } => true,
    });
    kept.into_iter().rev()
}

/// Writes a change, unless it is about the end of a task: [`Endings`] writes those.
fn apply(to: &Transaction<'_>, change: &Change, endings: &Endings<'_>) -> Result<(), StoreError> {
    match change {
        Change::PutSession(record) => {
            to.prepare_cached(
                "INSERT INTO sessions (number, record) VALUES (?1, ?2)
                 ON CONFLICT (number) DO UPDATE SET record = excluded.record",
            )?
            .execute(params![record.number.0, write(record)?])?;
        }
        Change::RemoveSession(session) => remove_session(to, *session)?,
        Change::CreateTask { task, .. } if endings.forgets(*task) => {}
        Change::CreateTask { task, facts, state, order } => {
            tasks::create(to, *task, facts, state, order)?;
        }
        Change::EditTask { task, facts, edit } => edit_task(to, *task, facts, edit)?,
        Change::AnswerTask { task, answered } => {
            change_order(to, *task, |order| order.answer(answered))?;
        }
        Change::PutTask { task, .. } if endings.ends(*task) || endings.forgets(*task) => {}
        Change::PutTask { task, state } => tasks::put_state(to, *task, state)?,
        Change::RemoveTask(TaskRef { session, task }) => {
            to.prepare_cached("DELETE FROM tasks WHERE session = ?1 AND task = ?2")?
                .execute(params![session.0, number(*task)])?;
        }
        Change::AppendEvent(_) | Change::RemoveEvent { .. } => {}
    }
    Ok(())
}

fn remove_session(to: &Transaction<'_>, number: SessionNumber) -> Result<(), StoreError> {
    let SessionNumber(session) = number;
    to.prepare_cached("DELETE FROM sessions WHERE number = ?1")?.execute([session])?;
    let tasks: bool = to
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM tasks WHERE session = ?1)")?
        .query_row([session], |row| row.get(0))?;
    if tasks {
        let what = format!("session {session} is to be removed, and has tasks");
        return Err(StoreError::Contradiction(what));
    }
    to.prepare_cached("UPDATE last_removed SET session = max(ifnull(session, 0), ?1)")?
        .execute([session])?;
    Ok(())
}

/// Makes sure that new tasks have their sessions.
fn check_sessions(to: &Transaction<'_>, changes: &[Change]) -> Result<(), StoreError> {
    let created = changes.iter().filter_map(|change| match change {
        Change::CreateTask { task, .. } => Some(task.session),
        _ => None,
    });
    for SessionNumber(session) in created.collect::<BTreeSet<_>>() {
        let is_stored: bool = to
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM sessions WHERE number = ?1)")?
            .query_row([session], |row| row.get(0))?;
        if !is_stored {
            let what = format!("session {session} is not stored, and has a new task");
            return Err(StoreError::Contradiction(what));
        }
    }
    Ok(())
}

/// Reads an order. One that says nothing to this program is as good as lost: it must not end the
/// daemon, nor keep others from being listed.
fn read_order(content: &str, task: TaskRef) -> Option<Order> {
    let order = serde_json::from_str(content);
    // The parser's sentence could repeat a secret.
    let log = |error: &serde_json::Error| {
        let (why, column) = (error.classify(), error.column());
        tracing::error!(?task, ?why, column, "an order cannot be read");
    };
    order.inspect_err(log).ok()
}

pub(super) fn ensure_stored(
    rows: usize,
    TaskRef { session, task }: TaskRef,
) -> Result<(), StoreError> {
    if rows > 0 {
        return Ok(());
    }
    let what = format!("task {task} of session {} is not stored", session.0);
    Err(StoreError::Contradiction(what))
}

fn edit_task(
    to: &Transaction<'_>,
    key: TaskRef,
    facts: &TaskFacts,
    edit: &RequestEdit,
) -> Result<(), StoreError> {
    tasks::put_facts(to, key, facts)?;
    change_order(to, key, |order| order.edit(edit))
}

/// An order that a damaged store has lost stays lost: the task will say so when it starts.
fn change_order(
    to: &Transaction<'_>,
    key: TaskRef,
    change: impl FnOnce(&mut Order),
) -> Result<(), StoreError> {
    let (session, task) = (key.session.0, number(key.task));
    let content: Option<String> = to
        .prepare_cached("SELECT content FROM tasks WHERE session = ?1 AND task = ?2")?
        .query_row(params![session, task], |row| row.get(0))
        .optional()?
        .flatten();
    let order = content.and_then(|content| read_order(&content, key));
    let Some(mut order) = order else { return Ok(()) };
    change(&mut order);
    to.prepare_cached("UPDATE tasks SET content = ?3 WHERE session = ?1 AND task = ?2")?
        .execute(params![session, task, write(&order)?])?;
    Ok(())
}

/// SQLite's integers are signed; the cast loses nothing.
pub(super) fn number(task: TaskIdentifier) -> i64 {
    task.0.cast_signed()
}

pub(super) fn task_ref(session: i64, task: i64) -> Result<TaskRef, StoreError> {
    let session = u32::try_from(session).map_err(damaged)?;
    Ok(TaskRef { session: SessionNumber(session), task: TaskIdentifier(task.cast_unsigned()) })
}

pub(super) fn write<T: Serialize>(value: &T) -> Result<String, StoreError> {
    let illegal = |error: &dyn std::fmt::Display| StoreError::Contradiction(error.to_string());
    // Longer rows are few, and to grow costs as much as to write.
    let mut text = Vec::with_capacity(1024);
    serde_json::to_writer(&mut text, value).map_err(|error| illegal(&error))?;
    String::from_utf8(text).map_err(|error| illegal(&error))
}

pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(damaged)
}

pub(super) fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(error.to_string())
}
