//! Begins to speak HTTP on an open connection.

use super::detour::Loan;
use super::errors::{self, Failure};
use super::line::Line;
use super::metrics::Facts;
use super::pool::{Http1, Http2, UNSAID_STREAMS, User};
use super::wire::{Counted, Wire};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

/// Most bytes of a response head.
pub(super) const HEAD_LIMIT: usize = 256 * 1024;
/// Most header fields of a response.
pub(super) const FIELD_LIMIT: usize = 200;
/// Most bytes read from an HTTP/1.1 connection at once; more measured slower.
const READ_LIMIT: usize = 256 * 1024;
/// Bytes that one HTTP/2 stream may have under way to us.
pub(super) const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
/// Bytes that one HTTP/2 connection may have under way to us: as much as all transfers that share it,
/// so that those which are held back take nothing from the others.
pub(super) const CONNECTION_WINDOW: u32 = STREAM_WINDOW * urlsession_core::MAX_RUNNING;

/// Begins to speak HTTP/1.1; `age` is that of the pool when the line was dialled.
pub(super) async fn handshake1(line: Line, age: u64, facts: Arc<Facts>) -> Result<Http1, Failure> {
    let wire = Arc::new(Wire::new());
    let io = TokioIo::new(Counted::new(line, Arc::clone(&wire)));
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        // RFC 9112 section 5.2: a line that begins with a space goes on with the field before.
        .allow_obsolete_multiline_headers_in_responses(true)
        .max_headers(FIELD_LIMIT)
        .max_header_size(HEAD_LIMIT)
        .max_buf_size(READ_LIMIT)
        .handshake(io)
        .await
        .map_err(|error| errors::http1(&error))?;
    Ok(Http1 { sender, wire, age, facts, loan: Some(Loan::run(connection)) })
}

/// Begins to speak HTTP/2; `room` is told when it may take more requests than before.
pub(super) async fn handshake2(
    line: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    facts: Arc<Facts>,
    room: Arc<Notify>,
) -> Result<Http2, Failure> {
    let (sender, mut connection) = h2::client::Builder::new()
        .enable_push(false)
        .initial_max_send_streams(UNSAID_STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEAD_LIMIT as u32)
        .handshake(line)
        .await
        .map_err(|error| errors::http2(&error, true))?;
    let closed = Arc::new(AtomicBool::new(false));
    let (flag, news) = (Arc::clone(&closed), Arc::clone(&room));
    // Ends when its last sender is dropped; what fails in it is told to its streams.
    tokio::spawn(async move {
        let mut most = UNSAID_STREAMS;
        let ends = poll_fn(|cx| {
            let ended = Pin::new(&mut connection).poll(cx);
            let now = connection.max_concurrent_send_streams();
            if std::mem::replace(&mut most, now) != now {
                news.notify_waiters();
            }
            ended
        });
        drop(ends.await);
        flag.store(true, Ordering::Release);
        news.notify_waiters();
    });
    Ok(Http2 { sender, closed, user: User::first(room), facts })
}
