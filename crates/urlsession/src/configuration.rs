//! How a session behaves and where its transfers live: Apple's `URLSessionConfiguration`.

use crate::environment::EnvironmentProxy;
use std::path::PathBuf;
use std::time::Duration;
use urlsession_protocol::{
    ConnectionProxy, Credential, Error, ErrorCode, Header, Http3, HttpCookieAcceptPolicy,
    HttpCookieStorage, LaunchCommand, RequestCachePolicy, Segments, SessionIdentifier,
    StrictTransportSecurity, TlsPolicy, UrlCache, UrlCredentialStorage,
};

/// Configures a session; copied when the session is created, later edits have no effect.
///
/// The three constructors are Apple's: [`background`](Self::background),
/// [`default`](Self::default) and [`ephemeral`](Self::ephemeral).
#[derive(Debug, Clone, PartialEq)]
pub struct SessionConfiguration {
    /// Header fields added to every request; the request's own field wins (names compared
    /// case-insensitively).
    pub http_additional_headers: Vec<Header>,
    /// Longest pause without any byte before an attempt is given up (60 s): a failure with -1001,
    /// which is retried as [`maximum_retries`](crate::TaskOptions::maximum_retries) says. Less than
    /// 1 ms is refused with -1.
    pub timeout_interval_for_request: Duration,
    /// Longest time from the first resume, or a later begin date, to completion, waiting and retries
    /// included (7 days). Less than 1 ms is refused with -1.
    pub timeout_interval_for_resource: Duration,
    /// Whether a task that fails for want of a network waits for one and loses no try by it. A
    /// background session always does, and `false` is refused with -1. A session in this process
    /// does not unless it is asked to: there it is a failure like another, and as the last one -1009.
    pub waits_for_connectivity: bool,
    /// Most attempts of this session that run at once against one host (6); 0 counts as 1.
    pub http_maximum_connections_per_host: u32,
    /// Most attempts of this session that run at once; `None` leaves only the daemon's limit, 0
    /// counts as 1.
    pub maximum_concurrent_tasks: Option<u32>,
    /// Starts the app again when all tasks have ended, events are owed and no process owns the
    /// session: Apple's `sessionSendsLaunchEvents`. `None` is off. The launched process finds the
    /// session's identifier in `URLSESSION_LAUNCH_SESSION` and creates the session again. A session
    /// in this process with one is refused with -1: nobody can come back for it.
    pub launch_command: Option<LaunchCommand>,
    /// Which cookies of responses are kept: those of the site of the task's main document.
    pub http_cookie_accept_policy: HttpCookieAcceptPolicy,
    /// Whether requests carry the cookies that are kept (they do). A request's own `Cookie` field
    /// goes with them, save for names that are kept; without them it goes as it is.
    pub http_should_set_cookies: bool,
    /// Which cookies these are: those of the application, or of an ephemeral session alone.
    pub http_cookie_storage: HttpCookieStorage,
    /// Whether hosts that said so with `Strict-Transport-Security` are from then on asked over
    /// `https` only (they are). They are those of the application, or of an ephemeral session
    /// alone; without it none are known, and what servers say of it is not heard.
    pub uses_strict_transport_security: bool,
    /// Through whom requests go: Apple's `connectionProxyDictionary`. `None` takes what this
    /// process's `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` say when it creates a
    /// task; `Some(ConnectionProxy::default())` goes straight.
    pub connection_proxy: Option<ConnectionProxy>,
    /// What TLS connections must be like.
    pub tls: TlsPolicy,
    /// PEM files of roots that are trusted beside the platform's.
    pub ca_certificates: Vec<PathBuf>,
    /// When requests that do not say it themselves are answered with what is kept: as HTTP says.
    pub request_cache_policy: RequestCachePolicy,
    /// How much is kept of responses: 4 MiB in memory and 20 MiB on disk, an ephemeral session
    /// 4 MiB in memory, a background session nothing. One that asks for more than its kind may
    /// have is refused with -1.
    pub url_cache: Option<UrlCache>,
    /// The credential of tasks that have none, each for the origin of its own request.
    pub credential: Option<Credential>,
    /// Whether tasks use the credentials that are kept for the application, and keep theirs there.
    pub url_credential_storage: UrlCredentialStorage,
    /// Whether the app answers challenges: a task that a server or a proxy lets in with no credential
    /// it has, that a server lets in with a client certificate only, or whose server the platform
    /// does not trust, then waits for [`Task::answer`](crate::Task::answer), where it otherwise ends
    /// with the 401 or the 407 as its result, with -1206, or with what is wrong with the server. With a delegate that is
    /// [`did_receive_challenge`](crate::SessionDelegate::did_receive_challenge).
    pub answers_challenges: bool,
    /// Whether the app decides about redirects, which are followed otherwise: the task then waits for
    /// [`Task::redirect`](crate::Task::redirect). With a delegate that is
    /// [`will_perform_http_redirection`](crate::SessionDelegate::will_perform_http_redirection). A
    /// background session with it is refused with -1: as Apple's, it follows without asking.
    pub answers_redirections: bool,
    /// Whether requests that do not say it themselves go over HTTP/3. `None` leaves it to
    /// [those that assume it](crate::TaskOptions::assumes_http3_capable); Apple's sessions are as
    /// with [`Http3::Auto`].
    pub http3: Option<Http3>,
    /// Over how many connections downloads come that do not say it themselves; `None` is one.
    pub segments: Option<Segments>,
    /// The application the session belongs to. `None` takes the first of: the environment's
    /// `URLSESSION_APP_ID`, the id in the nearest `tiapp.xml`, the name in the nearest
    /// `package.json` (both searched from the working folder upwards), the executable's name. Another
    /// application does not find this one's sessions: a program that may be started in any folder says
    /// here which it is.
    pub application: Option<String>,
    /// Waits, however long it takes, for another process that owns the session to leave.
    /// Otherwise creating the session fails with -996.
    pub wait_for_owner: bool,
    /// When a kept event counts as handled.
    pub acknowledgement: Acknowledgement,
    kind: Kind,
}

