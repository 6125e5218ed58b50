//! Credentials that are kept for the tasks of an application: Apple's `URLCredentialStorage`.
//!
//! ```text
//!   attempt ── keep ──┐
//!   client ── set ────┴──> Kept (memory) ── unwritten ──> Driver ── commit ──> Store
//!                                               ^
//!                           Keychain ── key ────┘ seals the passwords
//! ```
//!
//! Where there is no keychain, passwords are written as they are, and sealed as soon as there is one.

use super::keychain::{Key, Keychain};
use crate::StoreError;
use crate::inbox::{Message, Sender};
use crate::store::{Row, Store};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use urlsession_protocol::{
    ApplicationId, AuthenticationMethod, Credential, CredentialPersistence, Error, ErrorCode,
    ProtectionSpace, Seal, Secret, StoredCredential,
};

/// Most credentials of one application.
const CREDENTIALS_LIMIT: usize = 1000;
/// Most applications whose credentials are in memory, beyond which those that nobody needs go.
const APPLICATIONS_LIMIT: usize = 64;

/// The credentials of all applications, read from the store as they are needed.
#[derive(Debug)]
pub(crate) struct Keys {
    applications: BTreeMap<ApplicationId, Arc<Kept>>,
    keychain: Keychain,
    inbox: Sender,
}

/// A credential as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    /// Without its password, if that is sealed.
    #[serde(flatten)]
    credential: Credential,
    /// The sealed password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

/// A row of the table of credentials.
pub(crate) type CredentialRow = Row<ProtectionSpace, Written>;

/// The credentials of one application, which its attempts share.
#[derive(Debug)]
pub(crate) struct Kept {
    state: Mutex<State>,
    inbox: Sender,
}

#[derive(Debug, Default)]
struct State {
    credentials: BTreeMap<ProtectionSpace, Held>,
    unwritten: BTreeMap<ProtectionSpace, Option<Credential>>,
}

#[derive(Debug)]
struct Held {
    /// Without its password, if that is locked.
    credential: Credential,
    seal: Seal,
}

impl Keys {
    pub(crate) fn new(keychain: Keychain, inbox: Sender) -> Self {
        Self { applications: BTreeMap::new(), keychain, inbox }
    }

    /// Returns the credentials of an application.
    pub(crate) fn of(
        &mut self,
        application: &ApplicationId,
        store: &Store,
    ) -> Result<Arc<Kept>, StoreError> {
        if let Some(kept) = self.applications.get(application) {
            let kept = Arc::clone(kept);
            if kept.is_locked()
                && let Some(key) = self.keychain.key()
            {
                kept.lock().unlock(application, &store.credentials(application)?, &key);
            }
            return Ok(kept);
        }
        if self.applications.len() >= APPLICATIONS_LIMIT {
            self.applications.retain(|_, kept| Arc::strong_count(kept) > 1 || kept.is_only_here());
        }
        let rows = store.credentials(application)?;
        let key = if rows.is_empty() { None } else { self.keychain.key() };
        let state = State::read(application, rows, key.as_deref());
        let is_unwritten = !state.unwritten.is_empty();
        let kept = Arc::new(Kept { state: Mutex::new(state), inbox: self.inbox.clone() });
        if is_unwritten {
            kept.tell();
        }
        self.applications.insert(application.clone(), Arc::clone(&kept));
        Ok(kept)
    }

    /// Takes all that is to be written. May wait for the keychain if there are passwords among it.
    pub(crate) fn take_unwritten(&self) -> Vec<CredentialRow> {
        let mut rows = Vec::new();
        for (application, kept) in &self.applications {
            let unwritten = std::mem::take(&mut kept.lock().unwritten);
            let has_password = unwritten.values().any(Option::is_some);
            let key = if has_password { self.keychain.key() } else { None };
            for (space, credential) in unwritten {
                let written = credential
                    .map(|c| Written::new(c, &purpose(application, &space), key.as_deref()));
                if written.as_ref().is_some_and(|written| written.sealed.is_some())
                    && let Some(held) = kept.lock().credentials.get_mut(&space)
                {
                    held.seal = Seal::Open;
                }
                rows.push(Row { application: application.clone(), name: space, kept: written });
            }
        }
        rows
    }
}

impl Written {
    fn new(credential: Credential, what_for: &str, key: Option<&Key>) -> Self {
        let sealed = key.and_then(|key| key.seal(&credential.password, what_for));
        match sealed {
            None => Self { credential, sealed },
            Some(_) => Self { credential: with(credential, Secret::new("")), sealed },
        }
    }

    /// Reads it, as far as the key opens it.
    fn held(self, what_for: &str, key: Option<&Key>) -> Held {
        let Some(sealed) = &self.sealed else {
            return Held { credential: self.credential, seal: Seal::None };
        };
        match key.and_then(|key| key.open(sealed, what_for)) {
            Some(password) => {
                Held { credential: with(self.credential, password), seal: Seal::Open }
            }
            None => Held { credential: self.credential, seal: Seal::Locked },
        }
    }
}

