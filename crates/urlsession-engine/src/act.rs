//! What comes in and what goes out: messages into decisions, decisions into deeds.

use crate::StoreError;
use crate::attempts::{Moves, Storages};
use crate::clock::Clock;
use crate::cookies::SharedJar;
use crate::crash;
use crate::credentials::Kept;
use crate::driver::{Driver, Turn};
use crate::inbox::Message;
use crate::metrics;
use crate::orders;
use crate::peers::Watching;
use crate::queries::only_looks;
use crate::replay::{Place, Replay};
use crate::stop::Stop;
use crate::strict::SharedHosts;
use std::sync::Arc;
use std::time::Duration;
use urlsession_core::{
    Action, AttemptNumber, Cause, Change, Ending, Input, Order, PeerNumber, Report, ResumeState,
    TaskRef, WINDOW,
};
use urlsession_protocol::connection::Connection;
use urlsession_protocol::{
    Call, CallId, ClientMessage, DaemonMessage, Error, ErrorCode, Event, EventNumber, Reply,
    SessionKey, TaskIdentifier,
};

/// A portion of what is owed, and up to where it goes if there may be more.
type Owed = (Vec<DaemonMessage>, Option<Place>);

/// The cookies, credentials and known hosts of an attempt.
type KeptFor = (Option<Arc<SharedJar>>, Option<Arc<Kept>>, Option<Arc<SharedHosts>>);

/// Something to do after the commit.
#[derive(Debug)]
pub(crate) enum Deed {
    /// What the core decided, with the order of its task where the deed needs it: the commit may
    /// remove it from the store.
    Do { action: Action, order: Option<Arc<Order>> },
    /// A call that only looks, or is about the engine itself.
    Look { peer: PeerNumber, id: CallId, call: Call },
    /// A client is told what is owed, and watches from here on if that is all of it.
    Watch { peer: PeerNumber, id: CallId, watching: Watching, owed: Owed },
    /// An event that is not decided: progress, a resumption.
    Tell { task: TaskRef, event: Event, weight: Weight },
}

/// Whether an event that is not kept may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// The next one says it all again: left out for a client that is behind.
    Passing,
    /// There is no next one.
    Last,
}

impl From<Action> for Deed {
    fn from(action: Action) -> Self {
        Self::Do { action, order: None }
    }
}

impl<H: Moves> Driver<H> {
    /// Decides about one message.
    pub(crate) fn take(&mut self, turn: &mut Turn, message: Message) {
        match message {
            Message::Connected(connection) => {
                self.let_in(connection);
            }
            Message::Said { peer, message } => self.hear(turn, peer, *message),
            Message::Disconnected(peer) => {
                // It may be there still, and wait for an answer.
                if self.stop.as_mut().is_some_and(|stop| stop.has_heard(peer)) {
                    return;
                }
                self.courtesy.iter_mut().for_each(|courtesy| courtesy.gone(peer));
                self.peers.disconnect(peer);
                let estate = self.estate_of(peer);
                turn.add(self.core.handle(turn.now, Input::Disconnected { peer }));
                self.clear_estate(turn, &estate);
            }
            Message::Durable(notice) => {
                if let Some(state) = notice.take() {
                    self.note_metrics(turn, notice.task, notice.attempt);
                    self.report(turn, notice.task, notice.attempt, Report::Durable(state));
                }
            }
            Message::Resumed { task, attempt, offset, expected, rung } => {
                if self.attempts.is_running(task, attempt) {
                    let event = Event::DidResumeAtOffset {
                        file_offset: offset,
                        expected_total_bytes: expected,
                        rung,
                    };
                    turn.deeds.push(Deed::Tell { task, event, weight: Weight::Last });
                }
            }
            Message::Redirected { task, attempt, redirection, decision } => {
                if self.attempts.redirected(task, attempt, decision) {
                    self.report(turn, task, attempt, Report::Redirected(redirection));
                }
            }
            Message::Received { task, attempt } => {
                self.report(turn, task, attempt, Report::Received);
            }
            Message::Ended { task, attempt, mut ending } => {
                self.note_metrics(turn, task, attempt);
                if let Some(mut running) = self.attempts.remove(task, attempt) {
                    // Before the kept events, so that the totals of the last one are exact.
                    turn.deeds.extend(running.progress(task, Weight::Last));
                    *ending = running.explain(*ending);
                }
                self.report(turn, task, attempt, Report::Ended(*ending));
            }
            Message::Answered { peer, id, result } => {
                turn.deeds.push(Action::Reply { peer, id, result: *result }.into());
            }
            Message::LaunchEnded { session, result } => {
                turn.add(self.core.handle(turn.now, Input::LaunchEnded { session, result }));
            }
            // The turn writes them all.
            Message::CredentialsChanged => {}
            // The turn itself looks at the clock.
            Message::ClockSet => {}
            Message::NetworkChanged(change) => self.network_changed(turn, &change),
            Message::CookiesChanged => self.cookies.changed(turn.now.steady),
            Message::KnownHostsChanged => self.strict.changed(turn.now.steady),
            Message::Stop => self.begin_stop(turn, None),
        }
    }

