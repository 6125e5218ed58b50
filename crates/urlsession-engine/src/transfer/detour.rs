//! The short way of a long body: without hyper, from the connection into the part file.
//!
//! ```text
//!   hyper: request, response head ──the loan is called──> plain: socket → pipe → file, in the kernel
//!     ^                                                   else:  TLS → one buffer → file
//!     +------------ a fresh handshake on the same line at the end ------------------------+
//! ```
//!
//! Who reads is who writes: no other task is woken for a piece, and its bytes stay in the cache of
//! one processor.

use super::errors::{self, Failure};
use super::line::Line;
use super::metrics::Transaction;
use super::part::Part;
use super::splice::{PIPE_SIZE, Pipe};
use super::upload::Outbound;
use super::wire::{Counted, Wire};
use bytes::Bytes;
use hyper::client::conn::http1::Connection;
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// Shorter bodies take the long way: the change over would cost more than it saves.
pub(super) const DETOUR_MINIMUM: u64 = 1024 * 1024;
/// Bytes that are written at once where they pass through memory.
const BUFFER: usize = 128 * 1024;

/// A connection that hyper runs, to be had back.
#[derive(Debug)]
pub(super) struct Loan(oneshot::Sender<oneshot::Sender<Returned>>);

/// A connection without hyper, and the bytes that hyper had read ahead.
type Returned = (Line, Bytes);

impl Loan {
    /// Runs the connection until it ends or is called back.
    pub(super) fn run(mut connection: Connection<TokioIo<Counted<Line>>, Outbound>) -> Self {
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

    /// Waits until the connection has ended.
    pub(super) async fn ended(&mut self) {
        self.0.closed().await;
    }

    /// Takes the connection back; `None` if it has ended.
    pub(super) async fn call(self) -> Option<Returned> {
        let (caller, returned) = oneshot::channel();
        self.0.send(caller).ok()?;
        returned.await.ok()
    }
}

/// The rest of a body.
#[derive(Debug)]
pub(super) struct Detour {
    way: Way,
    wire: Arc<Wire>,
    /// Bytes that have yet to come.
    pub(super) left: u64,
    transaction: Transaction,
}

#[derive(Debug)]
enum Way {
    /// The bytes never enter this process.
    Kernel(TcpStream, Pipe),
    /// With what has failed behind bytes that were still good.
    Memory(Line, Box<[u8]>, Option<io::Error>),
}

impl Detour {
    /// Takes the best way there is for the line; so many bytes are to come.
    pub(super) fn new(line: Line, left: u64, wire: Arc<Wire>, transaction: Transaction) -> Self {
        let in_memory = |line| Way::Memory(line, vec![0; BUFFER].into(), None);
        let way = match line {
            Line::Plain(stream) => match Pipe::new() {
                Ok(pipe) => Way::Kernel(stream, pipe),
                Err(_) => in_memory(Line::Plain(stream)),
            },
            line => in_memory(line),
        };
        Self { way, wire, left, transaction }
    }

    /// Appends the next bytes to the part, some of so many at most; 0 is the end of the body.
    /// Losing the future loses no bytes.
    pub(super) async fn advance(&mut self, part: &mut Part, most: u64) -> Result<usize, Failure> {
        let most = usize::try_from(self.left.min(most)).unwrap_or(usize::MAX);
        if most == 0 {
            return Ok(0);
        }
        let moved = match &mut self.way {
            Way::Kernel(stream, pipe) => {
                let fill = || pipe.fill(stream, most.min(PIPE_SIZE));
                stream.async_io(Interest::READABLE, fill).await
            }
            Way::Memory(line, memory, failed) => {
                let most = most.min(memory.len());
                poll_fn(|cx| poll_fill(line, failed, cx, &mut memory[..most])).await
            }
        };
        let moved = match moved {
            Ok(0) => return Err(Failure::lost(format!("{} bytes are missing", self.left))),
            Ok(moved) => moved,
            Err(error) => return Err(errors::line(&error)),
        };
        self.wire.count_received(moved);
        self.transaction.received(moved, false);
        self.left -= moved as u64;
        match &self.way {
            Way::Kernel(_, pipe) => part.drain(pipe, moved)?,
            Way::Memory(_, memory, _) => part.append(&memory[..moved])?,
        }
        Ok(moved)
    }

    /// Waits until there is something to move.
    pub(super) async fn come(&self) {
        match &self.way {
            // What became of the line is told to whoever reads.
            Way::Kernel(stream, _) => drop(stream.readable().await),
            Way::Memory(line, _, None) => line.come().await,
            Way::Memory(_, _, Some(_)) => {}
        }
    }

    /// Returns the line, where the next response begins once nothing of the body is left; `None` if
    /// it has failed.
    pub(super) fn into_line(self) -> Option<Line> {
        match self.way {
            Way::Kernel(stream, _) => Some(Line::Plain(stream)),
            Way::Memory(line, _, failed) => failed.is_none().then_some(line),
        }
    }
}

/// Reads until there is no more room, or nothing more that can be had at once. What fails behind bytes
/// is told by the next call: a line that is read on after that has another error, which is not why.
fn poll_fill(
    line: &mut (impl AsyncRead + Unpin),
    failed: &mut Option<io::Error>,
    cx: &mut Context<'_>,
    memory: &mut [u8],
) -> Poll<io::Result<usize>> {
    if let Some(error) = failed.take() {
        return Poll::Ready(Err(error));
    }
    let mut buf = ReadBuf::new(memory);
    loop {
        let before = buf.filled().len();
        let polled = Pin::new(&mut *line).poll_read(cx, &mut buf);
        let filled = buf.filled().len();
        match polled {
            Poll::Ready(Ok(())) if filled > before && buf.remaining() > 0 => {}
            Poll::Ready(Err(error)) if filled > 0 => {
                *failed = Some(error);
                return Poll::Ready(Ok(filled));
            }
            _ if filled > 0 => return Poll::Ready(Ok(filled)),
            other => return other.map_ok(|()| 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Has these pieces, then an error, and from then on others, as rustls does.
    struct Ends(VecDeque<&'static str>, VecDeque<&'static str>);

    impl AsyncRead for Ends {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if let Some(piece) = self.0.pop_front() {
                buf.put_slice(piece.as_bytes());
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Err(io::Error::other(self.1.pop_front().unwrap_or("full"))))
        }
    }

    /// pieces before the end => what is read four bytes at a time
    #[test]
    fn what_ends_a_line_is_told_behind_what_came() {
        for (pieces, expected) in [
            (&[][..], &["cannot decrypt"][..]),
            (&["ab"], &["ab", "cannot decrypt"]),
            (&["ab", "c"], &["abc", "cannot decrypt"]),
            (&["ab", "cd"], &["abcd", "cannot decrypt"]),
            (&["abcd", "e"], &["abcd", "e", "cannot decrypt"]),
        ] {
            let mut line = Ends(pieces.iter().copied().collect(), ["cannot decrypt"].into());
            let (mut failed, mut memory) = (None, [0; 4]);
            let cx = &mut Context::from_waker(std::task::Waker::noop());
            for expected in expected {
                let read = match poll_fill(&mut line, &mut failed, cx, &mut memory) {
                    Poll::Ready(Ok(read)) => String::from_utf8_lossy(&memory[..read]).into_owned(),
                    Poll::Ready(Err(error)) => error.to_string(),
                    Poll::Pending => "nothing".to_owned(),
                };
                assert_eq!(read, *expected, "{pieces:?}");
            }
        }
    }
}
