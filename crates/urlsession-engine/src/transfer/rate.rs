//! What holds transfers back: a token bucket of each that has a limit, and one for a direction of all
//! of them together.
//!
//! ```text
//!   spend ──> own bucket        both directions of one transfer
//!        └──> shared bucket     a direction of all: who has spent waits until that is paid for, and
//!                               who comes waits for what others have spent: everybody in turn
//! ```

use super::speedometer::{EXCUSE, Speedometer, Watch};
use super::wire::Wire;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use urlsession_protocol::SpeedLimits;

/// Parts of a second in which a limited transfer moves one portion.
const PORTIONS_PER_SECOND: u64 = 10;
/// The same of all transfers together: many of them wait for each other.
const SHARED_PORTIONS_PER_SECOND: u64 = 50;
/// Most time without bytes that is made up for: that of a portion. Timers and disks are late by
/// milliseconds; small pieces, which are waited for often, would reach a fraction of the limit.
const CREDIT: Duration = Duration::from_millis(1000 / PORTIONS_PER_SECOND);
/// The same of all transfers together.
const SHARED_CREDIT: Duration = Duration::from_millis(1000 / SHARED_PORTIONS_PER_SECOND);
/// Smallest portion, so that very low rates still move whole packets.
const PORTION_MINIMUM: u64 = 1024;

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Download,
    Upload,
}

/// What holds one transfer back. Its connections share it.
#[derive(Debug)]
pub(super) struct Rate {
    own: Option<Bucket>,
    overall: Arc<Overall>,
    /// Is told when it is us who are slow.
    speedometer: Option<Arc<Speedometer>>,
    /// Its turns in the shared buckets.
    turns: [Mutex<Option<Turn>>; 2],
}

impl Rate {
    /// Makes one with a limit of its own or without; 0 counts as 1.
    pub(super) fn new(per_second: Option<u64>, overall: &Arc<Overall>) -> Self {
        let own = per_second.map(Bucket::new);
        let overall = Arc::clone(overall);
        Self { own, overall, speedometer: None, turns: Default::default() }
    }

    /// Has the transfer watched for being too slow.
    pub(super) fn measured(self, speedometer: Option<Arc<Speedometer>>) -> Self {
        Self { speedometer, ..self }
    }

    /// Watches the connection, if anybody wants to know, for as long as the watch is held.
    pub(super) fn watch(&self, wire: &Arc<Wire>) -> Option<Watch> {
        self.speedometer.as_ref().map(|speedometer| speedometer.watch(wire))
    }

    /// Notes that the transfer waits for what is not the other side's. Who waits on says so again
    /// within [`EXCUSE`].
    pub(super) fn excuse(&self) {
        if let Some(speedometer) = &self.speedometer {
            speedometer.excuse(Instant::now() + EXCUSE);
        }
    }

    /// Says whether there is a limit of the transfer's own.
    pub(super) fn has_own(&self) -> bool {
        self.own.is_some()
    }

    /// Says whether nothing holds it back. That may change at any time.
    pub(super) fn is_free(&self, direction: Direction) -> bool {
        self.own.is_none() && self.overall.flow(direction).per_second() == 0
    }

    /// Most bytes to move before asking [`Rate::until`] again.
    pub(super) fn portion(&self, direction: Direction) -> usize {
        let own = self.own.as_ref().map_or(u64::MAX, Bucket::portion);
        let portion = match self.overall.flow(direction).per_second() {
            0 => own,
            shared => own.min((shared / SHARED_PORTIONS_PER_SECOND).max(PORTION_MINIMUM)),
        };
        usize::try_from(portion).unwrap_or(usize::MAX)
    }

    /// Spends bytes that have moved.
    pub(super) fn spend(&self, direction: Direction, bytes: usize) {
        if let Some(own) = &self.own {
            own.spend(bytes);
        }
        let flow = self.overall.flow(direction);
        if flow.per_second() != 0 {
            *self.turn(direction) = flow.spend(bytes);
        }
    }

