//! A connection to an engine: over a socket or in memory, opened by the same two messages.

use crate::deadline::Deadline;
use std::time::Duration;
use urlsession_protocol::{
    CallId, ClientMessage, DaemonMessage, Error, ErrorCode, Hello, PROTOCOL_VERSION,
};

#[cfg(unix)]
use {
    std::io::{self, BufRead as _, BufReader, Read as _, Write as _},
    std::os::unix::net::UnixStream,
    urlsession_protocol::line::{self, LINE_LIMIT},
};

/// Longest a daemon may leave a line of ours unread before the connection counts as dead.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes that are read at once, where there are so many.
#[cfg(unix)]
const READ_LENGTH: usize = 64 * 1024;
/// Number of the call that opens a connection; the others count from 1.
pub(crate) const OPENING_CALL: CallId = CallId(0);

/// Both directions.
pub(crate) struct Transport {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
}

pub(crate) enum Sender {
    #[cfg(unix)]
    Socket(UnixStream),
    #[cfg(feature = "embedded")]
    Memory(tokio::sync::mpsc::Sender<ClientMessage>),
}

pub(crate) enum Receiver {
    #[cfg(unix)]
    Socket(Lines),
    #[cfg(feature = "embedded")]
    Memory(Queue),
}

/// Messages of an engine in this process.
#[cfg(feature = "embedded")]
pub(crate) struct Queue {
    pub(crate) incoming: tokio::sync::mpsc::Receiver<DaemonMessage>,
    /// Where the engine runs.
    pub(crate) runtime: tokio::runtime::Handle,
}

/// Why a message was not sent.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// The message itself is at fault; nothing was written.
    Illegal(Error),
    /// The connection is.
    Lost,
}

/// Why no message was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreceived {
    /// The connection is gone.
    Lost,
    /// The time is up; what arrived of a line is kept for the next call.
    TimedOut,
}

impl Transport {
    #[cfg(unix)]
    pub(crate) fn over(stream: UnixStream) -> io::Result<Self> {
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let reader = BufReader::with_capacity(READ_LENGTH, stream.try_clone()?);
        let lines = Lines { stream: reader, line: Vec::new(), timed: false };
        Ok(Self { sender: Sender::Socket(stream), receiver: Receiver::Socket(lines) })
    }

    #[cfg(feature = "embedded")]
    pub(crate) fn in_memory(
        end: urlsession_protocol::connection::ClientEnd,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        let queue = Queue { incoming: end.incoming, runtime };
        Self { sender: Sender::Memory(end.outgoing), receiver: Receiver::Memory(queue) }
    }

    /// Exchanges hellos; returns the daemon's. In memory there are none: both sides are one program.
    pub(crate) fn greet(&mut self, deadline: Deadline) -> Result<Option<Hello>, Error> {
        #[cfg(feature = "embedded")]
        if matches!(self.sender, Sender::Memory(_)) {
            return Ok(None);
        }
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            program: concat!("urlsession ", env!("CARGO_PKG_VERSION")).to_owned(),
            pid: std::process::id(),
            state: None,
        };
        self.sender.send(&ClientMessage::Hello(hello)).map_err(|_| lost("the daemon hung up"))?;
        match self.receiver.receive(deadline) {
            Ok(DaemonMessage::Hello(theirs)) if theirs.protocol == PROTOCOL_VERSION => {
                Ok(Some(theirs))
            }
            Ok(DaemonMessage::Hello(theirs)) => Err(lost(format!(
                "the running daemon ({}) speaks version {} of the protocol, this program version \
                 {PROTOCOL_VERSION}",
                theirs.program.escape_debug(),
                theirs.protocol
            ))),
            Ok(DaemonMessage::Goodbye { reason }) => {
                Err(lost(format!("the daemon said: {reason}")))
            }
            Ok(DaemonMessage::Reply { .. } | DaemonMessage::Event { .. }) => {
                Err(lost("the daemon did not greet"))
            }
            Err(Unreceived::Lost) => Err(lost("the daemon hung up")),
            Err(Unreceived::TimedOut) => Err(lost("the daemon did not answer in time")),
        }
    }
}

impl Sender {
    /// Returns the number that the daemon's process has here. What the daemon says itself may be
    /// another process's here: it may count in a namespace of its own.
    #[cfg(target_os = "linux")]
    pub(crate) fn process(&self) -> Option<u32> {
        match self {
            Self::Socket(stream) => crate::ownership::process_of(stream),
            #[cfg(feature = "embedded")]
            Self::Memory(_) => None,
        }
    }

