//! The rows of tasks: what the core needs of one is in numbers, so that a million are read in a second.

use super::{StoreError, damaged, ensure_stored, number, read, results, task_ref, write};
use rusqlite::{Connection, Row, Transaction, params};
use std::path::PathBuf;
use std::time::Duration;
use urlsession_core::{EventRecord, Kind, Order, Stage, TaskFacts, TaskRecord, TaskRef};
use urlsession_protocol::{Priority, Timestamp};

/// Bits of the column `flags`.
const NO_UNSAFE_RETRY: i64 = 1;
const OWNS_FILE: i64 = 2;
const STAYS_HERE: i64 = 4;

/// What the columns of a state say; `None` is a state that needs the column `state`, too.
type Plain = (i64, u32, u32, Option<i64>);

/// Reads all tasks, without their orders, and the events that they owe, in the order of the tasks.
pub(super) fn each(
    from: &Connection,
    mut take: impl FnMut(TaskRef, TaskFacts, TaskRecord, Vec<EventRecord>),
) -> Result<(), StoreError> {
    let mut results = results::all(from)?;
    let mut statement = from.prepare(
        "SELECT session, task, kind, host, priority, created, begin, timeout, retries, flags,
         spool, stage, attempts, failures, deadline, state FROM tasks ORDER BY session, task",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let task = task_ref(row.get(0)?, row.get(1)?)?;
        let facts = facts(row)?;
        let result = results.remove(&task).unwrap_or_default();
        let events = result.events(task, facts.kind)?;
        let state = match result.state {
            Some(state) => state,
            None => state(row)?,
        };
        take(task, facts, state, events);
    }
    Ok(())
}

pub(super) fn create(
    to: &Transaction<'_>,
    TaskRef { session, task }: TaskRef,
    facts: &TaskFacts,
    state: &TaskRecord,
    order: &Order,
) -> Result<(), StoreError> {
    let ((stage, attempts, failures, deadline), text) = columns(state)?;
    to.prepare_cached(
        "INSERT INTO tasks (session, task, kind, host, priority, created, begin, timeout, retries,
         flags, spool, stage, attempts, failures, deadline, state, content)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?
    .execute(params![
        session.0,
        number(task),
        kind_number(facts.kind),
        facts.host,
        facts.priority.0,
        date_number(facts.created),
        facts.begin.map(date_number),
        timeout_number(facts.resource_timeout),
        facts.maximum_retries,
        flags(facts),
        spool(facts)?,
        stage,
        attempts,
        failures,
        deadline,
        text,
        write(order)?,
    ])?;
    Ok(())
}

/// Replaces the facts of a task; one that is gone is no reason to stop.
pub(super) fn put_facts(
    to: &Transaction<'_>,
    key: TaskRef,
    facts: &TaskFacts,
) -> Result<(), StoreError> {
    to.prepare_cached(
        "UPDATE tasks SET kind = ?3, host = ?4, priority = ?5, created = ?6, begin = ?7,
         timeout = ?8, retries = ?9, flags = ?10, spool = ?11 WHERE session = ?1 AND task = ?2",
    )?
    .execute(params![
        key.session.0,
        number(key.task),
        kind_number(facts.kind),
        facts.host,
        facts.priority.0,
        date_number(facts.created),
        facts.begin.map(date_number),
        timeout_number(facts.resource_timeout),
        facts.maximum_retries,
        flags(facts),
        spool(facts)?,
    ])?;
    Ok(())
}

pub(super) fn put_state(
    to: &Transaction<'_>,
    key: TaskRef,
    state: &TaskRecord,
) -> Result<(), StoreError> {
    let ((stage, attempts, failures, deadline), text) = columns(state)?;
    let changed = to
        .prepare_cached(
            "UPDATE tasks SET stage = ?3, attempts = ?4, failures = ?5, deadline = ?6, state = ?7
             WHERE session = ?1 AND task = ?2",
        )?
        .execute(params![
            key.session.0,
            number(key.task),
            stage,
            attempts,
            failures,
            deadline,
            text
        ])?;
    ensure_stored(changed, key)
}

