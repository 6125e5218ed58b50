//! One HTTP/2 connection with the same answers; its faults cut the stream, not the connection.

use super::answer::{Answer, Content};
use super::reply::{Pace, Piece, Reply};
use super::seen::{Entry, Seen};
use super::{Shared, body};
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use sha2::{Digest as _, Sha256};
use std::future::poll_fn;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

/// Most streams of one connection at a time.
const STREAM_LIMIT: u32 = 128;

/// Most bytes of one stream that wait to be written; see [`flush`].
const BUFFER: usize = 16 * 1024;

/// Most turns that [`flush`] gives the connection.
const FLUSH_TURNS: usize = 10_000;

/// Serves streams until the client is gone.
pub(super) async fn serve<S>(stream: S, number: u64, shared: &Arc<Shared>) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Builder::new()
        .max_concurrent_streams(STREAM_LIMIT)
        .max_send_buffer_size(BUFFER)
        .handshake::<_, Bytes>(stream)
        .await?;
    let mut streams = JoinSet::new();
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        let shared = Arc::clone(shared);
        streams.spawn(async move {
            // A stream that breaks is the client's business; what arrived is in its entry.
            let _ = exchange(request, respond, number, &shared).await;
        });
        while streams.try_join_next().is_some() {}
    }
    Ok(())
}

async fn exchange(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    number: u64,
    shared: &Arc<Shared>,
) -> Result<()> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut seen = Seen::new(number, head.method.as_str(), path);
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        seen.headers.push((name.as_str().to_owned(), value));
    }
    let (answer, released, entry) = shared.begin(seen);
    let _active = shared.activity();
    if !request_body(body, &answer, &entry).await? {
        respond.send_reset(Reason::INTERNAL_ERROR);
        return Ok(());
    }
    ensure!(!matches!(answer.content, Content::Raw(_)), "raw bytes are not HTTP/2");

    let seen = entry.copy().context("more requests than remembered")?;
    let mut reply = Reply::plan(&answer, &seen, released);
    reply.pump.begin().await;
    let mut response = http::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name.to_ascii_lowercase(), value);
    }
    let mut to = respond.send_response(response.body(())?, false)?;
    entry.note(|seen| seen.status = Some(reply.status));
    loop {
        match reply.pump.next().await {
            Piece::Bytes(bytes) => {
                let length = bytes.len() as u64;
                send(&mut to, bytes).await?;
                entry.note(|seen| seen.body_sent += length);
            }
            Piece::Cut => {
                flush(&mut to).await;
                to.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
            Piece::End => {
                to.send_data(Bytes::new(), true)?;
                entry.note(|seen| seen.answered = true);
                return Ok(());
            }
        }
    }
}

/// Reads the request body; `false` if the stream is to be cut in its middle.
async fn request_body(mut from: RecvStream, answer: &Answer, entry: &Entry) -> Result<bool> {
    let mut hash = Sha256::new();
    let mut total = 0;
    let mut pace = answer.upload_rate.map(Pace::new);
    while let Some(piece) = from.data().await {
        let piece = piece?;
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
        from.flow_control().release_capacity(piece.len())?;
    }
    let digest = body::hex(&hash.finalize());
    entry.note(|seen| seen.body_sha256 = Some(digest));
    Ok(true)
}

/// Sends bytes as fast as the client's window allows.
async fn send(to: &mut SendStream<Bytes>, mut bytes: Bytes) -> Result<()> {
    while !bytes.is_empty() {
        to.reserve_capacity(bytes.len());
        let capacity = poll_fn(|context| to.poll_capacity(context)).await.context("reset")??;
        if capacity == 0 {
            // A full buffer can look ready: let the connection write.
            tokio::task::yield_now().await;
            continue;
        }
        let piece = bytes.split_to(capacity.min(bytes.len()));
        to.send_data(piece, false)?;
    }
    Ok(())
}

/// Waits until all data was written, because a reset discards what was not: only then has the
/// buffer its whole capacity again. A stream without any data is reset at once, head and all.
async fn flush(to: &mut SendStream<Bytes>) {
    to.reserve_capacity(BUFFER);
    for _ in 0..FLUSH_TURNS {
        if to.capacity() >= BUFFER {
            return;
        }
        tokio::task::yield_now().await;
    }
}
