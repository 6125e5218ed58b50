//! Which redirects are followed, and what the next request keeps: a pure policy.

use super::errors::Failure;
use http::{Method, StatusCode};
use url::Url;
use urlsession_protocol::ErrorCode;

/// Most redirects of one attempt.
pub(super) const REDIRECT_LIMIT: usize = 20;

/// Header fields that never cross to another origin.
pub(super) const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// The next request of a chain.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hop {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) keeps_body: bool,
    pub(super) keeps_credentials: bool,
}

/// Decides about one response; `None` makes it the final one.
pub(super) fn next(
    status: StatusCode,
    location: Option<&[u8]>,
    method: &Method,
    from: &Url,
    allow_insecure: bool,
) -> Result<Option<Hop>, Failure> {
    let (301 | 302 | 303 | 305 | 306 | 307 | 308, Some(location)) = (status.as_u16(), location)
    else {
        return Ok(None);
    };
    let url = target(location, from)?;
    if !matches!(url.scheme(), "http" | "https") {
        let why = format!("redirected to the scheme “{}”", url.scheme());
        return Err(Failure::permanent(ErrorCode::UNSUPPORTED_URL, why).at(url.as_str()));
    }
    if from.scheme() == "https" && url.scheme() == "http" && !allow_insecure {
        return Err(Failure::permanent(
            ErrorCode::APP_TRANSPORT_SECURITY_REQUIRES_SECURE_CONNECTION,
            "redirected from https to http",
        )
        .at(url.as_str()));
    }
    let becomes_get = match status.as_u16() {
        301 | 302 => *method == Method::POST,
        303 => true,
        _ => false,
    };
    Ok(Some(Hop {
        method: if becomes_get { Method::GET } else { method.clone() },
        keeps_body: !becomes_get,
        keeps_credentials: url.origin() == from.origin(),
        url,
    }))
}

fn target(location: &[u8], from: &Url) -> Result<Url, Failure> {
    let nowhere = |why: String| {
        Failure::permanent(ErrorCode::REDIRECT_TO_NON_EXISTENT_LOCATION, why).at(from.as_str())
    };
    let text = String::from_utf8_lossy(location);
    let mut url = from.join(text.trim()).map_err(|error| nowhere(error.to_string()))?;
    if matches!(url.scheme(), "http" | "https") {
        if url.host_str().is_none_or(str::is_empty) {
            return Err(nowhere("the location has no host".into()));
        }
        // A server must not choose the credentials that are sent.
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// status, method, from, location => what happens
    const TABLE: &[(u16, &str, &str, &str, &str)] = &[
        (301, "GET", "http://a/x", "/y", "GET http://a/y body credentials"),
        (301, "POST", "http://a/x", "y?q=%20", "GET http://a/y?q=%20 credentials"),
        (302, "POST", "http://a/x", "http://b/", "GET http://b/"),
        (302, "PUT", "http://a/x", "/y", "PUT http://a/y body credentials"),
        (303, "PUT", "http://a/x", "/y", "GET http://a/y credentials"),
        (303, "HEAD", "http://a/x", "/y", "GET http://a/y credentials"),
        (305, "POST", "http://a/x", "/y", "POST http://a/y body credentials"),
        (306, "POST", "http://a/x", "/y", "POST http://a/y body credentials"),
        (307, "POST", "http://a/x", "http://a:8080/y", "POST http://a:8080/y body"),
        (308, "POST", "http://a/x", "https://a/y", "POST https://a/y body"),
        (302, "GET", "http://a:1/x", "//b/y", "GET http://b/y body"),
        (302, "GET", "http://a:1/x", "http://u:p@a:1/y#f", "GET http://a:1/y body credentials"),
        (302, "GET", "https://a/x", "http://a/x", "-1022 http://a/x"),
        (302, "GET", "http://a/x", "ftp://a/x", "-1002 ftp://a/x"),
        (302, "GET", "http://a/x", "mailto:x", "-1002 mailto:x"),
        (302, "GET", "http://a/x", "http://", "-1010 http://a/x"),
        (302, "GET", "http://a/x", "http://a:99999/", "-1010 http://a/x"),
        (300, "GET", "http://a/x", "/y", "final"),
        (304, "GET", "http://a/x", "/y", "final"),
        (200, "GET", "http://a/x", "/y", "final"),
    ];

    #[test]
    fn every_redirect() {
        for (status, method, from, location, expected) in TABLE {
            let status = StatusCode::from_u16(*status).expect("a status");
            let method: Method = method.parse().expect("a method");
            let from: Url = from.parse().expect("a URL");
            let got = match next(status, Some(location.as_bytes()), &method, &from, false) {
                Ok(None) => "final".to_owned(),
                Ok(Some(hop)) => format!(
                    "{} {}{}{}",
                    hop.method,
                    hop.url,
                    if hop.keeps_body { " body" } else { "" },
                    if hop.keeps_credentials { " credentials" } else { "" }
                ),
                Err(failure) => format!(
                    "{} {}",
                    failure.error.code.0,
                    failure.error.failing_url.unwrap_or_default()
                ),
            };
            assert_eq!(got, *expected, "{status} {method} {from} {location}");
        }
        let from: Url = "https://a/".parse().expect("a URL");
        let get = Method::GET;
        assert_eq!(next(StatusCode::FOUND, None, &get, &from, false), Ok(None));
        assert!(next(StatusCode::FOUND, Some(b"http://a/"), &get, &from, true).is_ok());
    }
}
