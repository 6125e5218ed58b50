//! Files that the shell is given, and standard input in place of one.

use crate::exit::Failure;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a file of at most so many bytes, or with `-` standard input; what is longer, or no UTF-8,
/// ends with that exit code. A byte order mark is none of it.
pub(crate) fn text(path: &Path, limit: u64, code: u8) -> Result<String, Failure> {
    let mut text = String::from_utf8(bytes(path, limit, code)?)
        .map_err(|_| Failure::new(code, format!("{}: not UTF-8", path.display())))?;
    text.drain(..text.len() - without_mark(&text).len());
    Ok(text)
}

/// Returns a text without the byte order mark with which some editors begin it.
pub(crate) fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

/// The same, whatever its bytes are.
pub(crate) fn bytes(path: &Path, limit: u64, code: u8) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
    };
    let read = read.map_err(|error| Failure::file(path, &error))?;
    if read as u64 > limit {
        return Err(Failure::new(code, format!("{}: more than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use crate::{args, condition};

    #[test]
    fn no_file_has_its_mark_for_a_letter() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\u{feff}X-Key: secret\r\n").unwrap();
        let typed = format!("@{}", file.path().display());
        let fields = args::header_fields(&[typed]).unwrap();
        assert_eq!(fields.sent, [urlsession::Header::new("X-Key", "secret")]);
        std::fs::write(file.path(), "\u{feff}\"a\"").unwrap();
        let field = condition::etag_field(file.path()).unwrap().unwrap();
        assert_eq!(field.value.expose(), "\"a\"");
    }
}
