//! A channel of messages between the engine and one client, over a socket or in memory.
//!
//! ```text
//!   socket ──> Lines ──> ClientMessage ──> incoming    the reader stops while `incoming` is full
//!   socket <── batch <── DaemonMessage <── outgoing    a client that takes nothing is cut off
//! ```

mod frequent;
mod lines;

use crate::line::{self, LineError};
use crate::message::{ClientMessage, DaemonMessage, Hello, PROTOCOL_VERSION, Reply};
use crate::{Error, ErrorCode};
use lines::Lines;
use serde::Deserialize;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Most messages that wait in one direction of one connection.
pub const QUEUE_LIMIT: usize = 4096;
/// Longest time from the connection to the client's whole hello.
pub const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// Longest time that a client may leave the daemon's writes without taking a byte.
pub const STALL_LIMIT: Duration = Duration::from_secs(30);
/// Longest time to hand a refused client its goodbye.
pub const FAREWELL_LIMIT: Duration = Duration::from_secs(1);
/// Bytes of encoded messages after which a batch is written.
const BATCH_BYTES: usize = 64 * 1024;

/// The engine's end: what the client said comes in, what it is told goes out.
///
/// Dropping it closes the connection. When the client is gone, `incoming` ends.
#[derive(Debug)]
pub struct Connection {
    /// Messages of the client, [`crate::Hello`] not among them: whoever made the connection has
    /// checked it.
    pub incoming: mpsc::Receiver<ClientMessage>,
    /// Messages to the client.
    pub outgoing: mpsc::Sender<DaemonMessage>,
    /// Takes no more of the client than it has written by then: `incoming` ends behind that. `None`
    /// where only the client ends it.
    pub stop_reading: Option<oneshot::Sender<()>>,
}

/// The client's end of a connection in memory.
#[derive(Debug)]
pub struct ClientEnd {
    /// Messages to the engine.
    pub outgoing: mpsc::Sender<ClientMessage>,
    /// Messages of the engine.
    pub incoming: mpsc::Receiver<DaemonMessage>,
}

/// A client that was greeted: [`Pump::run`] moves its messages, `connection` is for the engine.
#[derive(Debug)]
pub struct Accepted<S> {
    /// What the client said of itself.
    pub hello: Hello,
    /// The engine's end.
    pub connection: Connection,
    /// Nothing moves until it runs.
    pub pump: Pump<S>,
}

/// Why a connection ended, or did not begin. No variant's text is longer than a line of a log, and
/// [`Closed::for_log`] has nothing of what the client wrote.
#[derive(Debug, thiserror::Error)]
pub enum Closed {
    /// The client went away.
    #[error("the client closed the connection")]
    ByClient,
    /// The engine dropped its end.
    #[error("the daemon closed the connection")]
    ByEngine,
    /// The first message was no hello, or did not come in time.
    #[error("the first message must be a hello, within {} s", HELLO_LIMIT.as_secs())]
    NoHello,
    /// The client speaks another protocol.
    #[error("the client speaks protocol {0}, this daemon speaks protocol {PROTOCOL_VERSION}")]
    Version(u32),
    /// The client said hello twice.
    #[error("a connection has one hello only")]
    SecondHello,
    /// The client wrote a line that is no message.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The engine said something that does not fit into a line.
    #[error("an event does not fit into a line: {0}")]
    Unsayable(LineError),
    /// The client took nothing for [`STALL_LIMIT`].
    #[error("the client reads nothing for {} s", STALL_LIMIT.as_secs())]
    Stalled,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Socket(#[from] io::Error),
}

impl Closed {
    /// Says whether the client, not chance, is to blame.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        !matches!(self, Self::ByClient | Self::ByEngine | Self::Socket(_))
    }

    /// Describes the end without anything that the client wrote, which may be a secret.
    #[must_use]
    pub fn for_log(&self) -> String {
        match self {
            Self::Line(error) => error.for_log(),
            other => other.to_string(),
        }
    }
}

impl Connection {
    /// Makes a connection in memory, for an engine in the client's own process and for tests.
    #[must_use]
    pub fn pair() -> (Self, ClientEnd) {
        let (to_engine, from_client) = mpsc::channel(QUEUE_LIMIT);
        let (to_client, from_engine) = mpsc::channel(QUEUE_LIMIT);
        (
            Self { incoming: from_client, outgoing: to_client, stop_reading: None },
            ClientEnd { outgoing: to_engine, incoming: from_engine },
        )
    }

