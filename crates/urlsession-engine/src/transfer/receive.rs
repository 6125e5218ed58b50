//! From the connection into the part file: batches and back-pressure. What is durable so far is the
//! journal's to say.

use super::Progress;
use super::checksum::Digest;
use super::detour::Detour;
use super::errors::Failure;
use super::http::Inbound;
use super::part::Part;
use super::rate::{self, Direction, Rate};
use super::segments::journal::Journal;
use super::segments::span::Span;
use super::wire::Wire;
use crate::boxed::pinned;
use bytes::Bytes;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use urlsession_protocol::ErrorCode;

/// Bytes collected before they are written together, where they come in small pieces.
const BATCH: usize = 1024 * 1024;
/// A piece of this size is worth a write of its own.
pub(super) const LARGE: usize = 64 * 1024;
/// Longest time that received bytes wait for their batch.
const BATCH_TIME: Duration = Duration::from_millis(250);

/// What a body is received into.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) part: Part,
    pub(super) progress: Arc<Progress>,
    pub(super) rate: Arc<Rate>,
    pub(super) digest: Option<Digest>,
    /// Most bytes of the whole file.
    pub(super) limit: Option<u64>,
    /// Received and not written.
    pub(super) batch: Vec<Bytes>,
    batched: usize,
    journal: Option<(Arc<Journal>, watch::Receiver<()>)>,
    /// What of the file it is to bring; all that comes, if it is not said.
    span: Option<Arc<Span>>,
}

/// How receiving ended; the bytes are written as far as they came. Those of a body that is whole
/// may all be in memory still.
#[derive(Debug)]
pub(super) enum Received {
    Whole,
    Stopped,
    Failed(Failure),
}

/// Where the bytes come from, and what ends the wait for them.
#[derive(Debug)]
pub(super) struct Inflow<'a> {
    pub(super) body: &'a mut Inbound,
    pub(super) wire: &'a Arc<Wire>,
    pub(super) idle_timeout: Duration,
    pub(super) stop: &'a CancellationToken,
}

impl Inflow<'_> {
    /// Sends the rest of the request, of which the server may have answered the begin.
    async fn send_rest(&mut self) -> Received {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Received::Stopped,
            sent = self.body.send_rest(self.wire, self.idle_timeout) => match sent {
                Ok(()) => Received::Whole,
                Err(failure) => Received::Failed(failure),
            },
        }
    }
}

impl Receiver {
    pub(super) fn new(part: Part, progress: &Arc<Progress>, rate: Arc<Rate>) -> Self {
        progress.set_received(part.length());
        Self::beside(part, progress, rate)
    }

    /// Receives beside others, who are told how far they are together by their journal.
    pub(super) fn beside(part: Part, progress: &Arc<Progress>, rate: Arc<Rate>) -> Self {
        Self {
            part,
            progress: Arc::clone(progress),
            rate,
            digest: None,
            limit: None,
            batch: Vec::new(),
            batched: 0,
            journal: None,
            span: None,
        }
    }

    /// Has what is written made durable and told from now on.
    pub(super) fn keep_journal(&mut self, journal: &Arc<Journal>) {
        self.journal = Some((Arc::clone(journal), journal.turns()));
    }

    /// Brings no more than that of the file.
    pub(super) fn keep_to(&mut self, span: &Arc<Span>) {
        self.span = Some(Arc::clone(span));
    }

    /// Returns where in the file the next byte belongs; what is before may not be written yet.
    pub(super) fn length(&self) -> u64 {
        self.part.length() + self.batched as u64
    }

    /// Receives to the end of the body, which must come at the expected length.
    pub(super) async fn run(&mut self, mut from: Inflow<'_>, expected: Option<u64>) -> Received {
        let _watch = self.rate.watch(from.wire);
        let received = match self.receive(&mut from).await {
            // Written when it is put in place, together with others: [`super::publish`].
            Ok(Received::Whole) if self.part.length() == 0 && self.span.is_none() => {
                from.body.release(self.batched);
                Ok(Received::Whole)
            }
            result => {
                // What came must be written too; an error that ended it is the one to report.
                let flushed = self.flush(from.body);
                result.and_then(|received| flushed.map(|()| received))
            }
        };
        let expected = self.span.as_ref().map_or(expected, |span| Some(span.end()));
        match received {
            Ok(Received::Whole) if expected.is_some_and(|total| total != self.length()) => {
                let why = format!("{} of {} bytes came", self.length(), expected.unwrap_or(0));
                let written = self.flush(from.body);
                Received::Failed(written.err().unwrap_or_else(|| Failure::lost(why)))
            }
            Ok(Received::Whole) if from.body.owes_rest() => pinned(|| from.send_rest()).await,
            Ok(received) => received,
            Err(failure) => Received::Failed(failure),
        }
    }

