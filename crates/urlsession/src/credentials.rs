//! The credentials that are kept for an application: Apple's `URLCredentialStorage`.

use crate::daemon::{Daemon, misunderstood};
use crate::door::Door;
use crate::session::Session;
use crate::{Credential, Error, ProtectionSpace, StoredCredential};
use urlsession_protocol::{ApplicationId, Call, Reply};

/// Most pages that a listing asks for: more than any application has.
const PAGES_LIMIT: usize = 1000;

/// Lists, keeps and forgets the credentials of one application, one for each part of a server.
/// Every method waits for the daemon.
///
/// Permanent ones are in the daemon's store, a file that only the user can read. Where the system
/// has a keychain, their passwords are sealed with a key of it ([`Seal`](crate::Seal)); else they are in plain text.
/// Those [for the session](crate::CredentialPersistence::ForSession) live in the memory of the
/// process that moves the bytes: the daemon, or this one. No password comes back from here.
#[derive(Debug)]
pub struct Credentials<'a> {
    application: ApplicationId,
    door: Door<'a>,
}

impl Daemon {
    /// Returns the credentials of an application.
    pub fn credentials(&self, application: ApplicationId) -> Credentials<'_> {
        Credentials { application, door: Door::Daemon(self) }
    }
}

impl Session {
    /// Returns the credentials of the session's application.
    pub fn credentials(&self) -> Credentials<'_> {
        let application = self.key().application.clone();
        Credentials { application, door: Door::Session(self) }
    }
}

impl Credentials<'_> {
    /// Lists what is kept, by protection space.
    ///
    /// # Errors
    /// -997 without the daemon.
    pub fn list(&self) -> Result<Vec<StoredCredential>, Error> {
        let mut listed: Vec<StoredCredential> = Vec::new();
        for _ in 0..PAGES_LIMIT {
            let after = listed.last().map(|last| last.protection_space.clone());
            let call = Call::Credentials { application: self.application.clone(), after };
            let Reply::Credentials { credentials, more } = self.door.ask(call)? else {
                return Err(misunderstood());
            };
            let last = !more || credentials.is_empty();
            listed.extend(credentials);
            if last {
                break;
            }
        }
        Ok(listed)
    }

    /// Keeps a credential for a part of a server, or all of it without a realm, instead of the one
    /// that was there. Which way the server asks in does not matter. Durable when it returns.
    ///
    /// # Errors
    /// -1 for a credential without persistence, a server that there cannot be, and beyond the limits;
    /// -997 without the daemon.
    pub fn set(&self, space: ProtectionSpace, credential: Credential) -> Result<(), Error> {
        let application = self.application.clone();
        self.count(Call::SetCredential { application, protection_space: space, credential })
            .map(drop)
    }

    /// Forgets the credentials of a part of a server, of all of it without a realm, or all; returns
    /// how many. Durable when it returns.
    ///
    /// # Errors
    /// -997 without the daemon.
    pub fn remove(&self, space: Option<&ProtectionSpace>) -> Result<u64, Error> {
        let application = self.application.clone();
        self.count(Call::RemoveCredentials { application, protection_space: space.cloned() })
    }

    fn count(&self, call: Call) -> Result<u64, Error> {
        match self.door.ask(call)? {
            Reply::CredentialsChanged { count } => Ok(count),
            _ => Err(misunderstood()),
        }
    }
}
