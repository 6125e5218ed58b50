//! The table of what counts for all of the store, most of it set by its user.

use super::{Database, StoreError, damaged, read, write};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Serialize, de::DeserializeOwned};
use urlsession_protocol::SpeedLimits;

const SPEED_LIMITS: &str = "speed_limits";

impl Database {
    /// Reads how fast all transfers may be together.
    pub(super) fn speed_limits(&self) -> Result<SpeedLimits, StoreError> {
        Ok(find(&self.connection, SPEED_LIMITS)?.unwrap_or_default())
    }
}

/// Writes how fast all transfers may be together.
pub(super) fn apply(to: &Connection, limits: &SpeedLimits) -> Result<(), StoreError> {
    put(to, SPEED_LIMITS, limits)
}

/// Reads a setting, if it was ever written.
pub(super) fn find<T: DeserializeOwned>(
    from: &Connection,
    name: &str,
) -> Result<Option<T>, StoreError> {
    let content: Option<String> = from
        .query_row("SELECT content FROM settings WHERE name = ?1", [name], |row| row.get(0))
        .optional()
        .map_err(damaged)?;
    content.as_deref().map(read).transpose()
}

/// Writes a setting.
pub(super) fn put(to: &Connection, name: &str, content: &impl Serialize) -> Result<(), StoreError> {
    to.prepare_cached(
        "INSERT INTO settings (name, content) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET content = excluded.content",
    )?
    .execute(params![name, write(content)?])?;
    Ok(())
}
