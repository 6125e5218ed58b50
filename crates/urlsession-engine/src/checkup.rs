//! What can be found out without an engine that runs: for a person who asks what is wrong.

use crate::files::STORE;
use crate::store::{self, CheckedStore, StoreError};
use std::path::Path;

/// Looks at every page of the store in a state folder; changes nothing. The store must be open
/// nowhere else, and nobody may open it meanwhile.
///
/// # Errors
/// What an engine would refuse the store for, or the damage.
pub fn check_store(state: &Path) -> Result<CheckedStore, StoreError> {
    store::check(&state.join(STORE))
}

/// Counts the certificates that this system trusts, as this process's environment names them;
/// `None` where the system judges by itself.
///
/// # Errors
/// Why there are none.
#[cfg(target_os = "linux")]
pub fn count_trusted_roots() -> Result<Option<usize>, String> {
    let found = rustls_native_certs::load_native_certs();
    match (found.certs.len(), found.errors.first()) {
        (0, Some(error)) => Err(error.to_string()),
        (0, None) => Err("the system has none".to_owned()),
        (count, _) => Ok(Some(count)),
    }
}

/// Counts the certificates that this system trusts; `None` where the system judges by itself.
///
/// # Errors
/// None here.
#[cfg(not(target_os = "linux"))]
pub fn count_trusted_roots() -> Result<Option<usize>, String> {
    Ok(None)
}
