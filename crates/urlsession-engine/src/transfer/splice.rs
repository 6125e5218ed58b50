//! The short way of a plain body: the kernel moves it from the socket into the part file.
//!
//! ```text
//!   hyper: request, response head ──the loan is called──> splice(2): socket → pipe → file
//!     ^                                                                        |
//!     +----------- a fresh handshake on the same connection at the end --------+
//! ```
//!
//! Linux only: elsewhere no [`Pipe`] can be made, and every body takes the long way.

use super::errors::{self, Failure, Place};
use super::metrics::Transaction;
use super::part::Part;
use super::upload::Outbound;
use super::wire::{Counted, Wire};
use bytes::Bytes;
use hyper::client::conn::http1::Connection;
use hyper_util::rt::TokioIo;
use std::fs::File;
use std::io;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// Shorter bodies take the long way: the change over would cost more than it saves.
pub(super) const SPLICE_MINIMUM: u64 = 1024 * 1024;
/// Most bytes moved at once, and the room of the pipe where the system grants it. Measured: more
/// falls out of the processor's cache between the two moves, and costs up to a third more.
const PIPE_SIZE: usize = 256 * 1024;

/// A connection that hyper runs, to be had back.
#[derive(Debug)]
pub(super) struct Loan(oneshot::Sender<oneshot::Sender<Returned>>);

/// A connection without hyper, and the bytes that hyper had read ahead.
type Returned = (TcpStream, Bytes);

impl Loan {
    /// Runs the connection until it ends or is called back.
    pub(super) fn run(mut connection: Connection<TokioIo<Counted<TcpStream>>, Outbound>) -> Self {
        let (loan, mut called) = oneshot::channel::<oneshot::Sender<Returned>>();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                Ok(caller) = &mut called => {
                    let parts = connection.into_parts();
                    // A connection that nobody waits for any more is closed.
                    let _ = caller.send((parts.io.into_inner().into_inner(), parts.read_buf));
                }
                // What fails here is told to the request.
                _ = &mut connection => {}
            }
        });
        Self(loan)
    }

    /// Takes the connection back; `None` if it has ended.
    pub(super) async fn call(self) -> Option<Returned> {
        let (caller, returned) = oneshot::channel();
        self.0.send(caller).ok()?;
        returned.await.ok()
    }
}

/// The rest of a body, whose bytes never enter this process.
#[derive(Debug)]
pub(super) struct Detour {
    pub(super) stream: TcpStream,
    pub(super) wire: Arc<Wire>,
    pub(super) pipe: Pipe,
    /// Bytes that have yet to come.
    pub(super) left: u64,
    pub(super) transaction: Transaction,
}

impl Detour {
    /// Appends the next bytes to the part, some of so many at most; 0 is the end of the body.
    /// Losing the future loses no bytes.
    pub(super) async fn advance(&mut self, part: &mut Part, most: u64) -> Result<usize, Failure> {
        let most = usize::try_from(self.left.min(most)).unwrap_or(PIPE_SIZE).min(PIPE_SIZE);
        if most == 0 {
            return Ok(0);
        }
        let fill = || self.pipe.fill(&self.stream, most);
        let moved = match self.stream.async_io(Interest::READABLE, fill).await {
            Ok(0) => return Err(Failure::lost(format!("{} bytes are missing", self.left))),
            Ok(moved) => moved,
            Err(error) => return Err(errors::io(Place::Wire, &error)),
        };
        self.wire.count_received(moved);
        self.transaction.received(moved, false);
        self.left -= moved as u64;
        part.drain(&self.pipe, moved)?;
        Ok(moved)
    }
}

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

    fn fill(&self, stream: &TcpStream, most: usize) -> io::Result<usize> {
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

    fn fill(&self, _stream: &TcpStream, _most: usize) -> io::Result<usize> {
        match *self {}
    }

    pub(super) fn drain(&self, _file: &File, _most: usize) -> io::Result<usize> {
        match *self {}
    }
}
