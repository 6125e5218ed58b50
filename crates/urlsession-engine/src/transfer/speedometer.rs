//! How fast an attempt is, for a task that says how slow is too slow: one watcher for all its
//! connections.
//!
//! What counts is the time in which at least one of them is watched, and nothing of ours holds the
//! attempt back.

use super::wire::Wire;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use urlsession_protocol::LowestSpeed;

/// Parts of the time that a transfer may be too slow: how much later than that it is seen at most.
const PARTS: u32 = 20;
/// Longest excuse: who waits on asks again before that.
pub(super) const EXCUSE: Duration = Duration::from_secs(1);

/// Watches the connections of one attempt.
#[derive(Debug)]
pub(super) struct Speedometer {
    lowest: LowestSpeed,
    gauge: Mutex<Gauge>,
}

#[derive(Debug)]
struct Gauge {
    watched: Vec<Watched>,
    /// Until when time has been counted.
    since: Instant,
    /// Until when none counts.
    excused: Instant,
    /// What has not been looked at.
    part: Part,
    /// What has been, back to when it was slow for long enough.
    window: VecDeque<Part>,
}

/// A connection or stream, and how often it is watched.
#[derive(Debug)]
struct Watched {
    wire: Arc<Wire>,
    seen: u64,
    watches: usize,
}

/// Time that counts, and the bytes that moved in it.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    time: Duration,
    bytes: u64,
}

impl Speedometer {
    pub(super) fn new(lowest: LowestSpeed) -> Arc<Self> {
        let now = Instant::now();
        let gauge = Gauge {
            watched: Vec::new(),
            since: now,
            excused: now,
            part: Part::default(),
            window: VecDeque::new(),
        };
        Arc::new(Self { lowest, gauge: Mutex::new(gauge) })
    }

    /// Counts what moves over the connection, and the time, for as long as the watch is held.
    pub(super) fn watch(self: &Arc<Self>, wire: &Arc<Wire>) -> Watch {
        self.gauge().begin(wire);
        Watch { speedometer: Arc::clone(self), wire: Arc::clone(wire) }
    }

    /// Counts no time until then, and none longer than [`EXCUSE`].
    pub(super) fn excuse(&self, until: Instant) {
        self.gauge().excuse(until);
    }

    /// Returns once the attempt has been too slow for long enough. Its connections are then not
    /// taken again: they may be what is slow.
    pub(super) async fn too_slow(&self) {
        let period = Duration::from_secs(self.lowest.seconds.into()) / PARTS;
        loop {
            tokio::time::sleep(period).await;
            let mut gauge = self.gauge();
            if gauge.look(period, self.lowest) {
                return gauge.watched.iter().for_each(|watched| watched.wire.retire());
            }
        }
    }

    fn gauge(&self) -> MutexGuard<'_, Gauge> {
        // Nothing is half done where a holder panics.
        self.gauge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a connection watched.
#[derive(Debug)]
pub(super) struct Watch {
    speedometer: Arc<Speedometer>,
    wire: Arc<Wire>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.speedometer.gauge().end(&self.wire);
    }
}

impl Gauge {
    fn begin(&mut self, wire: &Arc<Wire>) {
        self.settle();
        match self.watched.iter_mut().find(|watched| Arc::ptr_eq(&watched.wire, wire)) {
            Some(watched) => watched.watches += 1,
            None => {
                let (wire, seen) = (Arc::clone(wire), wire.moved());
                self.watched.push(Watched { wire, seen, watches: 1 });
            }
        }
    }

    fn end(&mut self, wire: &Arc<Wire>) {
        self.settle();
        let mut watched = self.watched.iter();
        let Some(at) = watched.position(|watched| Arc::ptr_eq(&watched.wire, wire)) else { return };
        self.watched[at].watches -= 1;
        if self.watched[at].watches == 0 {
            let gone = self.watched.swap_remove(at);
            self.part.bytes += gone.wire.moved() - gone.seen;
        }
    }

    fn excuse(&mut self, until: Instant) {
        self.settle();
        self.excused = self.excused.max(until.min(self.since + EXCUSE));
    }

    /// Counts the time up to now.
    fn settle(&mut self) {
        let now = Instant::now();
        if !self.watched.is_empty() {
            self.part.time += now.saturating_duration_since(self.since.max(self.excused));
        }
        self.since = now;
    }

