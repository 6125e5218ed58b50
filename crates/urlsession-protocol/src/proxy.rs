//! Through whom requests go: Apple's `connectionProxyDictionary`.

mod exceptions;

use crate::credential::CREDENTIAL_LENGTH_LIMIT;
use crate::request::check_headers;
use crate::{Credential, Error, ErrorCode, Header, Secret, TlsPolicy};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Most exceptions of one [`ConnectionProxy`].
pub const EXCEPTIONS_LIMIT: usize = 1000;
/// Longest exception, in bytes: a host name has at most 255.
pub const EXCEPTION_LENGTH_LIMIT: usize = 300;
/// Longest user name and longest password of a SOCKS proxy, in bytes: what RFC 1929 can carry.
pub const SOCKS_CREDENTIAL_LIMIT: usize = 255;
/// The port of a proxy whose URL names none; `https` has 443. As curl has it.
const DEFAULT_PORT: u16 = 1080;
/// Below what the names of proxies are that nobody could read: none exists (RFC 6761 section 6.4).
const UNREADABLE: &str = ".unreadable.invalid";

/// Which proxy a request goes through, by the scheme of its URL. The default is none at all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionProxy {
    /// The proxy of `http` URLs; `None` goes straight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Proxy>,
    /// The proxy of `https` URLs; `None` goes straight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub https: Option<Proxy>,
    /// Hosts that are reached straight: `example.com` with every name below it, an address, a
    /// network such as `10.0.0.0/8`, each with or without `:PORT`, or `*` for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<String>,
    /// Has an HTTP proxy connect to the servers of `http` URLs, too (`CONNECT`), instead of taking
    /// their requests itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tunnels: bool,
    /// Header fields for an HTTP proxy: they go with `CONNECT` and with the requests that it takes
    /// itself, and no server sees those of `CONNECT`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// Says `CONNECT` in HTTP/1.0, for proxies that know nothing newer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub speaks_http10: bool,
    /// What the connection to an `https` proxy must be like. What a task or a session says of its servers
    /// does not count there.
    #[serde(skip_serializing_if = "TlsPolicy::is_default")]
    pub tls: TlsPolicy,
    /// PEM files with roots that an `https` proxy may have, beside those that servers may have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ca_certificates: Vec<PathBuf>,
}

impl ConnectionProxy {
    /// Sends every request through the proxy.
    #[must_use]
    pub fn everywhere(proxy: Proxy) -> Self {
        Self { http: Some(proxy.clone()), https: Some(proxy), ..Self::default() }
    }

    /// Reads exceptions as `no_proxy` has them: between commas or blanks.
    #[must_use]
    pub fn except(mut self, list: &str) -> Self {
        let separator = |c: char| c == ',' || c.is_ascii_whitespace();
        self.exceptions =
            list.split(separator).filter(|one| !one.is_empty()).map(str::to_owned).collect();
        self
    }

    /// Finds the proxy of a URL; `None` goes straight, or is no URL.
    #[must_use]
    pub fn of_url(&self, url: &str) -> Option<&Proxy> {
        let url = url::Url::parse(url).ok()?;
        self.of_server(url.scheme(), url.host_str()?, url.port_or_known_default()?)
    }

    /// Finds the proxy of the server of a URL, whose parts these are; `None` goes straight.
    #[must_use]
    pub fn of_server(&self, scheme: &str, host: &str, port: u16) -> Option<&Proxy> {
        let proxy = if scheme == "https" { &self.https } else { &self.http }.as_ref()?;
        let is_exception = self.exceptions.iter().any(|one| exceptions::covers(one, host, port));
        (!is_exception).then_some(proxy)
    }

    /// Checks every part.
    ///
    /// # Errors
    /// -1 with a sentence that names the part, for its terms of TLS -1200.
    pub fn check(&self) -> Result<(), Error> {
        for proxy in self.http.iter().chain(&self.https) {
            proxy.check()?;
        }
        self.tls.check()?;
        if self.tls.https_only {
            return Err(refusal("which schemes URLs may have is no matter of a proxy’s TLS"));
        }
        check_headers(&self.headers)?;
        let frames = |header: &&Header| {
            let names = ["content-length", "transfer-encoding", "expect", "upgrade", "te"];
            names.iter().any(|name| header.name.eq_ignore_ascii_case(name))
        };
        if let Some(header) = self.headers.iter().find(frames) {
            let name = &header.name;
            return Err(refusal(format!("the header field {name} is not for a proxy")));
        }
        if self.exceptions.len() > EXCEPTIONS_LIMIT {
            return Err(refusal(format!("a proxy has at most {EXCEPTIONS_LIMIT} exceptions")));
        }
        if self.exceptions.iter().any(|one| one.len() > EXCEPTION_LENGTH_LIMIT) {
            let why = format!("a proxy’s exception has at most {EXCEPTION_LENGTH_LIMIT} bytes");
            return Err(refusal(why));
        }
        Ok(())
    }
}

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyScheme {
    /// HTTP: absolute URLs for `http`, `CONNECT` for `https`.
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS 5 (RFC 1928); names are looked up here.
    Socks5,
    /// SOCKS 5; names are looked up by the proxy.
    Socks5h,
    /// SOCKS 4, which has addresses of IPv4 only and no passwords; names are looked up here.
    Socks4,
    /// SOCKS 4A: the same, and names are looked up by the proxy.
    Socks4a,
}

