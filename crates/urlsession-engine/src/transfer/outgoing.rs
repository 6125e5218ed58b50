//! A request as it goes out, and what its connection must be like.

use super::dial::Via;
use super::errors::Failure;
use super::metrics::Collector;
use super::pool::Key;
use super::proxy;
use super::question::{Asks, OfTls};
use super::rate::Rate;
use super::speedometer::Watch;
use super::tls::{Terms, Trust};
use super::upload::{Outbound, Sending, Source};
use super::wire::Wire;
use crate::credentials::{Memory, origin_space};
use http::{HeaderMap, HeaderValue, Method, header};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use urlsession_core::Answered;
use urlsession_protocol::{
    ConnectTo, ErrorCode, HttpVersion, Proxy, ProxyScheme, RequestPolicy, TaskOptions, TlsPolicy,
};

/// A request as it goes out.
#[derive(Debug, Clone)]
pub(super) struct Outgoing<'a> {
    pub(super) method: &'a Method,
    pub(super) url: &'a Url,
    /// What stands in place of its target.
    pub(super) target: Target<'a>,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<&'a Arc<Sending>>,
    /// Whether the body waits until it is wanted, where it would be sent for nothing otherwise.
    pub(super) asks_leave: bool,
    /// How to reach the server.
    pub(super) options: &'a TaskOptions,
    pub(super) idle_timeout: Duration,
    /// Whether its server may see the certificate that is configured, as no other host may that a
    /// redirect names.
    pub(super) shows_own: bool,
    /// How many connections its server may have at work with this one; `None` is not asked.
    pub(super) most_connections: Option<u32>,
    /// What the app may be asked, and what it answered before.
    pub(super) asks: Asks<'a>,
    pub(super) answers: &'a [Answered],
    /// What holds it back.
    pub(super) rate: &'a Rate,
    /// Where it is told what it takes.
    pub(super) metrics: &'a Collector,
}

