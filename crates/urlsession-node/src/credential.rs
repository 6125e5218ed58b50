//! Credentials on their way from JavaScript.

use napi_derive::napi;

/// A name and a password, in answer to servers that ask for them.
#[napi(object, object_to_js = false)]
#[derive(Clone)]
pub struct Credential {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl From<Credential> for urlsession::Credential {
    fn from(credential: Credential) -> Self {
        Self::new(credential.user, credential.password)
    }
}