    /// Exchanges hellos with a client that has just connected.
    ///
    /// # Errors
    /// The client was no client, too slow or of another version; it has been told so where it
    /// could be told, and the stream is closed.
    pub async fn accept<S>(stream: S, ours: &Hello) -> Result<Accepted<S>, Closed>
    where
        S: AsyncRead + AsyncWrite,
    {
        let (read, mut writer) = tokio::io::split(stream);
        let mut lines = Lines::new(read);
        let hello = match timeout(HELLO_LIMIT, first_hello(&mut lines)).await {
            Ok(Ok(hello)) => hello,
            Ok(Err(closed)) => return Err(dismiss(writer, closed).await),
            Err(_) => return Err(dismiss(writer, Closed::NoHello).await),
        };
        let greeting = line::encode(&DaemonMessage::Hello(ours.clone()))?;
        write_moving(&mut writer, &greeting).await?;
        let (mut connection, ends) = Self::pair();
        let (stop_reading, is_last) = oneshot::channel();
        connection.stop_reading = Some(stop_reading);
        let pump = Pump { lines, writer, ends, is_last };
        Ok(Accepted { hello, connection, pump })
    }
}

/// Moves messages between the socket and the engine until one of them is gone.
#[derive(Debug)]
pub struct Pump<S> {
    lines: Lines<ReadHalf<S>>,
    writer: WriteHalf<S>,
    ends: ClientEnd,
    is_last: oneshot::Receiver<()>,
}

impl<S: AsyncRead + AsyncWrite> Pump<S> {
    /// Runs until the connection is closed; dropping it closes the connection at once.
    ///
    /// What the engine queued before it dropped its end is still written. A client that wrote
    /// nonsense is told so after that. What a client wrote before it was killed is still read, even
    /// though it can be told nothing any more.
    ///
    /// `shut` is called for [`Connection::stop_reading`]: the client can write nothing from then on,
    /// and what it has written can be read, followed by the end.
    pub async fn run(self, shut: impl FnOnce()) -> Closed {
        let Self { lines, writer, mut ends, is_last } = self;
        let (tell, farewell) = oneshot::channel();
        let mut reading = std::pin::pin!(async move {
            let closed = read_to_the_last(lines, &ends.outgoing, is_last, shut).await;
            if closed.is_fault() {
                // Nobody takes it if writing has ended before.
                let _ = tell.send(closed.to_string());
            }
            // `incoming` ends here, and that makes the engine drop its end.
            drop(ends.outgoing);
            closed
        });
        let mut writing = Box::pin(write(writer, &mut ends.incoming, farewell));
        let (closed, all_is_read) = tokio::select! {
            closed = &mut reading => {
                (&mut writing).await;
                (closed, true)
            }
            closed = &mut writing => (closed, false),
        };
        drop(writing);
        // The engine takes a client for gone once nobody receives what it sends.
        let discarding = async { while ends.incoming.recv().await.is_some() {} };
        match closed {
            // What was read the engine may still have to take.
            _ if all_is_read => {
                discarding.await;
                closed
            }
            // A client that has died leaves lines in the socket, and they count.
            Closed::Socket(_) => tokio::join!(reading, discarding).0,
            _ => closed,
        }
    }
}

/// Reads the hello; tells a client of another version apart from one that talks nonsense.
async fn first_hello<R: AsyncRead + Unpin>(lines: &mut Lines<R>) -> Result<Hello, Closed> {
    /// What every version's hello has.
    #[derive(Deserialize)]
    struct AnyHello {
        message: String,
        protocol: u32,
    }
    let Some(line) = lines.next().await? else { return Err(Closed::ByClient) };
    match line::decode::<AnyHello>(line) {
        Ok(any) if any.message != "hello" => return Err(Closed::NoHello),
        Ok(any) if any.protocol != PROTOCOL_VERSION => return Err(Closed::Version(any.protocol)),
        Ok(_) | Err(_) => {}
    }
    match line::decode(line)? {
        ClientMessage::Hello(hello) => Ok(hello),
        ClientMessage::Call { .. } | ClientMessage::Ack { .. } => Err(Closed::NoHello),
    }
}

