//! The daemon as a service of one user, in the words of systemd.

use std::fmt::Write as _;
use std::path::Path;

/// The unit's name.
pub const NAME: &str = "urlsession.service";
/// The unit as packages install it.
pub const UNIT: &str = include_str!("../systemd/urlsession.service");
/// The first line of a unit that was written for one user.
pub const MARK: &str = "# Written by `urlsession daemon enable`, which also replaces it.\n";

/// What [`UNIT`] starts.
const EXECUTABLE: &str = "/usr/bin/urlsession";

/// Returns the unit for that executable, with these variables in its environment; `None` if systemd
/// has no words for a name or a value.
#[must_use]
pub fn unit(executable: &Path, variables: &[(&str, String)]) -> Option<String> {
    let executable = quoted(executable.to_str()?)?;
    let mut set = String::new();
    for (name, value) in variables {
        let _ = writeln!(set, "Environment={}", quoted(&format!("{name}={value}"))?);
    }
    // How to install it by hand says nothing to who has it.
    let (_, unit) = UNIT.split_once("[Unit]\n")?;
    let unit = unit.replacen(EXECUTABLE, &executable, 1);
    let unit = unit.replacen("[Service]\n", &format!("[Service]\n{set}"), 1);
    Some(format!("{MARK}[Unit]\n{unit}"))
}

/// Says whether a unit was made by [`unit`].
#[must_use]
pub fn is_ours(unit: &str) -> bool {
    unit.starts_with(MARK)
}

fn quoted(text: &str) -> Option<String> {
    if text.chars().any(char::is_control) {
        return None;
    }
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    Some(format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_starts_the_executable_that_it_is_for() {
        let variables = [("URLSESSION_HOME", "/a b%".to_owned())];
        let unit = unit(Path::new("/opt/my \"tools\"/urlsession"), &variables).unwrap();
        assert!(is_ours(&unit) && !is_ours(UNIT));
        let line = "ExecStart=\"/opt/my \\\"tools\\\"/urlsession\" daemon\n";
        assert!(unit.contains(line), "{unit}");
        assert!(unit.contains("[Service]\nEnvironment=\"URLSESSION_HOME=/a b%%\"\n"), "{unit}");
        assert!(!unit.contains(EXECUTABLE), "{unit}");
        // Everything else is the unit of the packages.
        let rest = UNIT.split_once(EXECUTABLE).unwrap().1;
        assert!(unit.ends_with(rest.split_once('\n').unwrap().1));
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        assert_eq!(unit(Path::new("/opt/a\nb/urlsession"), &[]), None);
        assert_eq!(unit(Path::new("/opt/urlsession"), &[("A", "b\n".to_owned())]), None);
    }
}
