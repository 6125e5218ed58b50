//! How fast bytes move, over the last few seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back the speed looks.
const WINDOW: Duration = Duration::from_secs(5);
/// Most samples held; more frequent ones replace the last.
const SAMPLE_LIMIT: usize = 64;

/// A window of samples.
#[derive(Debug, Default)]
pub(super) struct Speed {
    samples: VecDeque<(Instant, u64)>,
}

impl Speed {
    /// Notes how many bytes were done at a moment; fewer than before begin a new window.
    pub(super) fn note(&mut self, now: Instant, done: u64) {
        if self.samples.back().is_some_and(|(_, before)| *before > done) {
            self.samples.clear();
        }
        while self.samples.len() > 1
            && self.samples.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            self.samples.pop_front();
        }
        if self.samples.len() == SAMPLE_LIMIT {
            self.samples.pop_back();
        }
        self.samples.push_back((now, done));
    }

    /// Forgets everything: what comes next did not move since the last sample.
    pub(super) fn reset(&mut self) {
        self.samples.clear();
    }

    /// Returns bytes per second; `None` until there are two samples, 0 once the last is
    /// too old to say anything.
    pub(super) fn bytes_per_second(&self, now: Instant) -> Option<f64> {
        let (began, first) = self.samples.front()?;
        let (ended, last) = self.samples.back().filter(|_| self.samples.len() > 1)?;
        if now.duration_since(*ended) > WINDOW {
            return Some(0.0);
        }
        let seconds = now.duration_since(*began).as_secs_f64();
        (seconds > 0.0).then(|| (last - first) as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_follows_the_last_seconds() {
        let start = crate::clock::steady();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut speed = Speed::default();
        assert_eq!(speed.bytes_per_second(at(0)), None);
        speed.note(at(0), 1000);
        assert_eq!(speed.bytes_per_second(at(0)), None);
        speed.note(at(1), 1100);
        assert_eq!(speed.bytes_per_second(at(1)), Some(100.0));
        for second in 2..=20 {
            speed.note(at(second), 1100 + 10 * second);
        }
        assert_eq!(speed.bytes_per_second(at(20)), Some(10.0));
        assert_eq!(speed.bytes_per_second(at(26)), Some(0.0), "it stalls");
        speed.note(at(21), 0);
        assert_eq!(speed.bytes_per_second(at(21)), None, "it began anew");
    }
}
