//! One decision: what comes in, what must become durable, what must then be done.
//!
//! ```text
//!   Input ──> Core::handle ──> Step { changes, actions }
//!                                      │         └── done after the commit; lost in a crash,
//!                                      │             and derived again by Core::restore
//!                                      └── committed first, in order, in one transaction
//! ```

use crate::{Answered, Question};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use urlsession_protocol::{
    AuthenticationChallenge, CachePolicy, Call, CallId, CookiePolicy, Error, Event, EventNumber,
    HttpRedirectDisposition, HttpRedirection, LaunchCommand, OwnerToken, Priority, Reply, Request,
    RequestEdit, Response, SessionConfiguration, SessionKey, TaskIdentifier, TaskKind, TaskOptions,
    Timestamp,
};

/// Numbers a session in the core and the store; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionNumber(pub u32);

/// Names a task among all tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskRef {
    /// The session.
    pub session: SessionNumber,
    /// The number in the session.
    pub task: TaskIdentifier,
}

/// Numbers a connection; never reused while the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerNumber(pub u64);

/// Numbers the attempts of a task; a report of any but the running one is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AttemptNumber(pub u32);

/// What time it is, in both senses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Wall clock, which may jump: deadlines and begin dates.
    pub wall: Timestamp,
    /// Time since the engine started, which never jumps: retry delays, grace periods.
    pub steady: Duration,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A client asks. Calls that only look (`Tasks`, `Task`, `Session`, `Watch`, `Status`), those
    /// about cookies and known hosts, and those about the engine itself (`Reset`, `Flush`,
    /// `Shutdown`), are answered by the engine and never come here.
    Call {
        /// Who asks.
        peer: PeerNumber,
        /// What the reply must carry.
        id: CallId,
        /// What is asked.
        call: Call,
    },
    /// A client has handled a kept event.
    Ack {
        /// Who says so.
        peer: PeerNumber,
        /// The session.
        session: SessionKey,
        /// The event.
        number: EventNumber,
    },
    /// A connection is gone.
    Disconnected {
        /// Whose.
        peer: PeerNumber,
    },
    /// A transfer reports.
    Report {
        /// The task it moves bytes for.
        task: TaskRef,
        /// Its attempt.
        attempt: AttemptNumber,
        /// What it says.
        report: Report,
    },
    /// The program that [`Action::Launch`] started has ended, or could not be started.
    LaunchEnded {
        /// The session it was launched for.
        session: SessionNumber,
        /// Why it is of no use, if it failed.
        result: Result<(), String>,
    },
    /// The facts about the machine changed.
    Conditions(Conditions),
    /// The moment that [`next_wakeup`](crate::Core::next_wakeup) named has come, or any other.
    Tick,
    /// The engine is about to stop: attempts end, none begins.
    Quiesce,
}

/// Facts about the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    /// Whether any network is up. A change to `true` lets waiting tasks try at once.
    pub network: bool,
}

/// What a transfer says to the core.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// These bytes are synced: they may be recorded.
    Durable(ResumeState),
    /// All bytes have come and are about to be put in place: others may use the connection.
    Received,
    /// A server redirects it, and it waits for [`Action::Redirect`]. It numbers its questions itself,
    /// from 1.
    Redirected(Box<HttpRedirection>),
    /// The attempt is over; the last report of it.
    Ended(Ending),
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// The task is done: its file is whole, synced and in place.
    Done(Done),
    /// The attempt was stopped as asked; what it had is synced.
    Stopped {
        /// From what the next attempt can go on.
        resume: Option<ResumeState>,
    },
    /// The attempt failed; what it had is synced where possible.
    Failed {
        /// What happened.
        error: Error,
        /// Whether trying again can help.
        cause: Cause,
        /// From what the next attempt can go on; `None` discards what was recorded before.
        resume: Option<ResumeState>,
        /// Whether this attempt sent body bytes, or received some that are kept. What is sent is sent
        /// all over again: only more kept bytes than any attempt had reset the retry delay.
        progressed: bool,
    },
    /// A server wants a credential, and [`Core::asks`](crate::Core::asks) let the attempt ask.
    Challenged {
        /// What it asks; `previous_failure_count` tells of this attempt alone.
        challenge: Box<AuthenticationChallenge>,
        /// From what the next attempt can go on.
        resume: Option<ResumeState>,
    },
}

