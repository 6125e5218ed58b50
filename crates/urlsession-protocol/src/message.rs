//! The messages between a client and the daemon, one JSON line each.
//!
//! ```text
//!   client                                  daemon
//!     Hello            ------------------->
//!                      <-------------------  Hello
//!     Call{id}         ------------------->            resent after a reconnect until answered
//!                      <-------------------  Reply{id}            after the commit
//!                      <-------------------  Event{number?}       kept ones until acknowledged
//!     Ack{number}      ------------------->            of one event, or of a range
//! ```
//! Unknown fields are ignored on both sides; an unknown event is skipped and logged.

use crate::{
    ApplicationId, AuthChallengeDisposition, Cookie, CookieIdentity, Credential, Error, Event,
    EventNumber, HttpRedirectDisposition, KnownHost, NewTask, ProtectionSpace, RequestEdit,
    ResumeData, SessionConfiguration, SessionIdentifier, SessionKey, SessionStatus, SpeedLimits,
    StoredCredential, TaskIdentifier, TaskStatus,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The version of these messages; both sides must have the same one.
pub const PROTOCOL_VERSION: u32 = 1;

/// Most tasks that one [`Reply::Tasks`] lists.
pub const TASKS_PAGE_LIMIT: u32 = 500;

/// Most paths of a [`Call::Tasks`] that leave out others.
pub const DESTINED_LIMIT: usize = 64;

/// The first message on a connection, in both directions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL_VERSION`] of the sender.
    pub protocol: u32,
    /// The program's name and version, such as `urlsession 0.1.0`.
    pub program: String,
    /// The sender's process id.
    pub pid: u32,
    /// The folder that the daemon keeps files in; clients and older daemons do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,
}

/// Numbers the calls of one connection, in the order they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub u64);

/// Tells an owner that comes back from one that comes instead: a random number that a client keeps
/// as long as it keeps unanswered calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnerToken(pub u64);

/// What a client writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Opens the connection.
    Hello(Hello),
    /// Asks for something and will be answered.
    Call {
        /// Comes back with the reply.
        id: CallId,
        /// What is asked.
        #[serde(flatten)]
        call: Call,
    },
    /// Tells that a kept event was handled and can be forgotten, or several with neighbouring
    /// numbers. Not answered.
    Ack {
        /// The session the event belongs to.
        session: SessionKey,
        /// The event, the first of several.
        number: EventNumber,
        /// The last of several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        through: Option<EventNumber>,
    },
}

/// What the daemon writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum DaemonMessage {
    /// Answers the client's hello.
    Hello(Hello),
    /// Answers a call.
    Reply {
        /// The call's number.
        id: CallId,
        /// The answer.
        result: Result<Reply, Error>,
    },
    /// Tells the owner of a session, or a watcher.
    Event {
        /// The session.
        session: SessionKey,
        /// The task; `None` for events of the session itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskIdentifier>,
        /// Present on kept events; the owner acknowledges it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<EventNumber>,
        /// What happened.
        #[serde(flatten)]
        event: Event,
    },
    /// Tells why the daemon closes the connection: its last line.
    Goodbye {
        /// The reason, for a log or a person.
        reason: String,
    },
}

