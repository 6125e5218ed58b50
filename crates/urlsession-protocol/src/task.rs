//! What a task is: its number, its kind, its options, its state and why it waits.

use crate::{
    AuthenticationChallenge, ConnectionProxy, Error, Http3, LowestSpeed, Request,
    RequestCachePolicy, RequestPolicy, Response, Secret, Segments, SessionKey, TaskMetrics,
    Timestamp, TlsPolicy,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Longest task description, in bytes.
pub const DESCRIPTION_LIMIT: usize = 64 * 1024;

/// Numbers a task inside its session: from 1 upwards, never reused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TaskIdentifier(pub u64);

impl fmt::Display for TaskIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a task moves, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TaskKind {
    /// A response body into a file.
    Download {
        /// Absolute path that the finished file gets by rename; without it the file waits in the
        /// state folder until its event is acknowledged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destination: Option<PathBuf>,
    },
    /// A file to the server; the response body is kept as for a data task.
    Upload,
    /// A request whose response body is kept in a file, up to 8 MiB.
    Data,
}

/// Which waiting task runs first; higher runs earlier. Apple's 0.0, 0.5 and 1.0 are 0, 128, 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(pub u8);

impl Default for Priority {
    fn default() -> Self {
        Self(128)
    }
}

/// Which digest a [`Checksum`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChecksumAlgorithm {
    /// SHA-256.
    #[serde(rename = "sha-256")]
    Sha256,
    /// SHA-512.
    #[serde(rename = "sha-512")]
    Sha512,
    /// MD5, for old mirrors only.
    Md5,
}

/// A digest that the finished file must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// Which digest.
    pub algorithm: ChecksumAlgorithm,
    /// The digest in lower-case hexadecimal.
    pub hex: String,
}

/// What a task may ask for beside its request. `TaskOptions::default()` is Apple's behaviour.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskOptions {
    /// Free text of the app, kept with the task: Apple's `taskDescription`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which waiting task runs first.
    pub priority: Priority,
    /// Most bytes per second, both directions together; 0 counts as 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_rate: Option<u64>,
    /// The slowest that a transfer may be before its attempt is given up, as one that is idle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lowest_speed: Option<LowestSpeed>,
    /// Earliest moment to begin: Apple's `earliestBeginDate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earliest_begin_date: Option<Timestamp>,
    /// Milliseconds without any byte before an attempt is given up; `None` is the session's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_interval_for_request: Option<u64>,
    /// Milliseconds from the first resume, or a later begin date, to completion; `None` is the session's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_interval_for_resource: Option<u64>,
    /// Digest that the finished file must have; another one ends the task with -3007.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
    /// Most attempts after the first that make no progress; `None` is unlimited, 0 is none. In a
    /// session that ends with its process it is 0 unless the task says anything of retries: this, a
    /// pause, a time for them or statuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_retries: Option<u32>,
    /// Milliseconds between an attempt that failed and the next, from 100 to a day; `None` begins
    /// with up to a second and doubles. A server that asks for more (`Retry-After`) gets more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_interval: Option<u64>,
    /// Milliseconds from the begin of the first attempt after which a failure is the last: the task
    /// ends with it. So it is earlier if the pause that the task or the server names lasts longer
    /// than that. `None` leaves it to the other limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_interval_for_retries: Option<u64>,
    /// Ends the task with -1011 when the status is 400 or above.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fail_on_http_error: bool,
    /// Statuses that are tried again like network errors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retry_statuses: Vec<u16>,
    /// Statuses such as 401, 403 and 410 that a new URL or new header fields can mend: instead of
    /// completing, the task keeps its bytes and waits for `Task::edit`, until its
    /// resource timer ends it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recoverable_statuses: Vec<u16>,
    /// Forbids to send a non-idempotent request again once body bytes were sent, or may have been when
    /// the daemon ended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_unsafe_retry: bool,
    /// Follows redirects from https to http.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_insecure_redirect: bool,
    /// Takes a redirect for the answer: what Apple's delegate says by handing on no request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignores_redirects: bool,
    /// Most redirects of one attempt: 20, never more than 100; 0 ends the task with -1007 at the
    /// first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_redirects: Option<u32>,
    /// Most bytes of the file of a download, or of a response body that is kept; a larger one ends
    /// the task with -1103, before or while it comes. Without it a download has no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_response_size: Option<u64>,
    /// Asks for a packed body and unpacks it, as every data and upload task does. A download then
    /// cannot go on where it was, unless the server packed nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub decodes_content: bool,
    /// PEM files of roots that are trusted beside the platform's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ca_certificates: Vec<PathBuf>,
    /// Neither sends nor keeps cookies: Apple's `httpShouldHandleCookies`, inverted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_cookies: bool,
    /// Asks over `http` where the URL says so, whatever the host said in
    /// `Strict-Transport-Security`, and takes no notice of what it says there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_strict_transport_security: bool,
    /// The document that the request is made for: Apple's `mainDocumentURL`. Tells which cookies
    /// are of another site. A task with one that is no whole URL fails as for its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_document_url: Option<String>,
    /// Through whom requests go; `None` is the session's choice, else what the environment of the
    /// client says when it creates the task. The daemon's environment never counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_proxy: Option<ConnectionProxy>,
    /// What TLS connections must be like, beside what the session asks for.
    #[serde(skip_serializing_if = "TlsPolicy::is_default")]
    pub tls: TlsPolicy,
    /// Lets the server name the finished file of a download with a destination, by
    /// `Content-Disposition` or by a redirect to another name: the destination's own name counts
    /// only where the server says none. It never leaves the destination's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggested_filename: Option<NameClash>,
    /// What happens if a file has the name of a download's destination by the time that its own is
    /// whole; `None` replaces it. Where the server names the file, `suggested_filename` says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_clash: Option<NameClash>,
    /// When the request is answered with what is kept; `None` is the session's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_cache_policy: Option<RequestCachePolicy>,
    /// Whether the request goes over HTTP/3; `None` is the session's, and where that says nothing
    /// either, it does not unless it is assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http3: Option<Http3>,
    /// Tries HTTP/3 before the server has offered it: Apple's `assumesHTTP3Capable`. It counts
    /// unless HTTP/3 is switched off.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub assumes_http3_capable: bool,
    /// Over how many connections a download comes; `None` is the session's, and where that says
    /// nothing either, it is one. Other tasks have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<Segments>,
    /// How requests go out where that is not as HTTP clients have it.
    #[serde(skip_serializing_if = "RequestPolicy::is_default")]
    pub request_policy: RequestPolicy,
}

