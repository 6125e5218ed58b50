//! Events as the app takes them: one at a time, blocking or as an async stream.

use crate::configuration::Acknowledgement;
use crate::deadline::Deadline;
use crate::inbox::{Item, Kept};
use crate::link::Link;
use crate::session::Session;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use urlsession_protocol::{Event, EventNumber, TaskIdentifier};

/// The events of a session, in order per task: a blocking iterator and an async stream.
///
/// It ends after [`Event::DidBecomeInvalid`] or [`Session::detach`]. Several of one session share
/// the events between them. It keeps the session attached; dropping it loses nothing: events that
/// were not acknowledged come again in the next process that attaches the session.
///
/// With [`Acknowledgement::Automatic`] asking for the next event acknowledges the one before. Who stops
/// asking acknowledges the last one himself, else it comes again.
///
/// **Cancel**: a future of its next event may be dropped, as `select!` does: no event is lost by it.
#[derive(Debug)]
pub struct Events {
    session: Session,
    taken: Option<Kept>,
    ended: bool,
}

impl Events {
    pub(crate) fn of(session: Session, ended: bool) -> Self {
        Self { session, taken: None, ended }
    }

    /// Waits for the next event; `None` when there will be none.
    pub fn recv(&mut self) -> Option<Delivery> {
        self.receive(Deadline::never()).ok()
    }

    /// Waits for the next event, at most that long.
    ///
    /// # Errors
    /// `Timeout` when the time is up, `Disconnected` when there will be no further event.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Delivery, RecvTimeoutError> {
        self.receive(Deadline::after(timeout))
    }

    /// Takes the next event if it is there; `None` if it is not, and if there will be none. Which of
    /// them, [`poll_recv`](Self::poll_recv) and [`recv_timeout`](Self::recv_timeout) tell.
    pub fn try_recv(&mut self) -> Option<Delivery> {
        self.receive(Deadline::after(Duration::ZERO)).ok()
    }

    /// Takes the next event if it is there, else has the context woken once when one arrives, or
    /// when there will be none; `Ready(None)` then.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.acknowledge_taken();
        if self.is_ended() {
            return Poll::Ready(None);
        }
        let item = ready!(self.session.link().inbox.poll_take(context));
        Poll::Ready(item.map(|item| self.deliver(item)))
    }

    fn receive(&mut self, deadline: Deadline) -> Result<Delivery, RecvTimeoutError> {
        self.acknowledge_taken();
        if self.is_ended() {
            return Err(RecvTimeoutError::Disconnected);
        }
        match self.session.link().inbox.take(deadline) {
            Ok(Some(item)) => Ok(self.deliver(item)),
            Ok(None) => Err(RecvTimeoutError::Disconnected),
            Err(()) => Err(RecvTimeoutError::Timeout),
        }
    }

    fn is_ended(&self) -> bool {
        self.ended || self.session.link().is_forked()
    }

    fn deliver(&mut self, item: Item) -> Delivery {
        if self.session.configuration().acknowledgement == Acknowledgement::Automatic {
            self.taken = item.kept;
        }
        Delivery {
            task: item.task,
            number: item.kept.map(|kept| kept.number),
            kept: item.kept,
            event: item.event,
            link: Arc::clone(self.session.link()),
        }
    }

    fn acknowledge_taken(&mut self) {
        if let Some(kept) = self.taken.take() {
            self.session.link().acknowledge(&[kept]);
        }
    }
}

impl futures_core::Stream for Events {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.poll_recv(context)
    }
}

impl IntoIterator for Events {
    type Item = Delivery;
    type IntoIter = Blocking;

    fn into_iter(self) -> Blocking {
        Blocking(self)
    }
}

/// Iterates over [`Events`], waiting for each.
#[derive(Debug)]
pub struct Blocking(Events);

impl Iterator for Blocking {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        self.0.recv()
    }
}

/// One event on its way to the app.
///
/// Dropping it does not acknowledge it.
pub struct Delivery {
    /// The task; `None` for events of the session itself.
    pub task: Option<TaskIdentifier>,
    /// Present on kept events: the number to recognise a repeated delivery by.
    pub number: Option<EventNumber>,
    /// What happened.
    pub event: Event,
    kept: Option<Kept>,
    link: Arc<Link>,
}

impl Delivery {
    /// Tells the daemon that the event was handled: it is forgotten, and so is its file, if that
    /// has no destination of the app's own. Does nothing for events that are not kept, a second
    /// time, or after the session was detached (the event then comes again).
    pub fn acknowledge(&self) {
        if let Some(kept) = self.kept {
            self.link.acknowledge(&[kept]);
        }
    }

    /// Acknowledges many events at the cost of one.
    pub fn acknowledge_all(deliveries: &[Self]) {
        for of_session in deliveries.chunk_by(|one, next| Arc::ptr_eq(&one.link, &next.link)) {
            let kept: Vec<_> = of_session.iter().filter_map(|delivery| delivery.kept).collect();
            if let Some(first) = of_session.first() {
                first.link.acknowledge(&kept);
            }
        }
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery")
            .field("task", &self.task)
            .field("number", &self.number)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}
