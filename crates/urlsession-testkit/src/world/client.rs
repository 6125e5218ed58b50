//! The apps of a world: processes that ask, listen, die and come again, each with its connection.

use super::Verdict;
use super::house::{Answer, World};
use super::judge::{AT_ONCE, PER_HOST};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use urlsession_core::{Input, PeerNumber, SessionNumber, TaskRef};
use urlsession_protocol::{
    ApplicationId, AuthChallengeDisposition, Call, CallId, Credential, Event, EventNumber,
    HttpRedirectDisposition, OwnerToken, Reply, ResumeData, SessionConfiguration,
    SessionIdentifier, SessionKey, TaskIdentifier,
};

/// Sessions of a world; each has two processes that want it.
const SESSIONS: usize = 3;

/// What a client wrote.
#[derive(Debug)]
pub(super) enum Up {
    Call(CallId, Call),
    Ack(SessionKey, EventNumber),
    /// The end of the connection.
    Gone,
}

/// What the daemon wrote.
#[derive(Debug)]
pub(super) enum Down {
    Reply(CallId, Answer),
    Event {
        session: Option<SessionNumber>,
        task: Option<TaskIdentifier>,
        number: Option<EventNumber>,
        event: Event,
    },
}

/// A connection outlives its process until the daemon has read its end.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) process: usize,
    pub(super) up: VecDeque<Up>,
    pub(super) down: VecDeque<Down>,
    pub(super) open: bool,
    /// The last event of a session that was sent since its attach.
    sent: BTreeMap<SessionNumber, EventNumber>,
}

/// A process that wants to own a session.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) key: SessionKey,
    /// The other one of the session is its rival.
    pub(super) primary: bool,
    pub(super) alive: bool,
    pub(super) peer: Option<PeerNumber>,
    pub(super) attached: bool,
    attaching: Option<CallId>,
    next_call: u64,
    pub(super) next_task: u64,
    /// Calls that are not answered, resent after a reconnect in their order.
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) acks: VecDeque<EventNumber>,
    pub(super) resume_data: Option<ResumeData>,
    /// Asked for the end of the session, and waits for it.
    pub(super) invalidating: bool,
    pub(super) token: Option<OwnerToken>,
    /// Tasks that it created.
    pub(super) created: BTreeSet<TaskRef>,
    /// Tasks whose answer it was asked for.
    pub(super) asked: BTreeSet<TaskIdentifier>,
}

impl Connection {
    fn new(process: usize) -> Self {
        let (up, down) = (VecDeque::new(), VecDeque::new());
        Self { process, up, down, open: true, sent: BTreeMap::new() }
    }

    /// A session was attached: its events come from the first.
    pub(super) fn begin(&mut self) {
        self.sent.clear();
    }

    /// Says whether the event comes after all that were sent.
    pub(super) fn is_next(&mut self, session: SessionNumber, number: EventNumber) -> bool {
        self.sent.insert(session, number).is_none_or(|before| before < number)
    }
}

impl Process {
    pub(super) fn cast() -> Vec<Self> {
        let role = |session: usize, primary| {
            let identifier = format!("session{session}");
            Self::new(
                SessionKey {
                    application: ApplicationId::new("app").expect("a legal name"),
                    session: SessionIdentifier::new(identifier).expect("a legal name"),
                },
                primary,
            )
        };
        (0..SESSIONS).flat_map(|session| [role(session, true), role(session, false)]).collect()
    }

    fn new(key: SessionKey, primary: bool) -> Self {
        Self {
            key,
            primary,
            alive: false,
            peer: None,
            attached: false,
            attaching: None,
            next_call: 0,
            next_task: 1,
            calls: BTreeMap::new(),
            acks: VecDeque::new(),
            resume_data: None,
            invalidating: false,
            token: None,
            created: BTreeSet::new(),
            asked: BTreeSet::new(),
        }
    }

    /// The connection is lost; unanswered calls stay.
    pub(super) fn disconnected(&mut self) {
        self.peer = None;
        self.attached = false;
        self.attaching = None;
        self.acks.clear();
        self.asked.clear();
        // The end of the connection did what this asks for.
        // What was answered before is not asked for again in another session.
        let again = |call: &Call| match call {
            Call::Detach { .. } => false,
            Call::CreateTask { new, .. } => self.created.iter().all(|task| task.task != new.task),
            _ => true,
        };
        self.calls.retain(|_, call| again(call));
    }