    /// Takes a client in, unless nobody is heard any more.
    pub(crate) fn let_in(&mut self, connection: Connection) -> Option<PeerNumber> {
        let is_open = !self.stop.as_ref().is_some_and(Stop::is_last_hearing);
        is_open.then(|| self.peers.connect(connection))
    }

    fn hear(&mut self, turn: &mut Turn, peer: PeerNumber, message: ClientMessage) {
        let (id, call) = match message {
            ClientMessage::Call { id, call } => (id, call),
            ClientMessage::Ack { session, number, through } => {
                self.peers.settle(peer);
                if let Some(courtesy) = &mut self.courtesy {
                    courtesy.settled(peer, &session, (number, through));
                }
                for number in self.acknowledged(&session, number, through) {
                    let session = session.clone();
                    turn.add(self.core.handle(turn.now, Input::Ack { peer, session, number }));
                }
                return;
            }
            // Checked by whoever made the connection.
            ClientMessage::Hello(_) => return self.peers.settle(peer),
        };
        match call {
            call if only_looks(&call) => turn.deeds.push(Deed::Look { peer, id, call }),
            Call::Watch { session, replay } => {
                let watching = session.map_or(Watching::Everything, Watching::Session);
                let owed = if replay { self.owed(&watching, None) } else { Owed::default() };
                turn.deeds.push(Deed::Watch { peer, id, watching, owed });
            }
            call @ (Call::Reset { .. } | Call::Flush { .. }) => {
                match self.settle_cookies(turn, &call) {
                    Ok(()) => turn.deeds.push(Deed::Look { peer, id, call }),
                    Err(error) => {
                        turn.deeds.push(Action::Reply { peer, id, result: Err(error) }.into());
                    }
                }
            }
            call @ (Call::SetCookies { .. } | Call::ClearCookies { .. }) => {
                self.change_cookies(turn, peer, id, call);
            }
            call @ (Call::AddKnownHosts { .. } | Call::ClearKnownHosts { .. }) => {
                let result = self.change_hosts(turn, call);
                turn.deeds.push(Action::Reply { peer, id, result }.into());
            }
            call @ (Call::SetCredential { .. } | Call::RemoveCredentials { .. }) => {
                let result = self.change_credentials(call);
                turn.deeds.push(Action::Reply { peer, id, result }.into());
            }
            Call::LimitSpeed(limits) => {
                turn.speed_limits = Some(limits);
                turn.deeds.push(Action::Reply { peer, id, result: Ok(Reply::Done) }.into());
            }
            Call::Shutdown => self.begin_stop(turn, Some((peer, id))),
            call => match self.refused(turn, &call) {
                Some(error) => {
                    let action = Action::Reply { peer, id, result: Err(error) };
                    turn.deeds.push(action.into());
                }
                None => turn.add(self.core.handle(turn.now, Input::Call { peer, id, call })),
            },
        }
    }

    /// Returns the events that an acknowledgement can be of. Those between them that others have
    /// removed may be many: only what is owed counts.
    fn acknowledged(
        &self,
        session: &SessionKey,
        first: EventNumber,
        through: Option<EventNumber>,
    ) -> Vec<EventNumber> {
        let Some(last) = through else { return vec![first] };
        let before = first.0.checked_sub(1).map(|before| (session, EventNumber(before)));
        let owed = self.core.owed_after(Some(session), before).map(|(_, _, number, ..)| number);
        // A client is told no more than these ahead: of its own tasks, and of others.
        owed.take_while(|number| *number <= last).take(2 * WINDOW as usize).collect()
    }

