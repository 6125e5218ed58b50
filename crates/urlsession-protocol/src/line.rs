//! One message as one line of JSON, bounded, without IO.

use serde::{Serialize, de::DeserializeOwned};

/// Longest line either side may write, its newline included, in bytes.
pub const LINE_LIMIT: usize = 1024 * 1024;

/// Says what is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The line is longer than [`LINE_LIMIT`].
    #[error("a line is longer than {LINE_LIMIT} bytes")]
    TooLong,
    /// The line is not UTF-8.
    #[error("a line is not UTF-8")]
    NotUtf8,
    /// The line is no message.
    #[error("a line is no message: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The message has a path that no line can spell.
    #[error("the path of a file or folder is not UTF-8: give it another name")]
    Unspellable,
}

impl LineError {
    /// Describes the error without quoting the line, which may hold a secret.
    #[must_use]
    pub fn for_log(&self) -> String {
        use serde_json::error::Category;
        match self {
            Self::TooLong | Self::NotUtf8 | Self::Unspellable => self.to_string(),
            Self::Malformed(error) => {
                let what = match error.classify() {
                    Category::Io => "cannot be written",
                    Category::Syntax => "is no JSON",
                    Category::Data => "is no message",
                    Category::Eof => "ends too early",
                };
                format!("a line {what} (column {})", error.column())
            }
        }
    }
}

/// Writes a message as one line, newline included.
///
/// # Errors
/// The message is too long, or has a path that is not UTF-8.
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, LineError> {
    // Longer ones are few.
    let mut line = Vec::with_capacity(1024);
    append(&mut line, message)?;
    Ok(line)
}

/// Writes a message as one line behind others, which stay as they are in any case.
///
/// # Errors
/// As [`encode`].
pub fn append<M: Serialize>(lines: &mut Vec<u8>, message: &M) -> Result<(), LineError> {
    let before = lines.len();
    let written = serde_json::to_writer(&mut *lines, message);
    // Nothing else of a message cannot be written into memory.
    let written = written.map_err(|_| LineError::Unspellable);
    lines.push(b'\n');
    let written = match written {
        Ok(()) if lines.len() - before > LINE_LIMIT => Err(LineError::TooLong),
        written => written,
    };
    if written.is_err() {
        lines.truncate(before);
    }
    written
}

/// Reads a message from one line, with or without its newline.
///
/// # Errors
/// The line is too long or no message of this kind.
pub fn decode<M: DeserializeOwned>(line: &[u8]) -> Result<M, LineError> {
    if line.len() > LINE_LIMIT {
        return Err(LineError::TooLong);
    }
    // Checked for the whole line: the JSON reader looks at the strings it keeps only.
    let text = std::str::from_utf8(line).map_err(|_| LineError::NotUtf8)?;
    Ok(serde_json::from_str(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorCode};

    #[test]
    fn a_line_is_one_line() {
        let error = Error::new(ErrorCode::CANCELLED).because("a\nb\r\u{2028}");
        let line = encode(&error).unwrap();
        assert_eq!(line.iter().filter(|&&b| b == b'\n').count(), 1);
        assert_eq!(line.last(), Some(&b'\n'));
        assert_eq!(decode::<Error>(&line).unwrap(), error);
        assert_eq!(decode::<Error>(line.trim_ascii_end()).unwrap(), error);
    }

    #[test]
    fn what_cannot_be_a_line_leaves_no_trace() {
        let mut lines = encode(&7).unwrap();
        assert!(append(&mut lines, &"x".repeat(LINE_LIMIT)).is_err());
        append(&mut lines, &8).unwrap();
        assert_eq!(lines, b"7\n8\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_cannot_be_spelled_is_named_as_that() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = std::path::Path::new(std::ffi::OsStr::from_bytes(b"/a\xff"));
        assert!(matches!(encode(&path), Err(LineError::Unspellable)));
    }

    #[test]
    fn the_limit_counts_the_newline() {
        let fits = "x".repeat(LINE_LIMIT - 3);
        let line = encode(&fits).unwrap();
        assert_eq!(line.len(), LINE_LIMIT);
        assert_eq!(decode::<String>(&line).unwrap(), fits);
        assert!(matches!(encode(&format!("{fits}x")), Err(LineError::TooLong)));
        assert!(matches!(decode::<String>(&[line, vec![b' ']].concat()), Err(LineError::TooLong)));
    }

    #[test]
    fn hostile_lines_are_errors() {
        let deep = "[".repeat(LINE_LIMIT);
        let cases: &[&[u8]] = &[
            b"",
            b"\n",
            b"\0",
            b"{",
            b"null",
            br#"{"code":1}{"code":2}"#,
            br#"{"code":1e99,"message":""}"#,
            br#"{"code":1,"message":"\ud800"}"#,
            b"{\"code\":1,\"message\":\"\xff\"}",
            b"{\"code\":1,\"message\":\"\",\"ignored\":\"\xff\"}",
            b"\xef\xbb\xbf{\"code\":1,\"message\":\"\"}",
            deep.as_bytes(),
        ];
        for case in cases {
            let shown = String::from_utf8_lossy(&case[..case.len().min(80)]);
            assert!(decode::<Error>(case).is_err(), "{shown}");
        }
    }
}
