//! Whether and when a failed attempt is tried again.

use crate::task::{Task, Wait};
use crate::{Cause, Core, Moment, Order, TaskRef};
use std::time::Duration;
use urlsession_protocol::Timestamp;

/// The first retry delay is at most this long.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// No retry delay is longer.
const LONGEST_DELAY: Duration = Duration::from_secs(10 * 60);
/// A server (`Retry-After`) and a task can ask for no longer delay,
const LONGEST_SERVER_DELAY: Duration = Duration::from_secs(24 * 60 * 60);
/// and a task for no shorter one: an attempt that fails at once would be made without end.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// A full disk is looked at again after this long,
const FIRST_DISK_DELAY: Duration = Duration::from_secs(5);
/// and after twice as long every time, up to this.
const LONGEST_DISK_DELAY: Duration = Duration::from_secs(60);

impl Order {
    /// Says whether its request must not be sent again once something of its body was: its app forbids
    /// that, and twice does not mean the same as once (RFC 9110 section 9.2.2).
    #[must_use]
    pub fn forbids_retry(&self) -> bool {
        let method = self.request.method.as_str();
        let is_idempotent =
            matches!(method, "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE");
        self.options.no_unsafe_retry && self.request.body.is_some() && !is_idempotent
    }
}

impl Core {
    /// Says whether no attempt follows the one that begins now, should that bring nothing.
    #[must_use]
    pub fn is_last_try(&self, key: TaskRef) -> bool {
        let task = self.tasks.get(&key);
        task.is_some_and(|task| task.maximum_retries.is_some_and(|most| task.failures >= most))
    }

    /// Returns when the task ends whatever comes, if there is such a moment.
    #[must_use]
    pub fn deadline(&self, key: TaskRef) -> Option<Timestamp> {
        self.tasks.get(&key)?.armed_deadline()
    }
}

/// Says whether an attempt failed because this machine has no network, whatever it says itself.
pub(crate) fn is_cut_off(task: &Task, cause: Cause, network: bool) -> bool {
    let may_be = matches!(cause, Cause::Transient | Cause::Interval(_) | Cause::Connectivity);
    may_be && !network && !task.stays_here && !is_this_machine(&task.host)
}

/// Says whether something of a request went out that must not go out again.
pub(crate) fn is_spent(task: &Task, cause: Cause, progressed: bool) -> bool {
    // A server that wants another request has not done what this one says.
    task.no_unsafe_retry && progressed && cause != Cause::Answer
}

/// Counts a failure and returns the delay before the next attempt, or `None` if there is none. One
/// that waits for the network costs no try.
pub(crate) fn count(
    task: &mut Task,
    cause: Cause,
    progressed: bool,
    waits: bool,
    random: &mut Random,
) -> Option<Duration> {
    if cause == Cause::Answer {
        // Nothing failed that another try would find otherwise.
        return Some(Duration::ZERO);
    }
    if cause == Cause::Permanent || is_spent(task, cause, progressed) {
        return None;
    }
    if cause == Cause::Disk {
        let before = task.details.disk_failures;
        let delay = doubled(FIRST_DISK_DELAY, before.into(), LONGEST_DISK_DELAY);
        task.details.disk_failures = before.saturating_add(1);
        return Some(delay);
    }
    if waits {
        return Some(LONGEST_DELAY);
    }
    let before = task.failures;
    task.failures = before.saturating_add(1);
    if task.maximum_retries.is_some_and(|most| task.failures > most) {
        return None;
    }
    Some(match cause {
        // One that is over says nothing, and would have a server that is busy asked without end.
        Cause::After(delay) if !delay.is_zero() => delay.min(LONGEST_SERVER_DELAY),
        Cause::Interval(delay) => delay.clamp(SHORTEST_INTERVAL, LONGEST_SERVER_DELAY),
        Cause::After(_)
        | Cause::Permanent
        | Cause::Transient
        | Cause::Connectivity
        | Cause::Disk
        | Cause::Answer => random.below(doubled(FIRST_DELAY, before, LONGEST_DELAY)),
    })
}

/// Returns what is left, after a restart, of the delay that a server named. A clock that was set back
/// makes none longer.
pub(crate) fn again(retry_at: Timestamp, now: Moment) -> Option<Wait> {
    let delay = now.wall.until(retry_at).min(LONGEST_SERVER_DELAY);
    (!delay.is_zero()).then(|| Wait::after(Cause::After(delay), delay, now))
}

/// Says whether a `host:port` is reached without any network.
fn is_this_machine(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    is_loopback || name == "localhost" || name.ends_with(".localhost")
}

fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(longest)
}

/// A small seeded generator (splitmix64): the only luck in the core, for jitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Returns a duration from zero up to `longest`, in milliseconds.
    fn below(&mut self, longest: Duration) -> Duration {
        let span = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        Duration::from_millis(self.next() % span)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
