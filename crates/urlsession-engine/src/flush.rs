//! `Flush` and `Reset`: the store is written out, connections and what an app may lose are let go.

use crate::attempts::Moves;
use crate::driver::Driver;
use std::collections::BTreeSet;
use std::path::Path;
use urlsession_protocol::{Error, ErrorCode, Reply, SessionKey};

impl<H: Moves> Driver<H> {
    /// Writes the store out and drops idle connections.
    pub(crate) fn flush(&mut self, session: &SessionKey) -> Result<Reply, Error> {
        if self.core.session_number(session).is_none() {
            return Err(Error::new(ErrorCode::UNKNOWN).because("no such session"));
        }
        self.attempts.drop_idle_connections();
        if let Some(cache) = self.cache_of_session(session) {
            cache.flush();
        }
        self.store.checkpoint().map_err(|error| {
            tracing::error!(%error, "could not write out the store");
            Error::new(ErrorCode::UNKNOWN).because(error)
        })?;
        Ok(Reply::Done)
    }

    /// Removes the parts that are kept for resume data of the session's application, but for those
    /// that a task goes on from; then flushes.
    pub(crate) fn reset(&mut self, session: &SessionKey) -> Result<Reply, Error> {
        if let Some(cache) = self.cache_of_session(session) {
            cache.clear();
        }
        let parts = self.files.kept_parts();
        let needed: BTreeSet<&Path> = match parts.is_empty() {
            true => BTreeSet::new(),
            false => self.core.referenced_files().collect(),
        };
        for (number, part) in &parts {
            let owner = self.core.session_key(*number);
            let is_its_own = owner.is_some_and(|key| key.application == session.application);
            if is_its_own && !needed.contains(part.as_path()) {
                self.files.remove(part);
            }
        }
        self.flush(session)
    }
}
