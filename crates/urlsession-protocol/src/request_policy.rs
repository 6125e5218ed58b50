//! How a request goes out where an app wants it otherwise than HTTP clients have it.

use crate::paths::SOCKET_PATH_LIMIT;
use crate::request::{HEADER_COUNT_LIMIT, HEADER_LENGTH_LIMIT, URL_LIMIT, is_token};
use crate::{AuthenticationMethod, Error, ErrorCode};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a request says of itself, and what redirects make of it. The default is what browsers do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestPolicy {
    /// Names of header fields that are not sent unless the request itself has them: `User-Agent`,
    /// `Accept`, `Cookie` and others that would be there by themselves. `Host` and `Content-Length`
    /// are always sent: a task that leaves them out is refused with -1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub omitted_headers: Vec<String>,
    /// Which of the statuses 301, 302 and 303 lead to another POST after a POST; without it they
    /// lead to a GET.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keeps_post: Vec<u16>,
    /// Sends a GET with its body, whose meaning is between the app and its server (RFC 9110 section
    /// 9.3.1); without it such a request is refused with -1103.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sends_get_body: bool,
    /// Takes credentials and cookies of the request, and its client certificate, along to whatever
    /// server a redirect names.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trusts_redirects: bool,
    /// The target of the first request as it stands, such as `*`; without it the URL's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Path and query of the first request as they stand, with their `/../`; without it the URL's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Says to every server that a redirect leads to which URL led there, in `Referer`; nothing of it
    /// leaves `https` for `http`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tells_referer: bool,
    /// Refuses `https`, also where a redirect leads there, with -1002.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub refuses_https: bool,
    /// The only schemes that redirects may lead to; without it `http` and `https`. One that leads to
    /// `http` otherwise is refused with -1022, one to `https` with -1002.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_schemes: Option<Vec<UrlScheme>>,
    /// Where connections go instead; of several that are meant the first counts. What is said in a
    /// request and what a certificate must say stays that of the URL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_to: Vec<ConnectTo>,
    /// The only version of HTTP that is spoken; without it the newest that both sides have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_version: Option<HttpVersion>,
    /// The only way in which a server is shown the credential; by default whichever it asks for.
    #[serde(skip_serializing_if = "is_any")]
    pub authentication_method: AuthenticationMethod,
    /// Milliseconds that a connection may take to be opened, from the look-up to the end of the
    /// handshake, proxies on the way included; without it 30 seconds for each step. An attempt that
    /// takes longer ends with -1001 and is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_interval_for_connection: Option<u64>,
    /// The only addresses that are connected to; without it whichever answers first. Of a server
    /// behind a proxy it says nothing, only of the proxy. An attempt without such an address ends
    /// with -1003.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_version: Option<IpVersion>,
    /// The interface that connections go out by, or the address that they come from; without it the
    /// system chooses. Names are known on Linux only. An attempt fails and is tried again while
    /// there is no such interface or address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_interface: Option<String>,
    /// The socket of this machine that every request goes over, wherever redirects lead: an absolute
    /// path. No name is looked up, and neither a proxy nor HTTP/3 is on the way. What is said in a
    /// request and what a certificate must say stays that of the URL. Only systems of the Unix family
    /// have such sockets: elsewhere the task is refused with -1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unix_socket: Option<PathBuf>,
    /// Lets servers of HTTP/1.1 pack bodies for the way alone, with `TE: gzip`: what comes is
    /// unpacked whatever else is asked for. Few do so. A packed body that nobody asked for ends the
    /// task with -1017.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accepts_transfer_codings: bool,
}

/// Most places of [`RequestPolicy::connect_to`].
pub const CONNECT_TO_LIMIT: usize = 1000;
/// Most schemes of [`RequestPolicy::redirect_schemes`]: there are no more.
const SCHEMES_LIMIT: usize = 2;
/// Longest name of a host in them, in bytes.
const HOST_LIMIT: usize = 255;
/// Longest name of an interface, or address, in bytes.
const INTERFACE_LIMIT: usize = 45;
/// Longest list of addresses in them, in bytes.
const ADDRESSES_LENGTH_LIMIT: usize = 1000;

/// Where connections to a server go instead.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectTo {
    /// The URL's host that is meant, an IPv6 address without brackets; `None` is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The URL's port that is meant; `None` is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The host to connect to, an IPv6 address without brackets; `None` is the URL's. If the place
    /// counts for look-ups only, it may be several addresses between commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_host: Option<String>,
    /// The port to connect to; `None` is the URL's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_port: Option<u16>,
    /// Counts only for names that are looked up here, that of a proxy among them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_local: bool,
}

