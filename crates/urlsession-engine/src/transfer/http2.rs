//! One request and its response over HTTP/2.

use super::carry::Broken;
use super::errors::{self, Failure};
use super::framing;
use super::http::{Answer, Inbound, Outgoing, Stream};
use super::interim::{self, INTERIM_LIMIT};
use super::metrics::Transaction;
use super::pool::{Http2, User};
use super::pump::pump;
use super::upload::Sink;
use super::wire::Wire;
use bytes::Bytes;
use h2::client::ResponseFuture;
use http::header;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use urlsession_protocol::ErrorCode;

/// Sends the request and waits for the head of the response.
pub(super) async fn over(
    channel: Http2,
    out: &Outgoing<'_>,
    transaction: &Transaction,
) -> Result<Answer, Broken> {
    let Http2 { sender, user, closed, facts } = channel;
    transaction.connected(&facts);
    let wire = Arc::new(Wire::of_stream(Arc::clone(&closed)));
    let source = out.open_body().await.map_err(Broken::final_)?;
    let ready = async { sender.ready().await.map_err(|error| errors::http2(&error, true)) };
    let mut sender = wire.watch(out.idle_timeout, ready).await.map_err(|failure| {
        closed.store(true, Ordering::Release);
        Broken::unsent(failure)
    })?;
    let request = request(out, http::Version::HTTP_2).map_err(Broken::final_)?;
    transaction.requested(&request, source.is_some());
    let (response, stream) = sender
        .send_request(request, source.is_none())
        .map_err(|error| Broken::unsent(errors::http2(&error, true)))?;
    let pump = source
        .map(|(sending, source)| pump(sending, source, &wire, Sink::Http2(stream), transaction));
    let work = answered(response, &closed, out);
    let _watch = out.watch(&wire);
    let response = match wire.watch(out.idle_timeout, async { Ok(work.await) }).await {
        Ok(Ok(response)) => response,
        Ok(Err(mut broken)) => {
            if let Some(failure) = out.body.and_then(|sending| sending.failure()) {
                broken = Broken::final_(failure);
            }
            return Err(broken);
        }
        Err(idle) => return Err(Broken::final_(idle)),
    };
    let (head, body) = response.into_parts();
    framing::check_stream(&head, out).map_err(Broken::final_)?;
    wire.touch();
    transaction.answered(&head);
    let left = framing::length(&head.headers);
    let body = Body { stream: body, wire: Arc::clone(&wire), left, _user: user };
    let pump = (pump, out.body.cloned());
    let body = Inbound::new(Stream::Http2(body), &head, pump, transaction.clone());
    Ok(Answer { head, body, wire })
}

/// A response body on its way.
#[derive(Debug)]
pub(super) struct Body {
    stream: h2::RecvStream,
    wire: Arc<Wire>,
    /// Bytes to come, if that was said.
    left: Option<u64>,
    _user: User,
}

impl Body {
    /// Returns the next bytes, `None` at the end. Losing the future loses no bytes.
    pub(super) async fn data(&mut self) -> Result<Option<Bytes>, Failure> {
        match self.stream.data().await {
            Some(Ok(bytes)) => {
                self.wire.count_received(bytes.len());
                self.left = self.left.map(|left| left.saturating_sub(bytes.len() as u64));
                Ok(Some(bytes))
            }
            // Who wants no more of a request may answer it and leave at once: h2 knows of the end of
            // such a body no more.
            Some(Err(_)) if self.left == Some(0) => Ok(None),
            Some(Err(error)) => Err(errors::http2(&error, false)),
            None => Ok(None),
        }
    }

    /// Lets the server send as many bytes more.
    pub(super) fn let_more_come(&mut self, bytes: usize) {
        // A stream that ended needs no window.
        let _ = self.stream.flow_control().release_capacity(bytes);
    }
}

/// Waits for the final response. Interim ones are taken one by one: what nobody takes is kept.
async fn answered(
    mut response: ResponseFuture,
    closed: &AtomicBool,
    out: &Outgoing<'_>,
) -> Result<http::Response<h2::RecvStream>, Broken> {
    // The first request of a connection has the first number that there is.
    let was_used = u32::from(response.stream_id()) > 1;
    let refusal = |error: h2::Error| refusal(&error, closed, was_used && out.is_harmless());
    for _ in 0..=INTERIM_LIMIT {
        match poll_fn(|context| response.poll_informational(context)).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(refusal(error)),
            None => return response.await.map_err(refusal),
        }
    }
    closed.store(true, Ordering::Release);
    Err(Broken::final_(interim::too_many()))
}

/// RFC 9113 section 8.7: a refused stream had no effect, and neither had one above the last
/// stream that a GOAWAY names, whose error may be of others. Where a connection just ends, as one
/// does that was idle for long, the request may go out again if that is harmless.
fn refusal(error: &h2::Error, closed: &AtomicBool, is_harmless: bool) -> Broken {
    let reason = error.reason();
    if error.is_go_away() || error.is_io() {
        // It stays open for those whom the server still answers, and takes nobody else.
        closed.store(true, Ordering::Release);
    }
    let untouched = reason == Some(h2::Reason::REFUSED_STREAM)
        // h2 tells only those of it that are above.
        || (error.is_go_away() && error.is_remote())
        || (error.is_io() && is_harmless);
    let wants_http1 = reason == Some(h2::Reason::HTTP_1_1_REQUIRED);
    Broken { failure: errors::http2(error, true), untouched, wants_http1 }
}

/// Makes a request with its target spelled out, as HTTP/2 and HTTP/3 have it.
pub(super) fn request(
    out: &Outgoing<'_>,
    version: http::Version,
) -> Result<http::Request<()>, Failure> {
    let mut headers = out.headers.clone();
    let host = headers.remove(header::HOST);
    let authority = host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
    let target = out.target.origin_form(out.url);
    if !target.starts_with('/') {
        let why = "a request target that is no path goes over HTTP/1.1 only";
        return Err(Failure::permanent(ErrorCode::BAD_URL, why));
    }
    let mut request = http::Request::builder()
        .version(version)
        .method(out.method)
        .uri(format!("{}://{authority}{target}", out.url.scheme()))
        .body(())
        .map_err(|error| Failure::permanent(ErrorCode::BAD_URL, error))?;
    *request.headers_mut() = headers;
    Ok(request)
}