    async fn receive(&mut self, from: &mut Inflow<'_>) -> Result<Received, Failure> {
        let unseen = self.digest.is_none() && !self.rate.has_own() && self.limit.is_none();
        if unseen && let Some((early, detour)) = from.body.detour().await {
            return Box::pin(self.receive_unseen(early, detour, from)).await;
        }
        if let Some(received) = self.receive_ready(from).await? {
            return Ok(received);
        }
        let mut tick = tokio::time::interval_at(Instant::now() + BATCH_TIME, BATCH_TIME);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut piece = Bytes::new();
        loop {
            while !piece.is_empty() && !self.is_full() && self.unpaid().is_none() {
                let portion = self.rate.portion(Direction::Download);
                self.take(piece.split_to(portion.min(piece.len())), from)?;
            }
            // Before it waits for anything: it could be given more meanwhile, of which a part was left out.
            if self.is_cut() {
                return Ok(Received::Whole);
            }
            let unpaid = self.unpaid();
            let (is_ours, begin) = (!piece.is_empty(), Instant::now());
            tokio::select! {
                biased;
                () = from.stop.cancelled() => return Ok(Received::Stopped),
                () = turned(&mut self.journal) => self.sync_if_due()?,
                _ = tick.tick() => self.flush(from.body)?,
                () = rate::reached(unpaid), if unpaid.is_some() => {}
                // A piece ahead of what may be taken: who has none to wait with hears the silence.
                next = from.wire.watch(from.idle_timeout, from.body.next()), if piece.is_empty() => {
                    match next? {
                        Some(next) => piece = next,
                        None => return Ok(Received::Whole),
                    }
                }
            }
            if is_ours {
                from.wire.excuse(begin.elapsed());
            }
        }
    }

    /// Takes what has come with the head, which is all of a short body: that needs no clock. `None`
    /// if there is more to come.
    async fn receive_ready(&mut self, from: &mut Inflow<'_>) -> Result<Option<Received>, Failure> {
        while self.rate.is_free(Direction::Download)
            && self.length() < LARGE as u64
            && !self.is_cut()
        {
            if from.stop.is_cancelled() {
                return Ok(Some(Received::Stopped));
            }
            match ready(from.body.next()).await {
                Some(Ok(Some(piece))) => self.take(piece, from)?,
                Some(Ok(None)) => return Ok(Some(Received::Whole)),
                Some(Err(failure)) => {
                    // The wire knows more of what went wrong.
                    let failed = from.wire.watch(from.idle_timeout, async { Err(failure) });
                    return failed.await;
                }
                None => break,
            }
        }
        Ok(None)
    }

    /// Receives without looking at the bytes.
    async fn receive_unseen(
        &mut self,
        early: Vec<Bytes>,
        mut detour: Detour,
        from: &mut Inflow<'_>,
    ) -> Result<Received, Failure> {
        for piece in early {
            self.take(piece, from)?;
        }
        self.flush(from.body)?;
        let mut tick = tokio::time::interval_at(Instant::now() + BATCH_TIME, BATCH_TIME);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut has_come = false;
        loop {
            if self.is_cut() {
                return Ok(Received::Whole);
            }
            let (unpaid, is_full) = (self.unpaid(), self.is_full());
            let may_move = unpaid.is_none() && !is_full;
            let (is_ours, begin) = (has_come && !may_move, Instant::now());
            let portion = self.rate.portion(Direction::Download) as u64;
            let most = self.span.as_ref().map_or(portion, |span| span.rest().min(portion));
            tokio::select! {
                biased;
                () = from.stop.cancelled() => return Ok(Received::Stopped),
                () = turned(&mut self.journal) => self.sync_if_due()?,
                _ = tick.tick() => self.sync_if_due()?,
                () = rate::reached(unpaid), if unpaid.is_some() => {}
                moved = from.wire.watch(
                    from.idle_timeout,
                    advance(&mut detour, may_move.then_some((&mut self.part, most))),
                ), if may_move || !has_come => {
                    let moved = moved?;
                    has_come = moved.is_none();
                    let Some(moved) = moved else { continue };
                    if moved == 0 {
                        from.body.rejoin(detour).await;
                        return Ok(Received::Whole);
                    }
                    self.rate.spend(Direction::Download, moved);
                    self.advance();
                    self.wrote(moved, 0)?;
                }
            }
            if is_ours {
                from.wire.excuse(begin.elapsed());
            }
        }
    }

