//! One session: who owns it, who waits for it, what it owes, and how it ends.

use crate::admission::no_time;
use crate::core::{in_use, refusal};
use crate::launch::Launch;
use crate::outbox::{Delivery, Outbox, Owed};
use crate::planted::CoreBug;
use crate::turn::{Asker, Turn};
use crate::{
    Action, Change, Core, EventRecord, LaunchRecord, PeerNumber, SessionNumber, SessionRecord,
    TaskRef,
};
use std::collections::VecDeque;
use std::time::Duration;
use urlsession_protocol::request::check_headers;
use urlsession_protocol::{
    ConnectionProxy, Error, Event, EventNumber, LaunchCommand, OwnerToken, Reply,
    SessionConfiguration, SessionKey, TaskIdentifier,
};

/// A client that does not want to wait waits this long: the end of a dead owner may be on its way.
pub const GRACE: Duration = Duration::from_millis(300);

/// Most clients that wait for one session.
pub const ATTACHERS_LIMIT: usize = 1024;

/// Most sessions of one user.
pub const MAX_SESSIONS: usize = 65_536;

/// A session as the core keeps it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) key: SessionKey,
    pub(crate) configuration: SessionConfiguration,
    pub(crate) next_task: TaskIdentifier,
    next_event: EventNumber,
    pub(crate) invalidating: bool,
    /// Whether its end cancels its tasks.
    pub(crate) cancels: bool,
    /// How many tasks it has, completed ones included.
    pub(crate) tasks: u64,
    pub(crate) outbox: Outbox,
    pub(crate) launch: Launch,
    pub(crate) owner: Option<Owner>,
    last_owner: Option<OwnerToken>,
    owned_from: TaskIdentifier,
    attachers: VecDeque<Attacher>,
}

/// Who owns a session, and how far it was told.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) peer: PeerNumber,
    delivery: Delivery,
}

/// What an attaching client says about itself.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) configuration: SessionConfiguration,
    pub(crate) owner: Option<OwnerToken>,
}

/// A client that waits for a session.
#[derive(Debug)]
struct Attacher {
    from: Asker,
    claim: Claim,
    /// When it has waited long enough; `None` is never.
    until: Option<Duration>,
}

impl Session {
    pub(crate) fn new(record: SessionRecord) -> Self {
        Self {
            key: record.key,
            configuration: record.configuration,
            next_task: record.next_task,
            next_event: record.next_event,
            invalidating: record.invalidating,
            cancels: record.cancels,
            tasks: 0,
            outbox: Outbox::default(),
            launch: Launch::new(record.launch),
            owner: None,
            last_owner: record.last_owner,
            owned_from: record.owned_from,
            attachers: VecDeque::new(),
        }
    }

    pub(crate) fn record(&self, number: SessionNumber) -> SessionRecord {
        SessionRecord {
            number,
            key: self.key.clone(),
            configuration: self.configuration.clone(),
            next_task: self.next_task,
            next_event: self.next_event,
            invalidating: self.invalidating,
            cancels: self.cancels,
            last_owner: self.last_owner,
            owned_from: self.owned_from,
            launch: self.launch.record.clone(),
        }
    }

    pub(crate) fn is_owned_by(&self, peer: PeerNumber) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.peer == peer)
    }

    /// Says whether the peer is the owner and was sent the event.
    pub(crate) fn has_told(&self, peer: PeerNumber, number: EventNumber) -> bool {
        let owner = self.owner.as_ref().filter(|owner| owner.peer == peer);
        owner.is_some_and(|owner| self.has_sent(owner, number))
    }

    /// Returns the owner if it was not sent the event.
    pub(crate) fn owner_to_tell(&self, number: EventNumber) -> Option<PeerNumber> {
        let owner = self.owner.as_ref().filter(|owner| !self.has_sent(owner, number));
        owner.map(|owner| owner.peer)
    }

    fn has_sent(&self, owner: &Owner, number: EventNumber) -> bool {
        let task = self.outbox.owed.get(&number).map(|owed| owed.task);
        owner.delivery.has_sent(number, task)
    }

    pub(crate) fn take_event(&mut self, number: EventNumber) -> Option<Owed> {
        self.outbox.remove(number, self.owner.as_mut().map(|owner| &mut owner.delivery))
    }

    fn grace(&self) -> Option<Duration> {
        self.attachers.iter().filter_map(|attacher| attacher.until).min()
    }
}

