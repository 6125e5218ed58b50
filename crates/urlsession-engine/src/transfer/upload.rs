//! Request bodies: a file read in blocks and handed to the connection.

use super::block::{Block, Memory, is_in_memory};
use super::errors::{self, Failure, Place};
use super::metrics::Transaction;
use super::quic;
use super::rate::{Direction, Rate};
use super::wire::Wire;
use super::{Progress, blocking};
use bytes::Bytes;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use urlsession_protocol::{Body, ErrorCode};

/// Longest sleep of a limited transfer before its pulse is renewed.
const PULSE: Duration = Duration::from_millis(250);

/// The request body of one attempt: what it is, and how far it got.
#[derive(Debug)]
pub(super) struct Sending {
    body: Body,
    progress: Arc<Progress>,
    rate: Arc<Rate>,
    going: Mutex<Going>,
    failed: Mutex<Option<Failure>>,
}

/// How far a body got since it was begun last.
#[derive(Debug, Default)]
struct Going {
    /// How often it was begun.
    number: u64,
    sent: u64,
}

impl Sending {
    pub(super) fn new(body: Body, progress: Arc<Progress>, rate: Arc<Rate>) -> Self {
        progress.expect_to_send(Some(length(&body)));
        Self { body, progress, rate, going: Mutex::default(), failed: Mutex::new(None) }
    }

    pub(super) fn length(&self) -> u64 {
        length(&self.body)
    }

    /// Returns the bytes handed to the connection.
    pub(super) fn sent(&self) -> u64 {
        self.going.lock().expect("no holder panics").sent
    }

    /// Says whether the connection was handed all of it.
    pub(super) fn is_done(&self) -> bool {
        self.sent() == self.length()
    }

    /// Takes what went wrong while the file was being read.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.failed.lock().expect("no holder panics").take()
    }

    /// Opens the file to be sent from its start.
    pub(super) async fn open(&self) -> Result<Source, Failure> {
        let number = self.begin();
        let body = self.body.clone();
        blocking(move || Source::open(&body, number)).await
    }

    fn begin(&self) -> u64 {
        let mut going = self.going.lock().expect("no holder panics");
        *going = Going { number: going.number + 1, sent: 0 };
        self.progress.set_sent(0);
        going.number
    }

    /// Counts bytes that the connection was handed; returns how many these are in all. `None` if the
    /// body was begun anew meanwhile: who sends it for a request that was given up may not have seen
    /// that yet.
    pub(super) fn advance(&self, source: &Source, bytes: usize) -> Option<u64> {
        let mut going = self.going.lock().expect("no holder panics");
        if going.number != source.number {
            return None;
        }
        going.sent += bytes as u64;
        self.progress.set_sent(going.sent);
        Some(going.sent)
    }

    /// Feeds the whole file to the connection; a failure is kept for [`Sending::failure`].
    pub(super) async fn feed(
        &self,
        mut source: Source,
        wire: &Arc<Wire>,
        mut sink: Sink,
        transaction: &Transaction,
    ) {
        let _watch = self.rate.watch(wire);
        while source.left > 0 {
            self.wait_for_rate(wire).await;
            let bytes = match source.next(self.rate.portion(Direction::Upload)).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err(failure) => {
                    let why = failure.error.to_string();
                    *self.failed.lock().expect("no holder panics") = Some(failure);
                    return sink.abort(&why).await;
                }
            };
            let length = bytes.len();
            if sink.send(bytes, wire).await.is_err() {
                // The connection is gone or wants no more: its reader says which.
                return;
            }
            self.rate.spend(Direction::Upload, length);
            let Some(sent) = self.advance(&source, length) else { return };
            transaction.sent(sent);
        }
        sink.finish().await;
        transaction.note(|metrics, now| metrics.request_end_date = Some(now));
    }

    async fn wait_for_rate(&self, wire: &Wire) {
        while let Some(until) = self.rate.until(Direction::Upload) {
            let pulse = tokio::time::Instant::now() + PULSE;
            tokio::time::sleep_until(until.min(pulse)).await;
            wire.touch();
        }
    }
}

fn length(body: &Body) -> u64 {
    match body {
        Body::File { length, .. } | Body::Spool { length, .. } => *length,
    }
}

/// An open file and how much of it is left to send.
#[derive(Debug)]
pub(super) struct Source {
    /// The how-manieth it is of its body.
    number: u64,
    file: Option<File>,
    left: u64,
    memory: Memory,
    is_in_memory: bool,
    /// Size and modification time that an app's own file must keep.
    promised: Option<(u64, u64)>,
}

