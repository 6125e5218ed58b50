//! The words of urlsession: the nouns every room uses, and how one message becomes one line of JSON.
//!
//! Nothing here behaves: a type may check its own legality, nothing more.

mod abridged;
pub mod cache;
pub mod calendar;
pub mod challenge;
pub mod cookie;
mod cookie_date;
pub mod credential;
pub mod error;
pub mod event;
pub mod file_name;
pub mod http3;
pub mod identity;
pub mod launch;
pub mod line;
pub mod lowest_speed;
pub mod message;
pub mod metrics;
pub mod paths;
mod plain_url;
pub mod proxy;
pub mod redirection;
pub mod request;
pub mod request_policy;
pub mod response;
pub mod secret;
pub mod segments;
pub mod session;
pub mod speed;
pub mod strict;
pub mod task;
pub mod time;
pub mod tls;

#[cfg(feature = "connection")]
pub mod connection;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;

pub use abridged::abridged;
pub use cache::{CachePolicy, RequestCachePolicy, ResourceFetchType, UrlCache};
pub use challenge::{
    AuthChallengeDisposition, AuthenticationChallenge, AuthenticationMethod, ProtectionSpace,
};
pub use cookie::{
    Cookie, CookieIdentity, CookiePolicy, HttpCookieAcceptPolicy, HttpCookieStorage, SameSite,
};
pub use credential::{
    Credential, CredentialPersistence, Seal, StoredCredential, UrlCredentialStorage,
};
pub use error::{CancelledReason, Error, ErrorCode};
pub use event::{Event, EventNumber, ResumeRung};
pub use file_name::{FileName, is_dangerous};
pub use http3::Http3;
pub use identity::{ApplicationId, InvalidIdentifier, SessionIdentifier, SessionKey};
pub use launch::{LaunchCommand, LaunchState, LaunchStatus};
pub use lowest_speed::LowestSpeed;
pub use message::{
    Call, CallId, ClientMessage, CookieStorage, DaemonMessage, DaemonStatus, Hello, OwnerToken,
    PROTOCOL_VERSION, Reply,
};
pub use metrics::{
    Date, DateInterval, TaskMetrics, TransactionMetrics, TransactionRequest, TransactionResponse,
};
pub use proxy::{ConnectionProxy, Proxy, ProxyScheme};
pub use redirection::{HttpRedirectDisposition, HttpRedirection};
pub use request::{Body, Header, Request, RequestEdit, has_no_host};
pub use request_policy::{ConnectTo, HttpVersion, IpVersion, RequestPolicy, UrlScheme};
pub use response::{HeaderFields, Response};
pub use secret::Secret;
pub use segments::Segments;
pub use session::{SessionConfiguration, SessionStatus};
pub use speed::SpeedLimits;
pub use strict::{KnownHost, StrictTransportSecurity};
pub use task::{
    Checksum, ChecksumAlgorithm, NameClash, NewTask, Priority, Reason, ResumeData, TaskIdentifier,
    TaskKind, TaskOptions, TaskState, TaskStatus,
};
pub use time::Timestamp;
pub use tls::{Certificate, ClientCertificate, PublicKeyPin, TlsPolicy, TlsVersion};
