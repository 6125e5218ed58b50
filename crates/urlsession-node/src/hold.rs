//! One thread of a process has a session: another would take its events, and end it with itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use urlsession::{Error, ErrorCode, Session, SessionKey};

/// Who has which session.
static HOLDERS: Mutex<BTreeMap<SessionKey, ThreadId>> = Mutex::new(BTreeMap::new());

/// A session that this thread has, until it is dropped.
pub(crate) struct Hold(Session);

impl Hold {
    /// Takes the session for this thread.
    ///
    /// # Errors
    /// -996 if another one has it.
    pub(crate) fn take(session: &Session) -> Result<Self, Error> {
        let own = thread::current().id();
        if *holders().entry(session.key().clone()).or_insert(own) != own {
            return Err(Error::new(ErrorCode::BACKGROUND_SESSION_IN_USE_BY_ANOTHER_PROCESS)
                .because("another thread of this process has it"));
        }
        Ok(Self(session.clone()))
    }

    /// Gives the session back to the daemon; until that is done, no other thread gets it.
    pub(crate) fn give_back(self) {
        self.0.clone().detach();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        holders().remove(self.0.key());
    }
}

fn holders() -> MutexGuard<'static, BTreeMap<SessionKey, ThreadId>> {
    HOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}