    /// Refuses what the core cannot judge.
    fn refused(&self, turn: &Turn, call: &Call) -> Option<Error> {
        let overfull = || orders::overfull(turn, &self.store, &self.core, call);
        self.unstorable(call).or_else(|| self.uncacheable(call)).or_else(overfull)
    }

    /// Refuses a task whose paths the store cannot spell. Over a socket none can come: a line is
    /// UTF-8; and nothing is written where nothing outlives the process.
    fn unstorable(&self, call: &Call) -> Option<Error> {
        let Call::CreateTask { new, .. } = call else { return None };
        if self.temporary {
            return None;
        }
        let written = serde_json::to_writer(std::io::sink(), new);
        written.err().map(|error| Error::new(ErrorCode::UNKNOWN).because(error))
    }

    fn report(&mut self, turn: &mut Turn, task: TaskRef, attempt: AttemptNumber, report: Report) {
        turn.add(self.core.handle(turn.now, Input::Report { task, attempt, report }));
    }

    /// Does what was decided, in order.
    pub(crate) fn act(&mut self, turn: Turn) {
        if let Some(limits) = turn.speed_limits {
            self.speed_limits = limits;
            self.attempts.limit_speed(limits);
        }
        for deed in turn.deeds {
            match deed {
                Deed::Do { action, order } => self.perform(action, order),
                // Long answers that nobody will read would keep the others waiting.
                Deed::Look { peer, .. } if self.peers.has_let_go(peer) => {}
                Deed::Look { peer, id, call } => {
                    let result = self.look(&call);
                    self.peers.reply(peer, id, result);
                }
                Deed::Watch { peer, id, watching, owed } => {
                    self.watch(peer, id, watching, owed);
                }
                Deed::Tell { task, event, weight } => self.tell(task, event, weight),
            }
        }
        for change in turn.changes {
            if let Change::RemoveSession(session) = change {
                self.files.remove_session(session);
                self.cookies.forget(session);
                self.strict.forget(session);
                self.caches.forget(session);
            }
        }
    }

    fn watch(&mut self, peer: PeerNumber, id: CallId, watching: Watching, owed: Owed) {
        let (messages, more) = owed;
        let others = self.replays.iter().filter(|replay| replay.peer == peer).count();
        let is_full = !self.peers.can_watch(peer, others);
        let done = match more {
            None if others == 0 => self.peers.watch(peer, watching),
            None => !is_full && self.peers.watch(peer, watching),
            Some(told) => {
                if !is_full {
                    self.replays.push(Replay { peer, watching, told });
                }
                !is_full
            }
        };
        let refused = || Error::new(ErrorCode::UNKNOWN).because("too many watches");
        self.peers.reply(peer, id, done.then_some(Reply::Done).ok_or_else(refused));
        if done {
            for message in messages {
                self.peers.send(peer, message);
            }
        }
    }

    fn perform(&mut self, action: Action, order: Option<Arc<Order>>) {
        match action {
            Action::Start { task, attempt, resume } => {
                crash::point("start");
                self.start(task, attempt, order, resume);
            }
            Action::Stop { task, attempt } => self.attempts.stop(task, attempt),
            Action::Redirect { task, attempt, disposition } => {
                self.attempts.redirect(task, attempt, disposition);
            }
            Action::Reply { peer, id, result } => self.peers.reply(peer, id, result),
            Action::Send { peer, session, task, number, event } => {
                if let (Some(courtesy), Some(number)) = (&mut self.courtesy, number) {
                    courtesy.owes(peer, &session, number);
                }
                let message = DaemonMessage::Event { session, task, number, event };
                match number {
                    Some(_) => self.peers.send_owed(peer, message),
                    None => self.peers.send(peer, message),
                }
            }
            Action::Publish { session, task, number, mut event } => {
                hide_secrets(&mut event);
                let message = DaemonMessage::Event { session, task, number, event };
                self.peers.publish(&message);
                self.publish_behind(&message);
            }
            Action::RemovePart { task } => {
                if let Some(order) = order {
                    self.files.remove_part(&self.files.of(task, &order));
                }
            }
            Action::RemoveFile(file) => self.files.remove(&file),
            Action::KeepPart { task, resume, peer, id } => {
                let keeping = self.files.keep_part(task, resume);
                let takes_long = keeping.takes_long();
                let answer = move || {
                    let kept = keeping.finish();
                    let encode = |kept| urlsession_core::resume::encode(&kept).ok();
                    Ok(Reply::ResumeData { resume_data: kept.and_then(encode) })
                };
                match takes_long {
                    true => self.peers.reply_later(peer, id, answer),
                    false => self.peers.reply(peer, id, answer()),
                }
            }
            Action::Launch { session, key, handler, command } => {
                if let Some(courtesy) = &mut self.courtesy {
                    courtesy.launched(&self.clock);
                }
                self.launcher.launch(session, key, handler, *command);
            }
        }
    }

