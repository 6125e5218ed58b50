//! What a download has written, which of it is durable, and who is told: one journal for all of its
//! connections.
//!
//! ```text
//!   took ──> wrote ──sync_data──> durable ──> Notices::durable
//!      └── at most SYNC_BYTES + SYNC_AHEAD before durable
//! ```

use super::ranges::Ranges;
use crate::transfer::errors::Failure;
use crate::transfer::part::Part;
use crate::transfer::{Notices, Progress};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use urlsession_core::ResumeState;

/// Unsynced bytes that start a sync.
const SYNC_BYTES: u64 = 4 * 1024 * 1024;
/// Most bytes that arrive while a sync runs.
const SYNC_AHEAD: u64 = 4 * 1024 * 1024;
/// Most bytes that one connection brings after it was told to wait.
const MARGIN: u64 = 256 * 1024;
/// The same of all, as long as they are few: what one of them batches.
const LEAST_MARGIN: u64 = 1024 * 1024;
/// Longest time that written bytes stay unsynced.
const SYNC_INTERVAL: Duration = Duration::from_secs(2);

/// The journal of one attempt whose bytes can be gone on from.
#[derive(Debug)]
pub(crate) struct Journal {
    inner: Mutex<Inner>,
    /// Changes whenever a sync has ended.
    turns: watch::Sender<()>,
    progress: Arc<Progress>,
    notices: Arc<dyn Notices>,
}

#[derive(Debug)]
struct Inner {
    state: ResumeState,
    written: Ranges,
    durable: Ranges,
    /// Bytes that have come and are not written.
    batched: u64,
    /// Most bytes that come after everybody was told to wait.
    margin: u64,
    is_syncing: bool,
    last: Instant,
    failure: Option<Failure>,
}

impl Journal {
    /// Begins with what the state says is durable, for that many connections at most.
    pub(crate) fn new(
        state: ResumeState,
        connections: u32,
        progress: &Arc<Progress>,
        notices: &Arc<dyn Notices>,
    ) -> Arc<Self> {
        let durable = Ranges::of(&state);
        progress.set_received(durable.total());
        let inner = Inner {
            written: durable.clone(),
            durable,
            state,
            batched: 0,
            margin: (u64::from(connections) * MARGIN).max(LEAST_MARGIN),
            is_syncing: false,
            last: Instant::now(),
            failure: None,
        };
        Arc::new(Self {
            inner: Mutex::new(inner),
            turns: watch::Sender::default(),
            progress: Arc::clone(progress),
            notices: Arc::clone(notices),
        })
    }

    /// Returns what changes whenever a sync has ended.
    pub(crate) fn turns(&self) -> watch::Receiver<()> {
        self.turns.subscribe()
    }

    /// Notes bytes that have come.
    pub(crate) fn took(&self, bytes: usize) {
        self.lock().batched += bytes as u64;
    }

    /// Notes that so many of them will not be written.
    pub(crate) fn lost(&self, bytes: usize) {
        self.lock().batched -= bytes as u64;
    }

    /// Notes bytes that are in the file; as many as `batched` of them had been noted before.
    pub(crate) fn wrote(&self, range: Range<u64>, batched: usize) {
        let mut inner = self.lock();
        inner.batched -= batched as u64;
        inner.written.insert(range);
        self.progress.set_received(inner.written.total());
    }

    /// Returns how many bytes are in the file.
    pub(crate) fn received(&self) -> u64 {
        self.lock().written.total()
    }

    /// Returns what is in the file.
    pub(crate) fn written(&self) -> Ranges {
        self.lock().written.clone()
    }

    /// Says whether nothing more may come until a sync has ended.
    pub(crate) fn is_full(&self) -> bool {
        let inner = self.lock();
        inner.is_syncing
            && inner.unsynced() + inner.batched >= SYNC_BYTES + SYNC_AHEAD - inner.margin
    }

    /// Makes what is written durable if it is time for that, on another thread.
    ///
    /// # Errors
    /// Why an earlier sync failed.
    pub(crate) fn sync_if_due(self: &Arc<Self>, part: &Part) -> Result<(), Failure> {
        let mut inner = self.lock();
        if let Some(failure) = &inner.failure {
            return Err(failure.clone());
        }
        let unsynced = inner.unsynced();
        let is_due =
            unsynced >= SYNC_BYTES || (unsynced > 0 && inner.last.elapsed() >= SYNC_INTERVAL);
        if is_due && !inner.is_syncing {
            self.sync(&mut inner, part);
        }
        Ok(())
    }

    /// Makes everything written durable, and returns from what to go on. What an earlier sync
    /// covered survives a failure of this one.
    pub(crate) async fn settle(
        self: &Arc<Self>,
        part: &Part,
    ) -> (ResumeState, Result<(), Failure>) {
        let mut turns = self.turns();
        loop {
            {
                let mut inner = self.lock();
                inner.state.inode = part.inode();
                if !inner.is_syncing {
                    let result = match inner.failure.clone() {
                        Some(failure) => Err(failure),
                        None if inner.unsynced() == 0 => Ok(()),
                        None => part.trim(inner.written.end()),
                    };
                    if result.is_err() || inner.unsynced() == 0 {
                        return (inner.state.clone(), result);
                    }
                    self.sync(&mut inner, part);
                }
            }
            // The sender is ours.
            let _ = turns.changed().await;
        }
    }

    fn sync(self: &Arc<Self>, inner: &mut Inner, part: &Part) {
        inner.is_syncing = true;
        let (journal, sync, inode) = (Arc::clone(self), part.syncer(), part.inode());
        let written = inner.written.clone();
        tokio::task::spawn_blocking(move || {
            // One that panics must not be waited for forever.
            let ending = Ending { journal, result: None };
            ending.with(sync().map(|()| (written, inode)));
        });
    }

    fn synced(&self, result: Result<(Ranges, u64), Failure>) {
        let mut inner = self.lock();
        inner.is_syncing = false;
        inner.last = Instant::now();
        match result {
            Ok((durable, inode)) => {
                let Inner { state, .. } = &mut *inner;
                state.inode = inode;
                durable.write(state);
                inner.durable = durable;
                self.notices.durable(inner.state.clone());
            }
            Err(failure) => inner.failure = Some(failure),
        }
        drop(inner);
        self.turns.send_replace(());
    }

    /// A panic in between leaves numbers that claim no more than is there.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn unsynced(&self) -> u64 {
        self.written.total() - self.durable.total()
    }
}

/// Tells the journal how a sync ended, whatever happens.
struct Ending {
    journal: Arc<Journal>,
    result: Option<Result<(Ranges, u64), Failure>>,
}

impl Ending {
    fn with(mut self, result: Result<(Ranges, u64), Failure>) {
        self.result = Some(result);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| {
            use urlsession_protocol::ErrorCode;
            Err(Failure::permanent(ErrorCode::CANNOT_WRITE_TO_FILE, "the sync panicked"))
        });
        self.journal.synced(result);
    }
}
