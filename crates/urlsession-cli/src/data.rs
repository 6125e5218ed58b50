//! `--data` and its relatives: what is typed as the bytes that are sent, or as part of a URL.

use crate::args::Datum;
use crate::exit::Failure;
use crate::plan::bounded;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use std::fs::File;
use std::io;
use std::path::Path;

/// What stays as it is in encoded data (RFC 3986 section 2.3).
pub(crate) const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns what all of it is together.
pub(crate) fn read(data: &[Datum]) -> Result<Vec<u8>, Failure> {
    let mut whole = Vec::new();
    for (number, datum) in data.iter().enumerate() {
        if number > 0 {
            whole.push(b'&');
        }
        match datum {
            Datum::Raw(text) => whole.extend_from_slice(text.as_bytes()),
            Datum::Plain(text) => match text.strip_prefix('@') {
                None => whole.extend_from_slice(text.as_bytes()),
                Some(path) => whole.extend(file(path)?),
            },
            Datum::Encoded(text) => whole.extend(encoded(text)?.into_bytes()),
        }
    }
    Ok(whole)
}

/// Adds data to the query of a URL, before its fragment.
pub(crate) fn with_query(url: &str, data: &str) -> String {
    if data.is_empty() {
        return url.to_owned();
    }
    let (url, fragment) = match url.split_once('#') {
        Some((url, fragment)) => (url, format!("#{fragment}")),
        None => (url, String::new()),
    };
    let mark = match url.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{url}{mark}{data}{fragment}")
}

/// Encodes `CONTENT`, `=CONTENT`, `NAME=CONTENT`, `@FILE` or `NAME@FILE`; a name stays as it is.
pub(crate) fn encoded(text: &str) -> Result<String, Failure> {
    let encode = |bytes: &[u8]| percent_encode(bytes, ENCODED).to_string();
    let Some(at) = text.find(['=', '@']) else { return Ok(encode(text.as_bytes())) };
    let (name, rest) = text.split_at(at);
    let content = match rest.strip_prefix('@') {
        Some(path) => encode(&file(path)?),
        None => encode(&rest.as_bytes()[1..]),
    };
    Ok(if name.is_empty() { content } else { format!("{name}={content}") })
}

fn file(path: &str) -> Result<Vec<u8>, Failure> {
    if path == "-" {
        return bounded(io::stdin().lock(), "standard input");
    }
    let file = File::open(path).map_err(|e| Failure::file(Path::new(path), &e))?;
    bounded(file, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_joined_and_encoded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        std::fs::write(&file, "a b\n").unwrap();
        let file = file.to_str().unwrap();
        let data = [
            Datum::Plain("x=@y".into()),
            Datum::Raw("@z".into()),
            Datum::Plain(format!("@{file}")),
            Datum::Encoded("n=ä &".into()),
            Datum::Encoded("=1+1".into()),
            Datum::Encoded("so [it] is".into()),
            Datum::Encoded(format!("m@{file}")),
            Datum::Encoded(format!("@{file}")),
        ];
        let whole = "x=@y&@z&a b\n&n=%C3%A4%20%26&1%2B1&so%20%5Bit%5D%20is&m=a%20b%0A&a%20b%0A";
        assert_eq!(String::from_utf8(read(&data).unwrap()).unwrap(), whole);
        assert!(read(&[Datum::Plain("@/nonexistent".into())]).is_err());
    }

    #[test]
    fn queries_grow_before_the_fragment() {
        for (url, expected) in [
            ("http://h/", "http://h/?a"),
            ("http://h/?", "http://h/?a"),
            ("http://h/?b#c", "http://h/?b&a#c"),
            ("http://h/#c?d", "http://h/?a#c?d"),
        ] {
            assert_eq!(with_query(url, "a"), expected, "{url}");
        }
        assert_eq!(with_query("http://h/", ""), "http://h/");
    }
}