    /// Looks at what has moved since the last look, which was so long ago; says whether it was too
    /// slow for long enough.
    fn look(&mut self, period: Duration, lowest: LowestSpeed) -> bool {
        self.settle();
        for watched in &mut self.watched {
            let moved = watched.wire.moved();
            self.part.bytes += moved - std::mem::replace(&mut watched.seen, moved);
        }
        let Part { time, bytes } = std::mem::take(&mut self.part);
        // Who looks late was held up by a disk, or by a machine that slept: nothing could move.
        let time = time.min(period);
        match self.window.back_mut().filter(|last| last.time + time <= period) {
            Some(last) => {
                last.time += time;
                last.bytes = last.bytes.saturating_add(bytes);
            }
            None => self.window.push_back(Part { time, bytes }),
        }
        let enough = Duration::from_secs(lowest.seconds.into());
        let mut all = self.window.iter().map(|part| part.time).sum::<Duration>();
        while let Some(first) = self.window.front().filter(|first| all - first.time >= enough) {
            all -= first.time;
            self.window.pop_front();
        }
        let bytes = self.window.iter().fold(0, |sum: u64, part| sum.saturating_add(part.bytes));
        all >= enough && bytes < lowest.bytes_per_second.saturating_mul(lowest.seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, timeout};

    const LOWEST: LowestSpeed = LowestSpeed { bytes_per_second: 1000, seconds: 30 };

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    /// Moves so many bytes each second for so many of them; returns in which it was too slow.
    async fn run(meter: &Speedometer, all: u64, mut second: impl FnMut(u64)) -> Option<u64> {
        let begin = Instant::now();
        let moving = async {
            let mut tick = tokio::time::interval(seconds(1));
            tick.tick().await;
            for now in 0..all {
                second(now);
                tick.tick().await;
            }
        };
        tokio::select! {
            biased;
            () = meter.too_slow() => Some(begin.elapsed().as_secs()),
            () = moving => None,
        }
    }

    /// bytes each second, from a second on bytes each second => when it is too slow
    #[tokio::test(start_paused = true)]
    async fn the_average_over_the_time_counts() {
        for (first, change, then, expected) in [
            (999, 0, 999, Some(30)),
            (1000, 0, 1000, None),
            (0, 0, 0, Some(30)),
            // A fast beginning is no credit once it is that long ago.
            (1_000_000, 10, 1, Some(40)),
            // Who recovers in time is not too slow.
            (1, 20, 5000, None),
        ] {
            let (meter, wire) = (Speedometer::new(LOWEST), Arc::new(Wire::new()));
            let _watch = meter.watch(&wire);
            let slow = run(&meter, 100, |now| {
                wire.count_received(if now < change { first } else { then });
            });
            let slow = slow.await;
            let near = |at: u64, expected: u64| (expected..=expected + 2).contains(&at);
            let is_right = match (slow, expected) {
                (Some(at), Some(expected)) => near(at, expected),
                (slow, expected) => slow == expected,
            };
            assert!(is_right, "{first} {change} {then}: {slow:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn both_directions_of_all_connections_count() {
        let meter = Speedometer::new(LOWEST);
        let wires = [Wire::new(), Wire::new()].map(Arc::new);
        let _watches = wires.each_ref().map(|wire| meter.watch(wire));
        let slow = run(&meter, 100, |_| {
            wires[0].count_received(500);
            wires[1].count_sent(500);
        });
        assert_eq!(slow.await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_counted_once_however_often_it_is_watched() {
        let (meter, wire) = (Speedometer::new(LOWEST), Arc::new(Wire::new()));
        let _watches = [meter.watch(&wire), meter.watch(&wire)];
        let slow = run(&meter, 100, |_| wire.count_received(600)).await;
        assert!(slow.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nothing_is_watched_does_not_count() {
        let (meter, wire) = (Speedometer::new(LOWEST), Arc::new(Wire::new()));
        for _ in 0..3 {
            let watch = meter.watch(&wire);
            assert!(timeout(seconds(9), meter.too_slow()).await.is_err());
            drop(watch);
            assert!(timeout(seconds(3600), meter.too_slow()).await.is_err());
        }
        let _watch = meter.watch(&wire);
        assert!(timeout(seconds(9), meter.too_slow()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_excuse_does_not_count_and_must_be_renewed() {
        let (meter, wire) = (Speedometer::new(LOWEST), Arc::new(Wire::new()));
        let _watch = meter.watch(&wire);
        let slow = run(&meter, 1000, |_| meter.excuse(Instant::now() + seconds(2))).await;
        assert_eq!(slow, None);
        assert!(run(&meter, 40, |_| {}).await.is_some(), "nobody renews it");
    }

    #[tokio::test(start_paused = true)]
    async fn who_looks_late_counts_no_more_than_the_time_between_two_looks() {
        let (meter, wire) = (Speedometer::new(LOWEST), Arc::new(Wire::new()));
        let _watch = meter.watch(&wire);
        for _ in 0..PARTS - 1 {
            advance(seconds(3600)).await;
            assert!(!meter.gauge().look(seconds(30) / PARTS, LOWEST));
        }
        advance(seconds(3600)).await;
        assert!(meter.gauge().look(seconds(30) / PARTS, LOWEST));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded_however_long_it_takes() {
        let (meter, wire) = (Speedometer::new(LOWEST), Arc::new(Wire::new()));
        let _watch = meter.watch(&wire);
        for second in 0..10_000 {
            wire.count_received(2000);
            if second % 2 == 0 {
                meter.excuse(Instant::now() + seconds(1));
            }
            advance(seconds(1)).await;
            assert!(!meter.gauge().look(seconds(30) / PARTS, LOWEST));
        }
        assert!(meter.gauge().window.len() <= 2 * PARTS as usize + 1);
    }
}
