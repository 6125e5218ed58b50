//! Who a session belongs to and what it is called.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// Longest application id or session identifier, in bytes.
pub const IDENTIFIER_LIMIT: usize = 255;

/// Says why a text cannot be an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIdentifier {
    /// The text is empty.
    #[error("an identifier must not be empty")]
    Empty,
    /// The text is longer than [`IDENTIFIER_LIMIT`] bytes.
    #[error("an identifier must not be longer than {IDENTIFIER_LIMIT} bytes")]
    TooLong,
    /// The text has a control character.
    #[error("an identifier must not contain control characters")]
    ControlCharacter,
}

fn check(text: &str) -> Result<(), InvalidIdentifier> {
    if text.is_empty() {
        Err(InvalidIdentifier::Empty)
    } else if text.len() > IDENTIFIER_LIMIT {
        Err(InvalidIdentifier::TooLong)
    } else if text.chars().any(char::is_control) {
        Err(InvalidIdentifier::ControlCharacter)
    } else {
        Ok(())
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text: 1 to [`IDENTIFIER_LIMIT`] bytes, no control characters.
            ///
            /// # Errors
            /// Says which rule the text breaks.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidIdentifier> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text.into()))
            }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidIdentifier;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier! {
    /// Names an application of this user, such as `com.example.podcasts`.
    ApplicationId
}

identifier! {
    /// Names a session inside one application: Apple's `identifier`.
    SessionIdentifier
}

/// Names a session among all of this user's: application and session identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionKey {
    /// The application the session belongs to.
    pub application: ApplicationId,
    /// The session's identifier, unique inside the application.
    pub session: SessionIdentifier,
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.session)
    }
}