/// Says when a kept event counts as handled, so that the daemon forgets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acknowledgement {
    /// When the delegate's method returned, or when [`Events`](crate::Events) is asked for the
    /// next event.
    #[default]
    Automatic,
    /// When the app calls [`Delivery::acknowledge`](crate::Delivery::acknowledge).
    Explicit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In the daemon, under this identifier.
    Background(String),
    /// In this process.
    InProcess,
    /// In this process, nothing on disk.
    Ephemeral,
}

impl SessionConfiguration {
    /// Configures a session whose transfers live in the daemon and outlive this process.
    ///
    /// The identifier is 1 to 255 bytes without control characters, checked by
    /// [`Session::new`](crate::Session::new). It names the session inside the application: the
    /// next process of the application that uses it finds the tasks and events of this one.
    #[must_use]
    pub fn background(identifier: impl Into<String>) -> Self {
        Self::of(Kind::Background(identifier.into()))
    }

    /// Configures a session whose transfers live in this process and end with it; it writes
    /// nothing to disk but the bodies it receives. Needs the feature `embedded`.
    #[must_use]
    pub fn ephemeral() -> Self {
        let http_cookie_storage = HttpCookieStorage::Private;
        let url_cache = Some(UrlCache::IN_MEMORY);
        Self { http_cookie_storage, url_cache, ..Self::of(Kind::Ephemeral) }
    }

    /// Returns the identifier of a background session, `None` for the other kinds.
    #[must_use]
    pub fn identifier(&self) -> Option<&str> {
        match &self.kind {
            Kind::Background(identifier) => Some(identifier),
            Kind::InProcess | Kind::Ephemeral => None,
        }
    }

    /// Returns what [`connection_proxy`](Self::connection_proxy) being `None` stands for now: the
    /// proxies that the environment of this process names, as curl reads it. In place of one that
    /// cannot be read stands one that leads nowhere: only tasks that need it are refused.
    ///
    /// # Errors
    /// -1 with a sentence if `no_proxy` has more than can be.
    pub fn environment_proxy() -> Result<ConnectionProxy, Error> {
        crate::environment::proxies()
    }

    /// Checks what [`environment_proxy`](Self::environment_proxy) returned for a URL, as the creation
    /// of a task does.
    ///
    /// # Errors
    /// -1 with a sentence that names the variable that the URL’s proxy cannot be read from, and never
    /// a credential.
    pub fn check_environment_proxy(url: &str, proxies: &ConnectionProxy) -> Result<(), Error> {
        crate::environment::check(url, proxies)
    }

    /// Lists the variables that [`environment_proxy`](Self::environment_proxy) takes proxies from,
    /// that of requests over `http` first: to tell a person where they are named.
    #[must_use]
    pub fn environment_proxy_variables() -> Vec<EnvironmentProxy> {
        crate::environment::variables()
    }

    /// Returns what the environment of this process says of hosts that need no proxy, also where it
    /// names none: a list for [`ConnectionProxy::except`], empty if it says nothing.
    #[must_use]
    pub fn environment_proxy_exceptions() -> String {
        crate::environment::exceptions()
    }

    pub(crate) fn session_identifier(&self) -> Result<Option<SessionIdentifier>, Error> {
        self.identifier()
            .map(SessionIdentifier::new)
            .transpose()
            .map_err(|error| Error::new(ErrorCode::UNKNOWN).because(error))
    }

    /// Refuses what the kind of session does not have.
    pub(crate) fn check_kind(&self) -> Result<(), Error> {
        let on_disk = self.url_cache.is_some_and(|cache| cache.disk_capacity > 0);
        let why = match self.kind {
            Kind::Background(_) if self.url_cache.is_some() => {
                "a background session has no URL cache"
            }
            Kind::Background(_) if !self.waits_for_connectivity => {
                "a background session always waits for connectivity"
            }
            Kind::Background(_) if self.answers_redirections => {
                "a background session follows redirects without asking"
            }
            Kind::InProcess | Kind::Ephemeral if self.launch_command.is_some() => {
                "no app is launched for a session that ends with its process"
            }
            Kind::Ephemeral if on_disk => "an ephemeral session keeps no responses on disk",
            _ => return Ok(()),
        };
        Err(Error::new(ErrorCode::UNKNOWN).because(why))
    }

