//! A session's connection to its engine: mints numbers, repeats what was not answered, reconnects.
//!
//! ```text
//!   callers ──> outgoing (one lock: mint, remember, write) ──> engine
//!   reader  <── replies, events <──────────────────────────── engine
//!      └── connection lost: connect, attach, write the unanswered calls again, in order
//! ```
//! Whoever answers a call for the reader takes none of the writers' locks: a writer may be waiting
//! for the daemon, and the daemon for the reader.

use crate::calls::{Answer, Calls, disowned, task_of};
use crate::deadline::Deadline;
use crate::inbox::{Arrival, Inbox, Kept};
use crate::patience::{BRIEF_LIFE, CONNECT_LIMIT, FIRST_DELAY, Patience};
use crate::transport::{OPENING_CALL, Receiver, Sender, Transport, Unreceived, Unsent, lost};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use urlsession_protocol::{
    Call, CallId, ClientMessage, DaemonMessage, Error, ErrorCode, Event, EventNumber, NewTask,
    OwnerToken, Reply, SessionConfiguration, SessionKey, TaskIdentifier,
};

/// Longest wait for an answer that the caller wants to see.
pub(crate) const REPLY_LIMIT: Duration = Duration::from_secs(30);
/// How often the first connection is tried when the daemon hangs up on it.
const FIRST_ATTEMPTS: u32 = 8;
/// Most messages that are taken in before the app is woken for the first of them.
const TOGETHER: usize = 64;

/// Opens a connection and exchanges hellos.
pub(crate) type Connect = Box<dyn Fn(Deadline) -> Result<Transport, Error> + Send + Sync>;

/// A connection that owns the session.
struct Attached {
    sender: Sender,
    receiver: Receiver,
    next_task: TaskIdentifier,
    /// What was minted below and not answered may be another's.
    owned_from: TaskIdentifier,
}

/// What to say to become the session's owner.
pub(crate) struct Attachment {
    pub(crate) session: SessionKey,
    pub(crate) configuration: SessionConfiguration,
    pub(crate) wait: bool,
}

pub(crate) struct Link {
    attachment: Attachment,
    token: OwnerToken,
    connect: Connect,
    outgoing: Mutex<Outgoing>,
    changed: Condvar,
    calls: Calls,
    pub(crate) inbox: Inbox,
    over: AtomicBool,
    /// Where the daemon says that it keeps files.
    state: Mutex<Option<PathBuf>>,
    /// The one that has the threads which read: a fork of it has none.
    process: AtomicU32,
}

struct Outgoing {
    /// `None` while the reader connects anew.
    sender: Option<Sender>,
    next_call: CallId,
    next_task: TaskIdentifier,
    /// Repeated after a reconnect even when answered: it may have been the daemon's last word.
    invalidation: Option<Call>,
    /// Numbers that may mean another owner's tasks: nothing is asked about them.
    disowned: BTreeSet<TaskIdentifier>,
    /// Why nothing will be written any more.
    over: Option<Error>,
}

impl Link {
    /// Connects, becomes the session's owner and starts to read.
    pub(crate) fn open(connect: Connect, attachment: Attachment) -> Result<Arc<Self>, Error> {
        let link = Arc::new(Self {
            attachment,
            token: token()?,
            connect,
            outgoing: Mutex::new(Outgoing {
                sender: None,
                next_call: CallId(OPENING_CALL.0 + 1),
                next_task: TaskIdentifier(1),
                invalidation: None,
                disowned: BTreeSet::new(),
                over: None,
            }),
            changed: Condvar::new(),
            calls: Calls::default(),
            inbox: Inbox::default(),
            over: AtomicBool::new(false),
            state: Mutex::default(),
            process: AtomicU32::new(std::process::id()),
        });
        let Attached { sender, receiver, next_task, .. } = link.attach_first()?;
        let mut outgoing = link.lock();
        outgoing.sender = Some(sender);
        outgoing.next_task = next_task;
        drop(outgoing);
        Arc::clone(&link).begin_to_read(receiver)?;
        Ok(link)
    }