/// What a request line asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// What the URL says.
    #[default]
    OfUrl,
    /// This path and query in place of the URL's.
    Path(&'a str),
    /// This, whoever gets it.
    Whole(&'a str),
}

impl<'a> Target<'a> {
    /// Reads what a task says of its first request.
    pub(super) fn of(policy: &'a RequestPolicy) -> Self {
        match (&policy.target, &policy.path) {
            (Some(whole), _) => Self::Whole(whole),
            (None, Some(path)) => Self::Path(path),
            (None, None) => Self::OfUrl,
        }
    }

    /// Returns it as the server itself gets it.
    pub(super) fn origin_form(self, url: &'a Url) -> &'a str {
        match self {
            Self::OfUrl => &url[url::Position::BeforePath..url::Position::AfterQuery],
            Self::Path(path) => path,
            Self::Whole(target) => target,
        }
    }

    /// Returns it as a proxy gets it that forwards the request (RFC 9112 section 3.2.2).
    pub(super) fn absolute_form(self, url: &'a Url) -> Cow<'a, str> {
        match self {
            Self::OfUrl => Cow::Borrowed(&url[..url::Position::AfterQuery]),
            Self::Path(path) => format!("{}{path}", &url[..url::Position::BeforePath]).into(),
            Self::Whole(target) => Cow::Borrowed(target),
        }
    }
}

impl<'a> Outgoing<'a> {
    /// Has a request without a body watched for being too slow until its head is there. One with a
    /// body is watched while that is sent: how long its server then thinks is no speed.
    pub(super) fn watch(&self, wire: &Arc<Wire>) -> Option<Watch> {
        if self.body.is_none() { self.rate.watch(wire) } else { None }
    }

    /// Opens the body that goes with it.
    pub(super) async fn open_body(&self) -> Result<Option<(&'a Arc<Sending>, Source)>, Failure> {
        match self.body {
            Some(sending) => Ok(Some((sending, sending.open().await?))),
            None => Ok(None),
        }
    }

    /// Returns what it must have in common with others to share their connections.
    pub(super) fn key(&self, trust: Option<&Trust>, via: Option<&Via<'_>>) -> Key {
        let policy = &self.options.request_policy;
        Key {
            host: self.url.host_str().unwrap_or_default().to_owned(),
            port: self.url.port_or_known_default().unwrap_or_default(),
            to: self.elsewhere(),
            trust: trust.map(|trust| trust.number),
            via: via.map(Via::key),
            ip_version: policy.ip_version,
            interface: policy.required_interface.as_deref().map(Arc::from),
            socket: policy.unix_socket.as_deref().map(Arc::from),
        }
    }

    /// The proxy on the way. To a socket of this machine none can be.
    pub(super) fn proxy(&self) -> Option<&'a Proxy> {
        if self.options.request_policy.unix_socket.is_some() {
            return None;
        }
        proxy::of(self.url, self.options.connection_proxy.as_ref()?)
    }

    /// The proxy that gets the request itself, and not only bytes to pass on.
    pub(super) fn forwarder(&self) -> Option<&'a Proxy> {
        let takes = |proxy: &&Proxy| proxy.is_http() && self.url.scheme() == "http";
        self.proxy().filter(takes).filter(|_| !self.tunnels())
    }

    /// Returns what is to be known of the proxy on the way.
    pub(super) fn via(
        &self,
        proxy: &'a Proxy,
        trust: Option<Trust>,
        credentials: &'a Memory,
    ) -> Via<'a> {
        let proxies = self.options.connection_proxy.as_ref();
        Via {
            proxy,
            to: self.pinned(&proxy.host, proxy.port),
            server: self.known_here(proxy),
            trust,
            tunnels: self.tunnels(),
            headers: proxies.map_or(&[], |proxies| &proxies.headers),
            speaks_http10: proxies.is_some_and(|proxies| proxies.speaks_http10),
            credentials,
        }
    }

    /// What the connection to an `https` proxy must be like. Neither a certificate of ours nor a pin that
    /// is for servers counts there.
    pub(super) fn terms_of_proxy(&self) -> Terms {
        let mut roots = self.options.ca_certificates.clone();
        let Some(proxies) = &self.options.connection_proxy else {
            return Terms { roots, ..Terms::default() };
        };
        roots.extend_from_slice(&proxies.ca_certificates);
        Terms { roots, policy: proxies.tls.clone(), ..Terms::default() }
    }

    /// Adds what is meant for the proxy that gets the request itself, if there is one. Whom the
    /// request is for stays as it is.
    pub(super) fn tell_forwarder(&mut self) -> Result<(), Failure> {
        let Some(proxies) = &self.options.connection_proxy else { return Ok(()) };
        if proxies.headers.is_empty() || self.forwarder().is_none() {
            return Ok(());
        }
        let host = self.headers.get(header::HOST).cloned();
        proxy::tell(&proxies.headers, &mut self.headers)?;
        if let Some(host) = host {
            self.headers.insert(header::HOST, host);
        }
        Ok(())
    }

    /// Says whether the server can get it twice without harm, or has not got it whole.
    pub(super) fn is_harmless(&self) -> bool {
        // With an empty body it is whole without any.
        let is_held_back = |sending: &Arc<Sending>| sending.sent() == 0 && !sending.is_done();
        self.method.is_idempotent() || self.body.is_some_and(is_held_back)
    }

    /// Returns how long connecting may take, if the task says so.
    pub(super) fn connect_limit(&self) -> Option<Duration> {
        let policy = &self.options.request_policy;
        policy.timeout_interval_for_connection.map(Duration::from_millis)
    }

    /// Says whether bodies may be packed for the way alone.
    pub(super) fn accepts_codings(&self) -> bool {
        self.options.request_policy.accepts_transfer_codings
    }

    /// Returns where the task says that the server is, if that is not where its URL says.
    pub(super) fn elsewhere(&self) -> Option<(String, u16)> {
        let RequestPolicy { connect_to: all, unix_socket, .. } = &self.options.request_policy;
        if unix_socket.is_some() {
            return None;
        }
        let (host, port) = (self.url.host_str()?, self.url.port_or_known_default()?);
        let is_near = self.proxy().is_none();
        let is_meant = |one: &&ConnectTo| one.is_of(host, port) && (is_near || !one.is_local);
        let meant = all.iter().find(is_meant)?;
        let to = place(meant, host, port)?;
        match is_near && !meant.is_local {
            // Its name may be known, too.
            true => self.pinned(&to.0, to.1).or(Some(to)),
            false => Some(to),
        }
    }

    /// Returns where the server is whose name the task knows, for a proxy that is told addresses.
    fn known_here(&self, proxy: &Proxy) -> Option<(String, u16)> {
        if !matches!(proxy.scheme, ProxyScheme::Socks5 | ProxyScheme::Socks4) {
            return None;
        }
        let of_url = || Some((self.url.host_str()?.to_owned(), self.url.port_or_known_default()?));
        let (host, port) = self.elsewhere().or_else(of_url)?;
        self.pinned(&host, port)
    }

    /// Returns where the task says that a host is whose name is looked up here.
    fn pinned(&self, host: &str, port: u16) -> Option<(String, u16)> {
        let all = &self.options.request_policy.connect_to;
        let meant = all.iter().find(|one| one.is_local && one.is_of(host, port))?;
        place(meant, host, port)
    }

    /// Says whether a proxy of plain `http` is asked for a way to the server. Only so can it be told
    /// that the server is elsewhere.
    pub(super) fn tunnels(&self) -> bool {
        self.elsewhere().is_some()
            || self.options.connection_proxy.as_ref().is_some_and(|proxies| proxies.tunnels)
    }

    /// Says whether there is a certificate of ours for the server.
    pub(super) fn has_own(&self) -> bool {
        (self.shows_own && self.options.tls.client_certificate.is_some())
            || OfTls::new(self.answers, &origin_space(self.url)).own.is_some()
    }

    /// Says whether the app takes certificates of the server that nobody else trusts.
    pub(super) fn waives_trust(&self) -> bool {
        self.options.tls.allow_any_certificate
            || !OfTls::new(self.answers, &origin_space(self.url)).trusted.is_empty()
    }

    /// What the connection must be like.
    pub(super) fn terms(&self) -> Terms {
        // Whether `http` is refused is no matter of the connection.
        let mut policy = TlsPolicy { https_only: false, ..self.options.tls.clone() };
        let OfTls { trusted, own } = OfTls::new(self.answers, &origin_space(self.url));
        let configured = policy.client_certificate.filter(|_| self.shows_own);
        policy.client_certificate = own.cloned().or(configured);
        Terms {
            roots: self.options.ca_certificates.clone(),
            policy,
            trusted,
            http2: self.options.request_policy.http_version.is_none(),
            http3: false,
        }
    }
}

