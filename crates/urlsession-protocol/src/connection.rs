//! A channel of messages between the engine and one client, over a socket or in memory.

use crate::message::{ClientMessage, DaemonMessage};
use tokio::sync::mpsc;

/// Most messages that wait in one direction of one connection.
pub const QUEUE_LIMIT: usize = 4096;

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
}

/// The client's end of a connection in memory.
#[derive(Debug)]
pub struct ClientEnd {
    /// Messages to the engine.
    pub outgoing: mpsc::Sender<ClientMessage>,
    /// Messages of the engine.
    pub incoming: mpsc::Receiver<DaemonMessage>,
}

impl Connection {
    /// Makes a connection in memory, for an engine in the client's own process and for tests.
    #[must_use]
    pub fn pair() -> (Self, ClientEnd) {
        let (to_engine, from_client) = mpsc::channel(QUEUE_LIMIT);
        let (to_client, from_engine) = mpsc::channel(QUEUE_LIMIT);
        (
            Self { incoming: from_client, outgoing: to_client },
            ClientEnd { outgoing: to_engine, incoming: from_engine },
        )
    }
}
