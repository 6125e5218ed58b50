//! Credentials that are kept for the tasks of an application: Apple's `URLCredentialStorage`.
//!
//! ```text
//!   attempt ── keep ──┐
//!   client ── set ────┴──> Kept (memory) ── unwritten ──> Driver ── commit ──> Store
//! ```

use crate::StoreError;
use crate::inbox::{Message, Sender};
use crate::store::Store;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use urlsession_protocol::{
    ApplicationId, AuthenticationMethod, Credential, CredentialPersistence, Error, ErrorCode,
    ProtectionSpace,
};

/// Most credentials of one application.
const CREDENTIALS_LIMIT: usize = 1000;
/// Most applications whose credentials are in memory, beyond which those that nobody needs go.
const APPLICATIONS_LIMIT: usize = 64;

/// The credentials of all applications, read from the store as they are needed.
#[derive(Debug)]
pub(crate) struct Keys {
    applications: BTreeMap<ApplicationId, Arc<Kept>>,
    inbox: Sender,
}

/// A row of the store: the credential, or `None` where there must be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CredentialRow {
    pub(crate) application: ApplicationId,
    pub(crate) space: ProtectionSpace,
    pub(crate) credential: Option<Credential>,
}

/// The credentials of one application, which its attempts share.
#[derive(Debug)]
pub(crate) struct Kept {
    state: Mutex<State>,
    inbox: Sender,
}

#[derive(Debug, Default)]
struct State {
    credentials: BTreeMap<ProtectionSpace, Credential>,
    unwritten: BTreeMap<ProtectionSpace, Option<Credential>>,
}

impl Keys {
    pub(crate) fn new(inbox: Sender) -> Self {
        Self { applications: BTreeMap::new(), inbox }
    }

    /// Returns the credentials of an application.
    pub(crate) fn of(
        &mut self,
        application: &ApplicationId,
        store: &Store,
    ) -> Result<Arc<Kept>, StoreError> {
        if let Some(kept) = self.applications.get(application) {
            return Ok(Arc::clone(kept));
        }
        if self.applications.len() >= APPLICATIONS_LIMIT {
            self.applications.retain(|_, kept| Arc::strong_count(kept) > 1 || kept.is_only_here());
        }
        let credentials = store.credentials(application)?.into_iter().collect();
        let state = Mutex::new(State { credentials, unwritten: BTreeMap::new() });
        let kept = Arc::new(Kept { state, inbox: self.inbox.clone() });
        self.applications.insert(application.clone(), Arc::clone(&kept));
        Ok(kept)
    }

    /// Takes all that is to be written.
    pub(crate) fn take_unwritten(&self) -> Vec<CredentialRow> {
        let mut rows = Vec::new();
        for (application, kept) in &self.applications {
            let unwritten = std::mem::take(&mut kept.lock().unwritten);
            rows.extend(unwritten.into_iter().map(|(space, credential)| CredentialRow {
                application: application.clone(),
                space,
                credential,
            }));
        }
        rows
    }
}

impl Kept {
    /// Returns the credential of a part of a server, else that of the whole server.
    pub(crate) fn find(&self, space: &ProtectionSpace) -> Option<Credential> {
        let state = self.lock();
        let (part, whole) = (key(space), ProtectionSpace { realm: None, ..key(space) });
        state.credentials.get(&part).or_else(|| state.credentials.get(&whole)).cloned()
    }

    /// Returns all credentials of a server.
    pub(crate) fn of_server(&self, server: &ProtectionSpace) -> Vec<Credential> {
        let state = self.lock();
        let its = state.credentials.iter().filter(|(space, _)| space.is_of_same_server(server));
        its.map(|(_, credential)| credential.clone()).collect()
    }

    /// Keeps a credential instead of the one that was there, if there is room.
    pub(crate) fn keep(&self, space: &ProtectionSpace, credential: &Credential) {
        // What is good for the whole server need not be kept for its parts too.
        if self.find(space).as_ref() == Some(credential) {
            return;
        }
        if let Err(error) = self.set(space, credential) {
            tracing::warn!(%error, "a credential was not kept");
        }
    }

