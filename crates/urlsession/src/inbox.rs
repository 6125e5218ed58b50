//! Events that arrived and were not taken yet, and which kept ones were handled.
//!
//! The queue is bounded from outside: the daemon sends at most its window of unacknowledged kept
//! events, and of the others only the last of each kind and task is held.

use crate::deadline::Deadline;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem::discriminant;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use urlsession_protocol::{Event, EventNumber, TaskIdentifier};

/// Most async tasks that wait for events of one session at once.
const WAKERS_LIMIT: usize = 16;

#[derive(Default)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

/// One event as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) task: Option<TaskIdentifier>,
    pub(crate) kept: Option<Kept>,
    pub(crate) event: Event,
}

/// Names a kept event for this process: the daemon may lose its store and count anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) number: EventNumber,
    count: u32,
}

/// What became of an arriving event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It waits to be taken, or was merged with one that does.
    Queued,
    /// It is on its way already: a copy after a reconnect.
    Known,
    /// It was handled before; its acknowledgement was lost.
    Handled,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    /// Kept events that wait here or were taken, and were not handled.
    open: BTreeSet<EventNumber>,
    handled: Numbers,
    /// Nothing will arrive any more.
    ended: bool,
    /// How often the daemon began to count anew.
    count: u32,
    wakers: Vec<Waker>,
    /// Whether a thread waits: to wake nobody costs as much as to wake somebody.
    awaited: bool,
}

impl Inbox {
    /// Takes an event in and wakes those who wait for one.
    pub(crate) fn arrive(
        &self,
        task: Option<TaskIdentifier>,
        number: Option<EventNumber>,
        event: Event,
    ) -> Arrival {
        let arrival = self.put(task, number, event);
        self.ring();
        arrival
    }

    /// Takes an event in; who waits is woken by [`ring`](Self::ring).
    pub(crate) fn put(
        &self,
        task: Option<TaskIdentifier>,
        number: Option<EventNumber>,
        event: Event,
    ) -> Arrival {
        let mut queue = self.lock();
        if queue.ended {
            return Arrival::Known;
        }
        if let Some(number) = number {
            if queue.handled.contains(number) {
                return Arrival::Handled;
            }
            if !queue.open.insert(number) {
                return Arrival::Known;
            }
        }
        let kept = number.map(|number| Kept { number, count: queue.count });
        queue.push(Item { task, kept, event });
        Arrival::Queued
    }

    /// Wakes those who wait for what has come.
    pub(crate) fn ring(&self) {
        let queue = self.lock();
        if !queue.items.is_empty() {
            self.wake(queue);
        }
    }

