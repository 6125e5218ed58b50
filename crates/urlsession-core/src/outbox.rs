//! The kept events of one session, and how far its owner was told.

use crate::EventRecord;
use std::collections::BTreeMap;
use urlsession_protocol::{Event, EventNumber, TaskIdentifier};

/// Most kept events that are sent to an owner and not yet acknowledged.
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
    /// Of those, so many are not acknowledged.
    in_flight: u32,
    /// The last event that was owed at the attach, until `DidFinishEvents` was sent.
    replay: Option<EventNumber>,
}

impl Delivery {
    pub(crate) fn has_sent(&self, number: EventNumber) -> bool {
        number <= self.sent
    }
}

impl Outbox {
    /// Keeps an event.
    pub(crate) fn insert(&mut self, record: EventRecord) {
        self.owed.insert(record.number, Owed { task: record.task, event: record.event });
    }

    /// Begins to tell a new owner: everything from the start.
    pub(crate) fn begin(&self) -> Delivery {
        let replay = self.owed.last_key_value().map(|(number, _)| *number);
        Delivery { sent: EventNumber(0), in_flight: 0, replay }
    }

    /// Returns the next event to send, if the window has room.
    pub(crate) fn next(&self, delivery: &mut Delivery) -> Option<(EventNumber, &Owed)> {
        if delivery.in_flight >= WINDOW {
            return None;
        }
        let after = EventNumber(delivery.sent.0.saturating_add(1));
        let (number, owed) = self.owed.range(after..).next()?;
        delivery.sent = *number;
        delivery.in_flight += 1;
        Some((*number, owed))
    }

    /// Says, once, that all events that were owed at the attach have been sent.
    pub(crate) fn replay_ended(&self, delivery: &mut Delivery) -> bool {
        let Some(last) = delivery.replay else { return false };
        let after = EventNumber(delivery.sent.0.saturating_add(1));
        let ended = after > last || self.owed.range(after..=last).next().is_none();
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
        if let Some(delivery) = delivery.filter(|delivery| number <= delivery.sent) {
            delivery.in_flight = delivery.in_flight.saturating_sub(1);
        }
        Some(owed)
    }
}
