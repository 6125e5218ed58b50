//! A pipe through which the kernel moves bytes from a socket into a file.
//!
//! Linux only: elsewhere no [`Pipe`] can be made.

use std::fs::File;
use std::io;
use tokio::net::TcpStream;

/// Most bytes moved at once, and the room of the pipe where the system grants it. Measured: more
/// falls out of the processor's cache between the two moves, and costs up to a third more.
pub(super) const PIPE_SIZE: usize = 256 * 1024;

/// A pipe that is empty whenever nobody works on it.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(super) struct Pipe {
    read: std::os::fd::OwnedFd,
    write: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Pipe {
    pub(super) fn new() -> io::Result<Self> {
        use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // A user with many pipes gets small ones, which are slower and not wrong.
        let _ = fcntl_setpipe_size(&write, PIPE_SIZE);
        Ok(Self { read, write })
    }

    /// Takes bytes that have come over the connection, at most as many as the pipe has room for.
    pub(super) fn fill(&self, stream: &TcpStream, most: usize) -> io::Result<usize> {
        use rustix::pipe::{SpliceFlags, splice};
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        Ok(rustix::io::retry_on_intr(|| splice(stream, None, &self.write, None, most, flags))?)
    }

    /// Moves bytes to the file's position; may block as a write does.
    pub(super) fn drain(&self, file: &File, most: usize) -> io::Result<usize> {
        use rustix::pipe::{SpliceFlags, splice};
        let flags = SpliceFlags::MOVE;
        Ok(rustix::io::retry_on_intr(|| splice(&self.read, None, file, None, most, flags))?)
    }
}

#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(super) enum Pipe {}

#[cfg(not(target_os = "linux"))]
impl Pipe {
    pub(super) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn fill(&self, _stream: &TcpStream, _most: usize) -> io::Result<usize> {
        match *self {}
    }

    pub(super) fn drain(&self, _file: &File, _most: usize) -> io::Result<usize> {
        match *self {}
    }
}