/// Returns where a host is that is meant, if that is not there already.
fn place(meant: &ConnectTo, host: &str, port: u16) -> Option<(String, u16)> {
    let to = (meant.to_host.as_deref().unwrap_or(host), meant.to_port.unwrap_or(port));
    (to != (host, port)).then(|| (to.0.to_owned(), to.1))
}

/// Makes the request as HTTP/1.1 has it.
pub(super) fn request1(
    out: &Outgoing<'_>,
    body: Outbound,
) -> Result<http::Request<Outbound>, Failure> {
    let target = match out.forwarder() {
        Some(_) => out.target.absolute_form(out.url),
        None => Cow::Borrowed(out.target.origin_form(out.url)),
    };
    let version = match out.options.request_policy.http_version {
        Some(HttpVersion::Http10) => http::Version::HTTP_10,
        Some(HttpVersion::Http11) | None => http::Version::HTTP_11,
    };
    let mut request = http::Request::builder()
        .version(version)
        .method(out.method)
        .uri(&*target)
        .body(body)
        .map_err(|error| Failure::permanent(ErrorCode::BAD_URL, error))?;
    *request.headers_mut() = out.headers.clone();
    if version == http::Version::HTTP_11 && out.accepts_codings() {
        let fields = request.headers_mut();
        fields.insert(header::TE, HeaderValue::from_static("gzip"));
        // RFC 9110 section 10.1.4: whoever passes the request on must not pass that on.
        fields.insert(header::CONNECTION, HeaderValue::from_static("TE"));
    }
    Ok(request)
}
