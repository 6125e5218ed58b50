//! The table of what a user has set for all transfers.

use super::{Database, StoreError, damaged, read, write};
use rusqlite::{OptionalExtension as _, Transaction, params};
use urlsession_protocol::SpeedLimits;

const SPEED_LIMITS: &str = "speed_limits";

impl Database {
    /// Reads how fast all transfers may be together.
    pub(super) fn speed_limits(&self) -> Result<SpeedLimits, StoreError> {
        let content: Option<String> = self
            .connection
            .query_row("SELECT content FROM settings WHERE name = ?1", [SPEED_LIMITS], |row| {
                row.get(0)
            })
            .optional()
            .map_err(damaged)?;
        content.as_deref().map_or(Ok(SpeedLimits::default()), read)
    }
}

/// Writes how fast all transfers may be together.
pub(super) fn apply(to: &Transaction<'_>, limits: &SpeedLimits) -> Result<(), StoreError> {
    to.prepare_cached(
        "INSERT INTO settings (name, content) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET content = excluded.content",
    )?
    .execute(params![SPEED_LIMITS, write(limits)?])?;
    Ok(())
}
