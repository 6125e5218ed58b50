//! The sessions of this process by name: one identifier, one session.

use crate::session::{Handle, Session};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use urlsession_protocol::{Error, SessionKey};

type Slot = Arc<Mutex<Weak<Handle>>>;

static SESSIONS: Mutex<BTreeMap<SessionKey, Slot>> = Mutex::new(BTreeMap::new());

/// Returns the session of that name, making it if there is none or it is over. Only calls for the
/// same name wait for each other.
pub(crate) fn share(
    key: &SessionKey,
    make: impl FnOnce() -> Result<Session, Error>,
) -> Result<Session, Error> {
    let slot = slot(key);
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(session) = Session::upgrade(&slot).filter(|session| !session.link().is_over()) {
        return Ok(session);
    }
    let session = make()?;
    *slot = session.downgrade();
    Ok(session)
}

fn slot(key: &SessionKey) -> Slot {
    let mut sessions = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
    // A slot that only the map holds and whose session is gone has nothing to say.
    sessions.retain(|_, slot| {
        Arc::strong_count(slot) > 1
            || slot.lock().unwrap_or_else(PoisonError::into_inner).strong_count() > 0
    });
    Arc::clone(sessions.entry(key.clone()).or_default())
}
