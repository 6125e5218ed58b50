//! The core itself: what comes in is given to its room, what changed becomes a step.

use crate::index::Index;
use crate::launch::Launches;
use crate::planted::{CoreBug, Planted};
use crate::redirection::Redirected;
use crate::retry::Random;
use crate::session::{Claim, Session};
use crate::task::{Phase, Task, Wait};
use crate::turn::{Asker, Turn};
use crate::{
    Action, AttemptNumber, Change, Input, Moment, PeerNumber, SessionNumber, Snapshot, Step,
    TaskRef,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use urlsession_protocol::{Call, Error, ErrorCode, Event, SessionKey};

/// Decides what happens next to every task. It has no IO and no clock: equal inputs give equal
/// steps.
#[derive(Debug)]
pub struct Core {
    pub(crate) sessions: BTreeMap<SessionNumber, Session>,
    pub(crate) numbers: BTreeMap<SessionKey, SessionNumber>,
    pub(crate) next_session: SessionNumber,
    pub(crate) tasks: BTreeMap<TaskRef, Task>,
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
    pub(crate) launches: Launches,
    pub(crate) events_owed: u64,
    pub(crate) network: bool,
    pub(crate) quiescing: bool,
    pub(crate) watched: bool,
    pub(crate) random: Random,
    pub(crate) planted: Planted,
}

impl Core {
    /// Goes on from what the store has. The step completes what a crash left half done and may
    /// start attempts.
    #[must_use]
    pub fn restore(snapshot: Snapshot, now: Moment, seed: u64) -> (Self, Step) {
        Self::restore_with(snapshot, now, seed, Planted::default())
    }

    fn restore_with(snapshot: Snapshot, now: Moment, seed: u64, planted: Planted) -> (Self, Step) {
        let mut core = Self {
            sessions: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next_session: SessionNumber(1),
            tasks: BTreeMap::new(),
            hosts: BTreeSet::new(),
            index: Index::default(),
            graces: BTreeSet::new(),
            askers: BTreeMap::new(),
            removers: BTreeMap::new(),
            redirections: BTreeMap::new(),
            forgettable: BTreeSet::new(),
            launches: Launches::default(),
            events_owed: 0,
            network: true,
            quiescing: false,
            watched: true,
            random: Random(seed),
            planted,
        };
        let mut turn = Turn::new(now);
        core.load(snapshot);
        core.recover(&mut turn);
        let step = core.finish(turn);
        (core, step)
    }

    /// Like [`Core::restore`], with a bug for the simulator to find.
    #[cfg(feature = "planted-bugs")]
    #[doc(hidden)]
    #[must_use]
    pub fn restore_planted(
        snapshot: Snapshot,
        now: Moment,
        seed: u64,
        bug: Option<CoreBug>,
    ) -> (Self, Step) {
        Self::restore_with(snapshot, now, seed, Planted { bug })
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
        if !self.forgettable.is_empty() {
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
                if let Some(task) = self.known_task(turn, from, &session, task) {
                    self.resume(turn, task);
                    turn.done(from);
                }
            }
            Call::Suspend { session, task } => {
                if let Some(task) = self.known_task(turn, from, &session, task) {
                    self.suspend(turn, task);
                    turn.done(from);
                }
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
            | Call::Watch { .. }
            | Call::Reset { .. }
            | Call::Flush { .. }
            | Call::Cookies { .. }
            | Call::SetCookies { .. }
            | Call::ClearCookies { .. }
            | Call::Credentials { .. }
            | Call::SetCredential { .. }
            | Call::RemoveCredentials { .. }
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
        for task in self.index.due(turn.now) {
            self.due(turn, task);
        }
    }

    /// Changes a task and keeps the index true.
    pub(crate) fn change(&mut self, turn: &mut Turn, key: TaskRef, change: impl FnOnce(&mut Task)) {
        let Some(task) = self.tasks.get_mut(&key) else { return };
        turn.touched.entry(key).or_insert_with(|| Some(task.outside()));
        turn.launching.insert(key.session);
        self.index.remove(key, task);
        change(task);
        let next_host = task.next_host.take_if(|_| task.phase.attempt().is_none());
        let left = next_host.map(|host| std::mem::replace(&mut task.host, host));
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

    fn finish(&mut self, mut turn: Turn) -> Step {
        while let Some(session) = turn.settling.pop_first() {
            self.settle(&mut turn, session);
        }
        self.start_ready(&mut turn);
        for session in std::mem::take(&mut turn.launching) {
            self.consider_launch(&turn, session);
        }
        self.launch_due(&mut turn);
        for session in std::mem::take(&mut turn.telling) {
            self.tell(&mut turn, session);
        }
        for task in std::mem::take(&mut turn.asking) {
            self.ask(&mut turn, task);
        }
        let mut actions = self.state_changes(&turn);
        actions.append(&mut turn.actions);
        Step { changes: self.changes(turn), actions }
    }

    fn start_ready(&mut self, turn: &mut Turn) {
        while !self.quiescing || self.planted.is(CoreBug::StartsWhileStopping) {
            let Some(key) = self.index.schedule.next() else { break };
            let Some(task) = self.tasks.get(&key) else { break };
            if task.is_late(turn.now.wall) {
                self.time_out(turn, key);
                continue;
            }
            let attempt = AttemptNumber(task.attempts.saturating_add(1));
            turn.act(Action::Start { task: key, attempt, resume: task.resume.as_deref().cloned() });
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
        if !self.watched {
            return actions;
        }
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
            let error = task.error.as_deref().filter(|_| failed).cloned();
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
    fn changes(&self, turn: Turn) -> Vec<Change> {
        let mut changes = turn.removals;
        let sessions = turn.sessions.iter();
        changes.extend(sessions.filter_map(|number| {
            Some(Change::PutSession(self.sessions.get(number)?.record(*number)))
        }));
        let mut tasks = turn.tasks;
        for (key, order) in turn.created {
            tasks.remove(&key);
            if let Some(task) = self.tasks.get(&key) {
                let (facts, state) = (task.facts(), task.record());
                changes.push(Change::CreateTask { task: key, facts, state, order });
            }
        }
        changes.extend(turn.edits.into_iter().filter_map(|(task, edit)| {
            let facts = self.tasks.get(&task)?.facts();
            Some(Change::EditTask { task, facts, edit })
        }));
        let answers = turn.answers.into_iter();
        changes.extend(answers.map(|(task, answered)| Change::AnswerTask { task, answered }));
        changes.extend(tasks.iter().filter_map(|key| {
            Some(Change::PutTask { task: *key, state: self.tasks.get(key)?.record() })
        }));
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

    fn load(&mut self, snapshot: Snapshot) {
        if let Some(SessionNumber(removed)) = snapshot.last_removed {
            self.next_session = SessionNumber(removed.saturating_add(1));
        }
        for record in snapshot.sessions {
            let number = record.number;
            self.next_session = self.next_session.max(SessionNumber(number.0.saturating_add(1)));
            self.numbers.insert(record.key.clone(), number);
            self.limit(number, &record.configuration);
            self.sessions.insert(number, Session::new(record));
        }
        for (key, facts, record) in snapshot.tasks {
            let Some(session) = self.sessions.get_mut(&key.session) else { continue };
            session.tasks += 1;
            let host = self.intern(&facts.host);
            let task = Task::new(facts, record, host);
            self.index.add(key, &task);
            self.tasks.insert(key, task);
        }
        for record in snapshot.events {
            let key = TaskRef { session: record.session, task: record.task };
            let Some(session) = self.sessions.get_mut(&key.session) else { continue };
            if let Some(Phase::Completed { last, owed, .. }) =
                self.tasks.get_mut(&key).map(|task| &mut task.phase)
            {
                *last = record.number.max(*last);
                *owed += 1;
            }
            session.outbox.insert(record);
            self.events_owed += 1;
        }
    }

    /// Does again what the crash may have lost.
    fn recover(&mut self, turn: &mut Turn) {
        let keys: Vec<TaskRef> = self.tasks.keys().copied().collect();
        for key in keys {
            let Some(task) = self.tasks.get(&key) else { continue };
            match &task.phase {
                Phase::Suspended | Phase::Running { .. } => {}
                Phase::Waiting(_) if task.is_malformed() => self.refuse(turn, key),
                Phase::Waiting(Wait::Answer | Wait::Challenge(_))
                    if !self.planted.is(CoreBug::AnswerForgotten) =>
                {
                    self.due(turn, key);
                }
                Phase::Waiting(_) => {
                    let wait = task.wait_for_begin(turn.now.wall);
                    self.change(turn, key, |task| task.phase = Phase::Waiting(wait));
                    self.due(turn, key);
                }
                Phase::Canceling { .. } if self.planted.is(CoreBug::CancelingForever) => {}
                Phase::Canceling { by_user, .. } => {
                    let by_user = *by_user;
                    self.complete_cancelled(turn, key, by_user);
                }
                Phase::Completed { done, owed, .. } => {
                    if done.is_none() {
                        self.remove_part(turn, key);
                    }
                    if let Some(spool) = task.spool.as_deref() {
                        turn.act(Action::RemoveFile(spool.into()));
                    }
                    if *owed == 0 {
                        self.vanish(turn, key);
                    }
                }
            }
        }
        turn.settling.extend(self.sessions.keys());
        if !self.planted.is(CoreBug::LaunchLost) {
            turn.launching.extend(self.sessions.keys());
        }
        for session in self.sessions.values_mut() {
            session.launch.vacate(turn.now.steady);
        }
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