    fn start(
        &mut self,
        task: TaskRef,
        attempt: AttemptNumber,
        order: Option<Arc<Order>>,
        resume: Option<ResumeState>,
    ) {
        let failed = |error, cause| Ending::Failed {
            error,
            cause,
            resume: resume.clone(),
            progressed: false,
        };
        let Some(order) = order else {
            // The store may answer again later, as when a disk comes back.
            let error = Error::new(ErrorCode::UNKNOWN).because("its request cannot be read");
            return self.attempts.fail(task, attempt, failed(error, Cause::Transient));
        };
        let files = self.files.of(task, &order);
        if let Err(error) = self.files.prepare_for(task, &order) {
            let error = Error::new(ErrorCode::CANNOT_CREATE_FILE).because(error);
            return self.attempts.fail(task, attempt, failed(error, Cause::Disk));
        }
        let (cookies, credentials, known_hosts) = match self.kept_for(task, &order) {
            Ok(kept) => kept,
            Err(error) => {
                let error = Error::new(ErrorCode::UNKNOWN).because(error);
                return self.attempts.fail(task, attempt, failed(error, Cause::Transient));
            }
        };
        let now = self.clock.now();
        let storages = Storages {
            now: Clock::date(),
            created: self.core.created(task),
            earlier: metrics::earlier(&self.store, task, attempt),
            cookies,
            credentials,
            known_hosts,
            cache: self.cache_of(task, &order),
            asks: self.core.asks(task),
            is_last_try: self.core.is_last_try(task),
            time_left: self
                .core
                .deadline(task)
                .map(|deadline| Duration::from_millis(deadline.0.saturating_sub(now.wall.0))),
            asks_about_redirects: self.core.asks_about_redirects(task),
            connections_per_host: self
                .core
                .configuration(task.session)
                .map_or(1, |configuration| configuration.http_maximum_connections_per_host),
        };
        self.attempts.start(task, attempt, order, files, resume, storages);
    }

    fn kept_for(&mut self, task: TaskRef, order: &Order) -> Result<KeptFor, StoreError> {
        let (cookies, hosts) = (self.cookies_of(task, order)?, self.hosts_of(task, order)?);
        Ok((cookies, self.credentials_of(task)?, hosts))
    }

    fn tell(&self, task: TaskRef, event: Event, weight: Weight) {
        let Some(session) = self.core.session_key(task.session) else { return };
        let owner = self.core.owner(task.session);
        let message = event_message(session, task.task, event);
        self.peers.tell(owner, &message, weight);
    }
}

/// Makes the message of an event that is not kept.
fn event_message(session: &SessionKey, task: TaskIdentifier, event: Event) -> DaemonMessage {
    DaemonMessage::Event { session: session.clone(), task: Some(task), number: None, event }
}

/// What only the session's owner has to know is not for watchers.
pub(crate) fn hide_secrets(event: &mut Event) {
    if let Event::DidComplete { error, response, metrics } = event {
        if let Some(response) = response {
            response.hide_cookies();
        }
        if let Some(metrics) = metrics {
            metrics.hide_cookies();
        }
        if let Some(error) = error {
            error.resume_data = None;
        }
    }
}
