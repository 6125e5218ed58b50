//! Which waiting task starts next: the highest priority, then the lane with the fewest attempts
//! running, then the oldest; a logarithmic number of steps per decision.

use crate::packed::PackedSet;
use crate::{SessionNumber, TaskRef};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use urlsession_protocol::{Priority, SessionConfiguration, TaskIdentifier, Timestamp};

/// Most attempts that move bytes at once.
pub const MAX_RUNNING: u32 = 64;

/// Most attempts that have all bytes and are being put in place; while there are that many, none
/// starts.
pub const MAX_RECEIVED: u32 = 256;

/// Tasks of one session for one host.
pub(crate) type LaneKey = (SessionNumber, Arc<str>);

/// A ready task, in the order of its lane.
pub(crate) type Ticket = (Reverse<Priority>, Timestamp, TaskIdentifier);

/// The first task of a lane, in the order of all lanes: priority, attempts running in the lane,
/// age.
type Rank = (Reverse<Priority>, u32, Timestamp, TaskIdentifier);

/// The ready tasks and the taken slots of all sessions.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    sessions: BTreeMap<SessionNumber, Lanes>,
    /// The best rank of every session that may start something.
    best: BTreeSet<(Rank, SessionNumber)>,
    running: u32,
    received: u32,
}

#[derive(Debug)]
struct Lanes {
    per_host: u32,
    at_once: u32,
    running: u32,
    held: bool,
    lanes: BTreeMap<Arc<str>, Lane>,
    /// The ranks of the lanes that may start something.
    open: BTreeSet<(Rank, Arc<str>)>,
}

#[derive(Debug, Default)]
struct Lane {
    ready: PackedSet<Ticket>,
    running: u32,
}

impl Schedule {
    /// Sets the limits of a session, new or known. A limit of 0 would hold tasks back for ever
    /// and counts as 1.
    pub(crate) fn set_limits(&mut self, session: SessionNumber, limits: &SessionConfiguration) {
        let lanes = self.take_rank(session);
        lanes.per_host = limits.http_maximum_connections_per_host.max(1);
        lanes.at_once = limits.maximum_concurrent_tasks.unwrap_or(MAX_RUNNING).max(1);
        lanes.open = lanes
            .lanes
            .iter()
            .filter_map(|(host, lane)| Some((lane.rank(lanes.per_host)?, Arc::clone(host))))
            .collect();
        self.put_rank(session);
    }

    /// Forgets a session without tasks.
    pub(crate) fn remove_session(&mut self, session: SessionNumber) {
        self.take_rank(session);
        self.sessions.remove(&session);
    }

    /// Lets no task of a session start any more.
    pub(crate) fn hold(&mut self, session: SessionNumber) {
        self.take_rank(session).held = true;
    }

    pub(crate) fn add_ready(&mut self, lane: &LaneKey, ticket: Ticket) {
        self.change(lane, |lane| {
            lane.ready.insert(ticket, ());
        });
    }

    pub(crate) fn remove_ready(&mut self, lane: &LaneKey, ticket: &Ticket) {
        self.change(lane, |lane| {
            lane.ready.remove(ticket);
        });
    }

    pub(crate) fn add_running(&mut self, lane: &LaneKey) {
        self.running += 1;
        self.change(lane, |lane| lane.running += 1);
    }

    pub(crate) fn remove_running(&mut self, lane: &LaneKey) {
        self.running -= 1;
        self.change(lane, |lane| lane.running -= 1);
    }

    pub(crate) fn add_received(&mut self) {
        self.received += 1;
    }

    pub(crate) fn remove_received(&mut self) {
        self.received -= 1;
    }

    /// Returns the task that starts next; it stays ready until it is removed.
    pub(crate) fn next(&self) -> Option<TaskRef> {
        if self.running >= MAX_RUNNING || self.received >= MAX_RECEIVED {
            return None;
        }
        let ((_, _, _, task), session) = self.best.first()?;
        Some(TaskRef { session: *session, task: *task })
    }

    fn change(&mut self, (session, host): &LaneKey, change: impl FnOnce(&mut Lane)) {
        let lanes = self.sessions.entry(*session).or_default();
        let first = lanes.rank();
        let lane = lanes.lanes.entry(Arc::clone(host)).or_default();
        let (rank, running) = (lane.rank(lanes.per_host), lane.running);
        change(lane);
        lanes.running = lanes.running - running + lane.running;
        let (before, after) = (rank, lane.rank(lanes.per_host));
        if after.is_none() && lane.running == 0 {
            lanes.lanes.remove(host);
        }
        // Most tasks come and go behind the first of their lane.
        if before != after {
            if let Some(rank) = before {
                lanes.open.remove(&(rank, Arc::clone(host)));
            }
            if let Some(rank) = after {
                lanes.open.insert((rank, Arc::clone(host)));
            }
        }
        let (before, after) = (first, lanes.rank());
        if before != after {
            if let Some(rank) = before {
                self.best.remove(&(rank, *session));
            }
            if let Some(rank) = after {
                self.best.insert((rank, *session));
            }
        }
    }

    fn take_rank(&mut self, session: SessionNumber) -> &mut Lanes {
        let lanes = self.sessions.entry(session).or_default();
        if let Some(rank) = lanes.rank() {
            self.best.remove(&(rank, session));
        }
        lanes
    }

    fn put_rank(&mut self, session: SessionNumber) {
        if let Some(rank) = self.sessions.get(&session).and_then(Lanes::rank) {
            self.best.insert((rank, session));
        }
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            per_host: SessionConfiguration::default().http_maximum_connections_per_host,
            at_once: MAX_RUNNING,
            running: 0,
            held: false,
            lanes: BTreeMap::new(),
            open: BTreeSet::new(),
        }
    }
}

impl Lanes {
    fn rank(&self) -> Option<Rank> {
        if self.held || self.running >= self.at_once {
            return None;
        }
        self.open.first().map(|(rank, _)| *rank)
    }
}

impl Lane {
    fn rank(&self, per_host: u32) -> Option<Rank> {
        if self.running >= per_host {
            return None;
        }
        self.ready
            .first()
            .map(|(priority, created, task)| (*priority, self.running, *created, *task))
    }
}
