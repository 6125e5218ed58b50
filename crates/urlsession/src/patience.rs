//! How long a daemon that was lost is looked for, and after which pauses.

use crate::deadline::Deadline;
use std::time::Duration;

/// Longest the first connection, and each search for a later one, may take.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// A connection that is lost within this time does not end the search: the daemon may hang up for
/// what the session asks or is owed, and do so again.
pub(crate) const BRIEF_LIFE: Duration = Duration::from_secs(1);
/// The first pause.
pub(crate) const FIRST_DELAY: Duration = Duration::from_millis(25);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// One search.
#[derive(Debug)]
pub(crate) struct Patience {
    /// When it is over.
    pub(crate) deadline: Deadline,
    delay: Duration,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { deadline: Deadline::after(CONNECT_LIMIT), delay: FIRST_DELAY }
    }

    /// Returns the pause before the next try, each twice as long; `None` if there is none.
    pub(crate) fn pause(&mut self) -> Option<Duration> {
        let left = self.deadline.remaining().filter(|left| !left.is_zero())?;
        let pause = self.delay.min(left);
        self.delay = LONGEST_DELAY.min(self.delay * 2);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_the_search_is_over() {
        let far = Deadline::after(Duration::from_secs(3600));
        let mut long = Patience { deadline: far, ..Patience::new() };
        let pauses: Vec<_> = std::iter::from_fn(|| long.pause()).take(10).collect();
        let seconds = |pause: &Duration| pause.as_secs_f32();
        let expected = [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0];
        assert_eq!(pauses.iter().map(seconds).collect::<Vec<_>>(), expected);
        let mut over = Patience { deadline: Deadline::after(Duration::ZERO), ..Patience::new() };
        assert_eq!(over.pause(), None);
    }
}