impl Source {
    fn open(body: &Body, number: u64) -> Result<Self, Failure> {
        let (path, length, promised) = match body {
            Body::File { path, length, modified } => (path, *length, Some((*length, *modified))),
            Body::Spool { path, length } => (path, *length, None),
        };
        let fail = |error: io::Error| unreadable(path, &error);
        // Opening a pipe would wait for its writer, so look before opening.
        let about = std::fs::metadata(path).map_err(fail)?;
        if about.is_dir() {
            return Err(fail(io::ErrorKind::IsADirectory.into()));
        }
        if !about.is_file() {
            return Err(fail(io::Error::other("not a regular file")));
        }
        let file = File::open(path).map_err(fail)?;
        let about = file.metadata().map_err(fail)?;
        if about.len() != length || promised.is_some_and(|promised| stamp(&about) != promised) {
            return Err(changed());
        }
        let (memory, is_in_memory) = (Memory::default(), is_in_memory(&file));
        Ok(Self { number, file: Some(file), left: length, memory, is_in_memory, promised })
    }

    /// Returns the next bytes, `None` at the end.
    pub(super) async fn next(&mut self, block: usize) -> Result<Option<Bytes>, Failure> {
        if self.left == 0 {
            return Ok(None);
        }
        let file = self.file.take().expect("a source that failed is not asked again");
        let (left, promised) = (self.left, self.promised);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(block);
        let mut block = self.memory.block(most);
        // The last one is looked at more closely, which may take its time.
        let is_last = block.len() as u64 == left;
        if is_last || !block.fill_without_waiting(&file, self.is_in_memory) {
            let read = move || read(&file, &mut block, is_last, promised).map(|()| (file, block));
            let (file, block) = blocking(read).await?;
            return Ok(Some(self.took(file, block)));
        }
        Ok(Some(self.took(file, block)))
    }

    fn took(&mut self, file: File, block: Block) -> Bytes {
        self.file = Some(file);
        self.left -= block.len() as u64;
        Bytes::from_owner(block)
    }
}

fn read(
    mut file: &File,
    block: &mut Block,
    is_last: bool,
    promised: Option<(u64, u64)>,
) -> Result<(), Failure> {
    let fail = |error: io::Error| errors::io(Place::Source, &error);
    file.read_exact(block.as_mut()).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => changed(),
        _ => fail(error),
    })?;
    if is_last {
        let about = file.metadata().map_err(fail)?;
        // The last block is held back from a server that would take a mixture for whole.
        if promised.is_some_and(|promised| stamp(&about) != promised) {
            return Err(changed());
        }
    }
    Ok(())
}

fn stamp(about: &Metadata) -> (u64, u64) {
    let modified = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let nanoseconds = modified.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    (about.len(), nanoseconds)
}

fn changed() -> Failure {
    Failure::permanent(ErrorCode::REQUEST_BODY_STREAM_EXHAUSTED, "the file changed")
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let mut failure = errors::io(Place::Source, error);
    failure.error.detail = Some(format!("{}: {error}", path.display()));
    failure
}

/// Where the blocks go.
#[derive(Debug)]
pub(super) enum Sink {
    Http1(mpsc::Sender<io::Result<Bytes>>),
    Http2(h2::SendStream<Bytes>),
    #[cfg_attr(not(feature = "http3"), expect(dead_code))]
    Http3(Box<quic::Sink>),
}

/// The connection takes no more bytes.
#[derive(Debug)]
struct Refused;

impl Sink {
    async fn send(&mut self, mut bytes: Bytes, wire: &Wire) -> Result<(), Refused> {
        match self {
            Self::Http1(to) => to.send(Ok(bytes)).await.map_err(|_| Refused),
            Self::Http2(stream) => {
                while !bytes.is_empty() {
                    stream.reserve_capacity(bytes.len());
                    let granted = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
                    let Some(Ok(granted)) = granted else { return Err(Refused) };
                    let part = bytes.split_to(granted.min(bytes.len()));
                    let length = part.len();
                    stream.send_data(part, false).map_err(|_| Refused)?;
                    wire.count_sent(length);
                }
                Ok(())
            }
            Self::Http3(sink) => sink.send(bytes, wire).await.map_err(|_| Refused),
        }
    }

    async fn finish(mut self) {
        match &mut self {
            Self::Http1(_) => {}
            // A stream that the server reset needs no end.
            Self::Http2(stream) => drop(stream.send_data(Bytes::new(), true)),
            Self::Http3(sink) => sink.finish().await,
        }
    }

    async fn abort(self, why: &str) {
        match self {
            // A closed channel means that the connection ended already.
            Self::Http1(to) => drop(to.send(Err(io::Error::other(why.to_owned()))).await),
            Self::Http2(mut stream) => stream.send_reset(h2::Reason::CANCEL),
            Self::Http3(sink) => drop(sink),
        }
    }
}

/// Lets a request body be sent for as long as it is held.
#[derive(Debug)]
pub(super) struct Hold {
    body: oneshot::Sender<()>,
}

impl Hold {
    /// Waits until the connection has taken all of the body, or has ended.
    pub(super) async fn released(&mut self) {
        self.body.closed().await;
    }
}

/// A request body as hyper takes it.
#[derive(Debug)]
pub(super) enum Outbound {
    Empty,
    Blocks(Box<Blocks>),
}

