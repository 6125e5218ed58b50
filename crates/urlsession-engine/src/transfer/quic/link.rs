//! What h3 needs of a QUIC connection, by quinn.

use super::gauge::{Gauge, Unfit};
use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use quinn::{ConnectionError, ReadError, VarInt, WriteError};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Work under way on a connection.
type Pending<T> = Option<Pin<Box<dyn Future<Output = Result<T, ConnectionError>> + Send + Sync>>>;

/// A connection, for the side that drives it.
pub(super) struct Link {
    opener: Opener,
    accepting: Pending<quinn::RecvStream>,
    accepting_both: Pending<(quinn::SendStream, quinn::RecvStream)>,
}

/// Opens streams. A clone has none under way.
pub(super) struct Opener {
    connection: quinn::Connection,
    opening: Pending<quinn::SendStream>,
    opening_both: Pending<(quinn::SendStream, quinn::RecvStream)>,
}

/// Both directions of a stream.
pub(super) struct Both {
    outward: Outward,
    inward: Inward,
}

/// Our direction of a stream. One that is dropped before its end is reset: the server must not take
/// what it has for the whole.
pub(super) struct Outward {
    stream: quinn::SendStream,
    writing: Option<WriteBuf<Bytes>>,
    has_ended: bool,
}

/// The server's direction of a stream. What went wrong with it stays wrong: quinn tells that once, and
/// then of an end like any other.
pub(super) struct Inward {
    stream: quinn::RecvStream,
    gauge: Gauge,
    wrong: Option<Wrong>,
}

/// Why what came of a stream is not all of it.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Reset(VarInt),
    Unfit(Unfit),
}

impl Link {
    pub(super) fn new(connection: quinn::Connection) -> Self {
        let opener = Opener { connection, opening: None, opening_both: None };
        Self { opener, accepting: None, accepting_both: None }
    }
}

impl Clone for Opener {
    fn clone(&self) -> Self {
        Self { connection: self.connection.clone(), opening: None, opening_both: None }
    }
}

/// Goes on with what is under way, or begins it.
fn go_on<T, F>(
    pending: &mut Pending<T>,
    cx: &mut Context<'_>,
    begin: impl FnOnce() -> F,
) -> Poll<Result<T, ConnectionError>>
where
    F: Future<Output = Result<T, ConnectionError>> + Send + Sync + 'static,
{
    let future = pending.get_or_insert_with(|| Box::pin(begin()));
    let result = ready!(future.as_mut().poll(cx));
    *pending = None;
    Poll::Ready(result)
}

impl quic::Connection<Bytes> for Link {
    type RecvStream = Inward;
    type OpenStreams = Opener;

    fn poll_accept_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Inward, ConnectionErrorIncoming>> {
        let connection = &self.opener.connection;
        let begin = || {
            let connection = connection.clone();
            async move { connection.accept_uni().await }
        };
        let accepted = ready!(go_on(&mut self.accepting, cx, begin));
        Poll::Ready(match accepted {
            Ok(stream) => Ok(Inward::new(stream, Gauge::of_server())),
            Err(error) => Err(lost(error)),
        })
    }

    fn poll_accept_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Both, ConnectionErrorIncoming>> {
        let connection = &self.opener.connection;
        let begin = || {
            let connection = connection.clone();
            async move { connection.accept_bi().await }
        };
        let accepted = ready!(go_on(&mut self.accepting_both, cx, begin));
        Poll::Ready(accepted.map(Both::new).map_err(lost))
    }

    fn opener(&self) -> Opener {
        self.opener.clone()
    }
}

impl quic::OpenStreams<Bytes> for Link {
    type BidiStream = Both;
    type SendStream = Outward;

    fn poll_open_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Both, StreamErrorIncoming>> {
        self.opener.poll_open_bidi(cx)
    }

    fn poll_open_send(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Outward, StreamErrorIncoming>> {
        self.opener.poll_open_send(cx)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.opener.close(code, reason);
    }
}

impl quic::OpenStreams<Bytes> for Opener {
    type BidiStream = Both;
    type SendStream = Outward;

    fn poll_open_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Both, StreamErrorIncoming>> {
        let connection = &self.connection;
        let begin = || {
            let connection = connection.clone();
            async move { connection.open_bi().await }
        };
        let opened = ready!(go_on(&mut self.opening_both, cx, begin));
        Poll::Ready(opened.map(Both::new).map_err(lost_stream))
    }

    fn poll_open_send(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Outward, StreamErrorIncoming>> {
        let connection = &self.connection;
        let begin = || {
            let connection = connection.clone();
            async move { connection.open_uni().await }
        };
        let opened = ready!(go_on(&mut self.opening, cx, begin));
        Poll::Ready(opened.map(Outward::new).map_err(lost_stream))
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.connection.close(varint(code.value()), reason);
    }
}

impl Both {
    fn new((outward, inward): (quinn::SendStream, quinn::RecvStream)) -> Self {
        let inward = Inward::new(inward, Gauge::of_request());
        Self { outward: Outward::new(outward), inward }
    }
}

impl quic::BidiStream<Bytes> for Both {
    type SendStream = Outward;
    type RecvStream = Inward;