/// The result of a task that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// The head of the final response.
    pub response: Response,
    /// The finished file of a download, or the kept response body; `None` for an empty body.
    pub file: Option<PathBuf>,
    /// The file's size, or 0.
    pub length: u64,
    /// Request body bytes sent.
    pub sent: u64,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// No: the task ends with the error.
    Permanent,
    /// The network or the server failed: with a growing delay.
    Transient,
    /// The same, with the delay that the task asks for.
    Interval(Duration),
    /// The server named the delay (`Retry-After`).
    After(Duration),
    /// There is no network: when it returns, else as for `Transient`.
    Connectivity,
    /// The disk is full: bytes are kept, and it is tried again until there is room.
    Disk,
    /// The server refused as the task foresaw: when its app has given another request.
    Answer,
}

/// From what a download goes on: validator, durable bytes and the file that has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeState {
    /// The part file.
    pub part: PathBuf,
    /// The part file's inode, so that a part that was renamed into place is recognised.
    pub inode: u64,
    /// Bytes from the start of the part file that are synced; the file may be longer.
    pub durable_bytes: u64,
    /// What is synced behind the first bytes. Who does not know of it fetches it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub further: Option<Box<FurtherRanges>>,
    /// Size of the whole entity, if known.
    pub total_bytes: Option<u64>,
    /// Strong entity tag (RFC 9110 section 8.8.3); weak ones are not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified` as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// The head of the response that the bytes belong to.
    pub response: Response,
}

/// Synced bytes behind a hole, as ranges from byte to byte: in order, and none touches another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FurtherRanges(pub Vec<(u64, u64)>);

impl ResumeState {
    /// Returns how far it came.
    #[must_use]
    pub fn received(&self) -> Received {
        Received { bytes: self.synced_bytes(), total_bytes: self.total_bytes }
    }

    /// Returns how many bytes are synced in all.
    #[must_use]
    pub fn synced_bytes(&self) -> u64 {
        let further = self.further.iter().flat_map(|further| &further.0);
        let further = further.map(|(from, to)| to.saturating_sub(*from));
        further.fold(self.durable_bytes, u64::saturating_add)
    }
}

/// The decision: commit `changes`, then do `actions`, both in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// What must be durable before anything below is visible.
    pub changes: Vec<Change>,
    /// What must then be done.
    pub actions: Vec<Action>,
}

/// Something that must be durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Writes a session's record, new or changed.
    PutSession(Box<SessionRecord>),
    /// Forgets a session; its tasks and events are gone already. Its number stays taken.
    RemoveSession(SessionNumber),
    /// Writes a new task with its order.
    CreateTask {
        /// The task.
        task: TaskRef,
        /// What never changes.
        facts: TaskFacts,
        /// What changes.
        state: TaskRecord,
        /// What the transfer needs; the core does not keep it.
        order: Arc<Order>,
    },
    /// Replaces parts of a task's order, and its facts: it may go to another host.
    EditTask {
        /// The task.
        task: TaskRef,
        /// What does not change otherwise.
        facts: TaskFacts,
        /// What is replaced: [`Order::edit`].
        edit: Box<RequestEdit>,
    },
    /// Adds an answer of the app to a task's order: [`Order::answer`].
    AnswerTask {
        /// The task.
        task: TaskRef,
        /// What it answered.
        answered: Box<Answered>,
    },
    /// Writes what changed of a task.
    PutTask {
        /// The task.
        task: TaskRef,
        /// What changes.
        state: TaskRecord,
    },
    /// Forgets a task; its events are gone already.
    RemoveTask(TaskRef),
    /// Keeps an event until it is acknowledged.
    AppendEvent(EventRecord),
    /// Forgets an acknowledged event.
    RemoveEvent {
        /// The task that it is about.
        task: TaskRef,
        /// The event.
        number: EventNumber,
    },
}

