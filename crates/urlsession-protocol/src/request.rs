//! What a task asks of a server: Apple's `URLRequest`.

use crate::{Credential, Error, ErrorCode, RequestPolicy, Secret, plain_url};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Longest URL, in bytes.
pub const URL_LIMIT: usize = 64 * 1024;
/// Most header fields of one request, the session's not counted.
pub const HEADER_COUNT_LIMIT: usize = 200;
/// Longest name and value of one header field together, in bytes.
pub const HEADER_LENGTH_LIMIT: usize = 128 * 1024;
/// Longest names and values of all header fields together, in bytes.
pub const HEADERS_LENGTH_LIMIT: usize = 256 * 1024;
/// Most slashes before a host: one too many is a slip, as it is for curl.
const SLASHES_LIMIT: usize = 3;
/// Header fields of the connection, which no request sets or leaves out (RFC 9110 section 7.6.1).
const OF_CONNECTION: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Header fields that never cross to another origin, beside those of proxies.
const CREDENTIALS: [&str; 4] = ["authorization", "cookie", "cookie2", "www-authenticate"];
/// Methods whose letters may be small.
const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "DELETE"];

/// One header field. Every value is treated as a secret: no one can tell which ones are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Header {
    /// The field's name as the caller wrote it.
    pub name: String,
    /// The field's value, without line breaks.
    pub value: Secret,
}

impl Header {
    /// Makes a header field of a name and a value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: Secret::new(value) }
    }

    /// Says whether the name can be one (RFC 9110 section 5.6.2).
    #[must_use]
    pub fn has_legal_name(&self) -> bool {
        is_token(&self.name)
    }

    /// Says whether the field belongs to the connection: it does not go out as the request has it.
    #[must_use]
    pub fn is_of_connection(&self) -> bool {
        OF_CONNECTION.iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }

    /// Says whether the field never crosses to another origin.
    #[must_use]
    pub fn is_credential(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        CREDENTIALS.contains(&&*name) || name.starts_with("proxy-")
    }
}

/// Where the bytes of a request body come from. Bytes themselves never cross the socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Body {
    /// The app's own file, which must stay as it is until the task completes.
    File {
        /// Absolute path of the file.
        path: PathBuf,
        /// Size in bytes when the task was created; another size later ends the task with -1021.
        length: u64,
        /// Modification time in nanoseconds since 1970 when the task was created.
        modified: u64,
    },
    /// A private copy that the client wrote for this task; the engine removes it with the task.
    Spool {
        /// Absolute path of the copy, inside the state folder's `spool`.
        path: PathBuf,
        /// Size in bytes.
        length: u64,
    },
}

/// A request as the app made it. [`Request::new`] checks it; the daemon checks it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The absolute `http` or `https` URL, without user-info and fragment.
    pub url: String,
    /// The method, `GET` by default.
    pub method: String,
    /// Header fields in the caller's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// The body of an upload or data task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// What lets it in. An `Authorization` field in `headers` wins: this is then not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
}

/// What replaces parts of a task's request; what is `None` stays as it is.
///
/// The bytes that a download has are kept: whether they still fit, the server's validators decide.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestEdit {
    /// The new URL. If it is of another origin, the credentials that the task had do not go there:
    /// its credential, its `Host` field and those that [are credentials](Header::is_credential) are
    /// dropped.
    /// If it is of another host, so is its client certificate.
    /// [`RequestPolicy::path`] and [`RequestPolicy::target`], which stand in place of the old URL's,
    /// are dropped in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Header fields that replace those of the same names; others stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// The new credential. It takes the place of an `Authorization` field that the task has, unless
    /// `headers` bring one. Where it takes the place of a credential that waits until it is asked for,
    /// it waits, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
}

impl RequestEdit {
    /// Checks every part and rewrites the URL to its legal form; its user-info becomes the
    /// credential.
    ///
    /// # Errors
    /// As [`Request::normalize`].
    pub fn normalize(&mut self) -> Result<(), Error> {
        check_headers(&self.headers)?;
        if let Some(url) = &mut self.url {
            let request = Request::new(url)?;
            self.credential = self.credential.take().or(request.credential);
            *url = request.url;
        }
        self.credential.as_ref().map_or(Ok(()), Credential::check)
    }