/// A proxy and who we are to it. `Display` prints no credential.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Proxy {
    /// How it is spoken to.
    pub scheme: ProxyScheme,
    /// Its name or address, as in a URL: an IPv6 address has brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who we are to it, if it asks: the user-info of its URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
}

impl Proxy {
    /// Reads `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT]` as curl does: the scheme is http, https,
    /// socks5, socks5h, socks4 (or socks) or socks4a, without one http; the port is 1080, for https
    /// 443.
    ///
    /// # Errors
    /// -1 with a sentence that never repeats a credential.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyScheme::Http, DEFAULT_PORT),
            "https" => (ProxyScheme::Https, 443),
            "socks5" => (ProxyScheme::Socks5, DEFAULT_PORT),
            "socks5h" => (ProxyScheme::Socks5h, DEFAULT_PORT),
            "socks4" | "socks" => (ProxyScheme::Socks4, DEFAULT_PORT),
            "socks4a" => (ProxyScheme::Socks4a, DEFAULT_PORT),
            _ => {
                let schemes = "http, https, socks5, socks5h, socks4 or socks4a";
                return Err(refusal(format!("a proxy’s scheme is {schemes}")));
            }
        };
        // Every scheme is read by the rules of `http`, which has the port 80 for its own.
        let bad = |error| refusal(format!("this is no URL of a proxy: {error}"));
        let url = url::Url::parse(&format!("http://{rest}")).map_err(bad)?;
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let after_user = authority.rsplit('@').next().unwrap_or_default();
        let says_80 = after_user.ends_with(":80");
        let port = url.port().or(says_80.then_some(80)).unwrap_or(default_port);
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        let credential = if is_anonymous {
            None
        } else {
            let password = decoded(url.password().unwrap_or_default())?;
            let user = decoded(url.username())?;
            Some(Credential::new(user.expose(), password.expose()))
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        let proxy = Self { scheme, host, port, credential };
        proxy.check()?;
        Ok(proxy)
    }

    /// Stands for a proxy that could not be read where `place` names it: what should go through it
    /// goes nowhere, instead of past it.
    #[must_use]
    pub fn unreadable(place: &str) -> Self {
        let host = format!("{}{UNREADABLE}", place.to_ascii_lowercase());
        Self { scheme: ProxyScheme::Http, host, port: DEFAULT_PORT, credential: None }
    }

    /// Says whether it stands for one that could not be read.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.host.ends_with(UNREADABLE)
    }

    /// Says whether it speaks HTTP, plainly or over TLS.
    #[must_use]
    pub fn is_http(&self) -> bool {
        matches!(self.scheme, ProxyScheme::Http | ProxyScheme::Https)
    }

    fn check(&self) -> Result<(), Error> {
        let is_host = url::Url::parse(&format!("http://{}/", self.host))
            .is_ok_and(|url| url.host_str() == Some(&self.host) && url.path() == "/");
        if !is_host || self.port == 0 {
            return Err(refusal("a proxy needs a host and a port"));
        }
        let Some(Credential { user, password, .. }) = &self.credential else { return Ok(()) };
        let is_long = |text: &Secret| text.expose().len() > SOCKS_CREDENTIAL_LIMIT;
        if !self.is_http() && (is_long(user) || is_long(password)) {
            let why = format!(
                "the user name and password of a SOCKS proxy have at most \
                 {SOCKS_CREDENTIAL_LIMIT} bytes each"
            );
            return Err(refusal(why));
        }
        if user.expose().len() + password.expose().len() > CREDENTIAL_LENGTH_LIMIT {
            let why = format!(
                "the user name and password of a proxy have at most {CREDENTIAL_LENGTH_LIMIT} bytes"
            );
            return Err(refusal(why));
        }
        if self.is_http() && user.expose().contains(':') {
            return Err(refusal("the user name of an HTTP proxy cannot have a colon"));
        }
        let is_control = |text: &Secret| text.expose().chars().any(char::is_control);
        if is_control(user) || is_control(password) {
            return Err(refusal("the credentials of a proxy cannot have control characters"));
        }
        Ok(())
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            ProxyScheme::Http => "http",
            ProxyScheme::Https => "https",
            ProxyScheme::Socks5 => "socks5",
            ProxyScheme::Socks5h => "socks5h",
            ProxyScheme::Socks4 => "socks4",
            ProxyScheme::Socks4a => "socks4a",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

fn decoded(text: &str) -> Result<Secret, Error> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map(Secret::new).map_err(|_| refusal("the credentials of a proxy are UTF-8"))
}

