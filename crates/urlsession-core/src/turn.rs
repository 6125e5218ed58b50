//! One call of `handle` in the making: what changed so far; the core makes a step of it at the end.

use crate::task::Outside;
use crate::{
    Action, Answered, Change, EventRecord, Moment, Order, PeerNumber, SessionNumber, TaskRef,
};
use std::collections::{BTreeMap, BTreeSet};
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
    pub(crate) sessions: BTreeSet<SessionNumber>,
    /// Tasks that are new.
    pub(crate) created: Vec<(TaskRef, Arc<Order>)>,
    /// Tasks whose request changed.
    pub(crate) edits: Vec<(TaskRef, Box<RequestEdit>)>,
    /// Tasks whose app answered a server's question.
    pub(crate) answers: Vec<(TaskRef, Box<Answered>)>,
    /// Tasks whose owner is to be asked.
    pub(crate) asking: BTreeSet<TaskRef>,
    /// Tasks whose record changed.
    pub(crate) tasks: BTreeSet<TaskRef>,
    /// Events that came into being.
    pub(crate) events: Vec<EventRecord>,
    /// What the outside saw of a task before; `None` if it is new.
    pub(crate) touched: BTreeMap<TaskRef, Option<Outside>>,
    /// Sessions that may have something to send.
    pub(crate) telling: BTreeSet<SessionNumber>,
    /// Sessions that may be over.
    pub(crate) settling: BTreeSet<SessionNumber>,
    /// Sessions whose app may be needed, or no more.
    pub(crate) launching: BTreeSet<SessionNumber>,
    pub(crate) actions: Vec<Action>,
}

impl Turn {
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            now,
            removals: Vec::new(),
            sessions: BTreeSet::new(),
            created: Vec::new(),
            edits: Vec::new(),
            answers: Vec::new(),
            asking: BTreeSet::new(),
            tasks: BTreeSet::new(),
            events: Vec::new(),
            touched: BTreeMap::new(),
            telling: BTreeSet::new(),
            settling: BTreeSet::new(),
            launching: BTreeSet::new(),
            actions: Vec::new(),
        }
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub(crate) fn reply(&mut self, to: Asker, result: Result<Reply, Error>) {
        self.act(Action::Reply { peer: to.peer, id: to.id, result });
    }

    pub(crate) fn done(&mut self, to: Asker) {
        self.reply(to, Ok(Reply::Done));
    }
}
