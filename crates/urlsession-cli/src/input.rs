//! Files that the shell is given, and standard input in place of one.

use crate::exit::Failure;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a file of at most so many bytes, or with `-` standard input; what is longer, or no UTF-8,
/// ends with that exit code.
pub(crate) fn text(path: &Path, limit: u64, code: u8) -> Result<String, Failure> {
    String::from_utf8(bytes(path, limit, code)?)
        .map_err(|_| Failure::new(code, format!("{}: not UTF-8", path.display())))
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
