//! Tells the starter, over a pipe that it handed over, that clients can connect.

use crate::READY_VARIABLE;
use rustix::fs::FileType;
use rustix::io::FdFlags;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

/// Longest line told, in bytes; a pipe takes that much at once (POSIX `PIPE_BUF` is 512 or more).
const LINE_BYTES: usize = 512;

/// The starter's pipe, if there is one. Dropping it without a word tells the starter that the
/// daemon died.
#[derive(Debug)]
pub(crate) struct Ready {
    pipe: Option<File>,
}

impl Ready {
    /// Takes the pipe that the environment names; no later child of this process gets it.
    pub(crate) fn inherited() -> Self {
        let number = std::env::var(READY_VARIABLE).ok().and_then(|text| text.parse().ok());
        Self { pipe: number.and_then(take).map(File::from) }
    }

    /// Says whether a starter waits.
    pub(crate) fn is_awaited(&self) -> bool {
        self.pipe.is_some()
    }

    /// Tells that clients can connect.
    pub(crate) fn tell(&mut self) {
        self.write("ready");
    }

    /// Tells why no client can connect.
    pub(crate) fn tell_error(&mut self, error: &anyhow::Error) {
        self.write(&format!("error: {error:#}"));
    }

    fn write(&mut self, text: &str) {
        let Some(mut pipe) = self.pipe.take() else { return };
        let mut line = text.replace(|c: char| c.is_control(), " ");
        line.truncate(line.floor_char_boundary(LINE_BYTES - 1));
        line.push('\n');
        // A starter that is gone does not care.
        let _ = pipe.write_all(line.as_bytes());
    }
}

/// Takes the descriptor of that number, unless it is no pipe: the variable may come from a starter
/// long gone, and the number may mean something else by now.
#[expect(unsafe_code, reason = "a number from the environment becomes a descriptor")]
fn take(number: RawFd) -> Option<OwnedFd> {
    if number <= 2 {
        return None;
    }
    // SAFETY: it is only asked what it is, and an unused number answers EBADF. Nothing closes it
    // meanwhile, for this is the first thing that the process does.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let kind = FileType::from_raw_mode(rustix::fs::fstat(borrowed).ok()?.st_mode);
    if kind != FileType::Fifo {
        return None;
    }
    rustix::io::fcntl_setfd(borrowed, FdFlags::CLOEXEC).ok()?;
    // SAFETY: it is open, and the starter handed it over by its number: nobody else here owns it.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}
