//! Whether the system's keychain is asked for the key to kept passwords.

use std::ffi::OsStr;

/// `on` or `off`.
const KEYCHAIN_VARIABLE: &str = "URLSESSION_KEYCHAIN";

/// Reads what the user says. A home of its own, as tests and second daemons have, keeps away from
/// what the user's other programs share.
pub(crate) fn is_used() -> bool {
    let has_own_home = std::env::var_os("URLSESSION_HOME").is_some_and(|home| !home.is_empty());
    judge(std::env::var_os(KEYCHAIN_VARIABLE).as_deref(), has_own_home)
}

fn judge(said: Option<&OsStr>, has_own_home: bool) -> bool {
    match said.and_then(OsStr::to_str) {
        Some("on") => true,
        None | Some("") => !has_own_home,
        // Whoever writes something else wants none more likely than one.
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_of_its_own_has_no_keychain_unless_it_says_so() {
        for (said, has_own_home, expected) in [
            (None, false, true),
            (None, true, false),
            (Some("on"), true, true),
            (Some("off"), false, false),
            (Some("no"), false, false),
            (Some(""), false, true),
        ] {
            assert_eq!(judge(said.map(OsStr::new), has_own_home), expected, "{said:?}");
        }
    }
}
