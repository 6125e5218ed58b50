//! When bytes last moved on a connection, and whether any came back.

use super::chunks::{self, Chunks};
use super::errors::Failure;
use bytes::{Buf as _, Bytes};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;
use urlsession_protocol::ErrorCode;

/// Most bytes that may come without becoming a head or a byte of the body: interim answers, and
/// what stands between the chunks. More than a head may have with all that is read ahead.
const BABBLE_LIMIT: u64 = 2 * 1024 * 1024;

/// The pulse of one connection or stream.
#[derive(Debug)]
pub(super) struct Wire {
    began: Instant,
    /// Microseconds from `began` to the last byte in either direction.
    last: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    /// Keeps a connection that others share from being taken again.
    retired: Option<Arc<AtomicBool>>,
    /// What `received` may become before the next head or piece of a body.
    bound: AtomicU64,
    /// Whether it became more: the head that comes with it may be taken later than that is seen.
    has_babbled: AtomicBool,
    /// Whether a request has gone out since something came.
    has_asked: AtomicBool,
    /// Whether it sent what others may read in another way.
    is_doubtful: AtomicBool,
    /// Whether bytes of a request body wait to be written, and what tells that none do any more.
    has_unwritten: AtomicBool,
    written: Notify,
    /// Whether it may be idle for ever: what comes over it does not come in real time.
    has_no_limit: bool,
}

