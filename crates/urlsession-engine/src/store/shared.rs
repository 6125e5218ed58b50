//! Cookies and known hosts of sessions that live in processes: one SQLite file of a user's
//! processes.
//!
//! A process reads those of an application when it first needs them, and writes what changes. What
//! cannot be read or written is as if the file were not there; nothing waits for a sync.

use super::{Rows, cookies, known_hosts};
use crate::StoreError;
use crate::cookies::Kept;
use crate::files::{create_private_file, create_private_folder};
use crate::strict::Known;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use urlsession_protocol::ApplicationId;

/// Longest wait for another process.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);
/// The layout of the file; one of another layout is left alone.
const LAYOUT: i64 = 1;
const SCHEMA: &str = "
    CREATE TABLE cookies (
        application TEXT NOT NULL, domain TEXT NOT NULL, host_only INTEGER NOT NULL,
        path TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL,
        PRIMARY KEY (application, domain, host_only, path, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE known_hosts (
        application TEXT NOT NULL, host TEXT NOT NULL, include_subdomains INTEGER NOT NULL,
        expires INTEGER NOT NULL, PRIMARY KEY (application, host)
    ) STRICT, WITHOUT ROWID;";

/// The file, opened when it is first needed.
#[derive(Debug)]
pub(crate) struct Shared {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl Shared {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, connection: Mutex::new(None) }
    }

    /// Reads the cookies of an application; `None` if that cannot be done.
    pub(super) fn cookies(&self, application: &ApplicationId) -> Option<Vec<Kept>> {
        self.read(|connection| cookies::read_all(connection, application))
    }

    /// Reads the hosts that an application knows; `None` if that cannot be done.
    pub(super) fn known_hosts(&self, application: &ApplicationId) -> Option<Vec<(String, Known)>> {
        self.read(|connection| known_hosts::read_all(connection, application))
    }

    /// Writes what a turn changes.
    pub(super) fn write(&self, rows: &Rows) {
        if rows.cookies.is_empty() && rows.known_hosts.is_empty() {
            return;
        }
        self.attempt(|connection| {
            let to =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            rows.cookies.iter().try_for_each(|row| cookies::apply(&to, row))?;
            rows.known_hosts.iter().try_for_each(|row| known_hosts::apply(&to, row))?;
            Ok(to.commit()?)
        });
    }

    /// Reads something; who only reads creates no file.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Option<T> {
        if !self.path.exists() {
            return None;
        }
        self.attempt(|connection| read(connection))
    }

    /// Tries something. A file that turns out to be damaged is replaced for the next time.
    fn attempt<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Option<T> {
        let mut open = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let done = match open.take().map_or_else(|| self.open(), Ok) {
            Ok(mut connection) => {
                let done = work(&mut connection);
                *open = Some(connection);
                done
            }
            Err(error) => Err(error),
        };
        done.inspect_err(|error| {
            tracing::warn!(%error, "cookies and known hosts were not read or not written");
            if matches!(error, StoreError::Foreign | StoreError::Damaged(_)) {
                *open = None;
                remove(&self.path);
            }
        })
        .ok()
    }

    fn open(&self) -> Result<Connection, StoreError> {
        self.path.parent().map_or(Ok(()), create_private_folder)?;
        // SQLite gives its other files the mode of this one.
        create_private_file(&self.path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // A cookie may be all that a thief needs: what is deleted is overwritten.
        connection.query_row("PRAGMA secure_delete = ON", [], |_| Ok(()))?;
        let to = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        match to.query_row("PRAGMA user_version", [], |row| row.get(0))? {
            LAYOUT => {}
            0 => {
                to.execute_batch(SCHEMA)?;
                to.pragma_update(None, "user_version", LAYOUT)?;
            }
            found => {
                let found = usize::try_from(found).unwrap_or_default();
                return Err(StoreError::Newer { found, known: LAYOUT.unsigned_abs() as usize });
            }
        }
        to.commit()?;
        Ok(connection)
    }
}

/// Removes a file of SQLite with those beside it.
fn remove(path: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        // What is not there need not be removed; what stays is found by the opening.
        let _ = std::fs::remove_file(name);
    }
}