/// Hands the client one goodbye with the reason and closes.
async fn dismiss<W: AsyncWrite + Unpin>(mut writer: W, closed: Closed) -> Closed {
    if closed.is_fault() {
        let goodbye = goodbye(closed.to_string());
        // A client that takes no goodbye gets none.
        let _ = timeout(FAREWELL_LIMIT, async {
            writer.write_all(&goodbye).await?;
            writer.shutdown().await
        })
        .await;
    }
    closed
}

/// Encodes a goodbye, its reason cut to what fits into any log.
#[must_use]
pub fn goodbye(reason: impl Into<String>) -> Vec<u8> {
    const REASON_CHARS: usize = 400;
    let mut reason = reason.into();
    if let Some((at, _)) = reason.char_indices().nth(REASON_CHARS) {
        reason.truncate(at);
    }
    line::encode(&DaemonMessage::Goodbye { reason }).expect("a short text fits into a line")
}

async fn read_to_the_last<R: AsyncRead + Unpin>(
    lines: Lines<R>,
    to_engine: &mpsc::Sender<ClientMessage>,
    is_last: oneshot::Receiver<()>,
    shut: impl FnOnce(),
) -> Closed {
    let mut reading = std::pin::pin!(read(lines, to_engine));
    tokio::select! {
        closed = &mut reading => return closed,
        Ok(()) = is_last => shut(),
    }
    reading.await
}

async fn read<R: AsyncRead + Unpin>(
    mut lines: Lines<R>,
    to_engine: &mpsc::Sender<ClientMessage>,
) -> Closed {
    loop {
        let line = match lines.next().await {
            Ok(Some(line)) => line,
            Ok(None) => return Closed::ByClient,
            Err(closed) => return closed,
        };
        let message = match frequent::decode(line) {
            Ok(ClientMessage::Hello(_)) => return Closed::SecondHello,
            Ok(message) => message,
            Err(error) => return error.into(),
        };
        if to_engine.send(message).await.is_err() {
            return Closed::ByEngine;
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(
    mut writer: W,
    from_engine: &mut mpsc::Receiver<DaemonMessage>,
    mut farewell: oneshot::Receiver<String>,
) -> Closed {
    let mut batch = Vec::new();
    loop {
        let mut end = match from_engine.recv().await {
            Some(message) => encode_into(&mut batch, message).err(),
            None => Some(Closed::ByEngine),
        };
        while end.is_none() && batch.len() < BATCH_BYTES {
            let Ok(message) = from_engine.try_recv() else { break };
            end = encode_into(&mut batch, message).err();
        }
        match &end {
            Some(Closed::ByEngine) => {
                if let Ok(reason) = farewell.try_recv() {
                    batch.extend(goodbye(reason));
                }
            }
            Some(closed) => batch.extend(goodbye(closed.to_string())),
            None => {}
        }
        if let Err(closed) = write_moving(&mut writer, &batch).await {
            return closed;
        }
        if let Some(closed) = end {
            // The connection ends, whatever the client makes of it.
            let _ = timeout(FAREWELL_LIMIT, writer.shutdown()).await;
            return closed;
        }
        batch.clear();
        batch.shrink_to(BATCH_BYTES);
    }
}

/// Appends a message. A reply that does not fit into a line becomes an error, so that its call is
/// answered; an event has no such way out.
fn encode_into(batch: &mut Vec<u8>, message: DaemonMessage) -> Result<(), Closed> {
    let appended = match (line::append(batch, &message), message) {
        (Err(error), DaemonMessage::Reply { id, .. }) => {
            let error = Error::new(ErrorCode::UNKNOWN).because(error.for_log());
            line::append(batch, &DaemonMessage::Reply { id, result: Err::<Reply, _>(error) })
        }
        (appended, _) => appended,
    };
    appended.map_err(Closed::Unsayable)
}

/// Writes all of it, as long as the other side takes something every now and then.
async fn write_moving<W: AsyncWrite + Unpin>(
    writer: &mut W,
    mut bytes: &[u8],
) -> Result<(), Closed> {
    while !bytes.is_empty() {
        let written =
            timeout(STALL_LIMIT, writer.write(bytes)).await.map_err(|_| Closed::Stalled)??;
        if written == 0 {
            return Err(io::Error::from(io::ErrorKind::WriteZero).into());
        }
        bytes = &bytes[written..];
    }
    Ok(())
}

#[cfg(test)]
mod tests;
