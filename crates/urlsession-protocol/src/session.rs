//! How a session behaves: Apple's `URLSessionConfiguration`.

use crate::{
    CachePolicy, ConnectionProxy, CookiePolicy, Credential, Header, Http3, HttpCookieAcceptPolicy,
    HttpCookieStorage, LaunchCommand, LaunchStatus, RequestCachePolicy, Segments, SessionKey,
    StrictTransportSecurity, TlsPolicy, UrlCache, UrlCredentialStorage,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Configures a session; copied when the session is created, later edits have no effect.
///
/// Defaults are those of Apple's `URLSessionConfiguration`. Durations travel as milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionConfiguration {
    /// Header fields added to every request; the request's own field wins (names compared
    /// case-insensitively).
    pub http_additional_headers: Vec<Header>,
    /// Longest pause without any byte before an attempt is given up (60 s). In a background
    /// session the attempt is retried, not reported.
    #[serde(with = "crate::time::milliseconds")]
    pub timeout_interval_for_request: Duration,
    /// Longest time from the first resume, or a later begin date, to completion, waiting and retries
    /// included (7 days).
    #[serde(with = "crate::time::milliseconds")]
    pub timeout_interval_for_resource: Duration,
    /// Whether a task that fails for want of a network waits for one and loses no try by it (it
    /// does). Otherwise that is a failure like another; where no try follows, the task ends with
    /// -1009.
    #[serde(skip_serializing_if = "Clone::clone")]
    pub waits_for_connectivity: bool,
    /// Most attempts of this session that run at once against one host (6).
    pub http_maximum_connections_per_host: u32,
    /// Most attempts of this session that run at once; `None` leaves only the daemon's limit.
    pub maximum_concurrent_tasks: Option<u32>,
    /// Starts the app again when all tasks have ended and nobody owns the session: Apple's
    /// `sessionSendsLaunchEvents` with what it needs where apps are not installed. `None` is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch_command: Option<LaunchCommand>,
    /// Which cookies of responses are kept.
    pub http_cookie_accept_policy: HttpCookieAcceptPolicy,
    /// Whether requests carry the cookies that are kept; without it, only those of a `Cookie`
    /// header field.
    pub http_should_set_cookies: bool,
    /// Which cookies these are.
    pub http_cookie_storage: HttpCookieStorage,
    /// Which hosts are asked over `https` only because they said so.
    #[serde(skip_serializing_if = "StrictTransportSecurity::is_default")]
    pub strict_transport_security: StrictTransportSecurity,
    /// Through whom requests go: Apple's `connectionProxyDictionary`. `None` leaves it to the
    /// environment of each task's client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_proxy: Option<Box<ConnectionProxy>>,
    /// What TLS connections must be like.
    #[serde(skip_serializing_if = "TlsPolicy::is_default")]
    pub tls: Box<TlsPolicy>,
    /// PEM files of roots that are trusted beside the platform's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ca_certificates: Vec<PathBuf>,
    /// When requests that do not say it themselves are answered with what is kept.
    pub request_cache_policy: RequestCachePolicy,
    /// How much is kept of responses; `None` is nothing, and a background session must have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_cache: Option<UrlCache>,
    /// The credential of tasks that have none, each for the origin of its own request. Not used by
    /// tasks that have an `Authorization` field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
    /// Which credentials tasks find, and where those that let one in are kept.
    #[serde(skip_serializing_if = "UrlCredentialStorage::is_default")]
    pub url_credential_storage: UrlCredentialStorage,
    /// Whether the owner answers [`Event::DidReceiveChallenge`](crate::Event::DidReceiveChallenge);
    /// otherwise nobody is asked, and a 401 is a result.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub answers_challenges: bool,
    /// Whether the owner answers
    /// [`Event::WillPerformHttpRedirection`](crate::Event::WillPerformHttpRedirection); otherwise,
    /// and while nobody owns the session, nobody is asked, and redirects are followed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub answers_redirections: bool,
    /// Whether requests that do not say it themselves go over HTTP/3; `None` leaves it to
    /// [those that assume it](crate::TaskOptions::assumes_http3_capable).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http3: Option<Http3>,
    /// Over how many connections downloads come that do not say it themselves; `None` is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<Segments>,
}

impl Default for SessionConfiguration {
    fn default() -> Self {
        Self {
            http_additional_headers: Vec::new(),
            timeout_interval_for_request: Duration::from_secs(60),
            timeout_interval_for_resource: Duration::from_secs(7 * 24 * 60 * 60),
            waits_for_connectivity: true,
            http_maximum_connections_per_host: 6,
            maximum_concurrent_tasks: None,
            launch_command: None,
            http_cookie_accept_policy: HttpCookieAcceptPolicy::default(),
            http_should_set_cookies: true,
            http_cookie_storage: HttpCookieStorage::default(),
            strict_transport_security: StrictTransportSecurity::default(),
            connection_proxy: None,
            tls: Box::default(),
            ca_certificates: Vec::new(),
            request_cache_policy: RequestCachePolicy::default(),
            url_cache: None,
            credential: None,
            url_credential_storage: UrlCredentialStorage::default(),
            answers_challenges: false,
            answers_redirections: false,
            http3: None,
            segments: None,
        }
    }
}

impl SessionConfiguration {
    /// Returns what it says about keeping responses.
    #[must_use]
    pub fn cache_policy(&self) -> CachePolicy {
        CachePolicy { policy: self.request_cache_policy, cache: self.url_cache }
    }

    /// Returns what it says about cookies.
    #[must_use]
    pub fn cookie_policy(&self) -> CookiePolicy {
        CookiePolicy {
            accept: self.http_cookie_accept_policy,
            send: self.http_should_set_cookies,
            storage: self.http_cookie_storage,
        }
    }
}

/// A session as a person looks at it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionStatus {
    /// The session.
    pub session: SessionKey,
    /// Whether a client owns it.
    pub owned: bool,
    /// Whether new tasks are refused and the session goes with its last task. For the next owner it
    /// stays, unless its tasks were cancelled.
    pub invalidating: bool,
    /// Tasks known, completed ones whose events are owed included.
    pub tasks: u64,
    /// Of those, tasks with an attempt, those that are being stopped included.
    #[serde(default)]
    pub tasks_running: u64,
    /// Tasks that wait for a slot, a time, the network or the disk.
    #[serde(default)]
    pub tasks_waiting: u64,
    /// Tasks that are suspended.
    #[serde(default)]
    pub tasks_suspended: u64,
    /// Tasks that completed and whose events are owed.
    #[serde(default)]
    pub tasks_completed: u64,
    /// Events owed.
    pub events_owed: u64,
    /// Most attempts that run at once against one host.
    #[serde(default)]
    pub http_maximum_connections_per_host: u32,
    /// Most attempts that run at once; `None` leaves only the daemon's limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_concurrent_tasks: Option<u32>,
    /// The program that launches the app; its arguments and variables may be secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_program: Option<PathBuf>,
    /// How launching its app goes; `None` without a launch command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<LaunchStatus>,
}