    /// Says whether nothing is replaced.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Request {
    /// Makes a GET request. User-info in the URL becomes the credential, sent before the server
    /// asks, so that it is never listed or logged.
    ///
    /// # Errors
    /// -1000 for text that is no URL, has no host or the port 0, -1002 for a scheme other than http and
    /// https.
    pub fn new(url: &str) -> Result<Self, Error> {
        let mut request = Self {
            url: url.to_owned(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: None,
            credential: None,
        };
        request.normalize()?;
        Ok(request)
    }

    /// Returns the `host:port` the request goes to, in lower case.
    ///
    /// # Errors
    /// As [`Request::new`].
    pub fn host(&self) -> Result<String, Error> {
        match plain_url::host_of(&self.url) {
            Some(host) => Ok(host),
            None => parse(&self.url).map(|url| host_of(&url)),
        }
    }

    /// Checks every part and rewrites the URL to its legal form; returns its [`host`](Self::host).
    ///
    /// # Errors
    /// -1000 or -1002 for the URL, -1 for an illegal method or header field.
    pub fn normalize(&mut self) -> Result<String, Error> {
        let host = match plain_url::host_of(&self.url) {
            Some(host) => host,
            None => self.normalize_url()?,
        };
        check_method(&self.method)?;
        if METHODS.iter().any(|method| method.eq_ignore_ascii_case(&self.method)) {
            self.method.make_ascii_uppercase();
        }
        check_headers(&self.headers)?;
        self.credential.as_ref().map_or(Ok(()), Credential::check)?;
        Ok(host)
    }

    /// Checks whether a request of that policy may have a body with its method.
    ///
    /// # Errors
    /// -1103 for a GET with one.
    pub fn check_body(&self, policy: &RequestPolicy) -> Result<(), Error> {
        if self.body.is_some() && self.method == "GET" && !policy.sends_get_body {
            return Err(Error::new(ErrorCode::DATA_LENGTH_EXCEEDS_MAXIMUM)
                .because("a GET request cannot have a body")
                .for_url(&self.url));
        }
        Ok(())
    }

    fn normalize_url(&mut self) -> Result<String, Error> {
        let mut url = parse(&self.url)?;
        let host = host_of(&url);
        if let Some(credential) = credential_of(&url)? {
            self.credential.get_or_insert(credential);
            // Neither call can fail for a URL that has a host.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        url.set_fragment(None);
        self.url = url.into();
        Ok(host)
    }
}

pub(crate) fn host_of(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default())
}

/// Checks header fields: legal names, values without CR, LF or NUL, within the named limits.
///
/// # Errors
/// -1 with a sentence that names the field, never its value.
pub fn check_headers(headers: &[Header]) -> Result<(), Error> {
    if headers.len() > HEADER_COUNT_LIMIT {
        return Err(Error::new(ErrorCode::UNKNOWN)
            .because(format!("a request may have at most {HEADER_COUNT_LIMIT} header fields")));
    }
    if headers_length(headers) > HEADERS_LENGTH_LIMIT {
        return Err(Error::new(ErrorCode::UNKNOWN).because(format!(
            "the header fields of a request may have at most {HEADERS_LENGTH_LIMIT} bytes"
        )));
    }
    for header in headers {
        let value = header.value.expose();
        let problem = if !is_token(&header.name) {
            "has an illegal name"
        } else if value.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
            "has a line break or NUL in its value"
        } else if header.name.len() + value.len() > HEADER_LENGTH_LIMIT {
            "is too long"
        } else {
            continue;
        };
        let name: String = header.name.chars().take(80).collect();
        return Err(Error::new(ErrorCode::UNKNOWN)
            .because(format!("the header field “{}” {problem}", name.escape_debug())));
    }
    Ok(())
}