    /// The app dies and forgets everything.
    pub(super) fn die(&mut self) {
        *self = Self::new(self.key.clone(), self.primary);
    }
}

impl World {
    /// Connects a process, or asks for its session if it is connected.
    pub(super) fn approach(&mut self, at: usize, wait: bool) {
        let launch_command = self.launch_command(at);
        let process = &mut self.processes[at];
        let peer = *process.peer.get_or_insert_with(|| {
            self.peers += 1;
            self.connections.insert(PeerNumber(self.peers), Connection::new(at));
            PeerNumber(self.peers)
        });
        if process.attached || process.attaching.is_some() {
            return;
        }
        let id = CallId(process.next_call);
        process.next_call += 1;
        process.attaching = Some(id);
        let configuration = SessionConfiguration {
            http_maximum_connections_per_host: PER_HOST,
            maximum_concurrent_tasks: Some(AT_ONCE),
            launch_command,
            answers_challenges: process.primary,
            answers_redirections: process.primary,
            ..SessionConfiguration::default()
        };
        let session = process.key.clone();
        let owner = process.token.get_or_insert_with(|| {
            self.tokens += 1;
            OwnerToken(self.tokens)
        });
        let owner = Some(*owner);
        self.write(
            peer,
            Up::Call(
                id,
                Call::Attach { session, configuration: Box::new(configuration), wait, owner },
            ),
        );
    }

    /// Makes a call that is kept until it is answered.
    pub(super) fn ask(&mut self, at: usize, call: Call) {
        let process = &mut self.processes[at];
        let id = CallId(process.next_call);
        process.next_call += 1;
        process.calls.insert(id, call.clone());
        if let Some(peer) = process.peer.filter(|_| process.attached) {
            self.write(peer, Up::Call(id, call));
        }
    }

    pub(super) fn acknowledge(&mut self, at: usize) {
        let process = &mut self.processes[at];
        // An app may handle what it was told in any order.
        let which = if process.acks.is_empty() { 0 } else { self.random.index(process.acks.len()) };
        if let (Some(peer), Some(number)) = (process.peer, process.acks.remove(which)) {
            let session = process.key.clone();
            self.write(peer, Up::Ack(session, number));
        }
    }

    pub(super) fn write(&mut self, peer: PeerNumber, message: Up) {
        if let Some(connection) = self.connections.get_mut(&peer) {
            connection.up.push_back(message);
        }
    }

    /// The process is killed. What it wrote last may be lost with it.
    pub(super) fn kill(&mut self, at: usize) {
        self.statistics.deaths += 1;
        let peer = self.processes[at].peer;
        self.note(|| format!("--- {peer:?} dies"));
        self.processes[at].die();
        let well = self.random.one_in(3);
        self.launches.process_ended(at, well);
        let Some(connection) = peer.and_then(|peer| self.connections.get_mut(&peer)) else {
            return;
        };
        if self.random.one_in(2) {
            let kept = self.random.index(connection.up.len() + 1);
            connection.up.truncate(kept);
        }
        connection.up.push_back(Up::Gone);
        connection.down.clear();
        connection.open = false;
    }

    /// The daemon reads a line of that client.
    pub(super) fn read(&mut self, peer: PeerNumber) -> Option<Input> {
        match self.connections.get_mut(&peer)?.up.pop_front()? {
            Up::Call(id, call) => Some(Input::Call { peer, id, call }),
            Up::Ack(session, number) => Some(Input::Ack { peer, session, number }),
            Up::Gone => {
                self.connections.remove(&peer);
                Some(Input::Disconnected { peer })
            }
        }
    }

