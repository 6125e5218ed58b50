//! A name and a password: Apple's `URLCredential`.

use crate::{Error, ErrorCode, ProtectionSpace, Secret};
use serde::{Deserialize, Serialize};

/// Longest name and password of a credential together, in bytes.
pub const CREDENTIAL_LENGTH_LIMIT: usize = 8 * 1024;

/// A page of kept credentials ends with the one that makes it longer than this, in bytes of JSON.
pub const CREDENTIALS_PAGE_BYTES: usize = 512 * 1024;

/// A name and a password for the origin of a task's request or for a proxy, and for no other.
///
/// They answer Basic and Digest, whichever the server asks for, the stronger if it offers both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Credential {
    /// The name, which can be as private as the password.
    pub user: Secret,
    /// The password.
    pub password: Secret,
    /// Sends them with Basic before the server has asked for anything, as curl does. Without it
    /// the first request goes out without credentials, as Apple's does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proactive: bool,
    /// For how long it is kept for other tasks, once a server let it in.
    #[serde(default, skip_serializing_if = "CredentialPersistence::is_none")]
    pub persistence: CredentialPersistence,
}

/// Which kept credentials a session has: Apple's `urlCredentialStorage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UrlCredentialStorage {
    /// Those of its application.
    #[default]
    Shared,
    /// None: only what a task, its session and answers to challenges say is shown, and nothing is
    /// kept.
    None,
}

impl UrlCredentialStorage {
    /// Says whether it is the application's.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A credential that is kept, without its password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCredential {
    /// Where it is good.
    pub protection_space: ProtectionSpace,
    /// The name.
    pub user: Secret,
    /// For how long it is kept.
    pub persistence: CredentialPersistence,
    /// How its password is kept on disk.
    #[serde(default, skip_serializing_if = "Seal::is_none")]
    pub seal: Seal,
}

/// Whether a password on disk is sealed with a key that the system's keychain has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seal {
    /// It is in plain text, or not on disk.
    #[default]
    None,
    /// It is sealed, and can be used.
    Open,
    /// It is sealed, and the keychain does not give the key: no server is shown it.
    Locked,
}

impl Seal {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// For how long a credential is kept: Apple's `URLCredential.Persistence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialPersistence {
    /// Not at all: it is the task's own.
    #[default]
    None,
    /// In memory, for the tasks of the application, until the daemon ends.
    ForSession,
    /// On disk as well, in a file that only the user can read: its password sealed with a key that
    /// the system's keychain has, else in plain text.
    Permanent,
}

impl CredentialPersistence {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl Credential {
    /// Makes a credential that waits until it is asked for.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: Secret::new(user),
            password: Secret::new(password),
            proactive: false,
            persistence: CredentialPersistence::None,
        }
    }

    /// Has it kept for other tasks of the application.
    #[must_use]
    pub fn kept(mut self, persistence: CredentialPersistence) -> Self {
        self.persistence = persistence;
        self
    }

    /// Checks its length.
    ///
    /// # Errors
    /// -1 with a sentence that names the limit.
    pub fn check(&self) -> Result<(), Error> {
        if self.user.expose().len() + self.password.expose().len() <= CREDENTIAL_LENGTH_LIMIT {
            return Ok(());
        }
        Err(Error::new(ErrorCode::UNKNOWN).because(format!(
            "a name and a password may have at most {CREDENTIAL_LENGTH_LIMIT} bytes"
        )))
    }

    /// Sends it before the server has asked.
    #[must_use]
    pub fn proactive(mut self) -> Self {
        self.proactive = true;
        self
    }
}
