//! The core itself: what comes in is given to its room, what changed becomes a step.

use crate::index::Index;
use crate::launch::Launches;
use crate::packed::PackedMap;
use crate::planted::{CoreBug, Planted};
use crate::portion::PORTION;
use crate::redirection::Redirected;
use crate::retry::Random;
use crate::session::{Claim, Session};
use crate::task::{Phase, Task, Wait};
use crate::turn::{Asker, Turn};
use crate::{
    Action, AttemptNumber, Change, Input, Moment, PeerNumber, SessionNumber, Step, TaskRef,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use urlsession_protocol::{Call, Error, ErrorCode, Event, SessionKey, TaskIdentifier};

/// Decides what happens next to every task. It has no IO and no clock: equal inputs give equal
/// steps.
#[derive(Debug)]
pub struct Core {
    pub(crate) sessions: BTreeMap<SessionNumber, Session>,
    pub(crate) numbers: BTreeMap<SessionKey, SessionNumber>,
    pub(crate) next_session: SessionNumber,
    pub(crate) tasks: PackedMap<TaskRef, Task>,
    pub(crate) hosts: BTreeSet<Arc<str>>,
    pub(crate) index: Index,
    /// Ends of grace periods of attaching clients.
    pub(crate) graces: BTreeSet<(Duration, SessionNumber)>,
    /// Who waits for resume data of a task whose attempt is being stopped.
    pub(crate) askers: BTreeMap<TaskRef, Vec<Asker>>,
    /// Who waits for a task to be forgotten.
    pub(crate) removers: BTreeMap<TaskRef, Vec<Asker>>,
    /// Redirects that attempts wait with.
    pub(crate) redirections: BTreeMap<TaskRef, Redirected>,
    /// Completed tasks that the next tick forgets.
    pub(crate) forgettable: BTreeSet<TaskRef>,
    /// Sessions whose tasks are being cancelled, and up to which task that is done.
    pub(crate) cancelling: BTreeMap<SessionNumber, TaskIdentifier>,
    /// Ended tasks of which the files that they leave may not have been removed before a crash.
    pub(crate) unswept: VecDeque<TaskRef>,
    pub(crate) launches: Launches,
    pub(crate) events_owed: u64,
    pub(crate) network: bool,
    pub(crate) quiescing: bool,
    pub(crate) watched: bool,
    pub(crate) random: Random,
    pub(crate) planted: Planted,
}

impl Core {
    /// Makes a core that knows nothing.
    pub(crate) fn empty(seed: u64, planted: Planted) -> Self {
        Self {
            sessions: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next_session: SessionNumber(1),
            tasks: PackedMap::default(),
            hosts: BTreeSet::new(),
            index: Index::default(),
            graces: BTreeSet::new(),
            askers: BTreeMap::new(),
            removers: BTreeMap::new(),
            redirections: BTreeMap::new(),
            forgettable: BTreeSet::new(),
            cancelling: BTreeMap::new(),
            unswept: VecDeque::new(),
            launches: Launches::default(),
            events_owed: 0,
            network: true,
            quiescing: false,
            watched: true,
            random: Random(seed),
            planted,
        }
    }

    /// Says whether anybody takes [`Action::Publish`]: otherwise none is made. At first somebody
    /// may.
    pub fn set_watched(&mut self, watched: bool) {
        self.watched = watched;
    }

    /// Decides what follows from an input.
    pub fn handle(&mut self, now: Moment, input: Input) -> Step {
        let mut turn = Turn::new(now);
        match input {
            Input::Call { peer, id, call } => self.call(&mut turn, Asker { peer, id }, call),
            Input::Ack { peer, session, number } => self.ack(&mut turn, peer, &session, number),
            Input::Disconnected { peer } => self.disconnected(&mut turn, peer),
            Input::Report { task, attempt, report } => {
                self.report(&mut turn, task, attempt, report);
            }
            Input::LaunchEnded { session, result } => {
                self.launch_ended(&mut turn, session, result);
            }
            Input::Conditions(conditions) => {
                let returned = conditions.network && !self.network;
                self.network = conditions.network;
                if returned {
                    self.network_returned(&mut turn);
                }
            }
            Input::Tick => self.tick(&mut turn),
            Input::Quiesce => self.quiesce(&mut turn),
        }
        self.finish(turn)
    }

    /// Returns how long it is from `now` until a [`Input::Tick`] is useful; `None` is never.
    #[must_use]
    pub fn next_wakeup(&self, now: Moment) -> Option<Duration> {
        let is_busy = !self.cancelling.is_empty() || !self.unswept.is_empty();
        if is_busy || !self.forgettable.is_empty() {
            return Some(Duration::ZERO);
        }
        let grace = self.graces.first().map(|(until, _)| until.saturating_sub(now.steady));
        let launch = self.launches.next(now.steady);
        let redirection = self.next_redirection(now.wall);
        grace.into_iter().chain(self.index.next(now)).chain(launch).chain(redirection).min()
    }

    fn call(&mut self, turn: &mut Turn, from: Asker, call: Call) {
        match call {
            Call::Attach { session, configuration, wait, owner } => {
                let claim = Claim { configuration: *configuration, owner };
                self.attach(turn, from, session, claim, wait);
            }
            Call::Detach { session } => self.detach(turn, from, &session),
            Call::CreateTask { session, new } => self.create_task(turn, from, &session, *new),
            Call::FinishTasksAndInvalidate { session } => {
                self.invalidate(turn, from, &session, false);
            }
            Call::InvalidateAndCancel { session } => self.invalidate(turn, from, &session, true),
            Call::Remove { session, task } => self.remove(turn, from, &session, task),
            Call::Resume { session, task } => {
                self.with_task(turn, from, (&session, task), Self::resume);
            }
            Call::Suspend { session, task } => {
                self.with_task(turn, from, (&session, task), Self::suspend);
            }
            Call::Edit { session, task, edit } => {
                if let Some(task) = self.known_task(turn, from, &session, task) {
                    self.edit(turn, from, task, *edit);
                }
            }
            Call::Answer { session, task, question, disposition } => {
                if let Some(task) = self.known_task(turn, from, &session, task) {
                    self.answer(turn, from, task, question, *disposition);
                }
            }
            Call::Redirect { session, task, question, disposition } => {
                if let Some(task) = self.known_task(turn, from, &session, task) {
                    self.redirect(turn, task, question, disposition);
                    turn.done(from);
                }
            }
            Call::Cancel { session, task } => {
                if let Some(task) = self.known_task(turn, from, &session, task) {
                    self.cancel(turn, task, false);
                    turn.done(from);
                }
            }
            Call::CancelByProducingResumeData { session, task } => {
                if let Some(task) = self.known_task(turn, from, &session, task) {
                    self.cancel_for_resume_data(turn, from, task);
                }
            }
            Call::Tasks { .. }
            | Call::Task { .. }
            | Call::Session { .. }
            | Call::Sessions { .. }
            | Call::Watch { .. }
            | Call::Reset { .. }
            | Call::Flush { .. }
            | Call::Cookies { .. }
            | Call::SetCookies { .. }
            | Call::ClearCookies { .. }
            | Call::KnownHosts { .. }
            | Call::AddKnownHosts { .. }
            | Call::ClearKnownHosts { .. }
            | Call::Credentials { .. }
            | Call::SetCredential { .. }
            | Call::RemoveCredentials { .. }
            | Call::SpeedLimits
            | Call::LimitSpeed(_)
            | Call::Status
            | Call::Shutdown => {
                turn.reply(from, Err(refusal("the core does not answer this call")));
            }
        }
    }

    fn tick(&mut self, turn: &mut Turn) {
        for task in std::mem::take(&mut self.forgettable) {
            self.forget(turn, task);
        }
        self.end_graces(turn);
        self.end_launch_limits(turn);
        self.end_redirections(turn);
        self.cancel_portion(turn);
        self.recover_portion(turn);
        for task in self.index.due(turn.now, PORTION) {
            self.due(turn, task);
        }
    }

    /// Changes a task and keeps the index true.
    pub(crate) fn change(&mut self, turn: &mut Turn, key: TaskRef, change: impl FnOnce(&mut Task)) {
        let Some(task) = self.tasks.get_mut(&key) else { return };
        if self.watched {
            turn.touched.entry(key).or_insert_with(|| Some(task.outside()));
        }
        turn.launching.insert(key.session);
        self.index.remove(key, task);
        change(task);
        let left = task.settle_details();
        self.index.add(key, task);
        if let Some(left) = left {
            self.release_host(&left);
        }
    }

    /// Like [`Core::change`], and what changed must be durable.
    pub(crate) fn put(&mut self, turn: &mut Turn, key: TaskRef, change: impl FnOnce(&mut Task)) {
        turn.tasks.insert(key);
        self.change(turn, key, change);
    }

    pub(crate) fn finish(&mut self, mut turn: Turn) -> Step {
        while let Some(session) = turn.settling.pop_first() {
            self.settle(&mut turn, session);
        }
        self.start_ready(&mut turn);
        while let Some(session) = turn.launching.pop_first() {
            self.consider_launch(&turn, session);
        }
        self.launch_due(&mut turn);
        while let Some(session) = turn.telling.pop_first() {
            self.tell(&mut turn, session);
        }
        while let Some(task) = turn.asking.pop_first() {
            self.ask(&mut turn, task);
        }
        let mut actions = std::mem::take(&mut turn.actions);
        let told = self.state_changes(&turn);
        if !told.is_empty() {
            actions.splice(0..0, told);
        }
        Step { changes: self.changes(turn), actions }
    }

    fn start_ready(&mut self, turn: &mut Turn) {
        let mut late = 0;
        // Those that are late beyond a portion are found by the next tick.
        while late < PORTION && (!self.quiescing || self.planted.is(CoreBug::StartsWhileStopping)) {
            let Some(key) = self.index.schedule.next() else { break };
            let Some(task) = self.tasks.get(&key) else { break };
            if task.is_late(turn.now.wall) {
                self.time_out(turn, key);
                late += 1;
                continue;
            }
            let attempt = AttemptNumber(task.attempts.saturating_add(1));
            turn.act(Action::Start {
                task: key,
                attempt,
                resume: task.details.resume.as_deref().cloned(),
            });
            if task.no_unsafe_retry {
                turn.tasks.insert(key);
            }
            self.change(turn, key, |task| {
                task.attempts = attempt.0;
                task.is_received = false;
                task.phase = Phase::Running { attempt, stopping: None };
            });
        }
    }

    /// Returns what watchers are told of states: one change per task and step.
    fn state_changes(&self, turn: &Turn) -> Vec<Action> {
        let mut actions = Vec::new();
        for (key, before) in &turn.touched {
            let (Some(task), Some(session)) =
                (self.tasks.get(key), self.sessions.get(&key.session))
            else {
                continue;
            };
            let outside = task.outside();
            if *before == Some(outside) {
                continue;
            }
            let failed = match task.phase {
                Phase::Waiting(wait) => wait.due().is_some() || wait == Wait::Answer,
                Phase::Suspended
                | Phase::Running { .. }
                | Phase::Canceling { .. }
                | Phase::Completed { .. } => false,
            };
            let error = task.details.error.as_deref().filter(|_| failed).cloned();
            actions.push(Action::Publish {
                session: session.key.clone(),
                task: Some(key.task),
                number: None,
                event: Event::DidChangeState {
                    state: outside.state,
                    reason: outside.reason,
                    error,
                },
            });
        }
        actions
    }

    /// Returns what must be durable: removals first, so that a key can be used again, then what
    /// others refer to, events last.
    fn changes(&self, mut turn: Turn) -> Vec<Change> {
        let mut changes = turn.removals;
        while let Some(number) = turn.sessions.pop_first() {
            if let Some(session) = self.sessions.get(&number) {
                changes.push(Change::PutSession(Box::new(session.record(number))));
            }
        }
        for (key, order) in turn.created {
            turn.tasks.remove(&key);
            if let Some(task) = self.tasks.get(&key) {
                let (facts, state) = (task.facts(), task.record());
                changes.push(Change::CreateTask { task: key, facts, state, order });
            }
        }
        for (key, edit) in turn.edits {
            if let Some(task) = self.tasks.get(&key) {
                changes.push(Change::EditTask { task: key, facts: task.facts(), edit });
            }
        }
        let answers = turn.answers.into_iter();
        changes.extend(answers.map(|(task, answered)| Change::AnswerTask { task, answered }));
        while let Some(key) = turn.tasks.pop_first() {
            if let Some(task) = self.tasks.get(&key) {
                changes.push(Change::PutTask { task: key, state: task.record() });
            }
        }
        changes.extend(turn.events.into_iter().map(Change::AppendEvent));
        changes
    }

    /// Returns the one copy of a host's name.
    pub(crate) fn intern(&mut self, host: &str) -> Arc<str> {
        if let Some(host) = self.hosts.get(host) {
            return Arc::clone(host);
        }
        let host: Arc<str> = host.into();
        self.hosts.insert(Arc::clone(&host));
        host
    }

    fn network_returned(&mut self, turn: &mut Turn) {
        for key in self.index.delayed() {
            let waits_for_it = self.tasks.get(&key).is_some_and(|task| match task.phase {
                Phase::Waiting(wait) => wait.ends_with_network(),
                Phase::Suspended
                | Phase::Running { .. }
                | Phase::Canceling { .. }
                | Phase::Completed { .. } => false,
            });
            if waits_for_it {
                self.change(turn, key, |task| task.phase = Phase::Waiting(Wait::Slot));
            }
        }
    }

    fn disconnected(&mut self, turn: &mut Turn, peer: PeerNumber) {
        for waiting in [&mut self.askers, &mut self.removers] {
            waiting.retain(|_, askers| {
                askers.retain(|asker| asker.peer != peer);
                !askers.is_empty()
            });
        }
        let sessions: Vec<SessionNumber> = self.sessions.keys().copied().collect();
        for session in sessions {
            let owned = self.sessions.get(&session).is_some_and(|s| s.is_owned_by(peer));
            if owned && self.planted.is(CoreBug::DeadClientCancels) {
                for task in self.tasks_of(session) {
                    self.cancel(turn, task, false);
                }
            }
            self.leave(turn, peer, session);
        }
    }
}

/// Makes the error of a call that cannot be done.
pub(crate) fn refusal(why: &str) -> Error {
    Error::new(ErrorCode::UNKNOWN).because(why)
}

/// Makes the error of a call by somebody who does not own the session.
pub(crate) fn in_use() -> Error {
    Error::new(ErrorCode::BACKGROUND_SESSION_IN_USE_BY_ANOTHER_PROCESS)
}
