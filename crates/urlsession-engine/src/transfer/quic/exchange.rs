//! One request and its response over HTTP/3.

use super::Http3;
use super::errors::{self, Fault};
use super::link::{Both, Inward, Outward};
use crate::transfer::carry::Broken;
use crate::transfer::errors::Failure;
use crate::transfer::framing;
use crate::transfer::http::{Answer, Inbound, Outgoing, Stream};
use crate::transfer::http2;
use crate::transfer::interim::{self, INTERIM_LIMIT};
use crate::transfer::metrics::Transaction;
use crate::transfer::pump::pump;
use crate::transfer::upload::Sink as AnySink;
use crate::transfer::wire::Wire;
use bytes::{Buf as _, Bytes, BytesMut};
use h3::client::RequestStream;
use h3::error::StreamError;
use http::{HeaderName, Method, StatusCode, Version};
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;
use urlsession_protocol::ErrorCode;

const ALT_USED: HeaderName = HeaderName::from_static("alt-used");
/// Most bytes of a response that are handed on at once: packets are small, and each has its cost.
const GATHER: usize = 64 * 1024;
/// Most bytes of a request that are handed over before its pulse is renewed.
const PART: usize = 64 * 1024;

/// Sends the request and waits for the head of the response.
pub(in crate::transfer) async fn over(
    mut channel: Http3,
    out: &Outgoing<'_>,
    transaction: &Transaction,
) -> Result<Answer, Broken> {
    transaction.connected(&channel.facts);
    let wire = Arc::new(Wire::of_stream(Arc::clone(&channel.closing)));
    let source = out.open_body().await.map_err(Broken::final_)?;
    let mut request = http2::request(out, Version::HTTP_3).map_err(Broken::final_)?;
    if let Some(used) = &channel.alternative {
        request.headers_mut().insert(ALT_USED, used.clone());
    }
    transaction.requested(&request, source.is_some());
    let opened = open(&mut channel, request, out.idle_timeout).await.map_err(Broken::final_)?;
    let (sender, mut receiver) = match opened {
        Ok(stream) => stream.split(),
        Err(error) => return Err(broken(&channel, out, unsent(&channel, &error))),
    };
    let served = Served::begin(&channel);
    wire.touch();
    let mut sink = Sink { sender };
    let pump = match source {
        Some((sending, source)) => {
            Some(pump(sending, source, &wire, AnySink::Http3(Box::new(sink)), transaction))
        }
        None => {
            sink.finish().await;
            None
        }
    };
    let _watch = out.watch(&wire);
    let response = match wire.watch(out.idle_timeout, head(&mut receiver)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            if let Some(failure) = out.body.and_then(|sending| sending.failure()) {
                return Err(Broken::final_(failure));
            }
            return Err(broken(&channel, out, channel.fault(&error, true)));
        }
        Err(failure) => return Err(Broken::final_(failure)),
    };
    let (head, ()) = response.into_parts();
    framing::check(&head, false).map_err(Broken::final_)?;
    framing::check_stream(&head, out).map_err(Broken::final_)?;
    wire.touch();
    transaction.answered(&head);
    let left = length(&head, out.method);
    let wire_of_body = Arc::clone(&wire);
    let body =
        Body { receiver, wire: wire_of_body, left, channel, has_ended: false, _served: served };
    let stream = Stream::Http3(Box::new(body));
    let body = Inbound::new(stream, &head, (pump, out.body.cloned()), transaction.clone());
    Ok(Answer { head, body, wire })
}

/// Opens a stream, which is waited for where the server allows no further one. It is not silent as
/// long as it serves others, who see to it that it does not become so.
async fn open(
    channel: &mut Http3,
    request: http::Request<()>,
    limit: Duration,
) -> Result<Result<RequestStream<Both, Bytes>, StreamError>, Failure> {
    let (served, closing) = (Arc::clone(&channel.served), Arc::clone(&channel.closing));
    let mut opening = pin!(channel.sender.send_request(request));
    loop {
        match timeout(limit, opening.as_mut()).await {
            Ok(opened) => return Ok(opened),
            Err(_) if served.load(Ordering::Acquire) > 0 => {}
            Err(_) => {
                closing.store(true, Ordering::Release);
                return Err(Failure::idle(limit));
            }
        }
    }
}

/// One who has a stream.
struct Served(Arc<AtomicUsize>);