impl Core {
    pub(crate) fn attach(
        &mut self,
        turn: &mut Turn,
        from: Asker,
        key: SessionKey,
        claim: Claim,
        wait: bool,
    ) {
        if let Err(error) = check(&claim.configuration) {
            return turn.reply(from, Err(error));
        }
        let Some(number) = self.numbers.get(&key).copied().or_else(|| self.open(&key)) else {
            return turn.reply(from, Err(refusal("there are too many sessions")));
        };
        let session = self.sessions.get_mut(&number).expect("every number has its session");
        let is_free = session.owner.as_ref().is_none_or(|owner| owner.peer == from.peer);
        if is_free || self.planted.is(CoreBug::TwoOwners) {
            return self.grant(turn, number, from, claim);
        }
        if session.attachers.len() >= ATTACHERS_LIMIT {
            return turn.reply(from, Err(in_use()));
        }
        let until = (!wait).then(|| turn.now.steady.saturating_add(GRACE));
        let before = session.grace();
        session.attachers.push_back(Attacher { from, claim, until });
        self.renew_grace(number, before);
    }

    pub(crate) fn detach(&mut self, turn: &mut Turn, from: Asker, key: &SessionKey) {
        turn.done(from);
        if let Some(number) = self.numbers.get(key).copied() {
            self.leave(turn, from.peer, number);
        }
    }

    /// Ends the ownership and the waiting of a client, and lets the next one in.
    pub(crate) fn leave(&mut self, turn: &mut Turn, peer: PeerNumber, number: SessionNumber) {
        let Some(session) = self.sessions.get_mut(&number) else { return };
        let before = session.grace();
        session.attachers.retain(|attacher| attacher.from.peer != peer);
        if session.is_owned_by(peer) && !self.planted.is(CoreBug::LostLease) {
            session.owner = None;
            session.launch.vacate(turn.now.steady);
            turn.launching.insert(number);
            if let Some(next) = session.attachers.pop_front() {
                self.grant(turn, number, next.from, next.claim);
                self.let_in_same_peer(turn, number);
            } else {
                self.follow_unheard(turn, number);
            }
        }
        self.renew_grace(number, before);
    }

    /// Answers the other calls of a client that owns the session by now.
    fn let_in_same_peer(&mut self, turn: &mut Turn, number: SessionNumber) {
        let Some(session) = self.sessions.get_mut(&number) else { return };
        let Some(peer) = session.owner.as_ref().map(|owner| owner.peer) else { return };
        let (same, others): (VecDeque<_>, VecDeque<_>) =
            session.attachers.drain(..).partition(|attacher| attacher.from.peer == peer);
        session.attachers = others;
        for attacher in same {
            self.grant(turn, number, attacher.from, attacher.claim);
        }
    }

    pub(crate) fn end_graces(&mut self, turn: &mut Turn) {
        let over: Vec<SessionNumber> = self
            .graces
            .iter()
            .take_while(|(until, _)| *until <= turn.now.steady)
            .map(|(_, number)| *number)
            .collect();
        for number in over {
            let Some(session) = self.sessions.get_mut(&number) else { continue };
            let before = session.grace();
            session.attachers.retain(|attacher| {
                let waits = attacher.until.is_none_or(|until| until > turn.now.steady);
                if !waits {
                    turn.reply(attacher.from, Err(in_use()));
                }
                waits
            });
            self.renew_grace(number, before);
        }
    }