    /// Reads on a thread of its own; beside an engine in this process as a task, which saves a
    /// change of threads for what comes.
    fn begin_to_read(self: Arc<Self>, receiver: Receiver) -> Result<(), Error> {
        #[cfg(feature = "embedded")]
        if let Receiver::Memory(queue) = receiver {
            queue.runtime.clone().spawn(self.read_beside(queue));
            return Ok(());
        }
        std::thread::Builder::new()
            .name("urlsession-reader".to_owned())
            .spawn(move || self.read(receiver))
            .map(drop)
            .map_err(|error| lost(format!("cannot start a thread: {error}")))
    }

    /// Reads until the engine has hung up. What follows may have to wait, and has a thread.
    #[cfg(feature = "embedded")]
    async fn read_beside(self: Arc<Self>, mut queue: crate::transport::Queue) {
        while let Some(message) = queue.incoming.recv().await {
            self.arrive(message);
            for _ in 1..TOGETHER {
                let Ok(message) = queue.incoming.try_recv() else { break };
                self.arrive(message);
            }
            self.inbox.ring();
        }
        if self.is_over() {
            return;
        }
        let read = move || self.read(Receiver::Memory(queue));
        let spawned = std::thread::Builder::new().name("urlsession-reader".to_owned()).spawn(read);
        if let Err(error) = spawned {
            tracing::warn!(%error, "nobody connects a session to its engine again");
        }
    }

    pub(crate) fn key(&self) -> &SessionKey {
        &self.attachment.session
    }