impl ConnectTo {
    /// Says whether a server is meant. The host of an IPv6 address may have brackets.
    #[must_use]
    pub fn is_of(&self, host: &str, port: u16) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        self.host.as_ref().is_none_or(|meant| meant.eq_ignore_ascii_case(host))
            && self.port.is_none_or(|meant| meant == port)
    }

    fn is_legal(&self) -> bool {
        let is_host = |host: &String| {
            (1..=HOST_LIMIT).contains(&host.len())
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:%".contains(&b))
        };
        let is_to = |text: &String| match text.contains(',') && self.is_local {
            true => {
                let mut addresses = text.split(',');
                text.len() <= ADDRESSES_LENGTH_LIMIT
                    && addresses.all(|one| one.parse::<std::net::IpAddr>().is_ok())
            }
            false => is_host(text),
        };
        self.host.iter().all(is_host)
            && self.to_host.iter().all(is_to)
            && ![self.port, self.to_port].contains(&Some(0))
    }
}

/// A scheme of URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UrlScheme {
    /// HTTP without TLS.
    Http,
    /// HTTP over TLS.
    Https,
}

impl UrlScheme {
    /// Says whether it is the scheme of a URL, which is in lower case there.
    #[must_use]
    pub fn is(self, scheme: &str) -> bool {
        scheme
            == match self {
                Self::Http => "http",
                Self::Https => "https",
            }
    }
}

/// A version of HTTP that an app insists on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpVersion {
    /// HTTP/1.0 (RFC 1945).
    #[serde(rename = "1.0")]
    Http10,
    /// HTTP/1.1 (RFC 9112).
    #[serde(rename = "1.1")]
    Http11,
}

/// A version of IP that an app insists on: Apple's `NWProtocolIP.Options.Version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpVersion {
    /// Says whether it is the version of an address.
    #[must_use]
    pub fn is_of(self, address: std::net::IpAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }
}

impl std::fmt::Display for IpVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

fn is_any(method: &AuthenticationMethod) -> bool {
    *method == AuthenticationMethod::Default
}

impl RequestPolicy {
    /// Says whether nothing is asked for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Says whether a header field is left out unless the request itself has it. The name is
    /// compared case-insensitively.
    #[must_use]
    pub fn omits(&self, name: &str) -> bool {
        self.omitted_headers.iter().any(|omitted| omitted.eq_ignore_ascii_case(name))
    }

    /// Checks every part.
    ///
    /// # Errors
    /// -1 with a sentence that names the part.
    pub fn check(&self) -> Result<(), Error> {
        let refusal = |why: String| Err(Error::new(ErrorCode::UNKNOWN).because(why));
        if self.omitted_headers.len() > HEADER_COUNT_LIMIT {
            return refusal(format!("at most {HEADER_COUNT_LIMIT} header fields can be left out"));
        }
        for name in &self.omitted_headers {
            if !is_token(name) || name.len() > HEADER_LENGTH_LIMIT {
                return refusal("a header field to leave out has an illegal name".to_owned());
            }
            if ["host", "content-length"].contains(&name.to_ascii_lowercase().as_str()) {
                return refusal(format!("the header field {name} cannot be left out"));
            }
        }
        if self.keeps_post.iter().any(|status| !matches!(status, 301..=303)) {
            return refusal("only 301, 302 and 303 make a GET of a POST".to_owned());
        }
        for text in self.target.iter().chain(&self.path) {
            if text.is_empty() || text.len() > URL_LIMIT || !text.bytes().all(is_visible) {
                return refusal(format!(
                    "a request target is 1 to {URL_LIMIT} visible characters of ASCII"
                ));
            }
        }
        if self.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            return refusal("a path begins with a slash".to_owned());
        }
        if self.connect_to.len() > CONNECT_TO_LIMIT {
            return refusal(format!("at most {CONNECT_TO_LIMIT} servers can be elsewhere"));
        }
        if !self.connect_to.iter().all(ConnectTo::is_legal) {
            return refusal("what is to be connected to is no host with a port".to_owned());
        }
        let is_interface = |name: &String| {
            (1..=INTERFACE_LIMIT).contains(&name.len()) && name.bytes().all(is_visible)
        };
        if !self.required_interface.iter().all(is_interface) {
            let why =
                format!("an interface has a name of 1 to {INTERFACE_LIMIT} visible characters");
            return refusal(why);
        }
        if self.redirect_schemes.as_ref().is_some_and(|schemes| schemes.len() > SCHEMES_LIMIT) {
            return refusal(format!("there are {SCHEMES_LIMIT} schemes for redirects"));
        }
        self.unix_socket.as_deref().map_or(Ok(()), check_socket)?;
        if self.timeout_interval_for_connection == Some(0) {
            return refusal("a connection that may take no time is never open".to_owned());
        }
        if self.authentication_method.is_of_tls() {
            return refusal("names and passwords are shown with Basic or Digest".to_owned());
        }
        Ok(())
    }
}

fn check_socket(path: &Path) -> Result<(), Error> {
    let refusal = |why: String| Err(Error::new(ErrorCode::UNKNOWN).because(why));
    if !cfg!(unix) {
        return refusal("this system has no Unix sockets".to_owned());
    }
    // What the kernel takes ends with the first NUL.
    let length = path.to_str().filter(|text| !text.contains('\0')).map(str::len);
    if !path.is_absolute() || length.is_none_or(|length| length > SOCKET_PATH_LIMIT) {
        return refusal(format!(
            "a Unix socket has an absolute path in UTF-8 of at most {SOCKET_PATH_LIMIT} bytes"
        ));
    }
    Ok(())
}

