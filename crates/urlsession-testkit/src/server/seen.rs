//! The server's memory of what it was asked.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Longest wait for requests; a test that waits longer has failed.
pub(super) const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// Most requests that are remembered; the connections of later ones are cut.
const MEMORY_LIMIT: usize = 100_000;

/// A request as the server saw it. It appears when its head has been read; the body's facts
/// follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which connection it came over, counted from 0.
    pub connection: u64,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Bytes of the request body that were read.
    pub body_length: u64,
    /// SHA-256 of the request body, once it was read to its end.
    pub body_sha256: Option<String>,
    /// The status that was answered.
    pub status: Option<u16>,
    /// Bytes of the response body that were given to the operating system.
    pub body_sent: u64,
    /// Whether the response was sent to its end.
    pub answered: bool,
}

impl Seen {
    pub(super) fn new(connection: u64, method: &str, path: &str) -> Self {
        Self {
            connection,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body_length: 0,
            body_sha256: None,
            status: None,
            body_sent: 0,
            answered: false,
        }
    }

    /// Returns the value of a header field, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// All requests, shared by the connections.
#[derive(Debug)]
pub(super) struct Memory {
    seen: Mutex<Vec<Seen>>,
    changed: Condvar,
    version: watch::Sender<u64>,
}

/// One request in [`Memory`].
#[derive(Debug, Clone)]
pub(super) struct Entry {
    memory: Arc<Memory>,
    index: usize,
}

impl Memory {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::new(Vec::new()),
            changed: Condvar::new(),
            version: watch::channel(0).0,
        })
    }

    pub(super) fn add(self: &Arc<Self>, seen: Seen) -> Entry {
        let mut all = self.lock();
        let index = all.len();
        if index < MEMORY_LIMIT {
            all.push(seen);
        }
        drop(all);
        self.tell();
        Entry { memory: Arc::clone(self), index }
    }

    pub(super) fn all(&self) -> Vec<Seen> {
        self.lock().clone()
    }

    /// Blocks until the requests are as asked; `Err` has those at the end of the wait.
    pub(super) fn wait(
        &self,
        mut enough: impl FnMut(&[Seen]) -> bool,
    ) -> Result<Vec<Seen>, Vec<Seen>> {
        let (all, timeout) = self
            .changed
            .wait_timeout_while(self.lock(), WAIT_LIMIT, |all| !enough(all))
            .unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() { Err(all.clone()) } else { Ok(all.clone()) }
    }

    /// Like [`Memory::wait`], without blocking the thread and without limit.
    pub(super) async fn reach(&self, mut enough: impl FnMut(&[Seen]) -> bool) -> Vec<Seen> {
        let mut version = self.version.subscribe();
        loop {
            version.borrow_and_update();
            let all = self.all();
            if enough(&all) {
                return all;
            }
            if version.changed().await.is_err() {
                return all;
            }
        }
    }

    fn tell(&self) {
        self.changed.notify_all();
        self.version.send_modify(|version| *version += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Changes what is remembered.
    pub(super) fn note(&self, change: impl FnOnce(&mut Seen)) {
        if let Some(seen) = self.memory.lock().get_mut(self.index) {
            change(seen);
        }
        self.memory.tell();
    }

    pub(super) fn copy(&self) -> Option<Seen> {
        self.memory.lock().get(self.index).cloned()
    }
}