    /// Returns until when the next portion must wait; `None` if it may move. Who waits asks again
    /// now and then: limits change. That is no slowness of the other side, which is noted.
    pub(super) fn until(&self, direction: Direction) -> Option<Instant> {
        let until = self.paid_at(direction);
        if let (Some(speedometer), Some(until)) = (&self.speedometer, until) {
            speedometer.excuse(until);
        }
        until
    }

    fn paid_at(&self, direction: Direction) -> Option<Instant> {
        let own = self.own.as_ref().and_then(Bucket::until);
        let flow = self.overall.flow(direction);
        if flow.per_second() == 0 {
            return own;
        }
        let mut turn = self.turn(direction);
        let known = turn.filter(|turn| flow.is_current(*turn));
        // Who has none joins behind what the others have spent.
        let turn = *turn.insert(known.unwrap_or_else(|| flow.join()));
        let shared = (turn.at > Instant::now()).then_some(turn.at);
        own.max(shared)
    }

    fn turn(&self, direction: Direction) -> MutexGuard<'_, Option<Turn>> {
        lock(&self.turns[direction as usize])
    }
}

/// What all transfers may have together.
#[derive(Debug, Default)]
pub(super) struct Overall {
    flows: [Flow; 2],
}

impl Overall {
    /// Replaces the limits, also for transfers that run.
    pub(super) fn limit(&self, limits: SpeedLimits) {
        self.flow(Direction::Download).limit(limits.download.map_or(0, Into::into));
        self.flow(Direction::Upload).limit(limits.upload.map_or(0, Into::into));
    }

    fn flow(&self, direction: Direction) -> &Flow {
        &self.flows[direction as usize]
    }
}

/// One direction of all transfers together.
#[derive(Debug, Default)]
struct Flow {
    /// Bytes a second, 0 without a limit: all that is looked at while there is none.
    per_second: AtomicU64,
    spent: Mutex<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    /// Counts the limits: turns under earlier ones are void.
    limits: u64,
    /// When everything spent so far is paid for.
    paid: Option<Instant>,
}

/// When a transfer may go on.
#[derive(Debug, Clone, Copy)]
struct Turn {
    limits: u64,
    at: Instant,
}

impl Flow {
    fn per_second(&self) -> u64 {
        self.per_second.load(Ordering::Relaxed)
    }

    fn limit(&self, per_second: u64) {
        let mut spent = lock(&self.spent);
        *spent = Spent { limits: spent.limits + 1, paid: None };
        self.per_second.store(per_second, Ordering::Relaxed);
    }

    /// Spends bytes; returns when they are paid for, `None` if the limit has gone.
    fn spend(&self, bytes: usize) -> Option<Turn> {
        let mut spent = lock(&self.spent);
        let per_second = self.per_second();
        if per_second == 0 {
            return None;
        }
        let at = paid_after(spent.paid, SHARED_CREDIT, bytes, per_second);
        spent.paid = Some(at);
        Some(Turn { limits: spent.limits, at })
    }

    fn join(&self) -> Turn {
        let spent = lock(&self.spent);
        Turn { limits: spent.limits, at: spent.paid.unwrap_or_else(Instant::now) }
    }

    fn is_current(&self, turn: Turn) -> bool {
        lock(&self.spent).limits == turn.limits
    }
}

/// The bucket of one transfer: bytes are spent first, and waited for afterwards.
#[derive(Debug)]
struct Bucket {
    per_second: u64,
    /// When everything spent so far is paid for.
    paid: Mutex<Option<Instant>>,
}

impl Bucket {
    /// Makes a bucket; a limit of 0 counts as 1.
    fn new(per_second: u64) -> Self {
        Self { per_second: per_second.max(1), paid: Mutex::default() }
    }

    fn portion(&self) -> u64 {
        (self.per_second / PORTIONS_PER_SECOND).max(PORTION_MINIMUM)
    }