    /// Returns the folder that the daemon keeps files in, where it says that.
    pub(crate) fn state(&self) -> Option<PathBuf> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says whether nothing can be asked of this link any more.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire) || self.is_forked()
    }

    /// Says whether this process is a fork of the one that reads the connection. What it wrote would
    /// be taken for the words of that one, and the answers would go there.
    pub(crate) fn is_forked(&self) -> bool {
        self.process.load(Ordering::Relaxed) != std::process::id()
    }

    /// Says whether there is a connection to write to at this moment.
    pub(crate) fn is_up(&self) -> bool {
        self.lock().sender.is_some()
    }

    /// Mints a number and writes the task; returns once its line is in the socket.
    pub(crate) fn create(
        &self,
        answer: impl FnOnce(TaskIdentifier) -> Answer,
        build: impl FnOnce(TaskIdentifier) -> NewTask,
    ) -> Result<TaskIdentifier, Error> {
        let mut outgoing = self.begin()?;
        if outgoing.invalidation.is_some() {
            return Err(invalidated());
        }
        let task = outgoing.next_task;
        let new = Box::new(build(task));
        let call = Call::CreateTask { session: self.key().clone(), new };
        self.write(&mut outgoing, call, answer(task))?;
        outgoing.next_task = TaskIdentifier(task.0 + 1);
        self.wait_until_written(outgoing).map(|()| task)
    }

    /// Writes a call and returns once its line is in the socket.
    pub(crate) fn post(&self, call: Call, answer: Answer) -> Result<(), Error> {
        let mut outgoing = self.begin()?;
        self.write(&mut outgoing, call, answer)?;
        self.wait_until_written(outgoing)
    }

    /// Writes a call whose answer tells all: it is called once, or there is an error here.
    pub(crate) fn post_answered(&self, call: Call, answer: Answer) -> Result<(), Error> {
        let mut outgoing = self.begin()?;
        self.write(&mut outgoing, call, answer)?;
        // What fails from here on has been told to the answer.
        let _ = self.wait_until_written(outgoing);
        Ok(())
    }

    /// Writes a call and waits for its answer, at most [`REPLY_LIMIT`].
    pub(crate) fn ask(&self, call: Call) -> Result<Reply, Error> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.post(call, Box::new(move |result| drop(answer.send(result))))?;
        answered
            .recv_timeout(REPLY_LIMIT)
            .unwrap_or_else(|_| Err(lost("the daemon did not answer in time")))
    }

    /// Writes the call that ends the session; new tasks are refused from now on.
    pub(crate) fn invalidate(&self, call: Call) -> Result<(), Error> {
        let mut outgoing = self.begin()?;
        outgoing.invalidation = Some(call.clone());
        self.write(&mut outgoing, call, Box::new(log_refusal))?;
        self.wait_until_written(outgoing)
    }

    /// Waits until every call written so far is answered; `Ok(false)` when the time is up.
    pub(crate) fn wait_until_answered(&self, deadline: Deadline) -> Result<bool, Error> {
        self.check_process()?;
        let last = CallId(self.lock().next_call.0 - 1);
        self.calls.wait_until_answered(last, deadline)
    }

    /// Notes that kept events were handled and tells the daemon, if it can be told at once: the
    /// daemon sends the events again otherwise, and is told then.
    pub(crate) fn acknowledge(&self, kept: &[Kept]) {
        let news = kept.iter().filter(|kept| self.inbox.handle(**kept)).map(|kept| kept.number);
        self.write_acks(&news.collect::<Vec<_>>());
    }

    /// Ends the link for good: calls fail with the error, events that wait are dropped if
    /// `discard` and stay owed.
    pub(crate) fn end(&self, error: &Error, discard: bool) {
        if self.is_forked() {
            // The connection is the other process's as well.
            return;
        }
        let mut outgoing = self.lock();
        outgoing.over.get_or_insert_with(|| error.clone());
        self.over.store(true, Ordering::Release);
        if let Some(sender) = outgoing.sender.take() {
            sender.close();
        }
        drop(outgoing);
        self.changed.notify_all();
        self.calls.fail(error);
        self.inbox.end(discard);
    }

    /// Mints the call's number, remembers it and writes it. A lost connection is no error: the
    /// reader finds out and writes the call again.
    fn write(&self, outgoing: &mut Outgoing, call: Call, answer: Answer) -> Result<(), Error> {
        if task_of(&call, self.key()).is_some_and(|task| outgoing.disowned.contains(&task)) {
            return Err(disowned());
        }
        let id = outgoing.next_call;
        let message = Arc::new(ClientMessage::Call { id, call });
        self.calls.push(id, Arc::clone(&message), answer);
        let sender = outgoing.sender.as_mut().expect("ready() waited for a connection");
        match sender.send(&message) {
            Ok(()) => {}
            Err(Unsent::Illegal(error)) => {
                self.calls.withdraw(id);
                return Err(error);
            }
            Err(Unsent::Lost) => outgoing.hang_up(),
        }
        outgoing.next_call = CallId(id.0 + 1);
        Ok(())
    }

    fn write_acks(&self, numbers: &[EventNumber]) {
        let ack = |range: &[EventNumber]| {
            let (number, through) = (*range.first()?, range.get(1..)?.last().copied());
            Some(ClientMessage::Ack { session: self.key().clone(), number, through })
        };
        let ranges = numbers.chunk_by(|one, next| one.0.checked_add(1) == Some(next.0));
        let acks: Vec<_> = ranges.filter_map(ack).collect();
        if acks.is_empty() || self.is_forked() {
            return;
        }
        let mut outgoing = self.lock();
        if outgoing.sender.as_mut().is_some_and(|sender| sender.send_all(&acks).is_err()) {
            outgoing.hang_up();
        }
    }

    /// Waits until a further call may be written.
    fn begin(&self) -> Result<MutexGuard<'_, Outgoing>, Error> {
        self.check_process()?;
        self.calls.wait_for_room()?;
        self.ready()
    }

    fn check_process(&self) -> Result<(), Error> {
        match self.is_forked() {
            true => Err(lost("the session is of the process that this one was forked from")),
            false => Ok(()),
        }
    }

    /// Waits for a connection that can be written to.
    fn ready(&self) -> Result<MutexGuard<'_, Outgoing>, Error> {
        let outgoing = self.lock();
        let outgoing = self
            .changed
            .wait_while(outgoing, |o| o.sender.is_none() && o.over.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        match &outgoing.over {
            Some(error) => Err(error.clone()),
            None => Ok(outgoing),
        }
    }

    fn wait_until_written(&self, outgoing: MutexGuard<'_, Outgoing>) -> Result<(), Error> {
        if outgoing.sender.is_some() {
            return Ok(());
        }
        drop(outgoing);
        self.ready().map(drop)
    }

    /// Attaches for the first time. A daemon that takes the connection and then goes, because it
    /// was just about to or dies, is tried again; one that cannot be reached is not.
    fn attach_first(&self) -> Result<Attached, Error> {
        let mut deadline = Deadline::after(CONNECT_LIMIT);
        let mut delay = FIRST_DELAY;
        for _ in 1..FIRST_ATTEMPTS {
            let transport = (self.connect)(deadline)?;
            match self.attach(transport, deadline) {
                Err(error) if is_lost(&error) => tracing::info!(%error, "the daemon left"),
                attached => return attached,
            }
            if self.attachment.wait {
                // The owner that was waited for may have outlived the daemon's patience with us.
                deadline = Deadline::after(CONNECT_LIMIT);
            }
            std::thread::sleep(delay.min(deadline.remaining().unwrap_or(delay)));
            delay *= 2;
        }
        self.attach((self.connect)(deadline)?, deadline)
    }

    /// Becomes the owner; events that come meanwhile are taken in.
    fn attach(&self, mut transport: Transport, deadline: Deadline) -> Result<Attached, Error> {
        let state = transport.greet(deadline)?.and_then(|theirs| theirs.state);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        let Transport { mut sender, mut receiver } = transport;
        let wait = self.attachment.wait;
        let call = Call::Attach {
            session: self.key().clone(),
            configuration: Box::new(self.attachment.configuration.clone()),
            wait,
            owner: Some(self.token),
        };
        match sender.send(&ClientMessage::Call { id: OPENING_CALL, call }) {
            Ok(()) => {}
            Err(Unsent::Illegal(error)) => return Err(error),
            Err(Unsent::Lost) => return Err(lost("the daemon hung up")),
        }
        let deadline = if wait { Deadline::never() } else { deadline };
        loop {
            match receiver.receive(deadline) {
                Ok(DaemonMessage::Reply { id: OPENING_CALL, result }) => match result? {
                    Reply::Attached { next_task, owned_from } => {
                        return Ok(Attached { sender, receiver, next_task, owned_from });
                    }
                    _ => return Err(lost("the daemon gave an answer to another question")),
                },
                Ok(DaemonMessage::Goodbye { reason }) => {
                    return Err(lost(format!("the daemon said: {reason}")));
                }
                Ok(DaemonMessage::Hello(_) | DaemonMessage::Reply { .. }) => {}
                Ok(event @ DaemonMessage::Event { .. }) => {
                    self.arrive(event);
                    self.inbox.ring();
                }
                Err(Unreceived::Lost) => return Err(lost("the daemon hung up")),
                Err(Unreceived::TimedOut) => {
                    return Err(lost("the daemon did not answer in time"));
                }
            }
        }
    }

    /// Reads until the session is gone, over as many connections as that takes.
    fn read(&self, mut receiver: Receiver) {
        let mut patience = None;
        loop {
            let brief = Deadline::after(BRIEF_LIFE);
            while let Ok(message) = receiver.receive(Deadline::never()) {
                self.arrive(message);
                // What has come with it wakes the app together with it.
                for message in std::iter::from_fn(|| receiver.take_ready()).take(TOGETHER) {
                    self.arrive(message);
                }
                self.inbox.ring();
            }
            let mut outgoing = self.lock();
            outgoing.hang_up();
            if outgoing.over.is_some() {
                return;
            }
            drop(outgoing);
            if brief.is_over() {
                patience = None;
            }
            match self.reconnect(&mut patience) {
                Ok(again) => receiver = again,
                Err(error) => {
                    let event = Event::DidBecomeInvalid { error: Some(error.clone()) };
                    self.over.store(true, Ordering::Release);
                    self.inbox.arrive(None, None, event);
                    self.end(&error, false);
                    return;
                }
            }
        }
    }

    fn arrive(&self, message: DaemonMessage) {
        match message {
            DaemonMessage::Reply { id, result } => {
                // What came before an answer is told before it, however long that keeps us.
                self.inbox.ring();
                self.calls.answer(id, result);
            }
            DaemonMessage::Event { session, task, number, event } if session == *self.key() => {
                let last = matches!(event, Event::DidBecomeInvalid { .. });
                if last {
                    // Whoever sees the event may create the session anew.
                    self.over.store(true, Ordering::Release);
                }
                if self.inbox.put(task, number, event) == Arrival::Handled
                    && let Some(number) = number
                {
                    self.write_acks(&[number]);
                }
                if last {
                    self.end(&invalidated(), false);
                }
            }
            DaemonMessage::Event { session, .. } => {
                tracing::warn!(%session, "skipped an event of another session");
            }
            DaemonMessage::Goodbye { reason } => tracing::info!(reason, "the daemon hangs up"),
            DaemonMessage::Hello(_) => tracing::warn!("skipped a second hello"),
        }
    }

    /// Looks for a new connection; with patience left of an earlier search, that goes on.
    fn reconnect(&self, patience: &mut Option<Patience>) -> Result<Receiver, Error> {
        let again = || lost("the daemon hangs up again and again");
        let mut failed = patience.is_some().then(again);
        let patience = patience.get_or_insert_with(Patience::new);
        loop {
            if let Some(error) = failed {
                let outgoing = self.lock();
                let is_over = !is_lost(&error) || outgoing.over.is_some();
                let Some(pause) = patience.pause().filter(|_| !is_over) else { return Err(error) };
                tracing::info!(%error, "cannot reach the daemon yet");
                drop(self.changed.wait_timeout_while(outgoing, pause, |o| o.over.is_none()));
            }
            let deadline = patience.deadline;
            let attached = (self.connect)(deadline).and_then(|new| self.attach(new, deadline));
            match attached.and_then(|attached| self.resume(attached)) {
                Ok(receiver) => return Ok(receiver),
                Err(error) => failed = Some(error),
            }
        }
    }

    /// Writes again what was not answered, then lets the callers write.
    fn resume(&self, attached: Attached) -> Result<Receiver, Error> {
        let Attached { mut sender, receiver, next_task, owned_from } = attached;
        let mut outgoing = self.lock();
        let expected = self.calls.first_unanswered_task().unwrap_or(outgoing.next_task);
        if next_task < expected {
            tracing::warn!("the daemon has forgotten the session");
            self.inbox.count_anew();
            // Of one that was to end, that is the end.
            if outgoing.invalidation.is_none() {
                sender.close();
                return Err(outgoing.over.get_or_insert_with(forgotten).clone());
            }
        }
        outgoing.next_task = outgoing.next_task.max(next_task);
        let minted = self.calls.minted_below(owned_from);
        if !minted.is_empty() {
            outgoing.disowned.extend(minted);
            let about = outgoing.disowned.clone();
            drop(outgoing);
            // Whoever is answered takes no lock of the writers; none writes meanwhile.
            self.calls.disown(self.key(), &about);
            outgoing = self.lock();
        }
        for message in self.calls.unanswered() {
            sender.send(&message).map_err(|_| lost("the daemon hung up"))?;
        }
        let over = outgoing.over.is_some();
        if over {
            sender.close();
            return Err(invalidated());
        }
        outgoing.sender = Some(sender);
        if let Some(call) = outgoing.invalidation.clone() {
            self.write(&mut outgoing, call, Box::new(log_refusal))?;
        }
        drop(outgoing);
        self.changed.notify_all();
        Ok(receiver)
    }

    fn lock(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outgoing {
    fn hang_up(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.close();
        }
    }
}

fn token() -> Result<OwnerToken, Error> {
    let mut token = [0; 8];
    getrandom::fill(&mut token).map_err(lost)?;
    Ok(OwnerToken(u64::from_ne_bytes(token)))
}

/// Makes the error of a session whose tasks are gone: nobody would ever hear of their ends.
fn forgotten() -> Error {
    lost("the daemon has lost the session's tasks with the store that they were in")
}

fn is_lost(error: &Error) -> bool {
    error.code() == ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED
}

/// Takes the answer of a call whose refusal nobody can do anything about.
pub(crate) fn log_refusal(result: Result<Reply, Error>) {
    if let Err(error) = result {
        tracing::debug!(%error, "the daemon refused a call");
    }
}

/// Makes the error of a session that was invalidated.
pub(crate) fn invalidated() -> Error {
    Error::new(ErrorCode::UNKNOWN).because(
        "the session was invalidated: once its last event has come, it can be created anew",
    )
}

#[cfg(test)]
impl Link {
    /// Takes the connection for that of another process.
    pub(crate) fn be_of(&self, process: u32) {
        self.process.store(process, Ordering::Relaxed);
    }
}