impl Wire {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            last: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            bound: AtomicU64::new(BABBLE_LIMIT),
            has_babbled: AtomicBool::new(false),
            retired: None,
            has_asked: AtomicBool::new(false),
            is_doubtful: AtomicBool::new(false),
            has_unwritten: AtomicBool::new(false),
            written: Notify::new(),
            has_no_limit: false,
        }
    }

    /// Makes the pulse of what is simulated, which ends by itself.
    pub(super) fn without_limit() -> Self {
        Self { has_no_limit: true, ..Self::new() }
    }

    /// Makes the pulse of one stream; one that is idle for too long sets `retired`.
    pub(super) fn of_stream(retired: Arc<AtomicBool>) -> Self {
        Self { retired: Some(retired), ..Self::new() }
    }

    /// Notes that a request goes out: what comes next is the head of a response.
    pub(super) fn ask(&self) {
        self.has_asked.store(true, Ordering::Release);
        self.touch();
    }

    /// Says whether something came that others may read in another way: nobody should ask again
    /// over the same connection.
    pub(super) fn is_doubtful(&self) -> bool {
        self.is_doubtful.load(Ordering::Acquire)
    }

    /// Notes that something moved just now.
    pub(super) fn touch(&self) {
        let now = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Leaves out of the silence a time in which nobody listened.
    pub(super) fn excuse(&self, time: Duration) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let (now, time) = (micros(self.began.elapsed()), micros(time));
        let later = |last: u64| Some(last.saturating_add(time).min(now).max(last));
        // It always says a later one.
        let _ = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
    }

    /// Returns the bytes received in all.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn count_received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        self.touch();
    }

    pub(super) fn count_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.touch();
    }

    /// Notes that bytes of a request body are handed over to be written.
    pub(super) fn will_write(&self) {
        self.has_unwritten.store(true, Ordering::Release);
    }

    /// Waits until all bytes that were handed over are written.
    pub(super) async fn written(&self) {
        let mut written = pin!(self.written.notified());
        // What changes from here on is not missed.
        written.as_mut().enable();
        if self.has_unwritten.load(Ordering::Acquire) {
            written.await;
        }
    }

    fn wrote_all(&self) {
        if self.has_unwritten.swap(false, Ordering::AcqRel) {
            self.written.notify_waiters();
        }
    }

    /// Returns the bytes that moved in both directions.
    pub(super) fn moved(&self) -> u64 {
        self.received() + self.sent.load(Ordering::Relaxed)
    }

    /// Keeps a connection that others share from being taken again: whether only the stream is dead
    /// or all of its connection, nobody can tell.
    pub(super) fn retire(&self) {
        if let Some(retired) = &self.retired {
            retired.store(true, Ordering::Release);
        }
    }

    /// Runs the future, unless nothing moves for the limit, or very much comes and is nothing.
    pub(super) async fn watch<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            result = work => match result {
                Ok(value) => {
                    let bound = self.received().saturating_add(BABBLE_LIMIT);
                    self.bound.store(bound, Ordering::Relaxed);
                    Ok(value)
                }
                Err(_) if self.is_babble() => {
                    let why =
                        format!("more than {BABBLE_LIMIT} bytes came that are no part of a body");
                    Err(Failure::permanent(ErrorCode::CANNOT_PARSE_RESPONSE, why))
                }
                Err(failure) => Err(failure),
            },
            () = self.idle(limit) => {
                self.retire();
                Err(Failure::idle(limit))
            }
        }
    }

    /// Says whether more has come than one answer or one piece of a body can take; once seen, that
    /// stays so.
    fn is_babble(&self) -> bool {
        let is_babble = self.received() > self.bound.load(Ordering::Relaxed);
        if is_babble {
            self.has_babbled.store(true, Ordering::Relaxed);
        }
        is_babble || self.has_babbled.load(Ordering::Relaxed)
    }

    /// Returns once nothing has moved for the limit.
    pub(super) async fn idle(&self, limit: Duration) {
        if self.has_no_limit {
            return std::future::pending().await;
        }
        loop {
            let last = self.began + Duration::from_micros(self.last.load(Ordering::Relaxed));
            let Some(until) = last.checked_add(limit) else { return std::future::pending().await };
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// A stream that keeps the pulse of its [`Wire`].
///
/// Who takes no more of a request has often said why, and closed: what is to be read counts, and not
/// that no more could be written. The writer just waits from then on; the reader meets the end.
#[derive(Debug)]
pub(super) struct Counted<S> {
    inner: S,
    wire: Arc<Wire>,
    chunks: Chunks,
    /// What came and had no room after it was mended.
    rest: Bytes,
    takes_no_more: bool,
    was_full: bool,
}

impl<S> Counted<S> {
    pub(super) fn new(inner: S, wire: Arc<Wire>) -> Self {
        let (chunks, rest) = (Chunks::default(), Bytes::new());
        Self { inner, wire, chunks, rest, takes_no_more: false, was_full: false }
    }

    pub(super) fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.rest.is_empty() {
            self.hand_out(buf);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let received = buf.filled().len() - before;
        if received > 0 {
            self.mend(buf, before);
            self.wire.count_received(received);
            // Whoever parses it would go on for as long as more comes.
            if self.wire.is_babble() {
                return Poll::Ready(Err(io::Error::other("too much came that is nothing")));
            }
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.takes_no_more {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.wrote(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.takes_no_more {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.wrote(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.takes_no_more {
            self.wire.wrote_all();
            return Poll::Ready(Ok(()));
        }
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        if let Poll::Ready(Ok(())) = polled {
            // Nobody flushes before all is written.
            self.wire.wrote_all();
        }
        self.wrote(cx, polled.map_ok(|()| 0)).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<S> Counted<S> {
    /// Gives the lines between chunks the end that hyper wants.
    fn mend(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        if self.wire.has_asked.swap(false, Ordering::AcqRel) {
            self.chunks.begin();
        }
        let bare = self.chunks.bare(&buf.filled()[before..]);
        if bare.is_empty() {
            return;
        }
        self.wire.is_doubtful.store(true, Ordering::Release);
        let mended = chunks::mended(&buf.filled()[before..], &bare);
        buf.set_filled(before);
        self.rest = mended.into();
        self.hand_out(buf);
    }

    fn hand_out(&mut self, buf: &mut ReadBuf<'_>) {
        let most = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest[..most]);
        self.rest.advance(most);
    }

    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        match &polled {
            Poll::Pending => self.was_full = true,
            Poll::Ready(Ok(bytes @ 1..)) => {
                self.wire.count_sent(*bytes);
                if std::mem::take(&mut self.was_full) {
                    // Whoever had its answer before all was written looks for what is next before
                    // it writes the rest, and not once more after that.
                    cx.waker().wake_by_ref();
                }
            }
            Poll::Ready(Err(error))
                if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset) =>
            {
                self.takes_no_more = true;
                // What came with the end may have come after the last look.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            _ => {}
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn babble_is_babble_though_the_head_before_it_is_taken_later() {
        let wire = Wire::new();
        wire.count_received(usize::try_from(BABBLE_LIMIT).expect("a limit") + 1);
        assert!(wire.is_babble(), "who reads gives up");
        let limit = Duration::from_secs(60);
        let head = wire.watch(limit, async { Ok::<_, Failure>(()) }).await;
        assert!(head.is_ok());
        let body = wire.watch(limit, async { Err::<(), _>(Failure::lost("gone")) }).await;
        let code = body.map_err(|failure| failure.error.code);
        assert_eq!(code, Err(ErrorCode::CANNOT_PARSE_RESPONSE));
    }
}