    fn take(&mut self, mut piece: Bytes, from: &mut Inflow<'_>) -> Result<(), Failure> {
        if let Some(span) = &self.span {
            if piece.len() as u64 > span.last().saturating_sub(self.length()) {
                return Err(Failure::lost("more came than was announced"));
            }
            // Before the rest is thrown away: it would be missing then.
            while piece.len() as u64 > span.rest() && span.take_back() {}
            piece.truncate(usize::try_from(span.rest()).unwrap_or(usize::MAX));
        }
        let length = piece.len();
        if length == 0 {
            return Ok(());
        }
        let total = self.length() + length as u64;
        if let Some(limit) = self.limit.filter(|limit| total > *limit) {
            return Err(too_large(limit));
        }
        self.rate.spend(Direction::Download, length);
        if let Some(digest) = &mut self.digest {
            digest.update(&piece);
        }
        self.batch.push(piece);
        self.batched += length;
        self.advance();
        if let Some((journal, _)) = &self.journal {
            journal.took(length);
        }
        if length >= LARGE || self.batched >= BATCH || from.body.is_simulated() {
            self.flush(from.body)?;
        }
        Ok(())
    }

    /// Writes the batch, then lets the server send as much again.
    fn flush(&mut self, body: &mut Inbound) -> Result<(), Failure> {
        if self.batched == 0 {
            return self.sync_if_due();
        }
        let written = self.part.write(&self.batch);
        // What did not get into the file has not come: it must neither be written behind a piece of
        // itself, nor be taken for brought.
        self.batch.clear();
        let bytes = std::mem::take(&mut self.batched);
        if let Err(failure) = written {
            self.advance();
            if let Some((journal, _)) = &self.journal {
                journal.lost(bytes);
            }
            return Err(failure);
        }
        body.release(bytes);
        self.wrote(bytes, bytes)
    }

    /// Notes bytes that are in the file, of which so many had been taken into the batch.
    fn wrote(&mut self, bytes: usize, batched: usize) -> Result<(), Failure> {
        let end = self.part.length();
        match &self.journal {
            Some((journal, _)) => journal.wrote(end - bytes as u64..end, batched),
            None => self.progress.set_received(end),
        }
        self.sync_if_due()
    }

    fn sync_if_due(&self) -> Result<(), Failure> {
        self.journal.as_ref().map_or(Ok(()), |(journal, _)| journal.sync_if_due(&self.part))
    }

    /// Tells how far it is.
    fn advance(&self) {
        if let Some(span) = &self.span {
            span.advance(self.length());
        }
    }

    /// Says whether all is there that is wanted, and the server goes on sending. What another one
    /// took and does not have by now is wanted again.
    fn is_cut(&self) -> bool {
        self.span.as_ref().is_some_and(|span| span.is_cut() && !span.take_back())
    }

    fn unpaid(&self) -> Option<Instant> {
        self.rate.until(Direction::Download)
    }

    /// Says whether the disk must catch up first, which is noted as no slowness of the other side.
    fn is_full(&self) -> bool {
        let is_full = self.journal.as_ref().is_some_and(|(journal, _)| journal.is_full());
        if is_full {
            self.rate.excuse();
        }
        is_full
    }
}

/// Moves the next bytes where they may be moved, else waits until there are any: only what is not
/// there is silence.
async fn advance(
    detour: &mut Detour,
    to: Option<(&mut Part, u64)>,
) -> Result<Option<usize>, Failure> {
    match to {
        Some((part, most)) => detour.advance(part, most).await.map(Some),
        None => {
            detour.come().await;
            Ok(None)
        }
    }
}

/// Returns what a future has already, if anything.
async fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Waits until a sync has ended, for ever if none is ever begun.
async fn turned(journal: &mut Option<(Arc<Journal>, watch::Receiver<()>)>) {
    let Some((_, turns)) = journal else { return std::future::pending().await };
    // The sender lives as long as the journal.
    let _ = turns.changed().await;
}

