//! The kept events of one session, and how far its owner was told.

use crate::EventRecord;
use std::collections::BTreeMap;
use urlsession_protocol::{Event, EventNumber, TaskIdentifier};

/// Most kept events that are sent to an owner and not yet acknowledged; and as many of its own tasks,
/// which wait for no older ones: it may want none of those.
pub const WINDOW: u32 = 256;

/// An event that is kept until acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Owed {
    pub(crate) task: TaskIdentifier,
    pub(crate) event: Event,
}

/// The kept events of a session, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Outbox {
    pub(crate) owed: BTreeMap<EventNumber, Owed>,
}

/// How far one owner was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Events up to this number were sent.
    sent: EventNumber,
    /// And those up to this number that are of its own tasks.
    own_sent: EventNumber,
    /// Of those, so many are not acknowledged.
    in_flight: u32,
    own_in_flight: u32,
    /// From this number on tasks are the owner's own.
    own_from: TaskIdentifier,
    /// The last event that was owed at the attach, until `DidFinishEvents` was sent.
    replay: Option<EventNumber>,
}

impl Delivery {
    /// Says whether an event was sent; of one that is owed, the task is known.
    pub(crate) fn has_sent(&self, number: EventNumber, task: Option<TaskIdentifier>) -> bool {
        let is_own = task.is_some_and(|task| self.is_own(task));
        number <= self.sent || (is_own && number <= self.own_sent)
    }

    fn is_own(&self, task: TaskIdentifier) -> bool {
        task >= self.own_from
    }

    fn count(&mut self, task: TaskIdentifier) {
        self.in_flight += 1;
        self.own_in_flight += u32::from(self.is_own(task));
    }

    fn discount(&mut self, task: TaskIdentifier) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.own_in_flight = self.own_in_flight.saturating_sub(u32::from(self.is_own(task)));
    }
}

impl Outbox {
    /// Keeps an event.
    pub(crate) fn insert(&mut self, record: EventRecord) {
        self.owed.insert(record.number, Owed { task: record.task, event: record.event });
    }

    /// Begins to tell a new owner: everything from the start.
    pub(crate) fn begin(&self, own_from: TaskIdentifier) -> Delivery {
        let replay = self.owed.last_key_value().map(|(number, _)| *number);
        let (sent, own_sent) = (EventNumber(0), EventNumber(0));
        Delivery { sent, own_sent, in_flight: 0, own_in_flight: 0, own_from, replay }
    }

    /// Returns the next event to send, if the window has room.
    pub(crate) fn next(&self, delivery: &mut Delivery) -> Option<(EventNumber, &Owed)> {
        let (number, owed) = if delivery.in_flight < WINDOW {
            let (number, owed) = self.pass_sent(delivery)?;
            delivery.sent = *number;
            (number, owed)
        } else if delivery.own_in_flight < WINDOW {
            self.next_own(delivery)?
        } else {
            return None;
        };
        delivery.count(owed.task);
        Some((*number, owed))
    }

    /// Passes what was sent before its turn; returns the first that was not sent.
    fn pass_sent(&self, delivery: &mut Delivery) -> Option<(&EventNumber, &Owed)> {
        for (number, owed) in self.owed.range(after(delivery.sent)..) {
            if !delivery.has_sent(*number, Some(owed.task)) {
                return Some((number, owed));
            }
            delivery.sent = *number;
        }
        None
    }

    /// Returns the next event of the owner's own tasks. Those of others are passed for good.
    fn next_own(&self, delivery: &mut Delivery) -> Option<(&EventNumber, &Owed)> {
        let from = after(delivery.sent.max(delivery.own_sent));
        for (number, owed) in self.owed.range(from..) {
            delivery.own_sent = *number;
            if delivery.is_own(owed.task) {
                return Some((number, owed));
            }
        }
        None
    }

    /// Says, once, that all events that were owed at the attach have been sent.
    pub(crate) fn replay_ended(&self, delivery: &mut Delivery) -> bool {
        let Some(last) = delivery.replay else { return false };
        let ended = self.pass_sent(delivery).is_none_or(|(number, _)| *number > last);
        if ended {
            delivery.replay = None;
        }
        ended
    }

    /// Forgets an event; `None` if it is not owed.
    pub(crate) fn remove(
        &mut self,
        number: EventNumber,
        delivery: Option<&mut Delivery>,
    ) -> Option<Owed> {
        let owed = self.owed.remove(&number)?;
        let task = owed.task;
        if let Some(delivery) = delivery.filter(|told| told.has_sent(number, Some(task))) {
            delivery.discount(task);
        }
        Some(owed)
    }
}

fn after(number: EventNumber) -> EventNumber {
    EventNumber(number.0.saturating_add(1))
}