/// Something to do, after the commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Starts a transfer.
    Start {
        /// For this task.
        task: TaskRef,
        /// As this attempt.
        attempt: AttemptNumber,
        /// Going on from here.
        resume: Option<ResumeState>,
    },
    /// Stops a transfer, which then reports [`Report::Ended`].
    Stop {
        /// Of this task.
        task: TaskRef,
        /// Of this attempt.
        attempt: AttemptNumber,
    },
    /// Tells an attempt where it goes on from a redirect.
    Redirect {
        /// Of this task.
        task: TaskRef,
        /// Of this attempt.
        attempt: AttemptNumber,
        /// Where, if at all.
        disposition: HttpRedirectDisposition,
    },
    /// Answers a call.
    Reply {
        /// Who asked.
        peer: PeerNumber,
        /// What the reply carries.
        id: CallId,
        /// The answer.
        result: Result<Reply, Error>,
    },
    /// Sends an event to the owner of the session.
    Send {
        /// The owner.
        peer: PeerNumber,
        /// The session.
        session: SessionKey,
        /// The task; `None` for events of the session.
        task: Option<TaskIdentifier>,
        /// Present on kept events.
        number: Option<EventNumber>,
        /// The event.
        event: Event,
    },
    /// Sends a copy of an event to the watchers: every kept event once, when it comes into being,
    /// and every change of state.
    Publish {
        /// The session.
        session: SessionKey,
        /// The task; `None` for events of the session.
        task: Option<TaskIdentifier>,
        /// Present on kept events.
        number: Option<EventNumber>,
        /// The event.
        event: Event,
    },
    /// Removes the part file of a task, wherever the task's order puts it. Idempotent.
    RemovePart {
        /// The task, whose order is still in the store.
        task: TaskRef,
    },
    /// Removes a file of ours: a finished file without destination, a kept body, a spool file.
    /// Idempotent.
    RemoveFile(PathBuf),
    /// Keeps a part file for resume data and answers the call with it.
    KeepPart {
        /// The task, completed by now.
        task: TaskRef,
        /// What the part file holds.
        resume: ResumeState,
        /// Who asked.
        peer: PeerNumber,
        /// What the reply carries.
        id: CallId,
    },
    /// Starts the app of a session; [`Input::LaunchEnded`] follows when its program has ended.
    Launch {
        /// The session.
        session: SessionNumber,
        /// Its name.
        key: SessionKey,
        /// What the app is told as the number of the launch.
        handler: String,
        /// What to start.
        command: Box<LaunchCommand>,
    },
}

/// All that is durable, as the store gives it back.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// The sessions.
    pub sessions: Vec<SessionRecord>,
    /// The tasks, without their orders.
    pub tasks: Vec<(TaskRef, TaskFacts, TaskRecord)>,
    /// The events that are owed, in order.
    pub events: Vec<EventRecord>,
    /// The highest number of a session that was removed, if any was.
    pub last_removed: Option<SessionNumber>,
}

/// What is durable of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Its number.
    pub number: SessionNumber,
    /// Its name.
    pub key: SessionKey,
    /// Applies to tasks created from now on; the limits apply to all.
    pub configuration: SessionConfiguration,
    /// The lowest number that no task has had.
    pub next_task: TaskIdentifier,
    /// The lowest number that no event has had.
    pub next_event: EventNumber,
    /// Whether new tasks are refused and the session goes with its last task; for the next owner only
    /// if that cancels the tasks.
    pub invalidating: bool,
    /// Whether that cancels the tasks it has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancels: bool,
    /// Who owns it or owned it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_owner: Option<OwnerToken>,
    /// The lowest number that no task had when that owner came after another.
    #[serde(default)]
    pub owned_from: TaskIdentifier,
    /// The launches of its app since that last acknowledged an event.
    #[serde(default, skip_serializing_if = "LaunchRecord::is_empty")]
    pub launch: LaunchRecord,
}

