//! The table of cookies.

use super::{Database, StoreError, damaged, read, write};
use crate::cookies::{CookieRow, Kept};
use rusqlite::{Connection, Transaction, params};
use serde::{Deserialize, Serialize};
use urlsession_protocol::{ApplicationId, Cookie, Timestamp};

/// What a row says beside its key.
#[derive(Serialize, Deserialize)]
struct Content {
    #[serde(flatten)]
    cookie: Cookie,
    accessed: Timestamp,
}

impl Database {
    /// Reads the cookies of an application.
    pub(super) fn cookies(&self, application: &ApplicationId) -> Result<Vec<Kept>, StoreError> {
        read_all(&self.connection, application)
    }
}

/// Reads the cookies of an application.
pub(super) fn read_all(
    from: &Connection,
    application: &ApplicationId,
) -> Result<Vec<Kept>, StoreError> {
    let mut statement =
        from.prepare_cached("SELECT content FROM cookies WHERE application = ?1")?;
    let mut rows = statement.query([application.as_str()])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let Content { cookie, accessed } = read(row.get_ref(0)?.as_str().map_err(damaged)?)?;
        all.push(Kept { cookie, accessed });
    }
    Ok(all)
}

/// Writes a cookie or removes it.
pub(super) fn apply(to: &Transaction<'_>, row: &CookieRow) -> Result<(), StoreError> {
    let CookieRow { application, name: identity, kept } = row;
    let (application, domain, host_only) =
        (application.as_str(), &identity.domain, identity.host_only);
    let (path, name) = (&identity.path, &identity.name);
    match kept {
        Some(Kept { cookie, accessed }) => {
            let content = write(&Content { cookie: cookie.clone(), accessed: *accessed })?;
            to.prepare_cached(
                "INSERT INTO cookies (application, domain, host_only, path, name, content)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET content = excluded.content",
            )?
            .execute(params![application, domain, host_only, path, name, content])?;
        }
        None => {
            to.prepare_cached(
                "DELETE FROM cookies WHERE application = ?1 AND domain = ?2 AND host_only = ?3
                 AND path = ?4 AND name = ?5",
            )?
            .execute(params![application, domain, host_only, path, name])?;
        }
    }
    Ok(())
}