impl Served {
    fn begin(channel: &Http3) -> Self {
        channel.served.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(&channel.served))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Waits for the final head.
async fn head(
    receiver: &mut RequestStream<Inward, Bytes>,
) -> Result<Result<http::Response<()>, StreamError>, Failure> {
    for _ in 0..=INTERIM_LIMIT {
        match receiver.recv_response().await {
            Ok(response) if response.status().is_informational() => {}
            response => return Ok(response),
        }
    }
    Err(interim::too_many())
}

/// Returns how long the body says it is. h3 does not hold it to that (RFC 9114 section 4.1.2).
fn length(head: &http::response::Parts, method: &Method) -> Option<u64> {
    let bodiless = *method == Method::HEAD
        || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    framing::length(&head.headers).filter(|_| !bodiless)
}

/// What the server takes no request of this size for is no fault of its response.
fn unsent(channel: &Http3, error: &StreamError) -> Fault {
    match error {
        StreamError::HeaderTooBig { max_size, .. } => Fault {
            failure: Failure::permanent(
                ErrorCode::BAD_SERVER_RESPONSE,
                format!("the server takes header fields of at most {max_size} bytes"),
            ),
            is_refused: true,
            is_of_way: false,
            is_broken: false,
        },
        error => channel.fault(error, true),
    }
}

/// What may go out again over another connection: what was refused, and what the server can have got
/// twice without harm, or not whole.
fn broken(channel: &Http3, out: &Outgoing<'_>, fault: Fault) -> Broken {
    if fault.is_broken {
        channel.origin.broke();
    }
    // Where one is refused, others are likely to be.
    if fault.is_refused {
        channel.closing.store(true, Ordering::Release);
    }
    let untouched = fault.is_refused || (fault.is_of_way && out.is_harmless());
    Broken { untouched, ..Broken::final_(fault.failure) }
}

impl Http3 {
    fn fault(&self, error: &StreamError, headless: bool) -> Fault {
        errors::request(error, headless, self.connection.close_reason().as_ref())
    }
}

/// A response body on its way.
pub(in crate::transfer) struct Body {
    receiver: RequestStream<Inward, Bytes>,
    wire: Arc<Wire>,
    /// Bytes that are to come, if that was said.
    left: Option<u64>,
    /// Keeps the connection open.
    channel: Http3,
    has_ended: bool,
    _served: Served,
}

impl Body {
    /// Returns the next bytes, `None` at the end. Losing the future loses no bytes.
    pub(in crate::transfer) async fn data(&mut self) -> Result<Option<Bytes>, Failure> {
        match poll_fn(|cx| self.poll_gather(cx)).await {
            Ok(Some(bytes)) => {
                self.wire.count_received(bytes.len());
                if let Some(left) = &mut self.left {
                    let rest = left.checked_sub(bytes.len() as u64);
                    *left =
                        rest.ok_or_else(|| Failure::lost("the body is longer than was said"))?;
                }
                Ok(Some(bytes))
            }
            Ok(None) => match self.left {
                None | Some(0) => Ok(None),
                Some(left) => Err(Failure::lost(format!("the body ended {left} bytes early"))),
            },
            Err(error) => {
                let fault = self.channel.fault(&error, false);
                if fault.is_broken {
                    self.channel.origin.broke();
                }
                Err(fault.failure)
            }
        }
    }

    /// Gathers what is there already.
    fn poll_gather(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        let mut first = Bytes::new();
        let mut gathered = BytesMut::new();
        while !self.has_ended && first.len() + gathered.len() < GATHER {
            match self.receiver.poll_recv_data(cx) {
                Poll::Ready(Ok(Some(mut chunk))) => {
                    let chunk = chunk.copy_to_bytes(chunk.remaining());
                    if first.is_empty() && gathered.is_empty() {
                        first = chunk;
                    } else {
                        if gathered.is_empty() {
                            gathered.reserve(GATHER + chunk.len());
                            gathered.extend_from_slice(&std::mem::take(&mut first));
                        }
                        gathered.extend_from_slice(&chunk);
                    }
                }
                Poll::Ready(Ok(None)) => self.has_ended = true,
                // What came before an error comes first; the error is met again.
                Poll::Ready(Err(_)) if !(first.is_empty() && gathered.is_empty()) => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if first.is_empty() && gathered.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        let bytes = if gathered.is_empty() { first } else { gathered.freeze() };
        Poll::Ready(Ok(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("left", &self.left).finish_non_exhaustive()
    }
}

/// Where the blocks of a request body go. One that is dropped before its end resets the stream.
pub(in crate::transfer) struct Sink {
    sender: RequestStream<Outward, Bytes>,
}

/// The connection takes no more bytes.
#[derive(Debug)]
pub(in crate::transfer) struct Refused;

impl Sink {
    pub(in crate::transfer) async fn send(
        &mut self,
        mut bytes: Bytes,
        wire: &Wire,
    ) -> Result<(), Refused> {
        while !bytes.is_empty() {
            let part = bytes.split_to(PART.min(bytes.len()));
            let length = part.len();
            self.sender.send_data(part).await.map_err(|_| Refused)?;
            wire.count_sent(length);
        }
        Ok(())
    }

    pub(in crate::transfer) async fn finish(&mut self) {
        // A stream that the server stopped needs no end.
        let _ = self.sender.finish().await;
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").finish_non_exhaustive()
    }
}