    pub(crate) fn invalidate(
        &mut self,
        turn: &mut Turn,
        from: Asker,
        key: &SessionKey,
        cancel: bool,
    ) {
        let number = self.numbers.get(key).copied();
        let is_free = number.is_some_and(|number| self.owner(number).is_none());
        // Nobody comes back to end what an app that is gone for good has left behind.
        let number = if is_free { number } else { self.owned_session(turn, from, key) };
        let Some(number) = number else { return };
        let session = self.sessions.get_mut(&number).expect("every number has its session");
        session.invalidating = true;
        turn.sessions.insert(number);
        turn.settling.insert(number);
        turn.done(from);
        if cancel {
            session.cancels = true;
            self.cancel_all(turn, number);
        }
    }

    /// Returns the session if the caller owns it; otherwise the caller is answered.
    pub(crate) fn owned_session(
        &self,
        turn: &mut Turn,
        from: Asker,
        key: &SessionKey,
    ) -> Option<SessionNumber> {
        let Some(number) = self.numbers.get(key).copied() else {
            turn.reply(from, Err(refusal("no such session")));
            return None;
        };
        if !self.sessions.get(&number).is_some_and(|session| session.is_owned_by(from.peer)) {
            turn.reply(from, Err(in_use()));
            return None;
        }
        Some(number)
    }

    /// Keeps an event until it is acknowledged.
    pub(crate) fn append(&mut self, turn: &mut Turn, key: TaskRef, event: Event) -> EventNumber {
        let session = self.sessions.get_mut(&key.session).expect("a task has its session");
        let number = session.next_event;
        session.next_event = EventNumber(number.0.saturating_add(1));
        turn.sessions.insert(key.session);
        turn.telling.insert(key.session);
        turn.launching.insert(key.session);
        if session.owner.is_none() {
            session.launch.take_heart();
        }
        if self.watched {
            turn.act(Action::Publish {
                session: session.key.clone(),
                task: Some(key.task),
                number: Some(number),
                event: event.clone(),
            });
        }
        let record = EventRecord { session: key.session, number, task: key.task, event };
        session.outbox.insert(record.clone());
        turn.events.push(record);
        self.events_owed += 1;
        number
    }

    /// Sends what the owner of a session may be sent.
    pub(crate) fn tell(&mut self, turn: &mut Turn, number: SessionNumber) {
        let Some(Session { key, outbox, owner: Some(owner), .. }) = self.sessions.get_mut(&number)
        else {
            return;
        };
        let send = |task, number, event| Action::Send {
            peer: owner.peer,
            session: key.clone(),
            task,
            number,
            event,
        };
        loop {
            // Between the events of the replay and later ones.
            if outbox.replay_ended(&mut owner.delivery) {
                turn.act(send(None, None, Event::DidFinishEvents));
            }
            let Some((number, owed)) = outbox.next(&mut owner.delivery) else { break };
            turn.act(send(Some(owed.task), Some(number), owed.event.clone()));
        }
    }

    /// Ends an invalidated session once nothing of it is left; whoever waits for it gets a new one.
    pub(crate) fn settle(&mut self, turn: &mut Turn, number: SessionNumber) {
        let over = self.sessions.get(&number).is_some_and(|session| {
            session.invalidating && session.tasks == 0 && session.outbox.owed.is_empty()
        });
        if !over {
            return;
        }
        let Some(session) = self.sessions.remove(&number) else { return };
        self.numbers.remove(&session.key);
        self.index.schedule.remove_session(number);
        self.cancelling.remove(&number);
        self.forget_launch(number, &session.launch);
        if let Some(until) = session.grace() {
            self.graces.remove(&(until, number));
        }
        turn.removals.push(Change::RemoveSession(number));
        let event = Event::DidBecomeInvalid { error: None };
        let key = session.key;
        if let Some(owner) = session.owner {
            turn.act(Action::Send {
                peer: owner.peer,
                session: key.clone(),
                task: None,
                number: None,
                event: event.clone(),
            });
        }
        turn.act(Action::Publish { session: key.clone(), task: None, number: None, event });
        for attacher in session.attachers {
            let wait = attacher.until.is_none();
            self.attach(turn, attacher.from, key.clone(), attacher.claim, wait);
        }
    }

