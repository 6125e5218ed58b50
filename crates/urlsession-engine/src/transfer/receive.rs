//! From the connection into the part file: batches, back-pressure, and what is durable so far.
//!
//! ```text
//!   received ──batch──> written ──sync_data──> durable ──> Notices::durable
//!                          └── at most SYNC_BYTES + SYNC_AHEAD before durable
//! ```

use super::checksum::Digest;
use super::errors::Failure;
use super::http::Inbound;
use super::part::Part;
use super::rate::Rate;
use super::splice::Detour;
use super::wire::Wire;
use super::{Notices, Progress};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use urlsession_core::ResumeState;
use urlsession_protocol::ErrorCode;

/// Bytes collected before they are written together, where they come in small pieces.
const BATCH: usize = 1024 * 1024;
/// A piece of this size is worth a write of its own.
pub(super) const LARGE: usize = 64 * 1024;
/// Longest time that received bytes wait for their batch.
const BATCH_TIME: Duration = Duration::from_millis(250);
/// Unsynced bytes that start a sync.
const SYNC_BYTES: u64 = 4 * 1024 * 1024;
/// Most bytes that arrive while a sync runs.
const SYNC_AHEAD: u64 = 4 * 1024 * 1024;
/// Longest time that written bytes stay unsynced.
const SYNC_INTERVAL: Duration = Duration::from_secs(2);

/// What a body is received into.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) part: Part,
    pub(super) progress: Arc<Progress>,
    pub(super) rate: Option<Arc<Rate>>,
    pub(super) digest: Option<Digest>,
    /// Most bytes of the whole file.
    pub(super) limit: Option<u64>,
    /// Received and not written.
    pub(super) batch: Vec<Bytes>,
    batched: usize,
    checkpoints: Option<Checkpoints>,
}

/// How durable bytes become known, for a body that can be resumed.
#[derive(Debug)]
pub(super) struct Checkpoints {
    state: ResumeState,
    notices: Arc<dyn Notices>,
    /// The sync under way and the bytes that it makes durable.
    running: Option<(JoinHandle<Result<(), Failure>>, u64)>,
    last: Instant,
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
    pub(super) wire: &'a Wire,
    pub(super) idle_timeout: Duration,
    pub(super) stop: &'a CancellationToken,
}

impl Receiver {
    pub(super) fn new(part: Part, progress: &Arc<Progress>, rate: Option<Arc<Rate>>) -> Self {
        progress.set_received(part.length());
        Self {
            part,
            progress: Arc::clone(progress),
            rate,
            digest: None,
            limit: None,
            batch: Vec::new(),
            batched: 0,
            checkpoints: None,
        }
    }

    /// Tells durable bytes from now on, starting from the state.
    pub(super) fn keep_checkpoints(&mut self, state: ResumeState, notices: &Arc<dyn Notices>) {
        let notices = Arc::clone(notices);
        self.checkpoints =
            Some(Checkpoints { state, notices, running: None, last: Instant::now() });
    }

    /// Returns the bytes received, written or not.
    pub(super) fn length(&self) -> u64 {
        self.part.length() + self.batched as u64
    }

    /// Receives to the end of the body, which must come at the expected length.
    pub(super) async fn run(&mut self, mut from: Inflow<'_>, expected: Option<u64>) -> Received {
        let received = match self.receive(&mut from).await {
            // Written when it is put in place, together with others: [`super::publish`].
            Ok(Received::Whole) if self.part.length() == 0 => {
                from.body.release(self.batched);
                Ok(Received::Whole)
            }
            result => {
                // What came must be written too; an error that ended it is the one to report.
                let flushed = self.flush(from.body);
                result.and_then(|received| flushed.map(|()| received))
            }
        };
        match received {
            Ok(Received::Whole) if expected.is_some_and(|total| total != self.length()) => {
                let why = format!("{} of {} bytes came", self.length(), expected.unwrap_or(0));
                let written = self.flush(from.body);
                Received::Failed(written.err().unwrap_or_else(|| Failure::lost(why)))
            }
            Ok(received) => received,
            Err(failure) => Received::Failed(failure),
        }
    }

    async fn receive(&mut self, from: &mut Inflow<'_>) -> Result<Received, Failure> {
        let unseen = self.digest.is_none() && self.rate.is_none() && self.limit.is_none();
        if unseen && let Some((early, detour)) = from.body.detour().await {
            return self.splice(early, detour, from).await;
        }
        let mut tick = tokio::time::interval_at(Instant::now() + BATCH_TIME, BATCH_TIME);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut piece = Bytes::new();
        loop {
            while !piece.is_empty() && !self.is_full() && self.unpaid().is_none() {
                let portion = self.rate.as_ref().map_or(usize::MAX, |rate| rate.portion());
                self.take(piece.split_to(portion.min(piece.len())), from)?;
            }
            let unpaid = self.unpaid();
            tokio::select! {
                biased;
                () = from.stop.cancelled() => return Ok(Received::Stopped),
                synced = synced(self.checkpoints.as_mut()) => {
                    self.synced(synced?);
                    from.wire.touch();
                }
                _ = tick.tick() => {
                    self.flush(from.body)?;
                    if unpaid.is_some() {
                        from.wire.touch();
                    }
                }
                () = tokio::time::sleep_until(unpaid.unwrap_or_else(Instant::now)),
                    if unpaid.is_some() => from.wire.touch(),
                next = from.wire.watch(from.idle_timeout, from.body.next()),
                    if piece.is_empty() && unpaid.is_none() && !self.is_full() => match next? {
                    Some(next) => piece = next,
                    None => return Ok(Received::Whole),
                },
            }
        }
    }

