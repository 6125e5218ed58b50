//! How many connections a download has at a moment: more only where more measure faster.
//!
//! ```text
//!   Settle ──a steady rate, much to do──> Trial ──faster──> Settle     with twice as many
//!     ^                                     └──not──> Rest             with as many as before
//!     └──────────────────────────────────────────────┘ longer each time
//! ```

use std::time::Duration;

/// Most connections of one download that nobody gave a number for.
pub(crate) const AUTOMATIC_MAXIMUM: u32 = 4;
/// Shortest rest of a file that is worth a trial.
pub(crate) const AUTOMATIC_MINIMUM: u64 = 1024 * 1024;
/// Time in which a rate settles.
const SETTLE: Duration = Duration::from_millis(1500);
/// How much of that counts: a connection begins slowly.
const SAMPLE: Duration = Duration::from_millis(1000);
/// How long further connections are tried.
const TRIAL: Duration = Duration::from_millis(1500);
/// How long further connections may take to begin.
const TRIAL_BEGIN_LIMIT: Duration = Duration::from_secs(5);
/// Time that is left at least where a trial begins.
const WORTH_A_TRIAL: Duration = Duration::from_secs(3);
/// How much faster it must be with twice as many.
const GAIN: f64 = 1.25;
/// How long it stays as it is after a trial that failed; twice as long each time.
const FIRST_REST: Duration = Duration::from_secs(10);
/// Longest time that it stays as it is.
const LONGEST_REST: Duration = Duration::from_secs(120);

/// Decides for one attempt. Asks for no time: it is told how long the attempt has run.
#[derive(Debug)]
pub(crate) struct Policy {
    most: u32,
    is_automatic: bool,
    wanted: u32,
    phase: Phase,
    rest: Duration,
    /// How far it was at the last moments.
    samples: Vec<(Duration, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// Measures the rate.
    Settle { since: Duration },
    /// Measures it with more connections than before.
    Trial { began: Duration, since: Option<Duration>, before: f64, connections: u32 },
    /// Leaves it as it is.
    Rest { until: Duration },
}

/// What is known of the download at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// How long the attempt has run.
    pub(crate) now: Duration,
    /// Bytes of the file that are there.
    pub(crate) received: u64,
    /// Bytes that have yet to come.
    pub(crate) left: u64,
    /// Connections that bring bytes.
    pub(crate) connections: u32,
}

impl Policy {
    /// Begins with one connection.
    pub(crate) fn automatic(most: u32) -> Self {
        Self::new(1, most.min(AUTOMATIC_MAXIMUM), true)
    }

    /// Has that many connections from the start.
    pub(crate) fn exactly(number: u32) -> Self {
        Self::new(number, number, false)
    }

    fn new(wanted: u32, most: u32, is_automatic: bool) -> Self {
        Self {
            most,
            is_automatic,
            wanted,
            phase: Phase::Settle { since: Duration::ZERO },
            rest: FIRST_REST,
            samples: Vec::new(),
        }
    }

    /// Returns how many connections there may ever be.
    pub(crate) fn most(&self) -> u32 {
        self.most
    }

    /// Returns how many connections there should be.
    pub(crate) fn wanted(&self) -> u32 {
        self.wanted
    }

    /// Returns how many bytes a further connection takes while it is on trial: what it brings until
    /// that ends.
    pub(crate) fn tail(&self) -> Option<u64> {
        match self.phase {
            Phase::Trial { before, connections, .. } => {
                let each = before / f64::from(connections.max(1));
                Some((each * (TRIAL + SAMPLE).as_secs_f64()) as u64)
            }
            Phase::Settle { .. } | Phase::Rest { .. } => None,
        }
    }

    /// Returns the fewest bytes that are worth a request: what a connection brings in a second.
    pub(crate) fn least(&self) -> u64 {
        (self.rate(SAMPLE) / f64::from(self.wanted.max(1))) as u64
    }

    /// Looks at the download; to be called a few times a second.
    pub(crate) fn look(&mut self, moment: Moment) {
        let Moment { now, received, left, connections } = moment;
        self.samples.retain(|(then, _)| now.saturating_sub(*then) <= TRIAL + SAMPLE);
        self.samples.push((now, received));
        match self.phase {
            Phase::Settle { since } if now.saturating_sub(since) >= SETTLE => {
                let rate = self.rate(SAMPLE);
                let takes = left as f64 / rate.max(1.0);
                let is_much = left >= AUTOMATIC_MINIMUM && takes >= WORTH_A_TRIAL.as_secs_f64();
                if self.is_automatic && self.wanted < self.most && is_much && rate > 0.0 {
                    self.try_more(now, rate);
                }
            }
            Phase::Settle { .. } => {}
            Phase::Trial { began, since: None, before, connections: few } => {
                if connections >= self.wanted {
                    self.phase = Phase::Trial { began, since: Some(now), before, connections: few };
                } else if now.saturating_sub(began) >= TRIAL_BEGIN_LIMIT {
                    self.give_up(now, few);
                }
            }
            Phase::Trial { since: Some(since), before, connections: few, .. } => {
                if now.saturating_sub(since) < TRIAL {
                    return;
                }
                let rate = self.rate(SAMPLE);
                if rate < before * GAIN {
                    self.give_up(now, few);
                } else if self.wanted < self.most && left >= AUTOMATIC_MINIMUM {
                    self.try_more(now, rate);
                } else {
                    self.phase = Phase::Settle { since: now };
                }
            }
            Phase::Rest { until } => {
                if now >= until {
                    if !self.is_automatic {
                        self.wanted = self.most;
                    }
                    self.phase = Phase::Settle { since: now };
                }
            }
        }
    }

