//! A name and a password: Apple's `URLCredential`.

use crate::Secret;
use serde::{Deserialize, Serialize};

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
}

impl Credential {
    /// Makes a credential that waits until it is asked for.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: Secret::new(user), password: Secret::new(password), proactive: false }
    }

    /// Sends it before the server has asked.
    #[must_use]
    pub fn proactive(mut self) -> Self {
        self.proactive = true;
        self
    }
}
