//! What is found out about a user's daemon without being it or asking it: the same rules by which it
//! starts, or does not.

use crate::{folder, instance, keychain, process};
use std::path::Path;
use urlsession_protocol::paths::Paths;

pub use urlsession_engine::{CheckedStore, count_trusted_roots};

/// What is known of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// A daemon has it open, starts or stops: it cannot be looked at.
    InUse,
    /// Nobody has it open.
    Checked(CheckedStore),
}

/// Checks that a folder is one that the daemon would take for its own.
///
/// # Errors
/// Says what is wrong with the folder and how to mend it.
pub fn check_private(folder: &Path) -> anyhow::Result<()> {
    folder::check_private(folder)
}

/// Looks at every page of the store if no daemon lives. A daemon that is started meanwhile waits.
///
/// # Errors
/// What a daemon would not start for, or the damage.
pub fn check_store(paths: &Paths) -> anyhow::Result<Store> {
    if !paths.state.join(urlsession_engine::STORE).try_exists()? {
        return Ok(Store::Checked(CheckedStore::Absent));
    }
    let Some(_gate) = instance::hold_off(paths)? else { return Ok(Store::InUse) };
    Ok(Store::Checked(urlsession_engine::check_store(&paths.state)?))
}

/// Says whether a daemon with this environment asks the system's keychain for the key to passwords.
#[must_use]
pub fn uses_keychain() -> bool {
    cfg!(all(target_os = "linux", feature = "keychain")) && keychain::is_used()
}

/// Fewest open files with which a daemon starts.
pub use process::FILES_MINIMUM;

/// Returns how many files this system lets the daemon open, and how many it asks for.
#[must_use]
pub fn open_files() -> (u64, u64) {
    process::open_files()
}
