//! HTTP/3 connections with the same answers; their faults end the stream, not the connection.

use super::answer::{Answer, Content};
use super::reply::{Pace, Piece, Reply};
use super::seen::{Entry, Seen};
use super::{Shared, body};
use anyhow::{Context as _, Result, ensure};
use bytes::{Buf as _, Bytes};
use h3::error::Code;
use h3::server::RequestStream;
use h3_quinn::{BidiStream, RecvStream, SendStream};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, ServerConfig, TokioRuntime};
use sha2::{Digest as _, Sha256};
use std::net::UdpSocket;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The number of the first connection: those over TCP have smaller ones.
pub(super) const FIRST_NUMBER: u64 = 1000;

/// Takes connections until the server ends. Needs a runtime.
pub(super) fn serve(
    socket: UdpSocket,
    mut tls: rustls::ServerConfig,
    shared: Arc<Shared>,
) -> Result<()> {
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let runtime = Arc::new(TokioRuntime);
    let endpoint = Endpoint::new(EndpointConfig::default(), Some(server), socket, runtime)?;
    tokio::spawn(async move {
        let mut number = FIRST_NUMBER;
        while let Some(incoming) = endpoint.accept().await {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                // Clients of a hostile server go away in every possible way.
                let _ = connection(incoming, number, &shared).await;
            });
            number += 1;
        }
    });
    Ok(())
}

async fn connection(incoming: quinn::Incoming, number: u64, shared: &Arc<Shared>) -> Result<()> {
    let connection = h3_quinn::Connection::new(incoming.await?);
    let mut connection = h3::server::builder().build::<_, Bytes>(connection).await?;
    let mut streams = JoinSet::new();
    while let Some(accepted) = connection.accept().await? {
        let shared = Arc::clone(shared);
        streams.spawn(async move {
            let (request, stream) = accepted.resolve_request().await?;
            exchange(request, stream, number, &shared).await
        });
        while streams.try_join_next().is_some() {}
    }
    Ok(())
}

async fn exchange(
    request: http::Request<()>,
    stream: RequestStream<BidiStream<Bytes>, Bytes>,
    number: u64,
    shared: &Arc<Shared>,
) -> Result<()> {
    let (mut to, from) = stream.split();
    let (head, ()) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut seen = Seen::new(number, head.method.as_str(), path);
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        seen.headers.push((name.as_str().to_owned(), value));
    }
    let (answer, released, entry) = shared.begin(seen);
    let _active = shared.activity();
    if !request_body(from, &answer, &entry).await? {
        to.stop_stream(Code::H3_INTERNAL_ERROR);
        return Ok(());
    }
    ensure!(!matches!(answer.content, Content::Raw(_)), "raw bytes are not HTTP/3");
    let seen = entry.copy().context("more requests than remembered")?;
    let mut reply = Reply::plan(&answer, &seen, released);
    reply.pump.begin().await;
    let mut response = http::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name.to_ascii_lowercase(), value);
    }
    to.send_response(response.body(())?).await?;
    entry.note(|seen| seen.status = Some(reply.status));
    loop {
        match reply.pump.next().await {
            Piece::Bytes(bytes) => {
                let length = bytes.len() as u64;
                to.send_data(bytes).await?;
                entry.note(|seen| seen.body_sent += length);
            }
            Piece::Cut => return cut(&mut to, answer.faults.reset).await,
            Piece::End => {
                to.finish().await?;
                entry.note(|seen| seen.answered = true);
                return Ok(());
            }
        }
    }
}

/// A reset takes back what was not read; an early end leaves it.
async fn cut(to: &mut RequestStream<SendStream<Bytes>, Bytes>, is_reset: bool) -> Result<()> {
    if is_reset {
        to.stop_stream(Code::H3_INTERNAL_ERROR);
        return Ok(());
    }
    Ok(to.finish().await?)
}

/// Reads the request body; `false` if the stream is to be cut in its middle.
async fn request_body(
    mut from: RequestStream<RecvStream, Bytes>,
    answer: &Answer,
    entry: &Entry,
) -> Result<bool> {
    let mut hash = Sha256::new();
    let mut total = 0;
    let mut pace = answer.upload_rate.map(Pace::new);
    while let Some(mut piece) = from.recv_data().await? {
        let piece = piece.copy_to_bytes(piece.remaining());
        let mut wanted = piece.len() as u64;
        while let (Some(pace), 1..) = (&mut pace, wanted) {
            wanted -= pace.allow(wanted).await;
        }
        hash.update(&piece);
        total += piece.len() as u64;
        entry.note(|seen| seen.body_length = total);
        if answer.faults.drop_request_after.is_some_and(|after| total >= after) {
            return Ok(false);
        }
    }
    let digest = body::hex(&hash.finalize());
    entry.note(|seen| seen.body_sha256 = Some(digest));
    Ok(true)
}
