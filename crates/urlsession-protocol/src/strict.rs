//! Which hosts a session knows that are asked over `https` only: RFC 6797.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// A host that is asked over `https` only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownHost {
    /// Its name: A-labels in lower case, without the dot of the root.
    pub host: String,
    /// Whether all names below it are meant, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_subdomains: bool,
    /// When it ends.
    pub expires: Timestamp,
}

/// Which Known HSTS Hosts a session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrictTransportSecurity {
    /// Those of its application, on disk.
    #[default]
    Shared,
    /// Its own, in memory, gone with it.
    Private,
    /// None: what servers say of it is not heard.
    None,
}

impl StrictTransportSecurity {
    /// Says whether they are the application's.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