    /// As [`Kept::keep`].
    pub(crate) fn set(
        &self,
        space: &ProtectionSpace,
        credential: &Credential,
    ) -> Result<(), Error> {
        let space = key(space);
        let mut state = self.lock();
        let before = state.credentials.get(&space);
        if before == Some(credential) {
            return Ok(());
        }
        if before.is_none() && state.credentials.len() >= CREDENTIALS_LIMIT {
            return Err(Error::new(ErrorCode::UNKNOWN).because(format!(
                "an application may keep at most {CREDENTIALS_LIMIT} credentials"
            )));
        }
        let is_permanent = |c: &&Credential| c.persistence == CredentialPersistence::Permanent;
        let was_permanent = before.filter(is_permanent).is_some();
        let row = Some(credential).filter(is_permanent).cloned();
        state.credentials.insert(space.clone(), credential.clone());
        if row.is_some() || was_permanent {
            self.write(state, [(space, row)]);
        }
        Ok(())
    }

    /// Forgets the credentials of a server, or of a part of it, or all; returns how many.
    pub(crate) fn remove(&self, of: Option<&ProtectionSpace>) -> usize {
        let goes = |space: &ProtectionSpace| {
            of.is_none_or(|of| {
                of.is_of_same_server(space) && (of.realm.is_none() || of.realm == space.realm)
            })
        };
        let mut state = self.lock();
        let gone: Vec<ProtectionSpace> =
            state.credentials.keys().filter(|space| goes(space)).cloned().collect();
        for space in &gone {
            state.credentials.remove(space);
        }
        let count = gone.len();
        self.write(state, gone.into_iter().map(|space| (space, None)));
        count
    }

    /// Lists them all.
    pub(crate) fn list(&self) -> Vec<(ProtectionSpace, Credential)> {
        self.lock().credentials.iter().map(|(s, c)| (s.clone(), c.clone())).collect()
    }

    fn write(
        &self,
        mut state: MutexGuard<'_, State>,
        rows: impl IntoIterator<Item = (ProtectionSpace, Option<Credential>)>,
    ) {
        state.unwritten.extend(rows);
        drop(state);
        // Fails only if the driver has ended, and with it the store.
        let _ = self.inbox.send(Message::CredentialsChanged);
    }

    /// Says whether something would be lost with the memory.
    fn is_only_here(&self) -> bool {
        let state = self.lock();
        let is_permanent = |c: &Credential| c.persistence == CredentialPersistence::Permanent;
        !state.unwritten.is_empty() || !state.credentials.values().all(is_permanent)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One credential answers in every way that a part of a server may ask.
fn key(space: &ProtectionSpace) -> ProtectionSpace {
    ProtectionSpace { authentication_method: AuthenticationMethod::Default, ..space.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::origin_space;

    #[test]
    fn applications_that_nobody_needs_are_let_go() {
        let store = Store::in_memory();
        let (inbox, _) = crate::inbox::channel();
        let mut keys = Keys::new(inbox);
        let mut open = |n: usize| {
            let kept = keys.of(&ApplicationId::new(format!("app{n}")).unwrap(), &store).unwrap();
            (kept, keys.applications.len())
        };
        let (needed, _) = open(0);
        // What lasts as long as the daemon is nowhere else.
        let space = origin_space(&"http://h/".parse().unwrap());
        open(1).0.set(&space, &Credential::new("me", "pw")).unwrap();
        let most = (2..3 * APPLICATIONS_LIMIT).map(|n| open(n).1).max();
        assert_eq!(most, Some(APPLICATIONS_LIMIT));
        assert!(Arc::ptr_eq(&needed, &open(0).0), "one that is needed stays");
        assert!(open(1).0.find(&space).is_some(), "so does one that would be lost");
    }
}