/// What a client can ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    /// Makes this connection the owner of the session, creating it if need be.
    ///
    /// While another connection owns it, the call waits: if `wait`, until that one leaves;
    /// otherwise a moment (for a dead owner's connection to be noticed), then -996.
    Attach {
        /// The session.
        session: SessionKey,
        /// Applies to tasks created from then on.
        configuration: Box<SessionConfiguration>,
        /// Waits for a live owner to leave.
        #[serde(default)]
        wait: bool,
        /// Who asks; so that [`Reply::Attached`] tells which numbers are its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<OwnerToken>,
    },
    /// Gives the ownership back. Closing the connection does the same.
    Detach {
        /// The session.
        session: SessionKey,
    },
    /// Creates a task under a number that the owner minted. Idempotent by that number.
    CreateTask {
        /// The session, owned by this connection.
        session: SessionKey,
        /// The task.
        #[serde(flatten)]
        new: Box<NewTask>,
    },
    /// Lets a suspended task go on; the first time starts its resource timer.
    Resume {
        /// The session.
        session: SessionKey,
        /// The task.
        task: TaskIdentifier,
    },
    /// Stops a task's attempt and keeps its bytes.
    Suspend {
        /// The session.
        session: SessionKey,
        /// The task.
        task: TaskIdentifier,
    },
    /// Replaces parts of an unfinished task's request and lets the task try at once, if it waits
    /// for an answer or another try: also with an edit that replaces nothing. An attempt that runs
    /// is stopped, and the next one goes on where it was.
    Edit {
        /// The session.
        session: SessionKey,
        /// The task.
        task: TaskIdentifier,
        /// What is replaced.
        #[serde(flatten)]
        edit: Box<RequestEdit>,
    },
    /// Answers the question that a task waits with. Any client may: a person at a shell for an app
    /// that does not run. Repeating an answer changes nothing.
    Answer {
        /// The session.
        session: SessionKey,
        /// The task.
        task: TaskIdentifier,
        /// [`AuthenticationChallenge::question`](crate::AuthenticationChallenge::question).
        question: u32,
        /// The answer.
        #[serde(flatten)]
        disposition: Box<AuthChallengeDisposition>,
    },
    /// Answers the redirect that a task's attempt waits with. Repeating an answer, or giving one that
    /// nobody waits for any more, changes nothing.
    Redirect {
        /// The session.
        session: SessionKey,
        /// The task.
        task: TaskIdentifier,
        /// [`HttpRedirection::question`](crate::HttpRedirection::question).
        question: u32,
        /// The answer.
        #[serde(flatten)]
        disposition: HttpRedirectDisposition,
    },
    /// Ends a task with -999.
    Cancel {
        /// The session.
        session: SessionKey,
        /// The task.
        task: TaskIdentifier,
    },
    /// Ends a download with -999 and answers with what a new task can go on from.
    CancelByProducingResumeData {
        /// The session.
        session: SessionKey,
        /// The task.
        task: TaskIdentifier,
    },
    /// Cancels a task if it is unfinished, acknowledges its events and forgets it.
    Remove {
        /// The session.
        session: SessionKey,
        /// The task.
        task: TaskIdentifier,
    },
    /// Refuses new tasks; the session is gone once its tasks are and their events are acknowledged. A
    /// later owner has it as if nobody had asked for that.
    /// Any client may while nobody owns the session: a person at a shell for an app that is gone.
    FinishTasksAndInvalidate {
        /// The session, owned by this connection or by nobody.
        session: SessionKey,
    },
    /// Cancels every task, then the session is gone as after
    /// [`FinishTasksAndInvalidate`](Self::FinishTasksAndInvalidate).
    InvalidateAndCancel {
        /// The session, owned by this connection or by nobody.
        session: SessionKey,
    },
    /// Empties what is stored for the session's application beside its tasks and their events,
    /// then does what `Flush` does. Resume data handed out before is void.
    Reset {
        /// The session.
        session: SessionKey,
    },
    /// Writes the store out and drops idle connections: later requests use new ones.
    Flush {
        /// The session.
        session: SessionKey,
    },
    /// Shows one session.
    Session {
        /// The session.
        session: SessionKey,
    },
    /// Lists sessions in the order of application and identifier.
    Sessions {
        /// Only this application's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        application: Option<ApplicationId>,
        /// Only those after this one: the last of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<SessionKey>,
    },
    /// Lists tasks in the order of session and number.
    Tasks {
        /// Only this session's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionKey>,
        /// Only those after this one: the last of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<(SessionKey, TaskIdentifier)>,
        /// Most tasks wanted, at most [`TASKS_PAGE_LIMIT`].
        limit: u32,
        /// Only unfinished downloads to one of these paths, or to one in its folder whose name
        /// begins so; and at the end of a page one that shows how far it was looked. Without any
        /// path, or with more than [`DESTINED_LIMIT`], all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        destined: Vec<PathBuf>,
    },
    /// Shows one task.
    Task {
        /// The session.
        session: SessionKey,
        /// The task.
        task: TaskIdentifier,
        /// Shows the values of the cookies that its response set, too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        with_cookies: bool,
    },
    /// Sends copies of events, kept or not, to this connection too; they need no acknowledgement.
    Watch {
        /// Only this session's; `None` is all sessions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionKey>,
        /// Begins with the kept events that are still owed.
        #[serde(default)]
        replay: bool,
    },
    /// Lists cookies in the order of their identities.
    Cookies {
        /// Whose.
        #[serde(flatten)]
        storage: CookieStorage,
        /// Only those of this domain and of the hosts below it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        domain: Option<String>,
        /// Only those after this one: the last of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Box<CookieIdentity>>,
    },
    /// Keeps cookies as if servers had set them; one that ended already is removed.
    SetCookies {
        /// Whose.
        #[serde(flatten)]
        storage: CookieStorage,
        /// The cookies.
        cookies: Vec<Cookie>,
    },
    /// Forgets cookies.
    ClearCookies {
        /// Whose.
        #[serde(flatten)]
        storage: CookieStorage,
        /// Only those of this domain and of the hosts below it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        domain: Option<String>,
    },
    /// Lists the hosts that an application asks over `https` only, by name.
    KnownHosts {
        /// Whose.
        application: ApplicationId,
        /// The session of the application that has them for itself, see
        /// [`StrictTransportSecurity::Private`](crate::StrictTransportSecurity::Private).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionIdentifier>,
    },
    /// Adds hosts as if they had said it themselves. What is known of one is never weakened: the later
    /// end counts, and the names below it stay meant.
    AddKnownHosts {
        /// Whose.
        application: ApplicationId,
        /// The session of the application that has them for itself, see
        /// [`StrictTransportSecurity::Private`](crate::StrictTransportSecurity::Private).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionIdentifier>,
        /// The hosts.
        hosts: Vec<KnownHost>,
    },
    /// Forgets known hosts.
    ClearKnownHosts {
        /// Whose.
        application: ApplicationId,
        /// The session of the application that has them for itself, see
        /// [`StrictTransportSecurity::Private`](crate::StrictTransportSecurity::Private).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionIdentifier>,
        /// Only this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
    },
    /// Lists the credentials that are kept for an application, by protection space, without their
    /// passwords.
    Credentials {
        /// Whose.
        application: ApplicationId,
        /// Only those after this one: the last of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<ProtectionSpace>,
    },
    /// Keeps a credential for a part of a server, or all of it, instead of the one that was there.
    SetCredential {
        /// Whose.
        application: ApplicationId,
        /// Where it is good; the way that the server asks in does not matter.
        protection_space: ProtectionSpace,
        /// The credential, kept as its persistence says.
        credential: Credential,
    },
    /// Forgets credentials.
    RemoveCredentials {
        /// Whose.
        application: ApplicationId,
        /// Only those of this part of a server, or of all of it without a realm.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protection_space: Option<ProtectionSpace>,
    },
    /// Tells how fast all transfers may be together.
    SpeedLimits,
    /// Limits all transfers together, those that run included, for good.
    LimitSpeed(SpeedLimits),
    /// Tells how the daemon is.
    Status,
    /// Stops the daemon in order: attempts are stopped, their bytes kept.
    Shutdown,
}