fn is_visible(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_request_is_refused() {
        let any = RequestPolicy::default;
        let text = |text: &str| Some(text.to_owned());
        let to = |host: &str, to_port| ConnectTo {
            to_host: text(host),
            to_port,
            ..ConnectTo::default()
        };
        let local = |text: &str| ConnectTo { is_local: true, ..to(text, None) };
        for (policy, expected) in [
            (any(), None),
            (RequestPolicy { omitted_headers: vec!["User-Agent".into()], ..any() }, None),
            (
                RequestPolicy { omitted_headers: vec!["hOST".into()], ..any() },
                Some("hOST cannot be left out"),
            ),
            (
                RequestPolicy { omitted_headers: vec!["content-length".into()], ..any() },
                Some("cannot be left out"),
            ),
            (
                RequestPolicy { omitted_headers: vec!["a\r\nb".into()], ..any() },
                Some("illegal name"),
            ),
            (
                RequestPolicy {
                    omitted_headers: vec!["a".into(); HEADER_COUNT_LIMIT + 1],
                    ..any()
                },
                Some("at most 200"),
            ),
            (RequestPolicy { keeps_post: vec![301, 303], ..any() }, None),
            (RequestPolicy { keeps_post: vec![307], ..any() }, Some("only 301, 302 and 303")),
            (RequestPolicy { target: text("*"), path: text("/a/../b?c"), ..any() }, None),
            (RequestPolicy { target: text(""), ..any() }, Some("visible")),
            (RequestPolicy { target: text("/a b"), ..any() }, Some("visible")),
            (RequestPolicy { target: text("/\r\nX: y"), ..any() }, Some("visible")),
            (RequestPolicy { path: text("a"), ..any() }, Some("begins with a slash")),
            (RequestPolicy { connect_to: vec![to("::1", Some(8))], ..any() }, None),
            (RequestPolicy { connect_to: vec![local("::1,127.0.0.1")], ..any() }, None),
            (RequestPolicy { connect_to: vec![local("::1,a")], ..any() }, Some("no host")),
            (RequestPolicy { connect_to: vec![to("::1,::2", None)], ..any() }, Some("no host")),
            (RequestPolicy { connect_to: vec![to("a/b", None)], ..any() }, Some("no host")),
            (RequestPolicy { connect_to: vec![to("", None)], ..any() }, Some("no host")),
            (RequestPolicy { connect_to: vec![to("a", Some(0))], ..any() }, Some("no host")),
            (
                RequestPolicy { connect_to: vec![to("a", None); CONNECT_TO_LIMIT + 1], ..any() },
                Some("at most 1000"),
            ),
            (RequestPolicy { required_interface: text("eth0"), ..any() }, None),
            (RequestPolicy { required_interface: text(""), ..any() }, Some("an interface")),
            (RequestPolicy { required_interface: text("a b"), ..any() }, Some("an interface")),
            (RequestPolicy { timeout_interval_for_connection: Some(0), ..any() }, Some("no time")),
            (
                RequestPolicy { authentication_method: AuthenticationMethod::ServerTrust, ..any() },
                Some("Basic or Digest"),
            ),
        ] {
            let got = policy.check().map_err(|error| error.detail.unwrap_or_default());
            match expected {
                None => assert_eq!(got, Ok(()), "{policy:?}"),
                Some(expected) => {
                    assert!(got.clone().unwrap_err().contains(expected), "{policy:?}: {got:?}");
                }
            }
        }
    }

    #[test]
    fn redirects_lead_to_no_more_schemes_than_there_are() {
        for (number, is_legal) in [(0, true), (2, true), (3, false)] {
            let redirect_schemes = Some(vec![UrlScheme::Http; number]);
            let policy = RequestPolicy { redirect_schemes, ..RequestPolicy::default() };
            assert_eq!(policy.check().is_ok(), is_legal, "{number}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_can_be_as_long_as_systems_take() {
        for (length, is_legal) in [(SOCKET_PATH_LIMIT, true), (SOCKET_PATH_LIMIT + 1, false)] {
            let unix_socket = Some(format!("/{}", "s".repeat(length - 1)).into());
            let policy = RequestPolicy { unix_socket, ..RequestPolicy::default() };
            assert_eq!(policy.check().is_ok(), is_legal, "{length}");
        }
        for path in ["", "run/s", "./s", "/run/s\0"] {
            let unix_socket = Some(path.into());
            let policy = RequestPolicy { unix_socket, ..RequestPolicy::default() };
            let why = policy.check().unwrap_err().detail.unwrap_or_default();
            assert!(why.contains("absolute path"), "{path}: {why}");
        }
    }
}
