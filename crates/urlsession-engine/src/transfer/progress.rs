//! The watch cell of one transfer: counters that the driver reads when it pleases.

use std::sync::atomic::{AtomicU64, Ordering};

/// Unknown totals are stored as this.
const UNKNOWN: u64 = u64::MAX;

/// Byte counters of one attempt; written by the transfer, read by the driver.
#[derive(Debug)]
pub(crate) struct Progress {
    received: AtomicU64,
    expected_to_receive: AtomicU64,
    sent: AtomicU64,
    expected_to_send: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            received: AtomicU64::new(0),
            expected_to_receive: AtomicU64::new(UNKNOWN),
            sent: AtomicU64::new(0),
            expected_to_send: AtomicU64::new(UNKNOWN),
        }
    }
}

/// The counters at one moment; `None` is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Body bytes received and written, those of earlier attempts that were reused included.
    pub received: u64,
    /// Size of the whole entity.
    pub expected_to_receive: Option<u64>,
    /// Request body bytes handed to the connection by this attempt.
    pub sent: u64,
    /// Size of the request body.
    pub expected_to_send: Option<u64>,
}

impl Progress {
    pub(crate) fn set_received(&self, bytes: u64) {
        self.received.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn expect_to_receive(&self, bytes: Option<u64>) {
        self.expected_to_receive.store(bytes.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    pub(crate) fn set_sent(&self, bytes: u64) {
        self.sent.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn expect_to_send(&self, bytes: Option<u64>) {
        self.expected_to_send.store(bytes.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    /// Reads all counters; each is exact, together they may be a moment apart.
    pub(crate) fn counts(&self) -> Counts {
        let known = |cell: &AtomicU64| Some(cell.load(Ordering::Relaxed)).filter(|n| *n != UNKNOWN);
        Counts {
            received: self.received.load(Ordering::Relaxed),
            expected_to_receive: known(&self.expected_to_receive),
            sent: self.sent.load(Ordering::Relaxed),
            expected_to_send: known(&self.expected_to_send),
        }
    }
}
