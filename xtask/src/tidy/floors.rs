//! Versions of crates below which an advisory is open: none of them may come back.

use super::File;

const LOCK: &str = "Cargo.lock";

/// A crate, the first version without the defects, and the advisories that told of them.
const FLOORS: [(&str, [u32; 3], &str); 8] = [
    ("bytes", [1, 11, 1], "RUSTSEC-2026-0007"),
    ("h2", [0, 4, 16], "RUSTSEC-2023-0034, 2024-0003, 2024-0332, 2026-0258"),
    ("hyper", [0, 14, 10], "RUSTSEC-2017-0002, 2021-0078, 2021-0079"),
    ("idna", [1, 0, 0], "RUSTSEC-2024-0421"),
    ("quinn-proto", [0, 11, 15], "RUSTSEC-2026-0037, 2026-0185"),
    ("rustls", [0, 23, 5], "RUSTSEC-2024-0336"),
    ("rustls-webpki", [0, 103, 13], "RUSTSEC-2023-0053, 2026-0049, 0098, 0099, 0104"),
    ("time", [0, 3, 47], "RUSTSEC-2026-0009"),
];

/// Adds the crates of the lock file that are older than they may be.
pub(super) fn check(files: &[File], offences: &mut Vec<String>) {
    let lock = files.iter().find(|file| file.path == LOCK).and_then(|file| file.text.as_deref());
    for package in lock.unwrap_or_default().split("[[package]]") {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key))?;
            line.strip_prefix(" = \"")?.strip_suffix('"')
        };
        let (Some(name), Some(version)) = (value("name"), value("version")) else { continue };
        let below =
            |(of, floor, _): &&(&str, [u32; 3], &str)| *of == name && read(version) < *floor;
        if let Some((_, [major, minor, patch], why)) = FLOORS.iter().find(below) {
            let floor = format!("{major}.{minor}.{patch}");
            offences.push(format!("{LOCK}: {name} {version} is older than {floor}: {why}"));
        }
    }
}

/// Reads a version; one before a release is older than all.
fn read(version: &str) -> [u32; 3] {
    let (numbers, _) = version.split_once('+').unwrap_or((version, ""));
    let mut parts = numbers.split('.').map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::{FLOORS, check};

    #[test]
    fn what_is_too_old_is_found() {
        for (version, offences) in [
            ("0.4.16", 0),
            ("0.4.16+build", 0),
            ("0.10.0", 0),
            ("1.0.0", 0),
            ("0.4.15", 1),
            ("0.3.99", 1),
            ("0.4.16-rc.1", 1),
        ] {
            let package =
                |name: &str| format!("\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
            let text = package("h2") + &package("unknown");
            let mut found = Vec::new();
            check(&[File::of(super::LOCK, &text)], &mut found);
            assert_eq!(found.len(), offences, "{version}: {found:?}");
        }
        assert!(FLOORS.is_sorted());
    }
}
