//! What a session is created with, on its way from JavaScript.

use crate::cache::{self, UrlCacheFields};
use crate::credential::Credential;
use crate::event::HeaderField;
use crate::network::{self, ProxyFields, TlsFields};
use crate::task::no_such;
use napi::Either;
use napi_derive::napi;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use urlsession::{
    Acknowledgement, Error, ErrorCode, HttpCookieAcceptPolicy, HttpCookieStorage,
    SessionConfiguration, UrlCache, UrlCredentialStorage,
};

/// What a session is created with.
#[napi(object, object_to_js = false)]
pub struct SessionOptions {
    /// Where its transfers live: in the daemon, or in this process, which they end with.
    #[napi(ts_type = "'background' | 'default' | 'ephemeral'")]
    pub configuration: Option<String>,
    /// The name of a background session inside the application.
    pub identifier: Option<String>,
    /// The application.
    pub application_id: String,
    /// Header fields added to every request.
    pub headers: Option<Vec<HeaderField>>,
    /// Milliseconds without any byte before an attempt is given up.
    pub timeout_interval_for_request: Option<f64>,
    /// Milliseconds from the first resume, or a later `earliestBeginDate`, to completion.
    pub timeout_interval_for_resource: Option<f64>,
    /// Whether tasks wait for a network where there is none. A background session that does not is refused.
    pub waits_for_connectivity: Option<bool>,
    /// Most attempts at once against one host.
    pub maximum_connections_per_host: Option<u32>,
    /// Most attempts at once.
    pub maximum_concurrent_tasks: Option<u32>,
    /// Starts the application when it is needed and does not run.
    pub launch_command: Option<LaunchCommand>,
    /// Which cookies of responses are kept.
    #[napi(ts_type = "'always' | 'never' | 'onlyFromMainDocumentDomain'")]
    pub http_cookie_accept_policy: Option<String>,
    /// Whether requests carry the cookies that are kept.
    pub http_should_set_cookies: Option<bool>,
    /// Which cookies these are: the application's, the session's own in memory, or none.
    #[napi(ts_type = "'shared' | 'private' | 'none'")]
    pub http_cookie_storage: Option<String>,
    /// Whether hosts that said so are asked over https only: they are.
    pub uses_strict_transport_security: Option<bool>,
    /// When requests that do not say it themselves are answered with what is kept.
    pub request_cache_policy: Option<String>,
    /// How much is kept of responses. A background session that asks for any is refused.
    pub url_cache: Option<UrlCacheFields>,
    /// Through whom requests go; absent, the environment says.
    pub connection_proxy: Option<ProxyFields>,
    /// What TLS connections must be like.
    pub tls: Option<TlsFields>,
    /// PEM files of roots that are trusted beside the platform's.
    pub ca_certificates: Option<Vec<String>>,
    /// The credential of tasks that have none, each for the origin of its own request.
    pub credential: Option<Credential>,
    /// Which kept credentials tasks use: the application's, or none.
    #[napi(ts_type = "'shared' | 'none'")]
    pub url_credential_storage: Option<String>,
    /// Whether the app answers challenges.
    pub answers_challenges: Option<bool>,
    /// Whether the app decides about redirects. A background session that asks for it is refused.
    pub answers_redirections: Option<bool>,
    /// Whether requests that do not say it themselves go over HTTP/3; absent, those do that assume
    /// it.
    #[napi(ts_type = "'off' | 'auto' | 'only'")]
    pub http3: Option<String>,
    /// Over how many connections downloads come that do not say it themselves: one.
    #[napi(ts_type = "number | 'automatic'")]
    pub segments: Option<Either<f64, String>>,
}

/// A program that the daemon starts without a shell.
#[napi(object, object_to_js = false)]
pub struct LaunchCommand {
    /// The executable's absolute path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The absolute path of the folder it starts in.
    pub directory: String,
    /// Variables beside those that every launched program has.
    pub environment: HashMap<String, String>,
}

impl TryFrom<SessionOptions> for SessionConfiguration {
    type Error = Error;

