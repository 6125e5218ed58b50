//! HTTP/3: connections over QUIC, made as those over TCP are and on the same terms.
//!
//! ```text
//!   choice ── where an origin is reached by HTTP/3, and the race with TCP
//!     dial ── the handshake           link ── h3's streams over quinn's
//!     exchange ── one request         gauge ── how long frames may be
//! ```

mod alternatives;
mod choice;
mod dial;
mod errors;
mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod gauge;
mod link;

pub(super) use alternatives::Alternatives;
pub(super) use exchange::{Body, Sink, over};

use super::metrics::Facts;
use super::pool::Key;
use bytes::Bytes;
use http::HeaderValue;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// An HTTP/3 connection: each clone of `users` is a stream under way.
#[derive(Clone)]
pub(super) struct Http3 {
    sender: h3::client::SendRequest<link::Opener, Bytes>,
    connection: quinn::Connection,
    /// The server takes no more requests over it.
    closing: Arc<AtomicBool>,
    users: Arc<()>,
    /// How many of them have their stream, where the server may let others wait for one.
    served: Arc<AtomicUsize>,
    facts: Arc<Facts>,
    /// For whom it is.
    origin: Arc<Origin>,
    /// What the server is called, if it is not the origin itself (RFC 7838 section 5).
    alternative: Option<HeaderValue>,
}

/// Of which origin something is learned.
struct Origin {
    alternatives: Arc<Alternatives>,
    key: Key,
}

impl Origin {
    fn broke(&self) {
        self.alternatives.broke(&self.key);
    }
}

impl Http3 {
    /// Says whether no request can go over it any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closing.load(Ordering::Acquire) || self.connection.close_reason().is_some()
    }

    /// Each clone is a stream under way, but for one.
    pub(super) fn users(&self) -> &Arc<()> {
        &self.users
    }
}

impl fmt::Debug for Http3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remote = self.connection.remote_address();
        f.debug_struct("Http3").field("remote", &remote).finish_non_exhaustive()
    }
}