fn refusal(why: impl fmt::Display) -> Error {
    Error::new(ErrorCode::UNKNOWN).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// what is written => the proxy, its user and its password
    const TABLE: &[(&str, &str)] = &[
        ("proxy.test", "http://proxy.test:1080"),
        ("proxy.test:3128", "http://proxy.test:3128"),
        ("http://proxy.test:80/", "http://proxy.test:80"),
        ("HTTPS://Proxy.Test", "https://proxy.test:443"),
        ("https://proxy.test:80", "https://proxy.test:80"),
        ("socks5://[::1]:9050", "socks5://[::1]:9050"),
        ("socks5h://user@localhost", "socks5h://localhost:1080 user/"),
        ("http://us%65r:p%40ss%3a@proxy.test:1", "http://proxy.test:1 user/p@ss:"),
        ("http://:pass@proxy.test:1", "http://proxy.test:1 /pass"),
        ("user:80@proxy.test", "http://proxy.test:1080 user/80"),
        ("socks4://proxy.test", "socks4://proxy.test:1080"),
        ("socks://proxy.test", "socks4://proxy.test:1080"),
        ("SOCKS4A://user@proxy.test:9050", "socks4a://proxy.test:9050 user/"),
        ("ftp://proxy.test", "a proxy’s scheme is http, https, socks5, socks5h, socks4 or socks4a"),
        ("", "this is no URL of a proxy: empty host"),
        ("http://proxy.test:0", "a proxy needs a host and a port"),
        ("http://proxy.test:65536", "this is no URL of a proxy: invalid port number"),
        ("http://a%00b@proxy.test", "the credentials of a proxy cannot have control characters"),
        ("http://a%3ab@proxy.test", "the user name of an HTTP proxy cannot have a colon"),
        ("http://%ff@proxy.test", "the credentials of a proxy are UTF-8"),
    ];

    #[test]
    fn credentials_are_as_long_as_the_proxy_can_be_told() {
        for (scheme, bytes, is_taken) in [
            ("http", 256, true),
            ("https", CREDENTIAL_LENGTH_LIMIT / 2, true),
            ("http", CREDENTIAL_LENGTH_LIMIT / 2 + 1, false),
            ("socks5", SOCKS_CREDENTIAL_LIMIT, true),
            ("socks5h", SOCKS_CREDENTIAL_LIMIT + 1, false),
            ("socks4", SOCKS_CREDENTIAL_LIMIT, true),
            ("socks4a", SOCKS_CREDENTIAL_LIMIT + 1, false),
        ] {
            let (user, password) = ("u".repeat(bytes), "p".repeat(bytes));
            let proxy = Proxy::parse(&format!("{scheme}://{user}:{password}@proxy.test:1"));
            assert_eq!(proxy.is_ok(), is_taken, "{scheme} {bytes}");
        }
    }

    #[test]
    fn proxies_are_read_as_curl_reads_them() {
        for (text, expected) in TABLE {
            let got = match Proxy::parse(text) {
                Ok(proxy) => match &proxy.credential {
                    Some(Credential { user, password, .. }) => {
                        format!("{proxy} {}/{}", user.expose(), password.expose())
                    }
                    None => proxy.to_string(),
                },
                Err(error) => error.detail.unwrap(),
            };
            assert_eq!(got, *expected, "{text}");
        }
    }

    #[test]
    fn a_proxy_that_was_not_parsed_is_checked() {
        let good = Proxy::parse("http://proxy.test").unwrap();
        for host in ["", "a/b", "a@b", "a b", "a:1", "a\r\nb", "a?b"] {
            let bad = Proxy { host: host.into(), ..good.clone() };
            assert!(ConnectionProxy::everywhere(bad).check().is_err(), "{host}");
        }
        let of_servers = TlsPolicy { https_only: true, ..TlsPolicy::default() };
        let bad = ConnectionProxy { tls: of_servers, ..ConnectionProxy::everywhere(good.clone()) };
        assert!(bad.check().is_err(), "{bad:?}");
        let unreadable = Proxy::unreadable("ALL_PROXY");
        assert!(unreadable.is_unreadable() && !good.is_unreadable());
        for fine in [good, unreadable] {
            assert!(ConnectionProxy::everywhere(fine.clone()).check().is_ok(), "{fine}");
        }
    }

    #[test]
    fn exceptions_stand_between_commas_and_blanks() {
        let proxy = ConnectionProxy::default().except(" a.test, .b.test,,10.0.0.0/8 *");
        assert_eq!(proxy.exceptions, ["a.test", ".b.test", "10.0.0.0/8", "*"]);
    }
}
