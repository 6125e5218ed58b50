//! Cuts a stream of bytes into lines without ever holding more than one line may have.

use super::Closed;
use crate::line::{LINE_LIMIT, LineError};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes asked of the socket at first; a longer line doubles it up to [`LINE_LIMIT`].
const READ_BYTES: usize = 8 * 1024;
/// Most bytes that a quiet connection keeps for lines to come.
const KEPT_BYTES: usize = 64 * 1024;

/// Splits what a client writes into lines and never holds more than [`LINE_LIMIT`] bytes of it.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Where the next line begins in `buffer`.
    start: usize,
    /// No newline is between `start` and here.
    searched: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, searched: 0 }
    }

    /// Returns the next line with its newline, `None` at the end. A last line without newline was
    /// not finished by its writer and does not count. Loses nothing when it is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>, Closed> {
        loop {
            if let Some(length) = self.buffer[self.searched..].iter().position(|&b| b == b'\n') {
                let line = self.start..self.searched + length + 1;
                self.start = line.end;
                self.searched = line.end;
                return Ok(Some(&self.buffer[line]));
            }
            self.make_room()?;
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn make_room(&mut self) -> Result<(), Closed> {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.searched = self.buffer.len();
        let length = self.buffer.len();
        if length >= LINE_LIMIT {
            return Err(LineError::TooLong.into());
        }
        if length == self.buffer.capacity() {
            self.buffer.reserve_exact((length.max(READ_BYTES)).min(LINE_LIMIT - length));
        } else if length == 0 {
            self.buffer.shrink_to(KEPT_BYTES);
        }
        Ok(())
    }
}
