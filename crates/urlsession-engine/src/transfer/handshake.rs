//! Begins to speak HTTP on an open connection.

use super::errors::{self, Failure};
use super::metrics::Facts;
use super::pool::{Http1, Http2};
use super::splice::Loan;
use super::upload::Outbound;
use super::wire::{Counted, Wire};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Most bytes of a response head.
pub(super) const HEAD_LIMIT: usize = 256 * 1024;
/// Most header fields of a response.
pub(super) const FIELD_LIMIT: usize = 200;
/// Most bytes read from an HTTP/1.1 connection at once; more measured slower.
const READ_LIMIT: usize = 256 * 1024;
/// Bytes that one HTTP/2 stream may have under way to us.
pub(super) const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
/// Bytes that one HTTP/2 connection may have under way to us.
pub(super) const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

pub(super) async fn plain1(
    stream: TcpStream,
    age: u64,
    facts: Arc<Facts>,
) -> Result<Http1, Failure> {
    let (sender, connection, wire) = handshake1(stream).await?;
    Ok(Http1 { sender, wire, age, facts, loan: Some(Loan::run(connection)) })
}

pub(super) async fn secure1<S>(stream: S, age: u64, facts: Arc<Facts>) -> Result<Http1, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection, wire) = handshake1(stream).await?;
    // Ends when its sender is dropped; what fails in it is told to the request.
    tokio::spawn(async move { drop(connection.await) });
    Ok(Http1 { sender, wire, age, facts, loan: None })
}

type Handshake1<S> = (SendRequest<Outbound>, Connection<TokioIo<Counted<S>>, Outbound>, Arc<Wire>);

async fn handshake1<S>(stream: S) -> Result<Handshake1<S>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let wire = Arc::new(Wire::new());
    let io = TokioIo::new(Counted::new(stream, Arc::clone(&wire)));
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
    Ok((sender, connection, wire))
}

pub(super) async fn handshake2<S>(stream: S, facts: Arc<Facts>) -> Result<Http2, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = h2::client::Builder::new()
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEAD_LIMIT as u32)
        .handshake(stream)
        .await
        .map_err(|error| errors::http2(&error, true))?;
    let closed = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&closed);
    // Ends when its last sender is dropped; what fails in it is told to its streams.
    tokio::spawn(async move {
        drop(connection.await);
        flag.store(true, Ordering::Release);
    });
    Ok(Http2 { sender, closed, users: Arc::new(()), facts })
}
