//! The bytes that one connection is to bring; its end comes nearer when another one takes a part, and
//! is where it was if that one has nothing by then.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A range of the file that is under way over one connection.
#[derive(Debug)]
pub(crate) struct Span {
    at: AtomicU64,
    end: AtomicU64,
    /// Where the body ends that the server sends.
    last: AtomicU64,
    /// Whether its response is there. All connections of a download are one task's.
    has_begun: AtomicBool,
    /// Whether others bring it.
    is_given_up: AtomicBool,
    /// Who took what is behind it.
    next: Mutex<Option<Arc<Self>>>,
}

impl Span {
    /// Begins at that byte. The body may bring more than is wanted of it.
    pub(crate) fn new(at: u64, end: u64, last: u64) -> Self {
        Self {
            at: at.into(),
            end: end.into(),
            last: last.into(),
            has_begun: false.into(),
            is_given_up: false.into(),
            next: Mutex::default(),
        }
    }

    /// Returns the first byte that has not come.
    pub(crate) fn at(&self) -> u64 {
        self.at.load(Ordering::Relaxed)
    }

    /// Returns where it ends.
    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    /// Returns where the body ends that the server sends.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// Returns what is to be asked for: all that it is, and no more.
    pub(crate) fn ask(&self) -> Range<u64> {
        self.last.store(self.end(), Ordering::Relaxed);
        self.at()..self.end()
    }

    /// Returns how many bytes have yet to come.
    pub(crate) fn rest(&self) -> u64 {
        self.end().saturating_sub(self.at())
    }

    /// Notes how far it is.
    pub(crate) fn advance(&self, at: u64) {
        self.at.store(at, Ordering::Relaxed);
    }

    /// Lets it end there: never before what has come, never behind what the server sends.
    pub(crate) fn set_end(&self, end: u64) {
        self.end.store(end.clamp(self.at(), self.last().max(self.at())), Ordering::Relaxed);
    }

    /// Notes that its response is there; `false` if nobody waits for that any more.
    pub(crate) fn begin(&self) -> bool {
        let is_wanted = !self.is_given_up();
        self.has_begun.store(is_wanted, Ordering::Relaxed);
        is_wanted
    }

    /// Says whether its response is there.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    /// Leaves it to others, unless its response is there; says whether it is theirs now.
    pub(crate) fn give_up(&self) -> bool {
        !self.has_begun() && !self.is_given_up.swap(true, Ordering::Relaxed)
    }

    /// Says whether it was left to others.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }

    /// Lets it end where another one begins, who takes what is behind that.
    pub(crate) fn yield_to(&self, other: &Arc<Self>) {
        self.set_end(other.at());
        let behind = self.next().replace(Arc::clone(other));
        *other.next() = behind;
    }

    /// Goes on with what another one took and has no response to yet: what it will be nobody knows,
    /// and this connection has the bytes. Says whether there is anything.
    pub(crate) fn take_back(&self) -> bool {
        loop {
            let Some(other) = self.next().take() else { return false };
            let behind = other.next().take();
            *self.next() = behind;
            if other.at() == self.end() && other.end() <= self.last() && other.give_up() {
                self.set_end(other.end());
                other.set_end(other.at());
                return self.rest() > 0;
            }
        }
    }

    fn next(&self) -> MutexGuard<'_, Option<Arc<Self>>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether all of it is there and the server goes on sending.
    pub(crate) fn is_cut(&self) -> bool {
        self.rest() == 0 && self.end() < self.last()
    }
}
