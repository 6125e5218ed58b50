//! How a task ends: its terminal events, what is removed with it, and when it is forgotten.

use crate::core::refusal;
use crate::outbox::Owed;
use crate::planted::CoreBug;
use crate::task::Phase;
use crate::turn::{ASKERS_LIMIT, Asker, Turn};
use crate::{Action, Change, Core, Done, Kind, PeerNumber, ResumeState, SessionNumber, TaskRef};
use std::sync::Arc;
use urlsession_protocol::{
    CancelledReason, Error, ErrorCode, Event, EventNumber, SessionKey, TaskIdentifier,
};

impl Core {
    pub(crate) fn complete_cancelled(&mut self, turn: &mut Turn, key: TaskRef, by_user: bool) {
        let mut error = Error::new(ErrorCode::CANCELLED);
        if by_user {
            error.cancelled_reason = Some(CancelledReason::UserForceQuitApplication);
        }
        self.fail(turn, key, error);
    }

    /// Ends a task: its events are owed from here on.
    pub(crate) fn complete(&mut self, turn: &mut Turn, key: TaskRef, result: Result<Done, Error>) {
        let Some(task) = self.tasks.get_mut(&key) else { return };
        let (kind, resume) = (task.kind, task.details.resume.as_deref().cloned());
        let response = match &result {
            Ok(done) => Some(done.response.clone()),
            Err(_) => resume.as_ref().map(|resume| resume.response.clone()),
        };
        let spool = task.details.spool.as_deref().map(Into::into);
        let (done, error) = match result {
            Ok(done) => (Some(done), None),
            Err(error) => (None, Some(error)),
        };
        let cancelled = error.as_ref().is_some_and(Error::is_cancelled);
        let mut events = done.as_ref().and_then(|done| delivery(kind, done)).into_iter();
        let (mut last, mut owed) = (EventNumber(0), 0);
        let terminal = Event::DidComplete { error: error.clone(), response, metrics: None };
        let silent = cancelled && self.planted.is(CoreBug::SilentCancel);
        let again = self.planted.is(CoreBug::CompletesTwice).then(|| terminal.clone());
        for event in events.by_ref().chain([terminal]).chain(again).filter(|_| !silent) {
            last = self.append(turn, key, event);
            owed += 1;
        }
        let failed = done.is_none();
        let received = resume.as_ref().filter(|_| failed).map(ResumeState::received);
        let at = turn.now.wall;
        self.put(turn, key, |task| {
            task.phase = Phase::Completed { at, done: done.map(Box::new), last, owed };
            task.details.error = error.map(Box::new);
            task.details.resume = None;
            task.details.received = received;
            task.details.peak = None;
        });
        let kept = self.hand_over_part(turn, key, resume.filter(|_| failed));
        if failed && !kept {
            self.remove_part(turn, key);
        }
        if let Some(spool) = spool.filter(|_| !self.planted.is(CoreBug::SpoolStays)) {
            turn.act(Action::RemoveFile(spool));
        }
        if self.removers.contains_key(&key) {
            self.forgettable.insert(key);
        }
    }

    /// Removes what a download left that did not succeed.
    pub(crate) fn remove_part(&self, turn: &mut Turn, key: TaskRef) {
        if self.tasks.get(&key).is_some_and(|task| task.kind == Kind::Download) {
            turn.act(Action::RemovePart { task: key });
        }
    }

    pub(crate) fn ack(
        &mut self,
        turn: &mut Turn,
        peer: PeerNumber,
        key: &SessionKey,
        number: EventNumber,
    ) {
        let Some(session) = self.numbers.get(key).copied() else { return };
        let Some(state) = self.sessions.get(&session) else { return };
        if state.has_told(peer, number) {
            self.app_works(turn, session);
            self.acknowledge(turn, session, number);
        }
    }

