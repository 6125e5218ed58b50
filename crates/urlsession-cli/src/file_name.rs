//! Which name a download gets when nobody gave one: safe, and never that of another file.

use crate::escape::is_dangerous;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The name of a URL that ends in a slash.
const INDEX: &str = "index.html";
/// Longest derived name in bytes: leaves room for `.1` and for a part file's ending below the 255
/// that file systems allow.
const NAME_LIMIT: usize = 200;
/// Longest ending that survives shortening, its dot included, in bytes.
const EXTENSION_LIMIT: usize = 20;
/// Most names `file.1`, `file.2`, … that are tried.
const CLASH_LIMIT: u32 = 10_000;

/// Derives a safe file name from the last path segment of a URL.
pub(crate) fn of_url(url: &str) -> String {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = after_scheme.find(['?', '#']).unwrap_or(after_scheme.len());
    let path = after_scheme[..end].split_once('/').map_or("", |(_, path)| path);
    let segment = path.rsplit('/').next().unwrap_or_default();
    sanitized(&percent_encoding::percent_decode_str(segment).decode_utf8_lossy())
}

/// Makes a file name of any text: no path, no control or reordering characters, no name that some
/// system keeps for a device, not too long.
pub(crate) fn sanitized(text: &str) -> String {
    let mut name: String = text
        .chars()
        .map(|c| if is_dangerous(c) || r#"/\:*?"<>|"#.contains(c) { '_' } else { c })
        .collect();
    // A trailing dot or space is dropped by Windows, so that two names would meet.
    name.truncate(name.trim_end_matches(['.', ' ']).len());
    let name = name.trim_start_matches(' ');
    if name.is_empty() {
        return INDEX.to_owned();
    }
    let name = if is_device(name) { format!("_{name}") } else { name.to_owned() };
    shortened(name)
}

/// Finds a path in the folder that no file has and that was not handed out before: `name`, else
/// `name.1`, `name.2`, … as wget does. Remembers it in `taken`.
pub(crate) fn free(folder: &Path, name: &str, taken: &mut BTreeSet<PathBuf>) -> Option<PathBuf> {
    let path = std::iter::once(folder.join(name))
        .chain((1..CLASH_LIMIT).map(|n| folder.join(format!("{name}.{n}"))))
        // A dangling symlink is a file too.
        .find(|path| !taken.contains(path) && path.symlink_metadata().is_err())?;
    taken.insert(path.clone());
    Some(path)
}

/// Returns how a path is called in messages: its last component.
pub(crate) fn title(path: &Path) -> String {
    path.file_name().map_or_else(|| path.to_string_lossy(), OsStr::to_string_lossy).into_owned()
}

/// Says whether Windows takes the name for a device, whatever its ending.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).is_some_and(|digit| {
            matches!(
                digit,
                "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
            )
        }),
    }
}

/// Cuts the middle out of a long name and keeps its ending.
fn shortened(name: String) -> String {
    if name.len() <= NAME_LIMIT {
        return name;
    }
    let dot = name.rfind('.').filter(|at| name.len() - at <= EXTENSION_LIMIT).unwrap_or(name.len());
    let extension = &name[dot..];
    let mut end = NAME_LIMIT - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_last_segment() {
        for (url, expected) in [
            ("http://h/f.iso", "f.iso"),
            ("http://h/a/b/f.tar.gz?x=/y#z/w", "f.tar.gz"),
            ("http://h", "index.html"),
            ("http://h/", "index.html"),
            ("http://h/dir/", "index.html"),
            ("http://h?f=1", "index.html"),
            ("http://h/a%20b.txt", "a b.txt"),
            ("http://h/%C3%BC.txt", "ü.txt"),
            ("http://h/%ff.bin", "\u{fffd}.bin"),
            ("http://h/.profile", ".profile"),
            ("http://h/..", "index.html"),
            ("http://h/.", "index.html"),
            ("http://h/%2e%2e", "index.html"),
            ("http://h/..%2f..%2fetc%2fpasswd", ".._.._etc_passwd"),
            ("http://h/a%5c..%5cb", "a_.._b"),
            ("http://h/a%00b", "a_b"),
            ("http://h/a%0d%0ab", "a__b"),
            ("http://h/photo%E2%80%AEgpj.exe", "photo_gpj.exe"),
            ("http://h/C:evil", "C_evil"),
            ("http://h/NUL", "_NUL"),
            ("http://h/nul.txt", "_nul.txt"),
            ("http://h/COM1.iso", "_COM1.iso"),
            ("http://h/LPT%C2%B9", "_LPT¹"),
            ("http://h/COM10", "COM10"),
            ("http://h/console", "console"),
            ("http://h/name.%20.", "name"),
            ("http://h/%20", "index.html"),
        ] {
            assert_eq!(of_url(url), expected, "{url}");
        }
    }

    #[test]
    fn long_names_keep_their_ending() {
        for (name, ending) in [
            ("x".repeat(300) + ".tar", ".tar"),
            ("ü".repeat(200) + ".zip", ".zip"),
            ("y".repeat(400), "y"),
        ] {
            let short = sanitized(&name);
            assert!(short.len() <= NAME_LIMIT, "{} bytes", short.len());
            assert!(short.len() > NAME_LIMIT - 4);
            assert!(short.ends_with(ending));
        }
    }

    #[test]
    fn a_name_is_never_given_twice() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("f"), "").unwrap();
        let mut taken = BTreeSet::new();
        let mut next = || free(folder.path(), "f", &mut taken).map(|p| title(&p)).unwrap();
        assert_eq!([next(), next(), next()], ["f.1", "f.2", "f.3"]);
    }
}