    /// A client reads a line of the daemon.
    pub(super) fn listen(&mut self, peer: PeerNumber) -> Verdict {
        let Some(connection) = self.connections.get_mut(&peer) else { return Ok(()) };
        let at = connection.process;
        match connection.down.pop_front() {
            Some(Down::Reply(id, answer)) => return self.answered(at, peer, id, answer),
            // Between its detach and the answer to its next attach a client is told events that
            // somebody else may have handled by then.
            Some(Down::Event { number: Some(_), .. }) if !self.processes[at].attached => {}
            Some(Down::Event { session: Some(session), task, number: Some(number), event }) => {
                self.statistics.events += 1;
                let task = task.unwrap_or_default();
                self.processes[at].acks.push_back(number);
                self.judge.handled(session, number, task, &event, &self.network)?;
            }
            Some(Down::Event { task: Some(task), event, .. }) if asks(&event) => {
                self.processes[at].asked.insert(task);
            }
            Some(Down::Event { event: Event::DidBecomeInvalid { .. }, .. }) => {
                let process = &mut self.processes[at];
                (process.attached, process.invalidating, process.next_task) = (false, false, 1);
                process.calls.clear();
                process.acks.clear();
                process.asked.clear();
            }
            Some(Down::Event { task, event: Event::DidReceiveChallenge { challenge }, .. }) => {
                let session = self.processes[at].key.clone();
                let task = task.unwrap_or_default();
                let question = challenge.question;
                let disposition = Box::new(self.disposition());
                self.ask(at, Call::Answer { session, task, question, disposition });
            }
            Some(Down::Event {
                task,
                event: Event::WillPerformHttpRedirection { redirection },
                ..
            }) => {
                let session = self.processes[at].key.clone();
                let (task, question) = (task.unwrap_or_default(), redirection.question);
                let disposition = HttpRedirectDisposition::Refuse;
                self.ask(at, Call::Redirect { session, task, question, disposition });
            }
            Some(Down::Event { .. }) | None => {}
        }
        Ok(())
    }

    fn disposition(&mut self) -> AuthChallengeDisposition {
        match self.random.below(8) {
            0 => AuthChallengeDisposition::CancelAuthenticationChallenge,
            1 => AuthChallengeDisposition::RejectProtectionSpace,
            2 => AuthChallengeDisposition::PerformDefaultHandling,
            _ => AuthChallengeDisposition::UseCredential { credential: Credential::new("a", "b") },
        }
    }

    fn answered(&mut self, at: usize, peer: PeerNumber, id: CallId, answer: Answer) -> Verdict {
        let process = &mut self.processes[at];
        if process.attaching == Some(id) {
            process.attaching = None;
            if let Ok(Reply::Attached { next_task, owned_from }) = answer {
                self.attached(at, peer, next_task.0, owned_from);
            }
            return Ok(());
        }
        match (process.calls.remove(&id), answer) {
            (Some(Call::CreateTask { session, new }), Ok(_)) => {
                let session = self.store.number(&session);
                let created = session.map(|session| TaskRef { session, task: new.task });
                process.created.extend(created);
                return self.judge.accepted(peer, id);
            }
            (Some(_), Ok(Reply::ResumeData { resume_data: Some(data) })) => {
                process.resume_data = Some(data);
            }
            _ => {}
        }
        Ok(())
    }

    fn attached(
        &mut self,
        at: usize,
        peer: PeerNumber,
        next_task: u64,
        owned_from: TaskIdentifier,
    ) {
        let process = &mut self.processes[at];
        process.attached = true;
        process.next_task = process.next_task.max(next_task);
        // Another process may have minted the lower numbers too.
        let mine = |call: &Call| match call {
            Call::CreateTask { new, .. } => new.task >= owned_from,
            _ => true,
        };
        process.calls.retain(|_, call| mine(call));
        if process.invalidating {
            // The session's end may have been told to the lost connection.
            let asked = |call: &Call| {
                matches!(
                    call,
                    Call::FinishTasksAndInvalidate { .. } | Call::InvalidateAndCancel { .. }
                )
            };
            if !process.calls.values().any(asked) {
                let id = CallId(process.next_call);
                process.next_call += 1;
                let session = process.key.clone();
                process.calls.insert(id, Call::InvalidateAndCancel { session });
            }
        }
        let calls: Vec<_> =
            process.calls.iter().map(|(id, call)| Up::Call(*id, call.clone())).collect();
        for call in calls {
            self.write(peer, call);
        }
    }
}

fn asks(event: &Event) -> bool {
    matches!(event, Event::WillBeginDelayedRequest { .. })
}