    fn spend(&self, bytes: usize) {
        let mut paid = lock(&self.paid);
        *paid = Some(paid_after(*paid, CREDIT, bytes, self.per_second));
    }

    fn until(&self) -> Option<Instant> {
        lock(&self.paid).filter(|paid| *paid > Instant::now())
    }
}

/// Returns when bytes that are spent now are paid for, behind those of before. The first ones have no
/// credit.
fn paid_after(before: Option<Instant>, credit: Duration, bytes: usize, per_second: u64) -> Instant {
    let now = Instant::now();
    let cost = Duration::from_secs_f64(bytes as f64 / per_second as f64);
    let earliest = now.checked_sub(credit).unwrap_or(now);
    before.map_or(now, |before| before.max(earliest)) + cost
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is half done where a holder panics.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until then, for ever without a moment.
pub(super) async fn reached(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Download, Upload};
    use std::num::NonZeroU64;

    fn free() -> Arc<Overall> {
        Arc::default()
    }

    fn limits(download: u64, upload: u64) -> SpeedLimits {
        SpeedLimits { download: NonZeroU64::new(download), upload: NonZeroU64::new(upload) }
    }

    /// Moves so many bytes as a transfer does; returns how long it took.
    async fn moves(overall: &Arc<Overall>, direction: Direction, bytes: usize) -> Duration {
        let (rate, begin, mut left) = (Rate::new(None, overall), Instant::now(), bytes);
        loop {
            while let Some(until) = rate.until(direction) {
                reached(Some(until)).await;
            }
            if left == 0 {
                return begin.elapsed();
            }
            let portion = rate.portion(direction).min(left);
            rate.spend(direction, portion);
            left -= portion;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_paid_for_in_time() {
        let rate = Rate::new(Some(1000), &free());
        let begin = Instant::now();
        for _ in 0..10 {
            if let Some(until) = rate.until(Download) {
                tokio::time::advance(until - Instant::now()).await;
            }
            rate.spend(Download, 500);
        }
        // The last portion is spent, not yet paid for.
        assert_eq!(begin.elapsed().as_millis(), 4500);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_hardly_a_credit() {
        for (overall, credit) in [(None, 100), (Some(1000), 20)] {
            let shared = free();
            shared.limit(limits(overall.unwrap_or(0), 0));
            let rate = Rate::new(overall.is_none().then_some(1000), &shared);
            // There is none before the first byte, and never more than was missed.
            for (pause, credit) in [(60_000, 0), (60_000, credit), (credit / 2, credit / 2)] {
                assert_eq!(rate.until(Download), None);
                tokio::time::advance(Duration::from_millis(pause)).await;
                rate.spend(Download, 1000);
                let until = rate.until(Download).expect("a debt");
                assert_eq!((until - Instant::now()).as_millis(), 1000 - u128::from(credit));
                tokio::time::advance(until - Instant::now()).await;
            }
        }
    }

    /// Moves a body whose pieces are that small as a transfer does whose timers are late by a
    /// millisecond or two.
    async fn moves_late(rate: Arc<Rate>, piece: usize, mut left: usize) {
        for late in (1..=2).cycle() {
            while let Some(until) = rate.until(Download) {
                reached(Some(until + Duration::from_millis(late))).await;
            }
            if left == 0 {
                return;
            }
            let moved = piece.min(rate.portion(Download)).min(left);
            rate.spend(Download, moved);
            left -= moved;
        }
    }

    /// Moves four seconds' worth, by so many transfers with so many connections each, and says
    /// which part of the limit that was.
    async fn late_mean(
        (own, shared): (u64, u64),
        (tasks, lines): (usize, usize),
        piece: usize,
    ) -> f64 {
        let overall = free();
        overall.limit(limits(shared, 0));
        let (begin, mut running) = (Instant::now(), tokio::task::JoinSet::new());
        let together = if shared == 0 { own * tasks as u64 } else { shared };
        let bytes = usize::try_from(4 * together).unwrap() / (tasks * lines);
        for _ in 0..tasks {
            let rate = Arc::new(Rate::new((own != 0).then_some(own), &overall));
            for _ in 0..lines {
                running.spawn(moves_late(Arc::clone(&rate), piece, bytes));
            }
        }
        running.join_all().await;
        4.0 / begin.elapsed().as_secs_f64()
    }

    /// the limits, own and shared, in MiB/s; transfers, and connections of each
    #[tokio::test(start_paused = true)]
    async fn a_limit_is_reached_by_small_pieces_and_late_timers() {
        for (own, shared, tasks, lines) in [
            (20, 0, 1, 1),
            (100, 0, 1, 1),
            (20, 0, 1, 4),
            (20, 0, 3, 1),
            (0, 20, 1, 1),
            (0, 100, 1, 1),
            (0, 20, 4, 1),
            (0, 100, 4, 2),
            (20, 20, 1, 1),
            (100, 100, 4, 1),
        ] {
            for piece in [1400, 8 * 1024, 16 * 1024] {
                let limits = (own * 1024 * 1024, shared * 1024 * 1024);
                let mean = late_mean(limits, (tasks, lines), piece).await;
                let case = format!("{own}, {shared} MiB/s, {tasks} x {lines}, pieces of {piece}");
                assert!((0.95..=1.0).contains(&mean), "{case}: {mean}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_share_a_limit_and_none_is_starved() {
        let overall = free();
        overall.limit(limits(100_000, 0));
        let begin = Instant::now();
        let four = (0..4).map(|_| {
            let overall = Arc::clone(&overall);
            tokio::spawn(async move { moves(&overall, Download, 250_000).await })
        });
        let four: Vec<_> = four.collect();
        let upload = moves(&overall, Upload, 1_000_000).await;
        assert_eq!(upload, Duration::ZERO, "the other direction is free");
        for one in four {
            // They end within a few portions of each other, all in the end.
            let took = one.await.unwrap().as_millis();
            assert!((9_500..=10_050).contains(&took), "{took} ms");
        }
        assert!(begin.elapsed() >= Duration::from_millis(9_950), "{:?}", begin.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn many_short_transfers_are_held_back_as_one_long_one_is() {
        let overall = free();
        overall.limit(limits(0, 10_000));
        let begin = Instant::now();
        for _ in 0..100 {
            moves(&overall, Upload, 1000).await;
        }
        assert_eq!(begin.elapsed().as_millis(), 10_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_changes_for_those_that_run() {
        let overall = free();
        let rate = Rate::new(None, &overall);
        assert!(rate.is_free(Download) && rate.portion(Download) == usize::MAX);
        rate.spend(Download, 1_000_000);
        assert_eq!(rate.until(Download), None);
        overall.limit(limits(1000, 0));
        assert!(!rate.is_free(Download) && rate.is_free(Upload));
        assert_eq!(rate.until(Download), None, "what moved before was free");
        rate.spend(Download, 1_000_000);
        let until = rate.until(Download).expect("a debt");
        assert_eq!(until - Instant::now(), Duration::from_secs(1000));
        overall.limit(limits(2000, 0));
        assert_eq!(rate.until(Download), None, "what was owed under another limit is forgiven");
        rate.spend(Download, 4000);
        let until = rate.until(Download).expect("a debt");
        assert_eq!(until - Instant::now(), Duration::from_secs(2));
        overall.limit(limits(0, 0));
        assert_eq!(rate.until(Download), None);
        assert!(rate.is_free(Download));
    }

    #[tokio::test(start_paused = true)]
    async fn the_slower_of_two_limits_counts() {
        let overall = free();
        overall.limit(limits(10_000, 0));
        let rate = Rate::new(Some(1000), &overall);
        rate.spend(Download, 1000);
        assert_eq!(rate.until(Download).unwrap() - Instant::now(), Duration::from_secs(1));
        overall.limit(limits(100, 0));
        rate.spend(Download, 1000);
        assert_eq!(rate.until(Download).unwrap() - Instant::now(), Duration::from_secs(10));
    }
}
