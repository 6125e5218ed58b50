//! The table of Known HSTS Hosts.

use super::{Database, StoreError, damaged};
use crate::strict::{HostRow, Known};
use rusqlite::{Connection, Transaction, params};
use urlsession_protocol::{ApplicationId, Timestamp};

impl Database {
    /// Reads the hosts that an application knows.
    pub(super) fn known_hosts(
        &self,
        application: &ApplicationId,
    ) -> Result<Vec<(String, Known)>, StoreError> {
        read_all(&self.connection, application)
    }
}

/// Reads the hosts that an application knows.
pub(super) fn read_all(
    from: &Connection,
    application: &ApplicationId,
) -> Result<Vec<(String, Known)>, StoreError> {
    let mut statement = from.prepare_cached(
        "SELECT host, include_subdomains, expires FROM known_hosts WHERE application = ?1",
    )?;
    let mut rows = statement.query([application.as_str()])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let host = row.get_ref(0)?.as_str().map_err(damaged)?.to_owned();
        // SQLite's integers are signed; the cast loses nothing.
        let expires = Timestamp(row.get::<_, i64>(2)?.cast_unsigned());
        all.push((host, Known { include_subdomains: row.get(1)?, expires }));
    }
    Ok(all)
}

/// Writes what is known of a host, or removes it.
pub(super) fn apply(to: &Transaction<'_>, row: &HostRow) -> Result<(), StoreError> {
    let HostRow { application, name: host, kept } = row;
    match kept {
        Some(Known { include_subdomains, expires }) => {
            to.prepare_cached(
                "INSERT INTO known_hosts (application, host, include_subdomains, expires)
                 VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE
                 SET include_subdomains = excluded.include_subdomains, expires = excluded.expires",
            )?
            .execute(params![
                application.as_str(),
                host,
                include_subdomains,
                expires.0.cast_signed()
            ])?;
        }
        None => {
            to.prepare_cached("DELETE FROM known_hosts WHERE application = ?1 AND host = ?2")?
                .execute(params![application.as_str(), host])?;
        }
    }
    Ok(())
}
