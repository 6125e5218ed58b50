//! Lists of URLs (`-i FILE`): one a line, with the indented options that aria2 users know.
//!
//! ```text
//! # a comment
//! https://example.org/disk.iso
//!   out=linux.iso
//!   dir=/srv/images
//!   header=Authorization: Bearer …
//!   checksum=sha-256=9f86d0…
//! ```

use crate::args;
use crate::exit::{self, Failure};
use crate::input;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// Longest line, in bytes: a URL or a header field is not longer.
const LINE_LIMIT: usize = 64 * 1024 + 256;
/// Most URLs of one list.
const ENTRY_LIMIT: usize = 1_000_000;

/// One URL of a list with its own options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The URL as written.
    pub(crate) url: String,
    /// The file's name.
    pub(crate) out: Option<PathBuf>,
    /// The line of the list that it begins on; `None` where it was typed.
    pub(crate) line: Option<u64>,
    /// The place of its URL among those that were typed, from 0.
    pub(crate) number: usize,
    /// Whether what comes is thrown away.
    pub(crate) drops: bool,
    /// What is sent.
    pub(crate) upload: Option<PathBuf>,
    /// The folder.
    pub(crate) dir: Option<PathBuf>,
    /// Header fields as written; they are secrets, so no `Display` of an entry exists.
    pub(crate) headers: Vec<String>,
    /// The digest as written.
    pub(crate) checksum: Option<String>,
}

/// Returns what messages call a list.
pub(crate) fn name(list: &Path) -> String {
    match list.as_os_str() == "-" {
        true => "standard input".to_owned(),
        false => list.display().to_string(),
    }
}

/// Reads a list; `name` is what messages call it.
pub(crate) fn read(mut from: impl BufRead, name: &str) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        line.clear();
        number += 1;
        let wrong = |why: &str| Failure::usage(format!("{name}, line {number}: {why}"));
        // One byte more than allowed tells a line of the limit from a longer one.
        let mut bounded = std::io::Read::take(&mut from, LINE_LIMIT as u64 + 1);
        let length = bounded
            .read_until(b'\n', &mut line)
            .map_err(|error| Failure::new(exit::FILE, format!("{name}: {error}")))?;
        if length == 0 {
            return Ok(entries);
        }
        if length > LINE_LIMIT {
            return Err(wrong(&format!("longer than {LINE_LIMIT} bytes")));
        }
        let text = std::str::from_utf8(&line).map_err(|_| wrong("not UTF-8"))?;
        let text = if number == 1 { input::without_mark(text) } else { text };
        add_line(text.trim_end(), number, &mut entries).map_err(|why| wrong(&why))?;
        if entries.len() > ENTRY_LIMIT {
            return Err(wrong(&format!("more than {ENTRY_LIMIT} URLs")));
        }
    }
}

fn add_line(line: &str, number: u64, entries: &mut Vec<Entry>) -> Result<(), String> {
    let text = line.trim_start();
    if text.is_empty() || text.starts_with('#') {
        return Ok(());
    }
    if text.len() == line.len() {
        if text.contains('\t') {
            return Err("several mirrors on one line are not supported; keep one URL".to_owned());
        }
        entries.push(Entry { url: text.to_owned(), line: Some(number), ..Entry::default() });
        return Ok(());
    }
    let entry = entries.last_mut().ok_or("an option before the first URL")?;
    let (option, value) = text.split_once('=').ok_or("an indented line is option=value")?;
    match option.trim() {
        "out" => entry.out = Some(value.into()),
        "dir" => entry.dir = Some(value.into()),
        "header" => entry.headers.push(value.to_owned()),
        "checksum" => {
            args::checksum(value)?;
            entry.checksum = Some(value.to_owned());
        }
        // The value may be a secret and is not repeated.
        _ => return Err("unknown option; there are out, dir, header and checksum".to_owned()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Entry>, String> {
        read(text.as_bytes(), "list").map_err(|failure| failure.message)
    }

    #[test]
    fn a_list_has_urls_comments_and_options() {
        let entries = parse(
            "\u{feff}# mirrors\r\nhttp://h/a\r\n\n  out=b=c.iso\n\tdir=/srv\n  # note\n  \
             header=X: 1\n header=Y: 2\n checksum=md5=00000000000000000000000000000000\nhttp://h/d#e",
        )
        .unwrap();
        assert_eq!(
            entries,
            [
                Entry {
                    url: "http://h/a".into(),
                    line: Some(2),
                    out: Some("b=c.iso".into()),
                    dir: Some("/srv".into()),
                    headers: vec!["X: 1".into(), "Y: 2".into()],
                    checksum: Some("md5=00000000000000000000000000000000".into()),
                    ..Entry::default()
                },
                Entry { url: "http://h/d#e".into(), line: Some(10), ..Entry::default() },
            ]
        );
        assert_eq!(parse(""), Ok(vec![]));
    }

    #[test]
    fn a_wrong_list_names_the_line() {
        for (text, expected) in [
            ("  out=x", "list, line 1: an option before the first URL"),
            ("http://h\n  out", "list, line 2: an indented line is option=value"),
            (
                "http://h\n pass=x",
                "list, line 2: unknown option; there are out, dir, header and checksum",
            ),
            (
                "http://h\n checksum=md5=x",
                "list, line 2: a digest of this type has 32 hexadecimal digits",
            ),
            (
                "http://h\thttp://i",
                "list, line 1: several mirrors on one line are not supported; keep one URL",
            ),
        ] {
            assert_eq!(parse(text), Err(expected.to_owned()));
        }
        let long = format!("# ok\nhttp://h/{}", "x".repeat(LINE_LIMIT));
        assert_eq!(parse(&long), Err(format!("list, line 2: longer than {LINE_LIMIT} bytes")));
        assert_eq!(read(&b"\xff\n"[..], "-").unwrap_err().message, "-, line 1: not UTF-8");
    }
}
