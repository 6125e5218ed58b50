//! The simulated time: stands still until somebody moves it, and wakes those who waited for it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Time since the beginning of a simulation, and who waits for which moment of it.
#[derive(Debug, Default)]
pub(crate) struct Timeline(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    now: Duration,
    sleepers: BTreeMap<(Duration, u64), Waker>,
    next: u64,
    /// How often everybody was woken early.
    alarms: u64,
}

impl Timeline {
    /// Goes on at that moment.
    pub(crate) fn at(now: Duration) -> Self {
        Self(Mutex::new(State { now, ..State::default() }))
    }

    /// Tells how much time has passed.
    pub(crate) fn now(&self) -> Duration {
        self.lock().now
    }

    /// Returns how many wait for a moment to come, and the first such moment: of one instant, as
    /// others go to sleep meanwhile.
    pub(crate) fn sleepers(&self) -> (usize, Option<Duration>) {
        let state = self.lock();
        (state.sleepers.len(), state.sleepers.first_key_value().map(|((at, _), _)| *at))
    }

    /// Lets that moment come, unless it was before, and wakes whose time it is.
    pub(crate) fn move_to(&self, moment: Duration) {
        let mut state = self.lock();
        state.now = state.now.max(moment);
        let first_later = (state.now + Duration::from_nanos(1), 0);
        let later = state.sleepers.split_off(&first_later);
        let due = std::mem::replace(&mut state.sleepers, later);
        drop(state);
        due.into_values().for_each(Waker::wake);
    }

    /// Wakes everybody early: what they wait for has changed.
    pub(crate) fn alarm(&self) {
        let mut state = self.lock();
        state.alarms += 1;
        let all = std::mem::take(&mut state.sleepers);
        drop(state);
        all.into_values().for_each(Waker::wake);
    }

    /// Waits for a moment, or for the next alarm.
    pub(crate) fn sleep(self: &Arc<Self>, until: Duration) -> Sleep {
        let alarms = self.lock().alarms;
        Sleep { timeline: Arc::clone(self), until, alarms, place: None }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits; who drops it waits no more.
#[derive(Debug)]
pub(crate) struct Sleep {
    timeline: Arc<Timeline>,
    until: Duration,
    alarms: u64,
    place: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let timeline = Arc::clone(&self.timeline);
        let mut state = timeline.lock();
        if state.now >= self.until || state.alarms != self.alarms {
            return Poll::Ready(());
        }
        let place = self.place.unwrap_or((self.until, state.next));
        state.next = state.next.max(place.1 + 1);
        state.sleepers.insert(place, context.waker().clone());
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.timeline.lock().sleepers.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    const SECOND: Duration = Duration::from_secs(1);

    fn is_over(sleep: Pin<&mut Sleep>) -> bool {
        sleep.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn who_sleeps_is_woken_in_time() {
        let timeline = Arc::new(Timeline::at(SECOND));
        let (mut one, mut two) =
            (pin!(timeline.sleep(2 * SECOND)), pin!(timeline.sleep(3 * SECOND)));
        assert!(!is_over(one.as_mut()) && !is_over(two.as_mut()) && !is_over(one.as_mut()));
        assert_eq!(timeline.sleepers(), (2, Some(2 * SECOND)));
        timeline.move_to(2 * SECOND);
        assert_eq!(timeline.sleepers(), (1, Some(3 * SECOND)));
        assert!(is_over(one.as_mut()) && !is_over(two.as_mut()));
        timeline.move_to(SECOND);
        assert_eq!(timeline.now(), 2 * SECOND, "time does not go back");
    }

    #[test]
    fn an_alarm_wakes_all_and_who_is_gone_sleeps_no_more() {
        let timeline = Arc::new(Timeline::default());
        let mut one = pin!(timeline.sleep(SECOND));
        assert!(!is_over(one.as_mut()));
        {
            let mut two = pin!(timeline.sleep(SECOND));
            assert!(!is_over(two.as_mut()));
            assert_eq!(timeline.sleepers().0, 2);
        }
        assert_eq!(timeline.sleepers().0, 1);
        timeline.alarm();
        assert!(is_over(one.as_mut()));
        assert_eq!(timeline.now(), Duration::ZERO);
    }
}