/// Returns the bytes of the names and values of header fields together, as [`HEADERS_LENGTH_LIMIT`]
/// counts them.
#[must_use]
pub fn headers_length(headers: &[Header]) -> usize {
    headers.iter().map(|header| header.name.len() + header.value.expose().len()).sum()
}

fn check_method(method: &str) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::new(ErrorCode::UNKNOWN).because(why));
    if !is_token(method) || method.len() > 64 {
        return refuse(format!("“{}” is no HTTP method", method.escape_debug()));
    }
    // What follows its response is no body, and would be waited for in vain.
    if method.eq_ignore_ascii_case("CONNECT") {
        return refuse("CONNECT is for proxies: name the proxy and ask for the URL".into());
    }
    Ok(())
}

/// Checks whether a text is a whole URL, of whichever scheme.
///
/// # Errors
/// -1000 for one that names no host where it must, -1002 for one without a scheme.
pub fn check_url(text: &str) -> Result<(), Error> {
    read(text).map(drop)
}

pub(crate) fn parse(text: &str) -> Result<url::Url, Error> {
    let url = read(text)?;
    let bad = |code, why: String| Err(Error::new(code).because(why).for_url(text));
    if !matches!(url.scheme(), "http" | "https") {
        let why = format!("the scheme “{}” is not http or https", url.scheme());
        return bad(ErrorCode::UNSUPPORTED_URL, why);
    }
    if url.port() == Some(0) {
        return bad(ErrorCode::BAD_URL, "no server has the port 0".into());
    }
    Ok(url)
}

fn read(text: &str) -> Result<url::Url, Error> {
    let bad = |code, why: String| Err(Error::new(code).because(why).for_url(text));
    if text.len() > URL_LIMIT {
        return Err(Error::new(ErrorCode::BAD_URL)
            .because(format!("a URL may have at most {URL_LIMIT} bytes")));
    }
    match url::Url::parse(text) {
        Ok(_) if has_no_host(text) => bad(ErrorCode::BAD_URL, "no host follows its slashes".into()),
        Ok(url) => Ok(url),
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            bad(ErrorCode::UNSUPPORTED_URL, "the URL has no scheme".into())
        }
        Err(error) => bad(ErrorCode::BAD_URL, error.to_string()),
    }
}

/// Says whether more slashes follow the scheme, or begin a reference, than stand before a host: what
/// comes then is a path for some, and the host for those who skip slashes.
#[must_use]
pub fn has_no_host(reference: &str) -> bool {
    // Whoever reads URLs drops blanks around them, and tabs and line ends within.
    let is_kept = |c: &char| !matches!(c, '\t' | '\r' | '\n');
    let text = reference.trim_start_matches(|c| c <= ' ').chars().filter(is_kept);
    let behind = |scheme: &str| {
        let mut rest = text.clone();
        let begins =
            scheme.chars().all(|c| rest.next().is_some_and(|d| c.eq_ignore_ascii_case(&d)));
        begins.then_some(rest)
    };
    let rest = ["http:", "https:"].into_iter().find_map(behind).unwrap_or_else(|| text.clone());
    rest.take_while(|c| matches!(c, '/' | '\\')).count() > SLASHES_LIMIT
}

fn credential_of(url: &url::Url) -> Result<Option<Credential>, Error> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decode = |text| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        decoded.map_err(|_| {
            Error::new(ErrorCode::BAD_URL)
                .because("the name or password in the URL is not UTF-8")
                .for_url(url.as_str())
        })
    };
    let (user, password) = (decode(url.username())?, decode(url.password().unwrap_or_default())?);
    Ok(Some(Credential::new(user, password).proactive()))
}