/// What is durable of the launching of an app.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LaunchRecord {
    /// How many there were.
    pub attempts: u32,
    /// Why the last of them was of no use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl LaunchRecord {
    /// Says whether there was none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What only an edit changes of a task, and the core needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskFacts {
    /// What it moves.
    pub kind: Kind,
    /// The `host:port` it goes to first; empty for one that loads nothing, and takes no connection of
    /// a host.
    pub host: String,
    /// Which waiting task runs first.
    pub priority: Priority,
    /// When it was created.
    pub created: Timestamp,
    /// It must not begin earlier.
    pub begin: Option<Timestamp>,
    /// From first resume to completion.
    #[serde(with = "urlsession_protocol::time::milliseconds")]
    pub resource_timeout: Duration,
    /// Most attempts after the first that make no progress.
    pub maximum_retries: Option<u32>,
    /// Whether an attempt that failed after sending body bytes must not be repeated.
    pub no_unsafe_retry: bool,
    /// Whether it goes over a socket of this machine, whatever its host.
    #[serde(default)]
    pub stays_here: bool,
    /// Whether the finished file is ours to remove when its event is acknowledged.
    pub owns_file: bool,
    /// The spool file to remove when the task completes.
    pub spool: Option<PathBuf>,
}

/// A task's kind without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A response body into a file.
    Download,
    /// A file to the server.
    Upload,
    /// A request and its response body.
    Data,
}

/// What changes of a task, and is durable. Which attempt runs is not: after a crash none does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Where in its life it is.
    pub stage: Stage,
    /// Attempts begun before the last change.
    pub attempts: u32,
    /// Attempts in a row that failed without progress.
    pub failures: u32,
    /// When it ends with -1001; set by the first resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// When it was suspended: from then to its next resume its time stands still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Timestamp>,
    /// Before then its server wants to hear nothing of it (RFC 9110 section 10.2.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// From what the next attempt goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Box<ResumeState>>,
    /// What ended the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<Error>>,
    /// What its app was asked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Box<Question>>,
    /// What it had when it ended without a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Received>,
}

/// How far a download came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Bytes that were synced.
    pub bytes: u64,
    /// Size of the whole entity, if known.
    pub total_bytes: Option<u64>,
}

/// The durable part of a task's phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Not resumed.
    Suspended,
    /// Waits or runs.
    Active,
    /// Runs and must not be made twice ([`TaskFacts::no_unsafe_retry`]): what its server has got of
    /// it nobody knows after a crash, which ends it.
    Sending,
    /// Waits for its app's answer; a restart does not end that.
    Asking,
    /// Waits for its app's answer to a server's question, [`TaskRecord::question`].
    Challenged,
    /// Cancelled; completes with -999 once its attempt has stopped, at once after a crash.
    Canceling,
    /// Ended.
    Completed {
        /// When.
        at: Timestamp,
        /// The result; `None` when [`TaskRecord::error`] says why there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        done: Option<Box<Done>>,
    },
}

/// A kept event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// The session.
    pub session: SessionNumber,
    /// Its number.
    pub number: EventNumber,
    /// The task.
    pub task: TaskIdentifier,
    /// The event.
    pub event: Event,
}

/// What a transfer needs to know, and nobody else: it stays in the store until the task starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "crate::written::WrittenOrder")]
pub struct Order {
    /// What to move.
    #[serde(flatten)]
    pub kind: TaskKind,
    /// What to ask for; the session's header fields are merged into it.
    pub request: Request,
    /// How.
    pub options: TaskOptions,
    /// Longest pause without any byte.
    #[serde(with = "urlsession_protocol::time::milliseconds")]
    pub idle_timeout: Duration,
    /// What the session says about cookies.
    #[serde(skip_serializing_if = "CookiePolicy::is_default")]
    pub cookies: CookiePolicy,
    /// What the session says about keeping responses.
    #[serde(skip_serializing_if = "CachePolicy::is_default")]
    pub cache: CachePolicy,
    /// Credentials that the app gave in answer to servers' questions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answered>,
}
