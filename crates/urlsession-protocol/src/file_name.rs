//! A name that is safe to give to a file, whoever thought of it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The name of a URL without a path.
const INDEX: &str = "index.html";
/// Longest name in bytes: leaves room for `.1` and for a part file's ending below the 255 that
/// file systems allow.
const NAME_LIMIT: usize = 200;
/// Longest ending that survives shortening, its dot included, in bytes.
const EXTENSION_LIMIT: usize = 20;

/// A file's name without a path: no control or reordering characters, no name that some system
/// keeps for a device, never empty, not too long.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct FileName(Arc<str>);

impl FileName {
    /// Makes a safe name of any text.
    #[must_use]
    pub fn sanitized(text: &str) -> Self {
        if is_plain(text) { Self(text.into()) } else { Self::rewritten(text) }
    }

    fn rewritten(text: &str) -> Self {
        let mut name: String = text
            .chars()
            .map(|c| if is_dangerous(c) || r#"/\:*?"<>|"#.contains(c) { '_' } else { c })
            .collect();
        trim_end(&mut name);
        let mut name = shortened(name.trim_start_matches(' ').to_owned());
        if is_device(&name) {
            name = shortened(format!("_{name}"));
        }
        if name.is_empty() { Self(INDEX.into()) } else { Self(name.into()) }
    }

    /// Makes a safe name of the last path segment of a URL that is not empty, as Apple's
    /// `lastPathComponent` and curl choose it.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
        let end = after_scheme.find(['?', '#']).unwrap_or(after_scheme.len());
        let path = after_scheme[..end].split_once('/').map_or("", |(_, path)| path);
        let segment = path.rsplit('/').find(|segment| !segment.is_empty()).unwrap_or_default();
        Self::sanitized(&percent_encoding::percent_decode_str(segment).decode_utf8_lossy())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for FileName {
    fn from(text: String) -> Self {
        Self::sanitized(&text)
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.as_str().to_owned()
    }
}

/// Says whether a text is a safe name as it is; most are.
fn is_plain(text: &str) -> bool {
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=NAME_LIMIT).contains(&text.len())
        && text.bytes().all(is_harmless)
        && !text.ends_with('.')
        && !is_device(text)
}

/// Says whether a terminal may take the character for something else than a visible sign:
/// controls, bidirectional controls (Unicode TR 9), line separators, invisible marks.
#[must_use]
pub fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Says whether Windows takes the name for a device, whatever its ending.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    if !(3..="CONOUT$".len()).contains(&stem.len()) {
        return false;
    }
    let stem = stem.to_ascii_uppercase();
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

/// A trailing dot or space is dropped by Windows, so that two names would meet.
fn trim_end(name: &mut String) {
    name.truncate(name.trim_end_matches(['.', ' ']).len());
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
    let mut short = format!("{}{extension}", &name[..end]);
    trim_end(&mut short);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_stays_as_it_would_be_written() {
        let long = "a".repeat(NAME_LIMIT);
        for (text, expected) in [
            ("17", true),
            ("file-1.2_x.iso", true),
            (".hidden", true),
            ("..x", true),
            (&*long, true),
            (&*(long.clone() + "a"), false),
            ("", false),
            ("a.", false),
            ("..", false),
            (" a", false),
            ("a/b", false),
            ("nul", false),
            ("Com1.txt", false),
            ("conout", true),
            ("\u{e9}", false),
        ] {
            assert_eq!(is_plain(text), expected, "{text}");
            assert_eq!(FileName::sanitized(text), FileName::rewritten(text), "{text}");
        }
    }

    #[test]
    fn names_come_from_the_last_segment() {
        for (url, expected) in [
            ("http://h/f.iso", "f.iso"),
            ("http://h/a/b/f.tar.gz?x=/y#z/w", "f.tar.gz"),
            ("http://h", "index.html"),
            ("http://h/", "index.html"),
            ("http://h/dir/", "dir"),
            ("http://h///a//dir///?x=/f", "dir"),
            ("http://h///", "index.html"),
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
            assert_eq!(FileName::of_url(url).as_str(), expected, "{url}");
        }
    }

    #[test]
    fn long_names_keep_their_ending() {
        for (name, ending) in [
            ("x".repeat(300) + ".tar", ".tar"),
            ("ü".repeat(200) + ".zip", ".zip"),
            ("y".repeat(400), "y"),
        ] {
            let short = FileName::sanitized(&name).0;
            assert!(short.len() <= NAME_LIMIT, "{} bytes", short.len());
            assert!(short.len() > NAME_LIMIT - 4);
            assert!(short.ends_with(ending));
        }
    }
}
