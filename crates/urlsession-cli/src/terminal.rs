//! The two ways out: data on standard output, talk on standard error.

use std::io::{self, Write as _};

/// Writes data, which ends with its own newline.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Columns of a line of output where nobody says how many there are.
const WIDTH: usize = 80;

/// Returns how many columns a line of data may have.
pub(crate) fn width() -> usize {
    console::Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns))
}

/// Writes data that is wanted on standard error.
pub(crate) fn complain(text: &str) -> io::Result<()> {
    io::stderr().lock().write_all(text.as_bytes())
}

/// Writes one line of talk. Nobody to listen is no reason to fail.
pub(crate) fn say(line: &str) -> io::Result<()> {
    // One write, so that lines of parallel processes do not mix.
    let _ = io::stderr().lock().write_all(format!("{line}\n").as_bytes());
    Ok(())
}