    fn split(self) -> (Outward, Inward) {
        (self.outward, self.inward)
    }
}

impl quic::SendStream<Bytes> for Both {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.outward.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.outward.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.outward.poll_finish(cx)
    }

    fn reset(&mut self, code: u64) {
        self.outward.reset(code);
    }

    fn send_id(&self) -> StreamId {
        self.outward.send_id()
    }
}

impl quic::RecvStream for Both {
    type Buf = Bytes;

    fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        self.inward.poll_data(cx)
    }

    fn stop_sending(&mut self, code: u64) {
        self.inward.stop_sending(code);
    }

    fn recv_id(&self) -> StreamId {
        self.inward.recv_id()
    }
}

impl Outward {
    fn new(stream: quinn::SendStream) -> Self {
        Self { stream, writing: None, has_ended: false }
    }
}

impl quic::SendStream<Bytes> for Outward {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        while let Some(data) = self.writing.as_mut().filter(|data| data.has_remaining()) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, data.chunk()));
            data.advance(written.map_err(unwritten)?);
        }
        self.writing = None;
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        // h3 hands over no more before all of it is written.
        self.writing = Some(data.into());
        Ok(())
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.has_ended = true;
        let finished = self.stream.finish();
        Poll::Ready(finished.map_err(|error| StreamErrorIncoming::Unknown(Box::new(error))))
    }

    fn reset(&mut self, code: u64) {
        self.has_ended = true;
        // One that has ended already needs no reset.
        let _ = self.stream.reset(varint(code));
    }

    fn send_id(&self) -> StreamId {
        number(self.stream.id())
    }
}

impl Drop for Outward {
    fn drop(&mut self) {
        if !self.has_ended {
            quic::SendStream::reset(self, Code::H3_REQUEST_CANCELLED.value());
        }
    }
}

impl Inward {
    fn new(stream: quinn::RecvStream, gauge: Gauge) -> Self {
        Self { stream, gauge, wrong: None }
    }
}

impl quic::RecvStream for Inward {
    type Buf = Bytes;

    fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        if let Some(wrong) = self.wrong {
            return Poll::Ready(Err(wrong.into()));
        }
        // The stream, not the future, remembers how far it is.
        let read = ready!(pin!(self.stream.read_chunk(usize::MAX, true)).poll(cx));
        let wrong = match read {
            Ok(Some(chunk)) => match self.gauge.pass(&chunk.bytes) {
                Ok(()) => return Poll::Ready(Ok(Some(chunk.bytes))),
                Err(unfit) => {
                    self.stop_sending(Code::H3_EXCESSIVE_LOAD.value());
                    Wrong::Unfit(unfit)
                }
            },
            Ok(None) => match self.gauge.end() {
                Ok(()) => return Poll::Ready(Ok(None)),
                Err(unfit) => Wrong::Unfit(unfit),
            },
            Err(ReadError::Reset(code)) => Wrong::Reset(code),
            Err(error) => return Poll::Ready(Err(unread(error))),
        };
        self.wrong = Some(wrong);
        Poll::Ready(Err(wrong.into()))
    }

    fn stop_sending(&mut self, code: u64) {
        // One that has ended already need not be stopped.
        let _ = self.stream.stop(varint(code));
    }

    fn recv_id(&self) -> StreamId {
        number(self.stream.id())
    }
}

impl Drop for Inward {
    fn drop(&mut self) {
        quic::RecvStream::stop_sending(self, Code::H3_REQUEST_CANCELLED.value());
    }
}

fn varint(code: u64) -> VarInt {
    VarInt::from_u64(code).unwrap_or(VarInt::MAX)
}

fn number(id: quinn::StreamId) -> StreamId {
    StreamId::try_from(u64::from(VarInt::from(id)))
        .expect("QUIC numbers its streams within 62 bits")
}

fn lost(error: ConnectionError) -> ConnectionErrorIncoming {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            ConnectionErrorIncoming::ApplicationClose { error_code: close.error_code.into() }
        }
        ConnectionError::TimedOut => ConnectionErrorIncoming::Timeout,
        error => ConnectionErrorIncoming::Undefined(Arc::new(error)),
    }
}

fn lost_stream(error: ConnectionError) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming { connection_error: lost(error) }
}

impl From<Wrong> for StreamErrorIncoming {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Reset(code) => Self::StreamTerminated { error_code: code.into() },
            Wrong::Unfit(unfit) => Self::Unknown(Box::new(unfit)),
        }
    }
}

fn unread(error: ReadError) -> StreamErrorIncoming {
    match error {
        ReadError::ConnectionLost(error) => lost_stream(error),
        error => StreamErrorIncoming::Unknown(Box::new(error)),
    }
}

fn unwritten(error: WriteError) -> StreamErrorIncoming {
    match error {
        WriteError::Stopped(code) => {
            StreamErrorIncoming::StreamTerminated { error_code: code.into() }
        }
        WriteError::ConnectionLost(error) => lost_stream(error),
        error => StreamErrorIncoming::Unknown(Box::new(error)),
    }
}