/// The body is larger than what is kept of it.
pub(super) fn too_large(limit: u64) -> Failure {
    const MEBIBYTE: u64 = 1024 * 1024;
    let limit = match limit % MEBIBYTE {
        0 if limit > 0 => format!("{} MiB", limit / MEBIBYTE),
        _ => format!("{limit} bytes"),
    };
    let why = format!("the response body is larger than {limit}");
    Failure::permanent(ErrorCode::DATA_LENGTH_EXCEEDS_MAXIMUM, why)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::cache::Kept;
    use crate::transfer::http::{Answer, Stream};
    use crate::transfer::metrics::Collector;
    use crate::transfer::speedometer::Speedometer;
    use hyper_util::rt::TokioIo;
    use std::fs::File;
    use std::io::Read as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use urlsession_protocol::{Date, LowestSpeed};

    fn answer(body: &'static [u8]) -> Answer {
        let (head, ()) = http::Response::new(()).into_parts();
        let transaction = Arc::new(Collector::new(Date(0))).begin("http://host/", "GET");
        Answer::kept(Kept { head, body: Bytes::from_static(body) }, transaction)
    }

    fn receiver(file: File) -> Receiver {
        let rate = Arc::new(Rate::new(None, &Arc::default()));
        Receiver::new(Part::of(file), &Arc::default(), rate)
    }

    /// Over one of several connections these bytes would be nobody's, and the file had a hole.
    #[tokio::test]
    async fn what_cannot_be_written_has_not_been_brought() {
        let mut receiver = receiver(File::open("/dev/null").unwrap());
        let span = Arc::new(Span::new(0, 100, 100));
        receiver.keep_to(&span);
        let Answer { mut body, wire, .. } = answer(&[7; 100]);
        let (idle_timeout, stop) = (Duration::from_secs(30), CancellationToken::new());
        let from = Inflow { body: &mut body, wire: &wire, idle_timeout, stop: &stop };
        let received = receiver.run(from, None).await;
        assert!(matches!(received, Received::Failed(_)), "{received:?}");
        assert_eq!((span.at(), span.rest()), (0, 100));
    }

    /// Were it given the bytes of another connection while it waits, it would go on with later ones.
    #[tokio::test]
    async fn whose_part_is_there_waits_for_nothing() {
        let mut receiver = receiver(tempfile::tempfile().unwrap());
        receiver.rate = Arc::new(Rate::new(Some(1), &Arc::default()));
        let span = Arc::new(Span::new(0, 50, 100));
        receiver.keep_to(&span);
        let Answer { mut body, wire, .. } = answer(&[7; 100]);
        let (idle_timeout, stop) = (Duration::from_secs(30), CancellationToken::new());
        let from = Inflow { body: &mut body, wire: &wire, idle_timeout, stop: &stop };
        let received = ready(receiver.run(from, None)).await;
        assert!(matches!(received, Some(Received::Whole)), "{received:?}");
        assert_eq!(receiver.length(), 50);
    }

    /// What another one took is brought by who has it, unless the other has begun.
    #[tokio::test]
    async fn what_nobody_else_brings_is_not_thrown_away() {
        for (has_begun, expected) in [(false, 100), (true, 50)] {
            let mut receiver = receiver(tempfile::tempfile().unwrap());
            let span = Arc::new(Span::new(0, 100, 100));
            let other = Arc::new(Span::new(50, 100, 100));
            span.yield_to(&other);
            assert!(!has_begun || other.begin());
            receiver.keep_to(&span);
            let Answer { mut body, wire, .. } = answer(&[7; 100]);
            let (idle_timeout, stop) = (Duration::from_secs(30), CancellationToken::new());
            let from = Inflow { body: &mut body, wire: &wire, idle_timeout, stop: &stop };
            let received = receiver.run(from, None).await;
            assert!(matches!(received, Received::Whole), "{received:?}");
            assert_eq!((receiver.length(), receiver.part.length()), (expected, expected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_limit_of_ours_is_not_slow() {
        let lowest = LowestSpeed { bytes_per_second: 1, seconds: 1 };
        let speedometer = Speedometer::new(lowest);
        let mut receiver = receiver(tempfile::tempfile().unwrap());
        let rate = Rate::new(Some(20_000), &Arc::default());
        receiver.rate = Arc::new(rate.measured(Some(Arc::clone(&speedometer))));
        // No byte of it comes over a wire.
        let Answer { mut body, wire, .. } = answer(&[7; 100_000]);
        let (idle_timeout, stop) = (Duration::from_secs(30), CancellationToken::new());
        let from = Inflow { body: &mut body, wire: &wire, idle_timeout, stop: &stop };
        let begin = Instant::now();
        tokio::select! {
            biased;
            () = speedometer.too_slow() => panic!("slow after {:?}", begin.elapsed()),
            received = receiver.run(from, None) => {
                assert!(matches!(received, Received::Whole), "{received:?}");
            }
        }
        assert!(begin.elapsed() >= Duration::from_secs(4), "{:?}", begin.elapsed());
    }

    /// Asks over a line without a clock; the other end of it sends the head and those bytes.
    async fn over_a_line(length: usize, sent: &[u8]) -> (Inbound, tokio::io::DuplexStream) {
        let (ours, mut theirs) = tokio::io::duplex(1024 * 1024);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(ours)).await.expect("a line");
        tokio::spawn(connection);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        let (asked, ()) =
            tokio::join!(sender.send_request(http::Request::new(String::new())), async {
                theirs.read_u8().await.expect("a request");
                theirs.write_all(&[head.as_bytes(), sent].concat()).await.expect("room");
            });
        let (head, body) = asked.expect("a response").into_parts();
        let stream = Stream::Http1 { body, home: None };
        let transaction = Collector::new(Date(0)).begin("http://host/", "GET");
        (Inbound::new(stream, &head, (None, None), transaction), theirs)
    }

    /// Each connection of a download waits for what all of them took. Were that time of its own, one
    /// that stalls would be kept for as long as the others bring something.
    #[tokio::test(start_paused = true)]
    async fn silence_is_heard_while_others_are_in_debt() {
        const IDLE: Duration = Duration::from_secs(3);
        let rate = Arc::new(Rate::new(Some(1000), &Arc::default()));
        let others = Arc::clone(&rate);
        tokio::spawn(async move {
            loop {
                others.spend(Direction::Download, 1000);
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        tokio::task::yield_now().await;
        let (mut body, _theirs) = over_a_line(100, b"").await;
        let mut receiver = receiver(tempfile::tempfile().unwrap());
        receiver.rate = rate;
        let (wire, stop) = (Arc::new(Wire::new()), CancellationToken::new());
        let from = Inflow { body: &mut body, wire: &wire, idle_timeout: IDLE, stop: &stop };
        let begin = Instant::now();
        let received = tokio::time::timeout(10 * IDLE, receiver.run(from, None)).await;
        assert!(matches!(received, Ok(Received::Failed(_))), "{received:?}");
        assert!((IDLE..2 * IDLE).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_with_us_is_no_silence() {
        let (mut body, mut theirs) = over_a_line(200, &[7; 100]).await;
        let mut receiver = receiver(tempfile::tempfile().unwrap());
        receiver.rate = Arc::new(Rate::new(Some(10), &Arc::default()));
        let (wire, stop) = (Arc::new(Wire::new()), CancellationToken::new());
        let idle_timeout = Duration::from_secs(3);
        let from = Inflow { body: &mut body, wire: &wire, idle_timeout, stop: &stop };
        let (received, ()) = tokio::join!(receiver.run(from, None), async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            theirs.write_all(&[7; 100]).await.unwrap();
        });
        assert!(matches!(received, Received::Whole), "{received:?}");
        assert_eq!(receiver.length(), 200);
    }

    #[test]
    fn what_was_written_in_part_is_not_written_again() {
        const ROOM: usize = 64 * 1024;
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        let mut receiver = receiver(write.into());
        let Answer { mut body, .. } = answer(b"");
        receiver.batch = vec![Bytes::from(vec![1; ROOM]), Bytes::from(vec![2; ROOM])];
        receiver.batched = 2 * ROOM;
        receiver.flush(&mut body).unwrap_err();
        let mut got = vec![0; 2 * ROOM];
        let room = File::from(read.try_clone().unwrap()).read(&mut got).unwrap();
        assert!(room > 0, "a pipe takes something");
        // As at the end of an attempt, when there is room again.
        receiver.flush(&mut body).unwrap();
        assert_eq!(receiver.length(), 0);
        let error = File::from(read).read(&mut got).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
}
