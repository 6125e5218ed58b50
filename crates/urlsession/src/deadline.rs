//! When a wait must be over.

use std::time::{Duration, Instant};

/// A moment of the steady clock, or never.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// A moment that long from now.
    pub(crate) fn after(duration: Duration) -> Self {
        Self(now().checked_add(duration))
    }

    /// No moment.
    pub(crate) fn never() -> Self {
        Self(None)
    }

    /// Returns how long there is left: zero if it has come, `None` if it never comes.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(now()))
    }

    /// Says whether it has come.
    pub(crate) fn is_over(self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }
}

#[expect(clippy::disallowed_methods, reason = "the client's waits are bounded by this clock only")]
fn now() -> Instant {
    Instant::now()
}
