//! One HTTP/1.1 connection: reads requests, answers them in order, breaks where told.

use super::answer::{Answer, Content, Framing};
use super::reply::{Pace, Piece, Reply};
use super::seen::{Entry, Seen};
use super::{Shared, body};
use bytes::{Buf as _, BytesMut};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Longest request head, and longest line between chunks.
const HEAD_LIMIT: usize = 128 * 1024;

/// Most bytes of a request body read at a time.
const PIECE: usize = 64 * 1024;

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// In peace, after all was sent.
    Close,
    /// Without a word (and without TLS's goodbye).
    Cut,
    /// With a TCP reset.
    Reset,
}

/// Serves requests until one of them, or the client, ends the connection.
pub(super) async fn serve<S>(stream: &mut S, number: u64, shared: &Arc<Shared>) -> Ending
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection { stream, buffer: BytesMut::new() };
    loop {
        match connection.exchange(number, shared).await {
            Ok(None) => {}
            Ok(Some(ending)) => return ending,
            Err(_) => return Ending::Cut,
        }
    }
}

struct Connection<'a, S> {
    stream: &'a mut S,
    buffer: BytesMut,
}

/// How the end of a request body is told.
enum Length {
    Exactly(u64),
    Chunks,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// Answers one request; `None` keeps the connection open.
    async fn exchange(&mut self, number: u64, shared: &Arc<Shared>) -> io::Result<Option<Ending>> {
        let Some(head) = self.head().await? else { return Ok(Some(Ending::Close)) };
        let Some(seen) = parse(&head, number) else {
            self.stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await?;
            return Ok(Some(Ending::Close));
        };
        let keep_alive = !seen.header("connection").is_some_and(|value| value.contains("close"));
        let expects = seen.header("expect").is_some();
        let length = request_length(&seen);
        let (answer, released, entry) = shared.begin(seen);
        let _active = shared.activity();

        if expects {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        if !self.request_body(&length, &answer, &entry).await? {
            return Ok(Some(Ending::Reset));
        }
        if let Content::Raw(bytes) = &answer.content {
            self.stream.write_all(bytes).await?;
            entry.note(|seen| seen.answered = true);
            return Ok(Some(Ending::Close));
        }
        let seen = entry.copy().ok_or_else(|| io::Error::other("more requests than remembered"))?;
        let reply = Reply::plan(&answer, &seen, released);
        let closes = reply.framing == Framing::UntilClose || !keep_alive;
        match self.respond(reply, closes, &entry).await? {
            Piece::Cut if answer.faults.reset => Ok(Some(Ending::Reset)),
            Piece::Cut => Ok(Some(Ending::Cut)),
            _ => {
                entry.note(|seen| seen.answered = true);
                Ok(closes.then_some(Ending::Close))
            }
        }
    }

    /// Reads a request head; `None` is an idle connection that the client closed.
    async fn head(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head = self.buffer.split_to(end);
                self.buffer.advance(4);
                return Ok(Some(String::from_utf8_lossy(&head).into_owned()));
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(io::Error::other("the request head is too long"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads the request body; `false` if the connection is to be cut in its middle.
    async fn request_body(
        &mut self,
        length: &Length,
        answer: &Answer,
        entry: &Entry,
    ) -> io::Result<bool> {
        let mut hash = Sha256::new();
        let mut total = 0;
        let mut pace = answer.upload_rate.map(Pace::new);
        let mut left = match length {
            Length::Exactly(length) => *length,
            Length::Chunks => self.chunk().await?,
        };
        loop {
            if answer.faults.drop_request_after.is_some_and(|after| total >= after) {
                return Ok(false);
            }
            if left == 0 {
                break;
            }
            if self.buffer.is_empty() {
                self.buffer.reserve(PIECE);
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            let mut most = (self.buffer.len() as u64).min(left);
            if let Some(after) = answer.faults.drop_request_after {
                most = most.min(after - total);
            }
            if let Some(pace) = &mut pace {
                most = pace.allow(most).await;
            }
            let piece = self.buffer.split_to(usize::try_from(most).expect("part of the buffer"));
            hash.update(&piece);
            total += most;
            left -= most;
            entry.note(|seen| seen.body_length = total);
            if left == 0 && matches!(length, Length::Chunks) {
                self.line().await?;
                left = self.chunk().await?;
            }
        }
        if matches!(length, Length::Chunks) {
            while !self.line().await?.is_empty() {}
        }
        let digest = body::hex(&hash.finalize());
        entry.note(|seen| seen.body_sha256 = Some(digest));
        Ok(true)
    }

    async fn chunk(&mut self) -> io::Result<u64> {
        let line = self.line().await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        u64::from_str_radix(size, 16).map_err(io::Error::other)
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line = self.buffer.split_to(end);
                self.buffer.advance(2);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(io::Error::other("the line is too long"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Sends a response and says how its body ended.
    async fn respond(
        &mut self,
        mut reply: Reply,
        closes: bool,
        entry: &Entry,
    ) -> io::Result<Piece> {
        reply.pump.begin().await;
        let status = reply.status;
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
        for (name, value) in &reply.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if reply.framing == Framing::Chunked {
            head.push_str("Transfer-Encoding: chunked\r\n");
        }
        if closes {
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\n");
        self.stream.write_all(head.as_bytes()).await?;
        self.stream.flush().await?;
        entry.note(|seen| seen.status = Some(status));
        loop {
            match reply.pump.next().await {
                Piece::Bytes(bytes) if reply.framing == Framing::Chunked => {
                    self.stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
                    self.stream.write_all(&bytes).await?;
                    self.stream.write_all(b"\r\n").await?;
                    self.stream.flush().await?;
                    entry.note(|seen| seen.body_sent += bytes.len() as u64);
                }
                Piece::Bytes(bytes) => {
                    self.stream.write_all(&bytes).await?;
                    self.stream.flush().await?;
                    entry.note(|seen| seen.body_sent += bytes.len() as u64);
                }
                Piece::End if reply.framing == Framing::Chunked => {
                    self.stream.write_all(b"0\r\n\r\n").await?;
                    self.stream.flush().await?;
                    return Ok(Piece::End);
                }
                end => return Ok(end),
            }
        }
    }
}

fn find(buffer: &[u8], what: &[u8]) -> Option<usize> {
    buffer.windows(what.len()).position(|window| window == what)
}

fn parse(head: &str, number: u64) -> Option<Seen> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let mut seen = Seen::new(number, words.next()?, words.next()?);
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        seen.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some(seen)
}

fn request_length(seen: &Seen) -> Length {
    if seen.header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        return Length::Chunks;
    }
    let length = seen.header("content-length").and_then(|value| value.parse().ok());
    Length::Exactly(length.unwrap_or(0))
}

fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unknown")
}
