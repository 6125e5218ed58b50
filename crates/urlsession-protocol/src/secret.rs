//! Text that may be sent and stored but never printed.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A string that no `Debug`, log line, listing or error can print.
///
/// It travels over the daemon's socket and lives in the store, both private to the user.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, for the one place that puts it on the network.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