    pub(crate) fn to_protocol(&self) -> urlsession_protocol::SessionConfiguration {
        urlsession_protocol::SessionConfiguration {
            http_additional_headers: self.http_additional_headers.clone(),
            timeout_interval_for_request: self.timeout_interval_for_request,
            timeout_interval_for_resource: self.timeout_interval_for_resource,
            waits_for_connectivity: self.waits_for_connectivity,
            http_maximum_connections_per_host: self.http_maximum_connections_per_host,
            maximum_concurrent_tasks: self.maximum_concurrent_tasks,
            launch_command: self.launch_command.clone(),
            http_cookie_accept_policy: self.http_cookie_accept_policy,
            http_should_set_cookies: self.http_should_set_cookies,
            http_cookie_storage: self.http_cookie_storage,
            strict_transport_security: self.strict_transport_security(),
            connection_proxy: self.connection_proxy.clone().map(Box::new),
            tls: Box::new(self.tls.clone()),
            ca_certificates: self.ca_certificates.clone(),
            request_cache_policy: self.request_cache_policy,
            url_cache: self.url_cache,
            credential: self.credential.clone(),
            url_credential_storage: self.url_credential_storage,
            answers_challenges: self.answers_challenges,
            answers_redirections: self.answers_redirections,
            http3: self.http3,
            segments: self.segments,
        }
    }

    /// Says whether what is known of hosts is the session's own.
    pub(crate) fn knows_hosts_itself(&self) -> bool {
        self.strict_transport_security() == StrictTransportSecurity::Private
    }

    fn strict_transport_security(&self) -> StrictTransportSecurity {
        match self.kind {
            _ if !self.uses_strict_transport_security => StrictTransportSecurity::None,
            Kind::Ephemeral => StrictTransportSecurity::Private,
            Kind::Background(_) | Kind::InProcess => StrictTransportSecurity::Shared,
        }
    }

    fn of(kind: Kind) -> Self {
        let apple = urlsession_protocol::SessionConfiguration::default();
        Self {
            http_additional_headers: apple.http_additional_headers,
            timeout_interval_for_request: apple.timeout_interval_for_request,
            timeout_interval_for_resource: apple.timeout_interval_for_resource,
            waits_for_connectivity: matches!(kind, Kind::Background(_)),
            http_maximum_connections_per_host: apple.http_maximum_connections_per_host,
            maximum_concurrent_tasks: apple.maximum_concurrent_tasks,
            launch_command: None,
            http_cookie_accept_policy: apple.http_cookie_accept_policy,
            http_should_set_cookies: apple.http_should_set_cookies,
            http_cookie_storage: apple.http_cookie_storage,
            uses_strict_transport_security: true,
            connection_proxy: None,
            tls: TlsPolicy::default(),
            ca_certificates: apple.ca_certificates,
            request_cache_policy: apple.request_cache_policy,
            url_cache: apple.url_cache,
            credential: apple.credential,
            url_credential_storage: apple.url_credential_storage,
            answers_challenges: apple.answers_challenges,
            answers_redirections: apple.answers_redirections,
            http3: apple.http3,
            segments: apple.segments,
            application: None,
            wait_for_owner: false,
            acknowledgement: Acknowledgement::default(),
            kind,
        }
    }
}

impl Default for SessionConfiguration {
    /// Configures a session whose transfers live in this process and end with it. Needs the
    /// feature `embedded`.
    fn default() -> Self {
        Self { url_cache: Some(UrlCache::default()), ..Self::of(Kind::InProcess) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kind_does_not_have_is_refused() {
        type Ask = fn(&mut SessionConfiguration);
        let launch: Ask = |configuration| {
            let (program, directory) = ("/bin/true".into(), "/".into());
            let (arguments, environment) = (Vec::new(), Vec::new());
            configuration.launch_command =
                Some(LaunchCommand { program, arguments, directory, environment });
        };
        let redirect: Ask = |configuration| configuration.answers_redirections = true;
        let keep: Ask = |configuration| configuration.url_cache = Some(UrlCache::default());
        let wait: Ask = |configuration| configuration.waits_for_connectivity = true;
        let hurry: Ask = |configuration| configuration.waits_for_connectivity = false;
        // In the order background, default, ephemeral: whether it is refused.
        for (what, ask, expected) in [
            ("launch", launch, [false, true, true]),
            ("redirect", redirect, [true, false, false]),
            ("keep", keep, [true, false, true]),
            ("wait", wait, [false, false, false]),
            ("hurry", hurry, [true, false, false]),
        ] {
            let kinds = [
                SessionConfiguration::background("s"),
                SessionConfiguration::default(),
                SessionConfiguration::ephemeral(),
            ];
            let refused = kinds.map(|mut configuration| {
                ask(&mut configuration);
                configuration.check_kind().is_err()
            });
            assert_eq!(refused, expected, "{what}");
        }
    }
}