    /// Writes the message whole, or says why not.
    pub(crate) fn send(&mut self, message: &ClientMessage) -> Result<(), Unsent> {
        match *self {
            #[cfg(unix)]
            Self::Socket(ref mut stream) => {
                stream.write_all(&encode(message)?).map_err(|_| Unsent::Lost)
            }
            // The window of unanswered calls and that of unacknowledged events are smaller than
            // the queue: a full one means that nobody empties it.
            #[cfg(feature = "embedded")]
            Self::Memory(ref queue) => queue.try_send(message.clone()).map_err(|_| Unsent::Lost),
        }
    }

    /// Writes all messages together; what could not be written may be any of them.
    pub(crate) fn send_all(&mut self, messages: &[ClientMessage]) -> Result<(), Unsent> {
        match *self {
            #[cfg(unix)]
            Self::Socket(ref mut stream) => {
                let mut lines = Vec::new();
                for message in messages {
                    lines.extend(encode(message)?);
                }
                stream.write_all(&lines).map_err(|_| Unsent::Lost)
            }
            #[cfg(feature = "embedded")]
            Self::Memory(_) => messages.iter().try_for_each(|message| self.send(message)),
        }
    }

    /// Ends both directions, which ends the receiver's wait too. What was written stays written.
    pub(crate) fn close(&self) {
        match *self {
            #[cfg(unix)]
            Self::Socket(ref stream) => drop(stream.shutdown(std::net::Shutdown::Both)),
            // The engine ends its direction when ours is dropped.
            #[cfg(feature = "embedded")]
            Self::Memory(_) => {}
        }
    }
}

#[cfg(unix)]
fn encode(message: &ClientMessage) -> Result<Vec<u8>, Unsent> {
    let illegal = |error| Unsent::Illegal(Error::new(ErrorCode::UNKNOWN).because(error));
    line::encode(message).map_err(illegal)
}

impl Receiver {
    /// Waits for the next message; lines that are none are logged and skipped.
    pub(crate) fn receive(&mut self, deadline: Deadline) -> Result<DaemonMessage, Unreceived> {
        match *self {
            #[cfg(unix)]
            Self::Socket(ref mut lines) => loop {
                match crate::line::decode(lines.next(deadline)?) {
                    Ok(message) => return Ok(message),
                    Err(error) => tracing::warn!(%error, "skipped a line of the daemon"),
                }
            },
            #[cfg(feature = "embedded")]
            Self::Memory(ref mut queue) => queue.incoming.blocking_recv().ok_or(Unreceived::Lost),
        }
    }

    /// Takes the next message if it is here already.
    pub(crate) fn take_ready(&mut self) -> Option<DaemonMessage> {
        match *self {
            #[cfg(unix)]
            Self::Socket(ref mut lines) => loop {
                match crate::line::decode(lines.next_ready()?) {
                    Ok(message) => return Some(message),
                    Err(error) => tracing::warn!(%error, "skipped a line of the daemon"),
                }
            },
            #[cfg(feature = "embedded")]
            Self::Memory(ref mut queue) => queue.incoming.try_recv().ok(),
        }
    }
}

/// Lines of a socket; one that was interrupted by a deadline goes on later.
#[cfg(unix)]
pub(crate) struct Lines {
    stream: BufReader<UnixStream>,
    line: Vec<u8>,
    /// Whether the socket has a read timeout.
    timed: bool,
}

#[cfg(unix)]
impl Lines {
    fn next(&mut self, deadline: Deadline) -> Result<&[u8], Unreceived> {
        if self.line.ends_with(b"\n") {
            self.line.clear();
        }
        loop {
            // What has been read already is not waited for.
            if !self.stream.buffer().contains(&b'\n') {
                self.wait_until(deadline)?;
            }
            let room = (LINE_LIMIT - self.line.len()) as u64;
            match self.stream.by_ref().take(room).read_until(b'\n', &mut self.line) {
                Ok(_) if self.line.ends_with(b"\n") => return Ok(&self.line),
                // The end, or a line that is too long.
                Ok(_) => return Err(Unreceived::Lost),
                Err(error) if is_timeout(&error) => {}
                Err(_) => return Err(Unreceived::Lost),
            }
        }
    }

    /// Returns the next line if all of it has been read from the socket.
    fn next_ready(&mut self) -> Option<&[u8]> {
        if !self.stream.buffer().contains(&b'\n') {
            return None;
        }
        self.next(Deadline::never()).ok()
    }

    /// Lets the next read end with the deadline.
    fn wait_until(&mut self, deadline: Deadline) -> Result<(), Unreceived> {
        let remaining = deadline.remaining();
        if remaining == Some(Duration::ZERO) {
            return Err(Unreceived::TimedOut);
        }
        if remaining.is_some() || self.timed {
            let socket = self.stream.get_ref();
            socket.set_read_timeout(remaining).map_err(|_| Unreceived::Lost)?;
            self.timed = remaining.is_some();
        }
        Ok(())
    }
}

/// Makes the error of a connection that is gone or never was.
pub(crate) fn lost(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED).because(why)
}

#[cfg(unix)]
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