fn facts(row: &Row<'_>) -> Result<TaskFacts, StoreError> {
    let kind = match row.get(2)? {
        0 => Kind::Download,
        1 => Kind::Upload,
        2 => Kind::Data,
        other => return Err(damaged(format_args!("kind {other} of a task"))),
    };
    let begin: Option<i64> = row.get(6)?;
    let timeout: i64 = row.get(7)?;
    let flags: i64 = row.get(9)?;
    let spool: Option<String> = row.get(10)?;
    Ok(TaskFacts {
        kind,
        host: row.get(3)?,
        priority: Priority(row.get(4)?),
        created: date(row.get(5)?),
        begin: begin.map(date),
        resource_timeout: Duration::from_millis(timeout.cast_unsigned()),
        maximum_retries: row.get(8)?,
        no_unsafe_retry: flags & NO_UNSAFE_RETRY != 0,
        stays_here: flags & STAYS_HERE != 0,
        owns_file: flags & OWNS_FILE != 0,
        spool: spool.map(PathBuf::from),
    })
}

fn state(row: &Row<'_>) -> Result<TaskRecord, StoreError> {
    if let Some(text) = row.get_ref(15)?.as_str_or_null().map_err(damaged)? {
        return read(text);
    }
    let stage = match row.get(11)? {
        0 => Stage::Suspended,
        1 => Stage::Active,
        2 => Stage::Asking,
        3 => Stage::Canceling,
        other => return Err(damaged(format_args!("stage {other} of a task"))),
    };
    let deadline: Option<i64> = row.get(14)?;
    Ok(TaskRecord {
        stage,
        attempts: row.get(12)?,
        failures: row.get(13)?,
        deadline: deadline.map(date),
        suspended: None,
        retry_at: None,
        resume: None,
        error: None,
        question: None,
        received: None,
    })
}

/// Says a state in numbers, and in a text where they do not say it all.
fn columns(state: &TaskRecord) -> Result<(Plain, Option<String>), StoreError> {
    Ok(match plain(state) {
        Some(plain) => (plain, None),
        None => (Plain::default(), Some(write(state)?)),
    })
}

/// Says a state in numbers, if they say it all.
fn plain(state: &TaskRecord) -> Option<Plain> {
    let TaskRecord {
        stage,
        attempts,
        failures,
        deadline,
        suspended,
        retry_at,
        resume,
        error,
        question,
        received,
    } = state;
    let stage = match stage {
        Stage::Suspended => 0,
        Stage::Active => 1,
        Stage::Asking => 2,
        Stage::Canceling => 3,
        Stage::Sending | Stage::Challenged | Stage::Completed { .. } => return None,
    };
    let is_plain = suspended.is_none()
        && retry_at.is_none()
        && resume.is_none()
        && error.is_none()
        && question.is_none()
        && received.is_none();
    is_plain.then(|| (stage, *attempts, *failures, deadline.map(date_number)))
}

fn kind_number(kind: Kind) -> i64 {
    match kind {
        Kind::Download => 0,
        Kind::Upload => 1,
        Kind::Data => 2,
    }
}

fn flags(facts: &TaskFacts) -> i64 {
    let flag = |is_set, bit| if is_set { bit } else { 0 };
    flag(facts.no_unsafe_retry, NO_UNSAFE_RETRY)
        | flag(facts.owns_file, OWNS_FILE)
        | flag(facts.stays_here, STAYS_HERE)
}

fn spool(facts: &TaskFacts) -> Result<Option<&str>, StoreError> {
    let unspellable = || StoreError::Contradiction("a path is not UTF-8".to_owned());
    facts.spool.as_deref().map(|path| path.to_str().ok_or_else(unspellable)).transpose()
}

/// SQLite's integers are signed; the casts lose nothing.
fn date(number: i64) -> Timestamp {
    Timestamp(number.cast_unsigned())
}

fn date_number(date: Timestamp) -> i64 {
    date.0.cast_signed()
}

fn timeout_number(timeout: Duration) -> i64 {
    u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).cast_signed()
}