    fn try_from(options: SessionOptions) -> Result<Self, Error> {
        let mut configuration = kind(options.configuration.as_deref(), options.identifier)?;
        configuration.application = Some(options.application_id);
        configuration.acknowledgement = Acknowledgement::Explicit;
        configuration.http_additional_headers =
            options.headers.into_iter().flatten().map(Into::into).collect();
        if let Some(time) = options.timeout_interval_for_request {
            configuration.timeout_interval_for_request = Duration::from_millis(time as u64);
        }
        if let Some(time) = options.timeout_interval_for_resource {
            configuration.timeout_interval_for_resource = Duration::from_millis(time as u64);
        }
        if let Some(waits) = options.waits_for_connectivity {
            configuration.waits_for_connectivity = waits;
        }
        if let Some(limit) = options.maximum_connections_per_host {
            configuration.http_maximum_connections_per_host = limit;
        }
        configuration.maximum_concurrent_tasks = options.maximum_concurrent_tasks;
        configuration.launch_command = options.launch_command.map(Into::into);
        configuration.http_cookie_accept_policy = match options.http_cookie_accept_policy.as_deref()
        {
            Some("always") => HttpCookieAcceptPolicy::Always,
            Some("never") => HttpCookieAcceptPolicy::Never,
            Some("onlyFromMainDocumentDomain") | None => {
                HttpCookieAcceptPolicy::OnlyFromMainDocumentDomain
            }
            Some(other) => {
                let choices = "always, never or onlyFromMainDocumentDomain";
                return Err(no_such("cookie accept policy", other, choices));
            }
        };
        configuration.http_should_set_cookies = options.http_should_set_cookies.unwrap_or(true);
        if let Some(storage) = options.http_cookie_storage.as_deref() {
            configuration.http_cookie_storage = match storage {
                "private" => HttpCookieStorage::Private,
                "none" => HttpCookieStorage::None,
                "shared" => HttpCookieStorage::Shared,
                other => return Err(no_such("cookie storage", other, "shared, private or none")),
            };
        }
        configuration.uses_strict_transport_security =
            options.uses_strict_transport_security.unwrap_or(true);
        configuration.url_credential_storage = match options.url_credential_storage.as_deref() {
            Some("none") => UrlCredentialStorage::None,
            Some("shared") | None => UrlCredentialStorage::Shared,
            Some(other) => return Err(no_such("credential storage", other, "shared or none")),
        };
        configuration.connection_proxy =
            options.connection_proxy.as_ref().map(ProxyFields::read).transpose()?;
        configuration.tls =
            options.tls.as_ref().map(TlsFields::read).transpose()?.unwrap_or_default();
        configuration.ca_certificates =
            options.ca_certificates.iter().flatten().map(PathBuf::from).collect();
        configuration.answers_challenges = options.answers_challenges.unwrap_or(false);
        configuration.answers_redirections = options.answers_redirections.unwrap_or(false);
        configuration.http3 = options.http3.as_deref().map(network::http3).transpose()?;
        configuration.segments = options.segments.as_ref().map(network::segments).transpose()?;
        configuration.credential = options.credential.map(TryInto::try_into).transpose()?;
        if let Some(policy) = options.request_cache_policy.as_deref() {
            configuration.request_cache_policy = cache::policy(policy)?;
        }
        if let Some(cache) = options.url_cache.map(UrlCache::from) {
            let is_none = cache.memory_capacity == 0 && cache.disk_capacity == 0;
            // A background session is told that it has none, whatever the size.
            let is_kept = !is_none || configuration.identifier().is_some();
            configuration.url_cache = is_kept.then_some(cache);
        }
        Ok(configuration)
    }
}

/// Begins with what Apple's three kinds of configurations have.
fn kind(kind: Option<&str>, identifier: Option<String>) -> Result<SessionConfiguration, Error> {
    match (kind, identifier) {
        (None | Some("background"), identifier) => {
            Ok(SessionConfiguration::background(identifier.unwrap_or_default()))
        }
        (Some("default"), None) => Ok(SessionConfiguration::default()),
        (Some("ephemeral"), None) => Ok(SessionConfiguration::ephemeral()),
        (Some("default" | "ephemeral"), Some(_)) => {
            Err(Error::new(ErrorCode::UNKNOWN)
                .because("only a background session has an identifier"))
        }
        (Some(other), _) => {
            Err(no_such("configuration", other, "background, default or ephemeral"))
        }
    }
}

impl From<LaunchCommand> for urlsession::LaunchCommand {
    fn from(command: LaunchCommand) -> Self {
        let mut environment: Vec<_> = command.environment.into_iter().collect();
        environment.sort();
        Self {
            program: command.program.into(),
            arguments: command.arguments,
            directory: command.directory.into(),
            environment,
        }
    }
}