/// Says whether the text is a token of RFC 9110 section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// what is written => the URL and the user that come of it, or the number of the error
    const URLS: &[(&str, &str)] = &[
        ("HTTP://Host:80/a b?c#d", "http://host/a%20b?c"),
        ("http://good#@evil/", "http://good/"),
        ("http://good\\@evil/", "http://good/@evil/"),
        ("http://good?@evil/", "http://good/?@evil/"),
        ("http://a;b@host/", "http://host/ a;b"),
        ("http://a@b@host/", "http://host/ a@b"),
        ("http://a%0d%0ab:c@host/", "http://host/ a\r\nb"),
        ("http://evil%2fgood/", "-1000"),
        ("http://evil%23good/", "-1000"),
        ("http://evil%00/", "-1000"),
        ("http://ev il/", "-1000"),
        ("http://[::1%25eth0]/", "-1000"),
        ("http://[::g]/", "-1000"),
        ("http://host:65536/", "-1000"),
        ("http://host:0/", "-1000"),
        ("https://host:000/", "-1000"),
        ("http://me:distinctive@host:65536/", "-1000"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://host/\r\nX: y", "http://host/X:%20y"),
        ("http://host/a\0b", "http://host/a%00b"),
        ("http://host/%0d%0aX:", "http://host/%0d%0aX:"),
        ("http://h\u{f6}st/", "http://xn--hst-sna/"),
        ("http://a\u{3002}b/", "http://a.b/"),
        ("http://xn--a/", "-1000"),
        ("http://xn--host-/", "-1000"),
        ("http://host\u{ff0f}good/", "-1000"),
        ("http://me:pa@ss@host/", "http://host/ me"),
        ("http://", "-1000"),
        ("http:///host/", "http://host/"),
        ("http:////host/", "-1000"),
        (" http:/\t/\n//host/", "-1000"),
        ("HTTPS:\\\\\\/host/", "-1000"),
        ("http:/host//path", "http://host//path"),
        ("", "-1002"),
        ("host/path", "-1002"),
        ("file:///etc/passwd", "-1002"),
        ("data:,x", "-1002"),
        ("javascript:alert(1)", "-1002"),
    ];

    #[test]
    fn urls_are_read_in_one_way_only() {
        for (text, expected) in URLS {
            let got = match Request::new(text) {
                Ok(Request { url, credential: None, .. }) => url,
                Ok(Request { url, credential: Some(credential), .. }) => {
                    format!("{url} {}", credential.user.expose())
                }
                Err(error) => {
                    assert!(!format!("{error:?}").contains("distinctive"), "{error:?}");
                    error.code.0.to_string()
                }
            };
            assert_eq!(got, *expected, "{text:?}");
        }
        let long = format!("http://host/{}", "a".repeat(URL_LIMIT));
        assert_eq!(Request::new(&long).unwrap_err().code, ErrorCode::BAD_URL);
    }

    #[test]
    fn what_stays_with_its_origin() {
        let is_credential = |name| Header::new(name, "").is_credential();
        let stay = ["AUTHORIZATION", "cookie", "Cookie2", "Proxy-Authorization", "proxy-x"];
        assert!(stay.into_iter().all(is_credential));
        // Apple's sessions hand on what an app invented.
        assert!(!["x-api-key", "accept", "proxied"].into_iter().any(is_credential));
    }

    #[test]
    fn nothing_is_added_to_a_head() {
        let mut request = Request::new("http://host/").unwrap();
        let head = "GET /x HTTP/1.1";
        for method in ["", "G T", "GET\r\nX: y", "GET\0", "G\u{e9}T", head, "CONNECT", "Connect"] {
            request.method = method.into();
            assert_eq!(request.normalize().unwrap_err().code, ErrorCode::UNKNOWN, "{method:?}");
        }
        request.method = "get".into();
        request.normalize().unwrap();
        assert_eq!(request.method, "GET");
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("a:", "x"),
            ("a\r\nb", "x"),
            ("a\0", "x"),
            ("\u{e9}", "x"),
            ("a", "distinctive\r\nb: c"),
            ("a", "distinctive\n b"),
            ("a", "distinctive\0"),
        ] {
            let error = check_headers(&[Header::new(name, value)]).unwrap_err();
            assert_eq!(error.code, ErrorCode::UNKNOWN, "{name:?} {value:?}");
            assert!(!format!("{error:?}").contains("distinctive"), "{error:?}");
        }
        check_headers(&[Header::new("a", "b\tc \u{e9}")]).unwrap();
    }
}
