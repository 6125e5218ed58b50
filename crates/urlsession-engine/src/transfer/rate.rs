//! A token bucket that keeps one transfer below its rate, both directions together.

use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// Parts of a second in which a limited transfer moves one portion.
const PORTIONS_PER_SECOND: u64 = 10;
/// Smallest portion, so that very low rates still move whole packets.
const PORTION_MINIMUM: u64 = 1024;

/// The bucket: bytes are spent first, and waited for afterwards.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: u64,
    /// When everything spent so far is paid for.
    paid: Mutex<Instant>,
}

impl Rate {
    /// Makes a bucket; a limit of 0 counts as 1.
    pub(super) fn new(per_second: u64) -> Self {
        Self { per_second: per_second.max(1), paid: Mutex::new(Instant::now()) }
    }

    /// Most bytes to move before asking [`Rate::until`] again.
    pub(super) fn portion(&self) -> usize {
        let portion = (self.per_second / PORTIONS_PER_SECOND).max(PORTION_MINIMUM);
        usize::try_from(portion).unwrap_or(usize::MAX)
    }

    /// Spends bytes that have moved.
    pub(super) fn spend(&self, bytes: usize) {
        let cost = Duration::from_secs_f64(bytes as f64 / self.per_second as f64);
        let mut paid = self.paid.lock().expect("no holder panics");
        *paid = (*paid).max(Instant::now()) + cost;
    }

    /// Returns until when the next portion must wait; `None` if it may move.
    pub(super) fn until(&self) -> Option<Instant> {
        let paid = *self.paid.lock().expect("no holder panics");
        (paid > Instant::now()).then_some(paid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_are_paid_for_in_time() {
        let rate = Rate::new(1000);
        let begin = Instant::now();
        for _ in 0..10 {
            if let Some(until) = rate.until() {
                tokio::time::advance(until - Instant::now()).await;
            }
            rate.spend(500);
        }
        // The last portion is spent, not yet paid for.
        assert_eq!(begin.elapsed().as_millis(), 4500);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_no_credit() {
        let rate = Rate::new(1000);
        tokio::time::advance(Duration::from_secs(60)).await;
        rate.spend(1000);
        let until = rate.until().expect("a debt");
        assert_eq!(until - Instant::now(), Duration::from_secs(1));
    }
}