    /// Takes the next event; `None` when there will be none. `Err` when the time is up.
    pub(crate) fn take(&self, deadline: Deadline) -> Result<Option<Item>, ()> {
        let mut queue = self.lock();
        loop {
            if let Some(item) = queue.items.pop_front() {
                return Ok(Some(item));
            }
            if queue.ended {
                return Ok(None);
            }
            let left = deadline.remaining();
            if left == Some(Duration::ZERO) {
                return Err(());
            }
            queue.awaited = true;
            queue = match left {
                None => self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    let waited = self.arrived.wait_timeout(queue, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    pub(crate) fn poll_take(&self, context: &Context<'_>) -> Poll<Option<Item>> {
        let mut queue = self.lock();
        if let Some(item) = queue.items.pop_front() {
            return Poll::Ready(Some(item));
        }
        if queue.ended {
            return Poll::Ready(None);
        }
        if queue.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            return Poll::Pending;
        }
        // One that is woken in vain asks again.
        if queue.wakers.len() == WAKERS_LIMIT {
            let oldest = queue.wakers.remove(0);
            queue.wakers.push(context.waker().clone());
            drop(queue);
            oldest.wake();
            return Poll::Pending;
        }
        queue.wakers.push(context.waker().clone());
        Poll::Pending
    }

    /// Notes that a kept event was handled; says whether that is news to the daemon.
    pub(crate) fn handle(&self, kept: Kept) -> bool {
        let mut queue = self.lock();
        if kept.count != queue.count {
            return false;
        }
        queue.open.remove(&kept.number);
        queue.handled.insert(kept.number)
    }

    /// Lets a kept event that was taken but not handled arrive again.
    pub(crate) fn reopen(&self, kept: Kept) {
        let mut queue = self.lock();
        if kept.count == queue.count {
            queue.open.remove(&kept.number);
        }
    }

    /// Forgets the daemon's numbers: it counts anew.
    pub(crate) fn count_anew(&self) {
        let mut queue = self.lock();
        queue.count += 1;
        queue.handled = Numbers::default();
        queue.open.clear();
    }

    /// Lets nothing arrive any more; what waits may still be taken, unless `discard`.
    pub(crate) fn end(&self, discard: bool) {
        let mut queue = self.lock();
        queue.ended = true;
        if discard {
            queue.items.clear();
        }
        self.wake(queue);
    }

    fn wake(&self, mut queue: MutexGuard<'_, Queue>) {
        let wakers = std::mem::take(&mut queue.wakers);
        // Whoever finds nothing says so again.
        let is_awaited = std::mem::take(&mut queue.awaited);
        drop(queue);
        if is_awaited {
            self.arrived.notify_all();
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, item: Item) {
        match &item.event {
            Event::DidWriteData { .. } | Event::DidSendBodyData { .. } => {
                let (task, kind) = (item.task, discriminant(&item.event));
                let same = |i: &Item| i.task == task && discriminant(&i.event) == kind;
                if let Some(at) = self.items.iter().position(same) {
                    merge(&mut self.items[at].event, item.event);
                    return;
                }
            }
            // What was reported before the interruption says nothing any more.
            Event::DidResumeAtOffset { .. } => {
                let task = item.task;
                self.items.retain(|i| i.task != task || !is_progress(&i.event));
            }
            // Told again after a reconnect: one question is enough.
            Event::WillBeginDelayedRequest { .. }
            | Event::DidReceiveChallenge { .. }
            | Event::WillPerformHttpRedirection { .. } => {
                let (task, kind) = (item.task, discriminant(&item.event));
                self.items.retain(|i| i.task != task || discriminant(&i.event) != kind);
            }
            Event::DidFinishEvents => self.items.retain(|i| i.event != Event::DidFinishEvents),
            Event::DidChangeState { .. }
            | Event::DidReceiveData { .. }
            | Event::DidFinishDownloading { .. }
            | Event::DidComplete { .. }
            | Event::DidBecomeInvalid { .. } => {}
            _ => {}
        }
        self.items.push_back(item);
    }
}

fn is_progress(event: &Event) -> bool {
    matches!(
        event,
        Event::DidWriteData { .. }
            | Event::DidSendBodyData { .. }
            | Event::DidResumeAtOffset { .. }
    )
}

/// Adds up the bytes since the last event; of the rest the last value wins.
fn merge(old: &mut Event, mut new: Event) {
    match (&*old, &mut new) {
        (
            Event::DidWriteData { bytes_written: before, .. },
            Event::DidWriteData { bytes_written: now, .. },
        )
        | (
            Event::DidSendBodyData { bytes_sent: before, .. },
            Event::DidSendBodyData { bytes_sent: now, .. },
        ) => *now = now.saturating_add(*before),
        _ => {}
    }
    *old = new;
}

/// A set of numbers, small because neighbours are kept as one range.
#[derive(Default)]
struct Numbers(BTreeMap<u64, u64>);

impl Numbers {
    fn contains(&self, EventNumber(number): EventNumber) -> bool {
        self.0.range(..=number).next_back().is_some_and(|(_, last)| number <= *last)
    }

    fn insert(&mut self, EventNumber(number): EventNumber) -> bool {
        if self.contains(EventNumber(number)) {
            return false;
        }
        let last = self.0.remove(&number.saturating_add(1)).unwrap_or(number);
        match self.0.range_mut(..number).next_back() {
            Some((_, before)) if before.saturating_add(1) == number => *before = last,
            _ => drop(self.0.insert(number, last)),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_one_range() {
        let mut numbers = Numbers::default();
        for number in [5, 3, 1, 2, 7, 4, 6] {
            assert!(numbers.insert(EventNumber(number)));
        }
        assert_eq!(numbers.0.into_iter().collect::<Vec<_>>(), [(1, 7)]);
    }

    #[test]
    fn only_what_was_inserted_is_contained() {
        let mut numbers = Numbers::default();
        assert!(numbers.insert(EventNumber(2)));
        assert!(!numbers.insert(EventNumber(2)));
        assert!(numbers.insert(EventNumber(4)));
        let contained: Vec<u64> = (0..6).filter(|n| numbers.contains(EventNumber(*n))).collect();
        assert_eq!(contained, [2, 4]);
    }

    #[test]
    fn who_waits_is_woken_once_for_all_that_came() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};
        use std::task::Wake;
        #[derive(Default)]
        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (inbox, count) = (Inbox::default(), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        assert!(inbox.poll_take(&Context::from_waker(&waker)).is_pending());
        inbox.ring();
        let error = || Event::DidComplete { error: None, response: None, metrics: None };
        inbox.put(Some(TaskIdentifier(1)), None, error());
        inbox.put(Some(TaskIdentifier(2)), None, error());
        assert_eq!(count.0.load(Ordering::Relaxed), 0, "nothing was told yet");
        inbox.ring();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn who_waits_beyond_the_limit_sends_the_first_to_ask_again() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};
        use std::task::Wake;
        #[derive(Default)]
        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let inbox = Inbox::default();
        let counts: Vec<_> = (0..=WAKERS_LIMIT).map(|_| Arc::new(Count::default())).collect();
        for count in &counts {
            let waker = Waker::from(Arc::clone(count));
            assert!(inbox.poll_take(&Context::from_waker(&waker)).is_pending());
        }
        let woken = || {
            let woken = counts.iter().map(|count| count.0.load(Ordering::Relaxed));
            woken.collect::<Vec<_>>()
        };
        assert_eq!((woken()[0], woken().iter().sum::<usize>()), (1, 1));
        inbox.arrive(None, None, Event::DidFinishEvents);
        assert_eq!(woken(), vec![1; WAKERS_LIMIT + 1], "nobody waits for ever");
    }

    #[test]
    fn progress_before_an_interruption_is_dropped() {
        let inbox = Inbox::default();
        let write = |total| Event::DidWriteData {
            bytes_written: 1,
            total_bytes_written: total,
            total_bytes_expected_to_write: None,
        };
        let resume = Event::DidResumeAtOffset {
            file_offset: 0,
            expected_total_bytes: None,
            rung: urlsession_protocol::ResumeRung::Restart,
        };
        for event in [write(9), resume.clone(), resume.clone(), write(1), write(2)] {
            inbox.arrive(Some(TaskIdentifier(1)), None, event);
        }
        inbox.end(false);
        let take = || inbox.take(Deadline::never()).unwrap().map(|item| item.event);
        let two = Event::DidWriteData {
            bytes_written: 2,
            total_bytes_written: 2,
            total_bytes_expected_to_write: None,
        };
        assert_eq!([take(), take(), take()], [Some(resume), Some(two), None]);
    }
}