/// What the daemon answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Done, and durable.
    Done,
    /// The connection owns the session.
    Attached {
        /// The lowest number that no task of the session has had.
        next_task: TaskIdentifier,
        /// No other owner has had this number or a higher one; what this owner minted below, and
        /// got no answer for, may be another's task.
        #[serde(default)]
        owned_from: TaskIdentifier,
    },
    /// What a new download task can go on from; `None` if it must begin anew.
    ResumeData {
        /// Opaque.
        resume_data: Option<ResumeData>,
    },
    /// One page of tasks.
    Tasks {
        /// The tasks.
        tasks: Vec<TaskStatus>,
        /// Whether there are more after the last one.
        more: bool,
    },
    /// One task.
    Task {
        /// The task.
        task: Box<TaskStatus>,
    },
    /// One session.
    Session {
        /// The session.
        session: Box<SessionStatus>,
    },
    /// One page of sessions.
    Sessions {
        /// The sessions.
        sessions: Vec<SessionStatus>,
        /// Whether there are more after the last one.
        more: bool,
    },
    /// One page of cookies.
    Cookies {
        /// The cookies.
        cookies: Vec<Cookie>,
        /// Whether there are more after the last one.
        more: bool,
    },
    /// Cookies were kept or forgotten, and that is durable.
    CookiesChanged {
        /// How many; those that are illegal or of a public suffix are not kept.
        count: u64,
    },
    /// All known hosts.
    KnownHosts {
        /// The hosts.
        hosts: Vec<KnownHost>,
    },
    /// Known hosts were added or forgotten, and that is durable.
    KnownHostsChanged {
        /// How many; those that are no names, or have ended, are not added.
        count: u64,
    },
    /// One page of kept credentials.
    Credentials {
        /// The credentials.
        credentials: Vec<StoredCredential>,
        /// Whether there are more after the last one.
        more: bool,
    },
    /// Credentials were kept or forgotten, and that is durable.
    CredentialsChanged {
        /// How many.
        count: u64,
    },
    /// How fast all transfers may be together.
    SpeedLimits(SpeedLimits),
    /// How the daemon is.
    Status(DaemonStatus),
}

/// Names a collection of cookies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CookieStorage {
    /// The application that shares them.
    pub application: ApplicationId,
    /// The session of the application that has them for itself, see
    /// [`HttpCookieStorage::Private`](crate::HttpCookieStorage::Private).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionIdentifier>,
}

/// How the daemon is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Its process id.
    pub pid: u32,
    /// Its program version.
    pub version: String,
    /// Its [`PROTOCOL_VERSION`].
    pub protocol: u32,
    /// Milliseconds since it started.
    pub uptime: u64,
    /// Sessions known.
    pub sessions: u64,
    /// Tasks by state.
    pub tasks_running: u64,
    /// Tasks that wait for a slot, a time, the network or the disk.
    pub tasks_waiting: u64,
    /// Tasks that are suspended.
    pub tasks_suspended: u64,
    /// Tasks that completed and whose events are owed.
    pub tasks_completed: u64,
    /// Events owed.
    pub events_owed: u64,
    /// Connected clients.
    pub clients: u64,
    /// Resident memory in bytes; `None` where the system does not tell.
    pub memory: Option<u64>,
}
