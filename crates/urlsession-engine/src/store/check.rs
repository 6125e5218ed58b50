//! Whether a store that nobody has open is whole: looks only, changes nothing.

use super::database::{BUSY_TIMEOUT, damaged};
use super::{StoreError, schema};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// What a check found of a store that is not damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckedStore {
    /// There is none: the first start makes it.
    Absent,
    /// It is whole, and of this program's version.
    Whole,
    /// It is whole, and the next start upgrades it.
    Older,
}

/// Opens the store in that file and looks at every page of it.
///
/// # Errors
/// What a start would fail with, or the damage.
pub(crate) fn check(file: &Path) -> Result<CheckedStore, StoreError> {
    if !file.try_exists()? {
        return Ok(CheckedStore::Absent);
    }
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let has_log = Path::new(&log).try_exists()?;
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // What a killed daemon left in the log is read, and stays there; an own log goes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    schema::check(&connection)?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(damaged(verdict));
    }
    Ok(match schema::is_newest(&connection)? {
        true => CheckedStore::Whole,
        false => CheckedStore::Older,
    })
}
