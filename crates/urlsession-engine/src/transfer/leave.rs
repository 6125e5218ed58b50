//! Leave for a request body to go (RFC 9110 section 10.1.1): who refuses a request for want of a
//! credential often closes before it has read the body, and its answer is lost with that.

use http::{HeaderValue, header};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Shortest body that asks for leave: a shorter one is out of hand at once.
pub(super) const LEAVE_MINIMUM: u64 = 64 * 1024;
/// Longest wait for leave: there are servers that never give it, and wait for the body.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);

/// One body's leave, asked for with the request's head.
#[derive(Debug, Clone, Default)]
pub(super) struct Leave(Arc<Notify>);

impl Leave {
    /// Asks for it.
    pub(super) fn ask<B>(&self, request: &mut http::Request<B>) {
        request.headers_mut().insert(header::EXPECT, HeaderValue::from_static("100-continue"));
    }

    /// Gives it.
    pub(super) fn give(&self) {
        self.0.notify_one();
    }

    /// Waits for it; nobody waits forever.
    pub(super) async fn wait(&self) {
        let _ = timeout(LEAVE_LIMIT, self.0.notified()).await;
    }
}
