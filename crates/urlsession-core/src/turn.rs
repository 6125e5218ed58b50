//! One call of `handle` in the making: what changed so far; the core makes a step of it at the end.

use crate::few::Few;
use crate::task::Outside;
use crate::{
    Action, Answered, Change, EventRecord, Moment, Order, PeerNumber, SessionNumber, TaskRef,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use urlsession_protocol::{CallId, Error, Reply, RequestEdit};

/// Most calls that wait for the end of one task.
pub(crate) const ASKERS_LIMIT: usize = 64;

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) peer: PeerNumber,
    pub(crate) id: CallId,
}

/// What one call of `handle` changed. Records are written once, as they are at its end.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) now: Moment,
    /// Removals, in order: events, then their tasks, then sessions.
    pub(crate) removals: Vec<Change>,
    /// Sessions whose record changed.
    pub(crate) sessions: Few<SessionNumber>,
    /// Tasks that are new.
    pub(crate) created: Vec<(TaskRef, Arc<Order>)>,
    /// Tasks whose request changed.
    pub(crate) edits: Vec<(TaskRef, Box<RequestEdit>)>,
    /// Tasks whose app answered a server's question.
    pub(crate) answers: Vec<(TaskRef, Box<Answered>)>,
    /// Tasks whose owner is to be asked.
    pub(crate) asking: Few<TaskRef>,
    /// Tasks whose record changed.
    pub(crate) tasks: Few<TaskRef>,
    /// Events that came into being.
    pub(crate) events: Vec<EventRecord>,
    /// What the outside saw of a task before, if anybody looks; `None` if it is new.
    pub(crate) touched: BTreeMap<TaskRef, Option<Outside>>,
    /// Sessions that may have something to send.
    pub(crate) telling: Few<SessionNumber>,
    /// Sessions that may be over.
    pub(crate) settling: Few<SessionNumber>,
    /// Sessions whose app may be needed, or no more.
    pub(crate) launching: Few<SessionNumber>,
    pub(crate) actions: Vec<Action>,
}

impl Turn {
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            now,
            removals: Vec::new(),
            sessions: Few::default(),
            created: Vec::new(),
            edits: Vec::new(),
            answers: Vec::new(),
            asking: Few::default(),
            tasks: Few::default(),
            events: Vec::new(),
            touched: BTreeMap::new(),
            telling: Few::default(),
            settling: Few::default(),
            launching: Few::default(),
            actions: Vec::new(),
        }
    }

    pub(crate) fn act(&mut self, action: Action) {
        if self.actions.is_empty() {
            // There are seldom more, and an allocator is slow with what is longer.
            self.actions.reserve_exact(3);
        }
        self.actions.push(action);
    }

    pub(crate) fn reply(&mut self, to: Asker, result: Result<Reply, Error>) {
        self.act(Action::Reply { peer: to.peer, id: to.id, result });
    }

    pub(crate) fn done(&mut self, to: Asker) {
        self.reply(to, Ok(Reply::Done));
    }
}