impl State {
    fn read(
        application: &ApplicationId,
        rows: Vec<(ProtectionSpace, Written)>,
        key: Option<&Key>,
    ) -> Self {
        let mut state = Self::default();
        for (space, written) in rows {
            let held = written.held(&purpose(application, &space), key);
            if held.seal == Seal::None && key.is_some() {
                state.unwritten.insert(space.clone(), Some(held.credential.clone()));
            }
            state.credentials.insert(space, held);
        }
        state
    }

    /// Opens what was locked, as far as the key fits.
    fn unlock(
        &mut self,
        application: &ApplicationId,
        rows: &[(ProtectionSpace, Written)],
        key: &Key,
    ) {
        for (space, written) in rows {
            if let Some(held) = self.credentials.get_mut(space).filter(|held| held.is_locked()) {
                *held = written.clone().held(&purpose(application, space), Some(key));
            }
        }
    }

    fn get(&self, space: &ProtectionSpace) -> Option<&Credential> {
        self.credentials.get(space).and_then(Held::usable)
    }
}

impl Held {
    fn is_locked(&self) -> bool {
        self.seal == Seal::Locked
    }

    fn usable(&self) -> Option<&Credential> {
        (!self.is_locked()).then_some(&self.credential)
    }
}

impl Kept {
    /// Returns the credential of a part of a server, else that of the whole server.
    pub(crate) fn find(&self, space: &ProtectionSpace) -> Option<Credential> {
        self.find_with_realm(space).map(|(credential, _)| credential)
    }

    /// As [`Kept::find`], with the only realm that it is kept for; `None` is the whole server.
    pub(crate) fn find_with_realm(
        &self,
        space: &ProtectionSpace,
    ) -> Option<(Credential, Option<String>)> {
        let state = self.lock();
        let (part, whole) = (key(space), ProtectionSpace { realm: None, ..key(space) });
        let of = |space: ProtectionSpace| Some((state.get(&space)?.clone(), space.realm));
        of(part).or_else(|| of(whole))
    }

    /// Returns all credentials of a server.
    pub(crate) fn of_server(&self, server: &ProtectionSpace) -> Vec<Credential> {
        let state = self.lock();
        let its = state.credentials.iter().filter(|(space, _)| space.is_of_same_server(server));
        its.filter_map(|(_, held)| held.usable().cloned()).collect()
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
        if state.get(&space) == Some(credential) {
            return Ok(());
        }
        if before.is_none() && state.credentials.len() >= CREDENTIALS_LIMIT {
            return Err(Error::new(ErrorCode::UNKNOWN).because(format!(
                "an application may keep at most {CREDENTIALS_LIMIT} credentials"
            )));
        }
        let was_permanent = before.is_some_and(|held| is_permanent(&held.credential));
        let row = is_permanent(credential).then(|| credential.clone());
        let held = Held { credential: credential.clone(), seal: Seal::None };
        state.credentials.insert(space.clone(), held);
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

    /// Lists them all, without passwords.
    pub(crate) fn list(&self) -> Vec<StoredCredential> {
        let state = self.lock();
        let listed = state.credentials.iter().map(|(space, held)| StoredCredential {
            protection_space: space.clone(),
            user: held.credential.user.clone(),
            persistence: held.credential.persistence,
            seal: held.seal,
        });
        listed.collect()
    }

    fn write(
        &self,
        mut state: MutexGuard<'_, State>,
        rows: impl IntoIterator<Item = (ProtectionSpace, Option<Credential>)>,
    ) {
        state.unwritten.extend(rows);
        drop(state);
        self.tell();
    }

    fn tell(&self) {
        // Fails only if the driver has ended, and with it the store.
        let _ = self.inbox.send(Message::CredentialsChanged);
    }

    fn is_locked(&self) -> bool {
        self.lock().credentials.values().any(Held::is_locked)
    }

    /// Says whether something would be lost with the memory.
    fn is_only_here(&self) -> bool {
        let state = self.lock();
        let mut held = state.credentials.values();
        !state.unwritten.is_empty() || !held.all(|held| is_permanent(&held.credential))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_permanent(credential: &Credential) -> bool {
    credential.persistence == CredentialPersistence::Permanent
}

fn with(credential: Credential, password: Secret) -> Credential {
    Credential { password, ..credential }
}

/// Names the only place that a password is good for.
fn purpose(application: &ApplicationId, space: &ProtectionSpace) -> String {
    let space = serde_json::to_string(space).unwrap_or_default();
    format!("{application} {space}")
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
        let mut keys = Keys::new(Keychain::new(false), inbox);
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