/// A body that is read when the connection wants more of it: in the same task, so that the bytes
/// stay where they are in the caches of one processor.
pub(super) struct Blocks {
    feed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    from: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
    hold: oneshot::Receiver<()>,
    wire: Arc<Wire>,
}

impl Outbound {
    /// Makes a body of that length, which `feed` feeds by the end that it is given.
    pub(super) fn blocks<F>(
        length: u64,
        wire: &Arc<Wire>,
        feed: impl FnOnce(Sink) -> F,
    ) -> (Self, Hold)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (to, from) = mpsc::channel(1);
        let (hold, held) = oneshot::channel();
        let feed = Some(Box::pin(feed(Sink::Http1(to))) as _);
        let blocks = Blocks { feed, from, left: length, hold: held, wire: Arc::clone(wire) };
        (Self::Blocks(Box::new(blocks)), Hold { body: hold })
    }
}

impl Blocks {
    fn poll_feed(&mut self, cx: &mut Context<'_>) {
        if let Some(feed) = &mut self.feed
            && feed.as_mut().poll(cx).is_ready()
        {
            self.feed = None;
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if Pin::new(&mut self.hold).poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::other("the request was given up")));
        }
        self.poll_feed(cx);
        let next = match std::task::ready!(self.from.poll_recv(cx)) {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) => return Poll::Ready(Err(error)),
            None => return Poll::Ready(Err(io::Error::other("the request body ended early"))),
        };
        self.left = self.left.saturating_sub(next.len() as u64);
        self.wire.will_write();
        if self.left == 0 {
            // Nobody asks again: what feeds has to see now that this was all.
            self.poll_feed(cx);
        }
        Poll::Ready(Ok(next))
    }
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks").field("left", &self.left).finish_non_exhaustive()
    }
}

impl http_body::Body for Outbound {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<http_body::Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Blocks(blocks) if blocks.left > 0 => {
                let next = std::task::ready!(blocks.poll_next(cx));
                Poll::Ready(Some(next.map(http_body::Frame::data)))
            }
            Self::Empty | Self::Blocks(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Blocks(blocks) => blocks.left == 0,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(match self {
            Self::Empty => 0,
            Self::Blocks(blocks) => blocks.left,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::metrics::Collector;
    use crate::transfer::speedometer::Speedometer;
    use std::io::Write as _;
    use tempfile::NamedTempFile;
    use urlsession_protocol::{Date, LowestSpeed};

    fn sending(bytes: &[u8], progress: &Arc<Progress>, rate: Rate) -> (Sending, NamedTempFile) {
        let mut file = NamedTempFile::new().expect("a file");
        file.write_all(bytes).expect("it is written");
        let body = Body::Spool { path: file.path().into(), length: bytes.len() as u64 };
        (Sending::new(body, Arc::clone(progress), Arc::new(rate)), file)
    }

    fn transaction() -> Transaction {
        Arc::new(Collector::new(Date(0))).begin("http://host/", "PUT")
    }

    /// On another thread, it may be about to count what it has read.
    #[tokio::test]
    async fn who_sends_for_a_request_that_was_given_up_counts_no_more() {
        let progress = Arc::<Progress>::default();
        let (sending, _file) = sending(b"abcde", &progress, Rate::new(None, &Arc::default()));
        let old = sending.open().await.expect("it is there");
        let new = sending.open().await.expect("it is there");
        let transaction = transaction();
        for (source, sent) in [(old, 0), (new, 5)] {
            let (to, _from) = mpsc::channel(1);
            sending.feed(source, &Arc::new(Wire::new()), Sink::Http1(to), &transaction).await;
            assert_eq!((sending.sent(), progress.counts().sent), (sent, sent));
        }
        assert!(sending.is_done());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_limit_of_ours_is_not_slow() {
        let speedometer = Speedometer::new(LowestSpeed { bytes_per_second: 1, seconds: 1 });
        let rate = Rate::new(Some(20_000), &Arc::default());
        let rate = rate.measured(Some(Arc::clone(&speedometer)));
        let (sending, _file) = sending(&[7; 100_000], &Arc::default(), rate);
        let source = sending.open().await.expect("it is there");
        let (to, mut from) = mpsc::channel(1);
        // No byte that is taken goes over it.
        let (wire, transaction) = (Arc::new(Wire::new()), transaction());
        let begin = tokio::time::Instant::now();
        let sent = async {
            let feed = sending.feed(source, &wire, Sink::Http1(to), &transaction);
            tokio::join!(feed, async { while from.recv().await.is_some() {} })
        };
        tokio::select! {
            biased;
            () = speedometer.too_slow() => panic!("slow after {:?}", begin.elapsed()),
            _ = sent => assert!(sending.is_done()),
        }
        assert!(begin.elapsed() >= Duration::from_secs(4), "{:?}", begin.elapsed());
    }
}
