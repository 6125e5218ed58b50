//! What a task asks of a server: Apple's `URLRequest`.

use crate::{Error, ErrorCode, Secret};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Longest URL, in bytes.
pub const URL_LIMIT: usize = 64 * 1024;
/// Most header fields of one request, the session's not counted.
pub const HEADER_COUNT_LIMIT: usize = 200;
/// Longest name and value of one header field together, in bytes.
pub const HEADER_LENGTH_LIMIT: usize = 64 * 1024;
/// Longest names and values of all header fields together, in bytes.
pub const HEADERS_LENGTH_LIMIT: usize = 256 * 1024;

/// One header field. Every value is treated as a secret: no one can tell which ones are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl Request {
    /// Makes a GET request. User-info in the URL becomes an `Authorization: Basic` field, so that
    /// it is never listed or logged.
    ///
    /// # Errors
    /// -1000 for text that is no URL or has no host, -1002 for a scheme other than http and https.
    pub fn new(url: &str) -> Result<Self, Error> {
        let mut request =
            Self { url: url.to_owned(), method: "GET".to_owned(), headers: Vec::new(), body: None };
        request.normalize()?;
        Ok(request)
    }

    /// Returns the `host:port` the request goes to, in lower case.
    ///
    /// # Errors
    /// As [`Request::new`].
    pub fn host(&self) -> Result<String, Error> {
        let url = parse(&self.url)?;
        let host = url.host_str().unwrap_or_default();
        Ok(format!("{host}:{}", url.port_or_known_default().unwrap_or_default()))
    }

    /// Checks every part and rewrites the URL to its legal form.
    ///
    /// # Errors
    /// -1000 or -1002 for the URL, -1 for an illegal method or header field, -1103 for a GET with
    /// a body.
    pub fn normalize(&mut self) -> Result<(), Error> {
        let mut url = parse(&self.url)?;
        if let Some(value) = basic(&url) {
            if !self.headers.iter().any(|h| h.name.eq_ignore_ascii_case("authorization")) {
                self.headers.push(Header::new("Authorization", value));
            }
            // Neither call can fail for a URL that has a host.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        url.set_fragment(None);
        self.url = url.into();
        check_method(&self.method)?;
        let upper = self.method.to_ascii_uppercase();
        if matches!(upper.as_str(), "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "CONNECT") {
            self.method = upper;
        }
        check_headers(&self.headers)?;
        if self.body.is_some() && self.method == "GET" {
            return Err(Error::new(ErrorCode::DATA_LENGTH_EXCEEDS_MAXIMUM)
                .because("a GET request cannot have a body")
                .for_url(&self.url));
        }
        Ok(())
    }
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
    let total: usize = headers.iter().map(|h| h.name.len() + h.value.expose().len()).sum();
    if total > HEADERS_LENGTH_LIMIT {
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

fn check_method(method: &str) -> Result<(), Error> {
    if is_token(method) && method.len() <= 64 {
        return Ok(());
    }
    Err(Error::new(ErrorCode::UNKNOWN)
        .because(format!("“{}” is no HTTP method", method.escape_debug())))
}

fn parse(text: &str) -> Result<url::Url, Error> {
    let bad = |code, why: String| Error::new(code).because(why).for_url(text);
    if text.len() > URL_LIMIT {
        return Err(Error::new(ErrorCode::BAD_URL)
            .because(format!("a URL may have at most {URL_LIMIT} bytes")));
    }
    let url = match url::Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            return Err(bad(ErrorCode::UNSUPPORTED_URL, "the URL has no scheme".into()));
        }
        Err(error) => return Err(bad(ErrorCode::BAD_URL, error.to_string())),
    };
    if !matches!(url.scheme(), "http" | "https") {
        let why = format!("the scheme “{}” is not http or https", url.scheme());
        return Err(bad(ErrorCode::UNSUPPORTED_URL, why));
    }
    Ok(url)
}

fn basic(url: &url::Url) -> Option<String> {
    use base64::Engine as _;
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair = percent_decode(url.username());
    pair.push(b':');
    pair.extend(percent_decode(url.password().unwrap_or_default()));
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

fn percent_decode(text: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(text).collect()
}

/// Says whether the text is a token of RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
