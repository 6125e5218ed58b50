//! The table of permanent credentials.

use super::{Database, StoreError, damaged, read, write};
use crate::credentials::{CredentialRow, Written};
use rusqlite::{Transaction, params};
use urlsession_protocol::{ApplicationId, ProtectionSpace};

impl Database {
    /// Reads the credentials of an application.
    pub(super) fn credentials(
        &self,
        application: &ApplicationId,
    ) -> Result<Vec<(ProtectionSpace, Written)>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT space, content FROM credentials WHERE application = ?1")?;
        let mut rows = statement.query([application.as_str()])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let space = read(row.get_ref(0)?.as_str().map_err(damaged)?)?;
            all.push((space, read(row.get_ref(1)?.as_str().map_err(damaged)?)?));
        }
        Ok(all)
    }
}

/// Writes a credential or removes it.
pub(super) fn apply(to: &Transaction<'_>, row: &CredentialRow) -> Result<(), StoreError> {
    let CredentialRow { application, name: space, kept } = row;
    let (application, space) = (application.as_str(), write(space)?);
    match kept {
        Some(written) => {
            to.prepare_cached(
                "INSERT INTO credentials (application, space, content) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET content = excluded.content",
            )?
            .execute(params![application, space, write(written)?])?;
        }
        None => {
            to.prepare_cached("DELETE FROM credentials WHERE application = ?1 AND space = ?2")?
                .execute(params![application, space])?;
        }
    }
    Ok(())
}