    /// Notes that a further connection came to nothing, and `connections` are left.
    pub(crate) fn refused(&mut self, now: Duration, connections: u32) {
        self.give_up(now, connections.max(1));
    }

    fn try_more(&mut self, now: Duration, before: f64) {
        let connections = self.wanted;
        self.wanted = (self.wanted * 2).min(self.most);
        self.phase = Phase::Trial { began: now, since: None, before, connections };
    }

    fn give_up(&mut self, now: Duration, connections: u32) {
        self.wanted = connections.min(self.wanted);
        self.phase = Phase::Rest { until: now + self.rest };
        self.rest = (self.rest * 2).min(LONGEST_REST);
    }

    /// Bytes per second in the last moments.
    fn rate(&self, window: Duration) -> f64 {
        let Some(&(now, received)) = self.samples.last() else { return 0.0 };
        let from = self.samples.iter().find(|(then, _)| now.saturating_sub(*then) <= window);
        match from {
            Some(&(then, before)) if then < now => {
                received.saturating_sub(before) as f64 / (now - then).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(250);
    const MB: f64 = 1_000_000.0;

    /// Runs a download of so many bytes in virtual time over a link that gives each number of
    /// connections a rate. Returns when each number began, and how long it took.
    fn run(
        policy: &mut Policy,
        total: f64,
        rate: impl Fn(u32) -> f64,
    ) -> (Vec<(Duration, u32)>, Duration) {
        let (mut now, mut received) = (Duration::ZERO, 0.0);
        let (mut numbers, mut connections) = (vec![(now, 1)], 1);
        while received < total && now < Duration::from_secs(1000) {
            policy.look(Moment {
                now,
                received: received as u64,
                left: (total - received) as u64,
                connections,
            });
            if connections != policy.wanted() {
                connections = policy.wanted();
                numbers.push((now, connections));
            }
            received += rate(connections) * TICK.as_secs_f64();
            now += TICK;
        }
        (numbers, now)
    }

    fn numbers(told: &[(Duration, u32)]) -> Vec<u32> {
        told.iter().map(|(_, number)| *number).collect()
    }

    #[test]
    fn a_stream_that_loss_limits_gets_company() {
        let mut policy = Policy::automatic(6);
        let (told, took) = run(&mut policy, 10.0 * MB, |n| f64::from(n) * MB / 3.0);
        assert_eq!(numbers(&told), [1, 2, 4]);
        assert!(told[2].0 <= Duration::from_secs(4), "{told:?}");
        assert!(took < Duration::from_secs(12), "alone it takes 30 s: {took:?}");
    }

    #[test]
    fn a_full_link_is_left_alone_for_longer_each_time() {
        let mut policy = Policy::automatic(6);
        let (told, _) = run(&mut policy, 1000.0 * MB, |_| 10.0 * MB);
        let trials: Vec<_> = told.iter().filter(|(_, n)| *n == 2).map(|(at, _)| *at).collect();
        assert!(told.iter().all(|(_, n)| *n <= 2), "{told:?}");
        assert!(trials.len() <= 5, "{trials:?}");
        for pair in trials.windows(2) {
            assert!(pair[1] - pair[0] >= FIRST_REST, "{trials:?}");
        }
    }

    #[test]
    fn where_two_are_enough_there_are_two() {
        let mut policy = Policy::automatic(6);
        let (told, _) = run(&mut policy, 30.0 * MB, |n| f64::from(n.min(2)) * MB);
        assert_eq!(numbers(&told)[..4], [1, 2, 4, 2]);
    }

    #[test]
    fn a_short_rest_is_not_worth_a_trial() {
        for total in [0.5 * MB, 4.0 * MB] {
            let (told, _) = run(&mut Policy::automatic(6), total, |n| f64::from(n) * MB);
            assert_eq!(numbers(&told), [1]);
        }
    }

    #[test]
    fn a_silent_stream_is_not_helped_by_more() {
        let (told, _) = run(&mut Policy::automatic(6), MB, |_| 0.0);
        assert_eq!(numbers(&told), [1]);
    }

    #[test]
    fn the_session_has_no_more_connections() {
        let (told, _) = run(&mut Policy::automatic(1), 30.0 * MB, |n| f64::from(n) * MB);
        assert_eq!(numbers(&told), [1]);
        let (told, _) = run(&mut Policy::automatic(3), 30.0 * MB, |n| f64::from(n) * MB);
        assert_eq!(numbers(&told), [1, 2, 3]);
    }

    #[test]
    fn a_number_is_a_number_until_it_is_refused() {
        let mut policy = Policy::exactly(4);
        let (told, _) = run(&mut policy, 30.0 * MB, |_| MB);
        assert_eq!(numbers(&told), [1, 4]);
        let mut policy = Policy::exactly(4);
        policy.refused(Duration::ZERO, 2);
        assert_eq!(policy.wanted(), 2);
        let (told, _) = run(&mut policy, 30.0 * MB, |_| MB);
        assert_eq!(numbers(&told), [1, 2, 4]);
        assert_eq!(told[2].0, FIRST_REST);
    }

    #[test]
    fn a_trial_ends_that_never_begins() {
        let mut policy = Policy::automatic(4);
        let mut trials = 0;
        for tick in 0..100 {
            let before = policy.wanted();
            let (now, received) = (TICK * tick, u64::from(tick) * 100_000);
            policy.look(Moment { now, received, left: 1 << 40, connections: 1 });
            trials += u32::from(before == 1 && policy.wanted() == 2);
        }
        assert!((1..=2).contains(&trials), "{trials}");
    }
}
