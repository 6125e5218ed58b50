//! The bytes that one connection is to bring; its end comes nearer when another one takes a part.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// A range of the file that is under way over one connection.
#[derive(Debug)]
pub(crate) struct Span {
    at: AtomicU64,
    end: AtomicU64,
    /// Where the body ends that the server sends.
    last: AtomicU64,
}

impl Span {
    /// Begins at that byte. The body may bring more than is wanted of it.
    pub(crate) fn new(at: u64, end: u64, last: u64) -> Self {
        Self { at: at.into(), end: end.into(), last: last.into() }
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

    /// Says whether all of it is there and the server goes on sending.
    pub(crate) fn is_cut(&self) -> bool {
        self.rest() == 0 && self.end() < self.last()
    }
}
