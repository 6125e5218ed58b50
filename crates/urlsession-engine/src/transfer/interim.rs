//! Interim responses (RFC 9110 section 15.2): one of them gives leave to a body, and no server has
//! use for many.

use super::errors::Failure;
use super::leave::Leave;
use http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;
use urlsession_protocol::ErrorCode;

/// Most interim responses to one request: each is progress, and so there must be an end.
pub(super) const INTERIM_LIMIT: usize = 100;

/// The interim responses to one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Interim(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    seen: AtomicUsize,
    too_many: Notify,
}

impl Interim {
    /// Listens to those of this request.
    pub(super) fn of<B>(request: &mut http::Request<B>, leave: Option<Leave>) -> Self {
        let interim = Self::default();
        let Self(count) = interim.clone();
        hyper::ext::on_informational(request, move |response| {
            if count.seen.fetch_add(1, Ordering::Relaxed) >= INTERIM_LIMIT {
                count.too_many.notify_one();
            }
            if let (Some(leave), StatusCode::CONTINUE) = (&leave, response.status()) {
                leave.give();
            }
        });
        interim
    }

    /// Runs the future, unless there are too many.
    pub(super) async fn watch<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            result = work => result,
            () = self.0.too_many.notified() => Err(too_many()),
        }
    }
}

/// There is no end of them.
pub(super) fn too_many() -> Failure {
    let why = format!("more than {INTERIM_LIMIT} interim responses came");
    Failure::permanent(ErrorCode::CANNOT_PARSE_RESPONSE, why)
}
