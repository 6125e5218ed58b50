//! What sends a request body while its answer comes, and after that.

use super::leave::Leave;
use super::metrics::Transaction;
use super::upload::{Hold, Sending, Sink, Source};
use super::wire::Wire;
use http::StatusCode;
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

/// Keeps a request body going; ends with it.
#[derive(Debug)]
pub(super) enum Pump {
    /// The connection takes what it wants.
    Inside(Hold),
    /// A task of its own fills one stream of many.
    Beside(AbortOnDropHandle<()>),
}

impl Pump {
    /// Waits until nothing more is handed to the connection: all of it was, or no more is wanted.
    pub(super) async fn end(self) {
        match self {
            Self::Inside(mut hold) => hold.released().await,
            // One that panicked sends nothing either.
            Self::Beside(task) => drop(task.await),
        }
    }
}

/// What becomes of a request body that is still on its way when its answer is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing more goes out.
    GivenUp,
    /// The server may still want it.
    Wanted,
    /// The same, and the answer is whole.
    Due,
}

impl Rest {
    /// Says what becomes of it with that answer: one that refuses the request needs no more of it.
    pub(super) fn of(status: StatusCode) -> Self {
        if status.as_u16() < 400 { Self::Wanted } else { Self::GivenUp }
    }

    /// Notes that the answer is whole.
    pub(super) fn come_due(&mut self) {
        if *self == Self::Wanted {
            *self = Self::Due;
        }
    }
}

/// Sends the request body while the response is waited for.
pub(super) fn pump(
    sending: &Arc<Sending>,
    source: Source,
    wire: &Arc<Wire>,
    sink: Sink,
    transaction: &Transaction,
) -> Pump {
    let feed = feed(sending, source, wire, sink, (None, transaction));
    Pump::Beside(AbortOnDropHandle::new(tokio::spawn(feed)))
}

/// Feeds the request body to the connection, once there is leave where that is asked for.
pub(super) fn feed(
    sending: &Arc<Sending>,
    source: Source,
    wire: &Arc<Wire>,
    sink: Sink,
    (leave, transaction): (Option<Leave>, &Transaction),
) -> impl Future<Output = ()> + Send + 'static {
    let (sending, wire) = (Arc::clone(sending), Arc::clone(wire));
    let transaction = transaction.clone();
    async move {
        if let Some(leave) = leave {
            leave.wait().await;
        }
        sending.feed(source, &wire, sink, &transaction).await;
    }
}