/// What happens if a file has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameClash {
    /// The first free one of `name.1`, `name.2`, … is taken.
    TakeFree,
    /// The file is replaced.
    Replace,
}

/// From what a new download task can go on: Apple's `resumeData`. Opaque and good for one use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResumeData(pub Secret);

/// A task as the client hands it over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewTask {
    /// The number that the session's owner minted.
    pub task: TaskIdentifier,
    /// What to move.
    #[serde(flatten)]
    pub kind: TaskKind,
    /// What to ask for.
    pub request: Request,
    /// How.
    #[serde(default)]
    pub options: TaskOptions,
    /// Starts the task at once; otherwise it is born suspended, as Apple's are.
    #[serde(default)]
    pub resume: bool,
    /// Goes on from an earlier download.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_data: Option<ResumeData>,
}

/// Apple's four states, in Apple's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Moving bytes, or waiting to: 0.
    Running = 0,
    /// Not resumed: 1.
    Suspended = 1,
    /// Cancelled, and its attempt is being stopped: 2.
    Canceling = 2,
    /// Ended; its events may still be owed: 3.
    Completed = 3,
}

/// Why a running task moves no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", content = "until", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// All slots of the host, the session or the daemon are taken.
    Slot,
    /// The network is down.
    Connectivity,
    /// The last attempt failed; the next begins then.
    RetryAt(Timestamp),
    /// It must not begin earlier.
    BeginAt(Timestamp),
    /// The disk is full.
    Disk,
    /// The app was asked something, such as for a new URL: [`TaskOptions::recoverable_statuses`].
    Answer,
    /// The conditions that the task asked for are not met.
    Conditions,
}

/// A task as a listing shows it: no secret in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskStatus {
    /// The session.
    pub session: SessionKey,
    /// The number in the session.
    pub task: TaskIdentifier,
    /// What it moves.
    #[serde(flatten)]
    pub kind: TaskKind,
    /// The URL asked for, without user-info.
    pub url: String,
    /// The method.
    pub method: String,
    /// The app's own text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Apple's state.
    pub state: TaskState,
    /// Why it waits, where it does.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Attempts so far.
    pub attempts: u32,
    /// Body bytes received and kept.
    pub count_of_bytes_received: u64,
    /// Body bytes expected; `None` is unknown.
    pub count_of_bytes_expected_to_receive: Option<u64>,
    /// Body bytes sent by the running or last attempt.
    pub count_of_bytes_sent: u64,
    /// Body bytes expected to be sent; `None` is unknown.
    pub count_of_bytes_expected_to_send: Option<u64>,
    /// When the task was created.
    pub created: Timestamp,
    /// When it completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
    /// The answer, once its head arrived and was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
    /// The error of the completed task, or of the last attempt of an unfinished one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// Where the finished file or the kept response body is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// What its requests took so far; absent in listings of many tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Box<TaskMetrics>>,
    /// The question that it waits with, without whose password was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Box<AuthenticationChallenge>>,
}