    fn open(&mut self, key: &SessionKey) -> Option<SessionNumber> {
        if self.sessions.len() >= MAX_SESSIONS {
            return None;
        }
        let number = self.next_session;
        self.next_session = SessionNumber(number.0.checked_add(1)?);
        self.numbers.insert(key.clone(), number);
        let session = Session::new(SessionRecord {
            number,
            key: key.clone(),
            configuration: SessionConfiguration::default(),
            next_task: TaskIdentifier(1),
            next_event: EventNumber(1),
            invalidating: false,
            cancels: false,
            last_owner: None,
            owned_from: TaskIdentifier(1),
            launch: LaunchRecord::default(),
        });
        self.sessions.insert(number, session);
        Some(number)
    }

    fn grant(&mut self, turn: &mut Turn, number: SessionNumber, from: Asker, claim: Claim) {
        self.limit(number, &claim.configuration);
        let Some(session) = self.sessions.get_mut(&number) else { return };
        if session.configuration.launch_command != claim.configuration.launch_command {
            session.launch.reset();
        }
        session.configuration = claim.configuration;
        let returns = claim.owner.is_some() && session.last_owner == claim.owner;
        if !returns && !self.planted.is(CoreBug::SameOwner) {
            session.owned_from = session.next_task;
        }
        // Who let its tasks finish has meant its own hold on the session, which this one does not share.
        session.invalidating &= returns || session.cancels;
        session.last_owner = claim.owner;
        turn.sessions.insert(number);
        turn.launching.insert(number);
        let (next_task, owned_from) = (session.next_task, session.owned_from);
        turn.reply(from, Ok(Reply::Attached { next_task, owned_from }));
        if !session.is_owned_by(from.peer) {
            let mut delivery = session.outbox.begin(session.owned_from);
            if self.planted.is(CoreBug::NoReplay) {
                while session.outbox.next(&mut delivery).is_some() {}
            }
            session.owner = Some(Owner { peer: from.peer, delivery });
            turn.telling.insert(number);
            if !self.planted.is(CoreBug::NotAsked) {
                turn.asking.extend(self.asking(number));
                turn.asking.extend(self.redirecting(number));
            }
        }
        self.silence(turn, number);
        self.follow_unheard(turn, number);
    }

    /// Applies the limits of a session to its tasks.
    pub(crate) fn limit(&mut self, number: SessionNumber, configuration: &SessionConfiguration) {
        if !self.planted.is(CoreBug::NoSessionLimits) {
            self.index.schedule.set_limits(number, configuration);
        }
    }

    fn renew_grace(&mut self, number: SessionNumber, before: Option<Duration>) {
        if let Some(until) = before {
            self.graces.remove(&(until, number));
        }
        if let Some(until) = self.sessions.get(&number).and_then(Session::grace) {
            self.graces.insert((until, number));
        }
    }
}

fn check(configuration: &SessionConfiguration) -> Result<(), Error> {
    check_headers(&configuration.http_additional_headers)?;
    let timeouts =
        [configuration.timeout_interval_for_request, configuration.timeout_interval_for_resource];
    if timeouts.iter().any(|timeout| timeout.as_millis() == 0) {
        return Err(no_time());
    }
    configuration.launch_command.as_ref().map_or(Ok(()), LaunchCommand::check)?;
    configuration.tls.check()?;
    configuration.connection_proxy.as_deref().map_or(Ok(()), ConnectionProxy::check)
}