    /// Receives without seeing the bytes.
    async fn splice(
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
        loop {
            tokio::select! {
                biased;
                () = from.stop.cancelled() => return Ok(Received::Stopped),
                synced = synced(self.checkpoints.as_mut()) => {
                    self.synced(synced?);
                    from.wire.touch();
                }
                _ = tick.tick() => self.start_sync(),
                moved = from.wire.watch(from.idle_timeout, detour.advance(&mut self.part)),
                    if !self.is_full() =>
                {
                    if moved? == 0 {
                        from.body.rejoin(detour).await;
                        return Ok(Received::Whole);
                    }
                    self.progress.set_received(self.part.length());
                    self.start_sync();
                }
            }
        }
    }

    fn take(&mut self, piece: Bytes, from: &mut Inflow<'_>) -> Result<(), Failure> {
        let length = piece.len();
        let total = self.length() + length as u64;
        if let Some(limit) = self.limit.filter(|limit| total > *limit) {
            return Err(too_large(limit));
        }
        if let Some(rate) = &self.rate {
            rate.spend(length);
        }
        if let Some(digest) = &mut self.digest {
            digest.update(&piece);
        }
        self.batch.push(piece);
        self.batched += length;
        if length >= LARGE || self.batched >= BATCH || from.body.is_simulated() {
            self.flush(from.body)?;
        }
        Ok(())
    }

    /// Writes the batch, then lets the server send as much again.
    fn flush(&mut self, body: &mut Inbound) -> Result<(), Failure> {
        if self.batched > 0 {
            self.part.write(&self.batch)?;
            body.release(self.batched);
            self.batch.clear();
            self.batched = 0;
            self.progress.set_received(self.part.length());
        }
        self.start_sync();
        Ok(())
    }

    fn start_sync(&mut self) {
        let Some(checkpoints) = &mut self.checkpoints else { return };
        let written = self.part.length();
        let unsynced = written - checkpoints.state.durable_bytes;
        let due =
            unsynced >= SYNC_BYTES || (unsynced > 0 && checkpoints.last.elapsed() >= SYNC_INTERVAL);
        if due && checkpoints.running.is_none() {
            let sync = tokio::task::spawn_blocking(self.part.syncer());
            checkpoints.running = Some((sync, written));
        }
    }

    fn unpaid(&self) -> Option<Instant> {
        self.rate.as_ref().and_then(|rate| rate.until())
    }

    fn is_full(&self) -> bool {
        self.checkpoints.as_ref().is_some_and(|checkpoints| {
            let unsynced = self.length() - checkpoints.state.durable_bytes;
            checkpoints.running.is_some() && unsynced >= SYNC_BYTES + SYNC_AHEAD - BATCH as u64
        })
    }

    fn synced(&mut self, bytes: u64) {
        assert!(bytes <= self.part.synced(), "bytes are told only after their sync");
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.state.durable_bytes = bytes;
            checkpoints.state.inode = self.part.inode();
            checkpoints.last = Instant::now();
            checkpoints.notices.durable(checkpoints.state.clone());
        }
    }

    /// Syncs everything written and returns from what to go on; `None` where nothing proves the
    /// entity. What an earlier sync covered survives a failure of this one.
    pub(super) async fn settle(&mut self) -> (Option<ResumeState>, Result<(), Failure>) {
        let Some(mut checkpoints) = self.checkpoints.take() else { return (None, Ok(())) };
        checkpoints.state.inode = self.part.inode();
        let result = async {
            if checkpoints.running.is_some() {
                checkpoints.state.durable_bytes = synced(Some(&mut checkpoints)).await?;
            }
            if checkpoints.state.durable_bytes < self.part.length() {
                self.part.trim()?;
                let sync = tokio::task::spawn_blocking(self.part.syncer());
                checkpoints.running = Some((sync, self.part.length()));
                checkpoints.state.durable_bytes = synced(Some(&mut checkpoints)).await?;
            }
            Ok(())
        };
        let result = result.await;
        let durable = checkpoints.state.durable_bytes;
        assert!(durable <= self.part.synced(), "bytes are told only after their sync");
        (Some(checkpoints.state), result)
    }
}

/// Waits for the sync under way, for ever if there is none; returns the bytes it made durable.
async fn synced(checkpoints: Option<&mut Checkpoints>) -> Result<u64, Failure> {
    let Some(checkpoints) = checkpoints else { return std::future::pending().await };
    let Some((sync, bytes)) = &mut checkpoints.running else {
        return std::future::pending().await;
    };
    let (result, bytes) = (sync.await, *bytes);
    checkpoints.running = None;
    match result {
        Ok(result) => result.map(|()| bytes),
        Err(error) => Err(Failure::permanent(ErrorCode::CANNOT_WRITE_TO_FILE, error)),
    }
}

/// The body is larger than what is kept of it.
pub(super) fn too_large(limit: u64) -> Failure {
    let why = format!("the response body is larger than {} MiB", limit / (1024 * 1024));
    Failure::permanent(ErrorCode::DATA_LENGTH_EXCEEDS_MAXIMUM, why)
}
