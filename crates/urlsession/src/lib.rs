//! Background URL sessions: transfers that outlive the app that asked for them.
//!
//! A [`Session`] hands downloads, uploads and data tasks to a small daemon of the same user. The
//! app may then exit, crash or be killed: the daemon moves the bytes, tries again, goes on after a
//! restart, and keeps every result until the app comes back, creates the session with the same
//! identifier and has acknowledged the events.
//!
//! ```no_run
//! use urlsession::{Event, Session, SessionConfiguration};
//!
//! # fn main() -> Result<(), urlsession::Error> {
//! let session = Session::new(SessionConfiguration::background("podcasts"))?;
//! let task = session.download_task("https://example.com/episode.mp3")?;
//! task.resume()?;
//! for delivery in session.events() {
//!     match &delivery.event {
//!         Event::DidFinishDownloading { path, .. } => println!("here it is: {}", path.display()),
//!         Event::DidComplete { error: Some(error), .. } => println!("failed: {error}"),
//!         _ => {}
//!     }
//!     let is_end = matches!(delivery.event, Event::DidComplete { .. });
//!     if is_end && delivery.task == Some(task.task_identifier()) {
//!         delivery.acknowledge();
//!         break;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! No call needs an async runtime. [`Events`] is a blocking iterator and an async stream of any
//! runtime; a [`SessionDelegate`] is called on a thread of the session's own.
//!
//! # Promises
//! - A task method returns once its line is in the daemon's socket: what is asked for survives the
//!   death of the app. After [`Session::synced`] it survives power loss too.
//! - Every accepted task ends in exactly one [`Event::DidComplete`], kept until acknowledged. Events
//!   arrive at least once, in order per task, one at a time per session.
//! - When the daemon dies, the session starts it again and repeats what was not answered.
//!
//! # Which process, which thread
//! - The daemon is the executable `urlsession`: that which `URLSESSION_DAEMON` names, else the one beside
//!   this program, else that in `PATH`. Without it only sessions in this process are to be had.
//! - A session is found again by its identifier *and* its application. Who does not say which
//!   [application](SessionConfiguration::application) it is gets what the working folder says, else the
//!   executable's name: a program that is started in many folders says it.
//! - Methods may be called on any thread, also in a runtime's and in `Drop`. Most only write; those that
//!   wait for an answer say so, and are for [`spawn_blocking`] where a runtime must not be held up.
//! - A fork of the process has none of its sessions: their calls fail with -997, their events end. It
//!   may create sessions of its own.
//!
//! # What may grow
//! Events, reasons and errors of new kinds, fields of options and of what is told may come with any
//! version: match with a `_` arm, end patterns with `..` and literals with `..Default::default()`.
//!
//! [`spawn_blocking`]: https://docs.rs/tokio/latest/tokio/task/fn.spawn_blocking.html

mod application;
mod calls;
mod configuration;
mod cookies;
mod credentials;
mod daemon;
mod deadline;
mod delegate;
mod door;
mod environment;
mod events;
mod inbox;
mod known_hosts;
mod launch;
#[cfg(unix)]
mod line;
mod link;
#[cfg(unix)]
mod ownership;
mod pages;
mod patience;
mod registry;
mod request;
mod session;
mod speed;
mod spool;
mod task;
mod transport;

#[cfg(feature = "embedded")]
mod embedded;

pub use configuration::{Acknowledgement, SessionConfiguration};
pub use cookies::Cookies;
pub use credentials::Credentials;
pub use daemon::{Control, Daemon, Watch, Watched};
pub use delegate::{DelayedRequestDisposition, SessionDelegate};
pub use environment::EnvironmentProxy;
pub use events::{Blocking, Delivery, Events};
pub use known_hosts::KnownHosts;
pub use pages::{SessionPages, TaskPages};
pub use request::{DownloadOptions, IntoRequest, UploadOptions, UploadSource};
pub use session::Session;
pub use task::{DataTask, DownloadTask, Task, UploadTask};

pub use urlsession_protocol::cookie::COOKIE_ATTRIBUTE_LIMIT;
pub use urlsession_protocol::lowest_speed::LOWEST_SPEED_SECONDS_LIMIT;
pub use urlsession_protocol::paths::{Paths, SOCKET_PATH_LIMIT};
pub use urlsession_protocol::segments::SEGMENTS_LIMIT;
pub use urlsession_protocol::{
    ApplicationId, AuthChallengeDisposition, AuthenticationChallenge, AuthenticationMethod, Body,
    CancelledReason, Certificate, Checksum, ChecksumAlgorithm, ClientCertificate, ConnectTo,
    ConnectionProxy, Cookie, CookieIdentity, Credential, CredentialPersistence, DaemonStatus, Date,
    DateInterval, Error, ErrorCode, Event, EventNumber, FileName, Header, HeaderFields, Http3,
    HttpCookieAcceptPolicy, HttpCookieStorage, HttpRedirectDisposition, HttpRedirection,
    HttpVersion, InvalidIdentifier, IpVersion, KnownHost, LaunchCommand, LaunchState, LaunchStatus,
    LowestSpeed, NameClash, Priority, ProtectionSpace, Proxy, ProxyScheme, PublicKeyPin, Reason,
    Request, RequestCachePolicy, RequestEdit, RequestPolicy, ResourceFetchType, Response,
    ResumeData, ResumeRung, SameSite, Seal, Secret, Segments, SessionIdentifier, SessionKey,
    SessionStatus, SpeedLimits, StoredCredential, TaskIdentifier, TaskKind, TaskMetrics,
    TaskOptions, TaskState, TaskStatus, Timestamp, TlsPolicy, TlsVersion, TransactionMetrics,
    TransactionRequest, TransactionResponse, UrlCache, UrlCredentialStorage, UrlScheme,
    is_dangerous,
};

#[cfg(test)]
#[cfg(unix)]
mod tests;
