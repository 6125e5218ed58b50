//! The tables, how they came to be, and which stores this program refuses.

use super::StoreError;
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// Marks the file as ours: `urls` in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x7572_6c73;

/// Each step brings a store from the version of its index to the next. Never edit a step that
/// was released: add one.
pub(super) const STEPS: &[&str] = &[
    r"
    CREATE TABLE sessions (
        number INTEGER PRIMARY KEY,
        record TEXT NOT NULL
    ) STRICT;
    CREATE TABLE tasks (
        session INTEGER NOT NULL REFERENCES sessions DEFERRABLE INITIALLY DEFERRED,
        task    INTEGER NOT NULL,
        facts   TEXT NOT NULL,
        state   TEXT NOT NULL,
        PRIMARY KEY (session, task)
    ) STRICT, WITHOUT ROWID;
    -- Apart from the tasks: an order is written once and read when its task starts.
    CREATE TABLE orders (
        session INTEGER NOT NULL,
        task    INTEGER NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (session, task),
        FOREIGN KEY (session, task) REFERENCES tasks ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE events (
        session INTEGER NOT NULL,
        number  INTEGER NOT NULL,
        task    INTEGER NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (session, number),
        FOREIGN KEY (session, task) REFERENCES tasks DEFERRABLE INITIALLY DEFERRED
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX events_of_task ON events (session, task);
",
    r"
    -- The highest number of a session that was removed: no later one may have it.
    CREATE TABLE last_removed (session INTEGER) STRICT;
    INSERT INTO last_removed VALUES (NULL);
",
    r"
    -- Those with an end; the others live in memory only.
    CREATE TABLE cookies (
        application TEXT NOT NULL,
        domain      TEXT NOT NULL,
        host_only   INTEGER NOT NULL,
        path        TEXT NOT NULL,
        name        TEXT NOT NULL,
        content     TEXT NOT NULL,
        PRIMARY KEY (application, domain, host_only, path, name)
    ) STRICT, WITHOUT ROWID;
",
    r"
    -- The permanent ones, in plain text: the file is the user's alone.
    CREATE TABLE credentials (
        application TEXT NOT NULL,
        space       TEXT NOT NULL,
        content     TEXT NOT NULL,
        PRIMARY KEY (application, space)
    ) STRICT, WITHOUT ROWID;
",
    r"
    CREATE TABLE metrics (
        session INTEGER NOT NULL,
        task    INTEGER NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (session, task),
        FOREIGN KEY (session, task) REFERENCES tasks ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
",
    r"
    -- A task is written twice in its life, as it comes and as it ends, and nothing looks up its
    -- parents: that costs more than all else of a small file.
    CREATE TABLE jobs (
        session INTEGER NOT NULL,
        task    INTEGER NOT NULL,
        facts   TEXT NOT NULL,
        state   TEXT NOT NULL,
        metrics TEXT,
        content TEXT,
        PRIMARY KEY (session, task)
    ) STRICT, WITHOUT ROWID;
    -- The state here counts, and not that of the job. With a rowid: rows are long, and are
    -- appended in the order of the ends.
    CREATE TABLE results (
        number  INTEGER PRIMARY KEY,
        session INTEGER NOT NULL,
        task    INTEGER NOT NULL,
        state   TEXT,
        metrics TEXT,
        events  TEXT NOT NULL
    ) STRICT;
    INSERT INTO jobs SELECT t.session, t.task, t.facts, t.state, m.content, o.content FROM tasks t
        LEFT JOIN orders o USING (session, task) LEFT JOIN metrics m USING (session, task);
    INSERT INTO results (session, task, events)
        SELECT session, task, json_group_array(
            json_array(number, json_object('other', json(content))) ORDER BY number
        ) FROM events GROUP BY session, task;
    DROP TABLE events;
    DROP TABLE metrics;
    DROP TABLE orders;
    DROP TABLE tasks;
    ALTER TABLE jobs RENAME TO tasks;
",
    r"
    -- What a start reads of every task is in numbers: to parse a text for each of a million takes
    -- seconds. Numbers beyond SQLite's are negative.
    CREATE TABLE jobs (
        session  INTEGER NOT NULL,
        task     INTEGER NOT NULL,
        kind     INTEGER NOT NULL,
        host     TEXT NOT NULL,
        priority INTEGER NOT NULL,
        created  INTEGER NOT NULL,
        begin    INTEGER,
        timeout  INTEGER NOT NULL,
        retries  INTEGER,
        flags    INTEGER NOT NULL,
        spool    TEXT,
        stage    INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        deadline INTEGER,
        -- Where it is there, it counts instead of the four before it.
        state    TEXT,
        metrics  TEXT,
        content  TEXT,
        PRIMARY KEY (session, task)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO jobs SELECT session, task,
        CASE facts ->> '$.kind' WHEN 'download' THEN 0 WHEN 'upload' THEN 1 ELSE 2 END,
        facts ->> '$.host',
        facts ->> '$.priority',
        iif(typeof(facts ->> '$.created') = 'integer', facts ->> '$.created', -1),
        CASE typeof(facts ->> '$.begin') WHEN 'null' THEN NULL
            WHEN 'integer' THEN facts ->> '$.begin' ELSE -1 END,
        iif(typeof(facts ->> '$.resource_timeout') = 'integer',
            facts ->> '$.resource_timeout', -1),
        facts ->> '$.maximum_retries',
        (facts ->> '$.no_unsafe_retry') + 2 * (facts ->> '$.owns_file'),
        facts ->> '$.spool',
        0, 0, 0, NULL, state, metrics, content FROM tasks;
    DROP TABLE tasks;
    ALTER TABLE jobs RENAME TO tasks;
",
    r"
    -- Those that asked to be spoken to over https only.
    CREATE TABLE known_hosts (
        application        TEXT NOT NULL,
        host               TEXT NOT NULL,
        include_subdomains INTEGER NOT NULL,
        expires            INTEGER NOT NULL,
        PRIMARY KEY (application, host)
    ) STRICT, WITHOUT ROWID;
",
    r"
    -- What the user has set for all transfers.
    CREATE TABLE settings (
        name    TEXT PRIMARY KEY,
        content TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
];

/// Refuses what is not ours or of a later program; changes nothing.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    let known = STEPS.len();
    let found = version(connection)?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |r| r.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    let empty = tables == 0 && found == 0 && application == 0;
    if application != APPLICATION_ID && !empty {
        return Err(StoreError::Foreign);
    }
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok(())
}

/// Says whether all steps were taken.
pub(super) fn is_newest(connection: &Connection) -> Result<bool, StoreError> {
    Ok(version(connection)? == STEPS.len())
}

/// Brings the store to the last of the steps. An upgrade keeps a copy of the store as it was.
pub(super) fn migrate(
    connection: &mut Connection,
    file: Option<&Path>,
    steps: &[&str],
) -> Result<(), StoreError> {
    let begin = version(connection)?;
    if let (Some(file), true) = (file, (1..steps.len()).contains(&begin)) {
        keep_copy(connection, &backup(file, begin))?;
    }
    for (index, step) in steps.iter().enumerate().skip(begin) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", (index + 1).to_string())?;
        crate::crash::point("store.migrate");
        transaction.commit()?;
    }
    Ok(())
}

/// Returns where the copy of a store of that version is kept.
pub(super) fn backup(file: &Path, version: usize) -> PathBuf {
    file.with_extension(format!("version-{version}.backup"))
}

fn version(connection: &Connection) -> Result<usize, StoreError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |r| r.get(0))?;
    usize::try_from(version).map_err(|_| StoreError::Foreign)
}

fn keep_copy(connection: &Connection, copy: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(copy) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    // `VACUUM INTO` accepts an empty file, which is how the copy gets its permissions.
    crate::files::create_private_file(copy)?;
    let name = copy.to_str().ok_or(StoreError::Foreign)?;
    connection.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}