    /// Forgets an event, the file it handed over, and with its last event the task.
    fn acknowledge(&mut self, turn: &mut Turn, session: SessionNumber, number: EventNumber) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(Owed { task, event }) = state.take_event(number) else { return };
        self.events_owed -= 1;
        turn.telling.insert(session);
        turn.launching.insert(session);
        let key = TaskRef { session, task };
        if !self.planted.is(CoreBug::AckNotDurable) {
            turn.removals.push(Change::RemoveEvent { task: key, number });
        }
        let Some(task) = self.tasks.get_mut(&key) else { return };
        match event {
            Event::DidReceiveData { path, .. } => turn.act(Action::RemoveFile(path)),
            Event::DidFinishDownloading { path, .. } if task.owns_file => {
                turn.act(Action::RemoveFile(path));
            }
            _ => {}
        }
        if let Phase::Completed { owed, .. } = &mut task.phase {
            *owed = owed.saturating_sub(1);
            if *owed == 0 || self.planted.is(CoreBug::EarlyForget) {
                self.vanish(turn, key);
            }
        }
    }

    /// Forgets a task without events.
    pub(crate) fn vanish(&mut self, turn: &mut Turn, key: TaskRef) {
        let Some(task) = self.tasks.remove(&key) else { return };
        self.index.remove(key, &task);
        self.release_host(&task.host);
        if let Some(session) = self.sessions.get_mut(&key.session) {
            session.tasks -= 1;
        }
        turn.removals.push(Change::RemoveTask(key));
        turn.settling.insert(key.session);
        self.forgettable.remove(&key);
        for remover in self.removers.remove(&key).unwrap_or_default() {
            turn.done(remover);
        }
    }

    /// Forgets the name of a host that no other task has.
    pub(crate) fn release_host(&mut self, host: &Arc<str>) {
        // One is the set's, one is this.
        if Arc::strong_count(host) <= 2 {
            self.hosts.remove(host);
        }
    }

    /// Cancels a task if it is unfinished, and forgets it in a later tick: its files are removed
    /// in between, for which its order must still be there.
    pub(crate) fn remove(
        &mut self,
        turn: &mut Turn,
        from: Asker,
        session: &SessionKey,
        task: TaskIdentifier,
    ) {
        let Some((key, known)) = self.find(session, task) else {
            return turn.reply(from, Err(no_such_task()));
        };
        let Some(task) = self.tasks.get(&key) else {
            // It was there: this is the same call again, after its answer was lost.
            return if known { turn.done(from) } else { turn.reply(from, Err(no_such_task())) };
        };
        let completed = matches!(task.phase, Phase::Completed { .. });
        let removers = self.removers.entry(key).or_default();
        if removers.len() >= ASKERS_LIMIT {
            return turn.reply(from, Err(refusal("too many calls wait for this task")));
        }
        removers.push(from);
        if completed {
            self.forgettable.insert(key);
        } else {
            self.cancel(turn, key, true);
        }
    }

    /// Acknowledges all events of a completed task.
    pub(crate) fn forget(&mut self, turn: &mut Turn, key: TaskRef) {
        let Some(Phase::Completed { last, .. }) = self.tasks.get(&key).map(|task| &task.phase)
        else {
            return;
        };
        // The events of a task have consecutive numbers, at most two.
        for number in [EventNumber(last.0.saturating_sub(1)), *last] {
            let is_its_own = self.sessions.get(&key.session).is_some_and(|session| {
                session.outbox.owed.get(&number).is_some_and(|owed| owed.task == key.task)
            });
            if is_its_own {
                self.tell_unsent(turn, key, number);
                self.acknowledge(turn, key.session, number);
            }
        }
    }

    /// Sends an event that is about to be forgotten to an owner whose window had no room for it: nobody
    /// would ever hear of this end otherwise.
    fn tell_unsent(&self, turn: &mut Turn, key: TaskRef, number: EventNumber) {
        let Some(session) = self.sessions.get(&key.session) else { return };
        let Some(owner) = session.owner_to_tell(number) else { return };
        let Some(Owed { task, event }) = session.outbox.owed.get(&number) else { return };
        turn.act(Action::Send {
            peer: owner,
            session: session.key.clone(),
            task: Some(*task),
            number: Some(number),
            event: event.clone(),
        });
    }

    /// Does something to the task of a call, and answers the caller.
    pub(crate) fn with_task(
        &mut self,
        turn: &mut Turn,
        from: Asker,
        (session, task): (&SessionKey, TaskIdentifier),
        act: impl FnOnce(&mut Self, &mut Turn, TaskRef),
    ) {
        if let Some(task) = self.known_task(turn, from, session, task) {
            act(self, turn, task);
            turn.done(from);
        }
    }

    /// Returns the task of a call; otherwise the caller is answered.
    pub(crate) fn known_task(
        &self,
        turn: &mut Turn,
        from: Asker,
        session: &SessionKey,
        task: TaskIdentifier,
    ) -> Option<TaskRef> {
        let found = self.find(session, task).map(|(key, _)| key);
        let found = found.filter(|key| self.tasks.contains_key(key));
        if found.is_none() {
            turn.reply(from, Err(no_such_task()));
        }
        found
    }

    /// Returns what the task would be called, and whether there is or was such a task.
    fn find(&self, session: &SessionKey, task: TaskIdentifier) -> Option<(TaskRef, bool)> {
        let number = *self.numbers.get(session)?;
        let known = task < self.sessions.get(&number)?.next_task;
        Some((TaskRef { session: number, task }, known))
    }
}

fn no_such_task() -> Error {
    refusal("no such task")
}

/// Returns the event that hands a file over, if there is one.
fn delivery(kind: Kind, done: &Done) -> Option<Event> {
    let (path, length) = (done.file.clone()?, done.length);
    Some(match kind {
        Kind::Download => Event::DidFinishDownloading { path, length },
        Kind::Upload | Kind::Data => Event::DidReceiveData { path, length },
    })
}
