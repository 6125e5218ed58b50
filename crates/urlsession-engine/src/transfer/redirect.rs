//! Which redirects are followed, and what the next request keeps: a pure policy.

use super::errors::Failure;
use crate::strict;
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::NON_ALPHANUMERIC;
use url::Url;
use urlsession_protocol::request::URL_LIMIT;
use urlsession_protocol::{ErrorCode, UrlScheme, has_no_host};

/// Most redirects of one attempt, where its task does not say it.
const REDIRECT_LIMIT: u32 = 20;
/// Most redirects of one attempt, whatever its task says.
const REDIRECT_MAXIMUM: u32 = 100;
/// How often one and the same request is made: servers that set a cookie by a script, or that are
/// not ready yet, redirect to where they are.
const ROUND_LIMIT: usize = 3;

/// The redirects of one attempt so far.
#[derive(Debug)]
pub(super) struct Trail {
    limit: u32,
    left: u32,
    made: Vec<(Method, Url, Option<HeaderValue>)>,
}

impl Trail {
    /// Begins with at most that many redirects.
    pub(super) fn new(limit: Option<u32>) -> Self {
        let limit = limit.unwrap_or(REDIRECT_LIMIT).min(REDIRECT_MAXIMUM);
        Self { limit, left: limit, made: Vec::new() }
    }

    /// Takes the next step, unless there were too many or they go in a circle.
    pub(super) fn step(&mut self, hop: &Hop, cookies: Option<&HeaderValue>) -> Result<(), Failure> {
        let refuse = |why: String| {
            let code = ErrorCode::HTTP_TOO_MANY_REDIRECTS;
            Err(Failure::permanent(code, why).at(hop.url.as_str()))
        };
        let Some(left) = self.left.checked_sub(1) else {
            return match self.limit {
                0 => refuse("the task follows no redirect".into()),
                limit => refuse(format!("more than {limit} redirects")),
            };
        };
        self.left = left;
        let made = (hop.method.clone(), hop.url.clone(), cookies.cloned());
        if self.made.iter().filter(|before| **before == made).count() >= ROUND_LIMIT {
            return refuse("the redirects go in a circle".into());
        }
        self.made.push(made);
        Ok(())
    }
}

/// The next request of a chain.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hop {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) keeps_body: bool,
    pub(super) keeps_host: bool,
    pub(super) keeps_credentials: bool,
}

/// What a task says of redirects.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rules<'a> {
    /// Whether they may lead from https to http.
    pub(super) allow_insecure: bool,
    /// The only schemes that they may lead to, if the task says it.
    pub(super) schemes: Option<&'a [UrlScheme]>,
    /// Statuses after which a POST stays one.
    pub(super) keeps_post: &'a [u16],
    /// Whether credentials go wherever they lead.
    pub(super) trusts: bool,
    /// Which hosts are never asked over http, and so lead from https to nowhere else.
    pub(super) strict: Option<&'a strict::Exchange>,
}

/// Decides about one response; `None` makes it the final one.
pub(super) fn next(
    status: StatusCode,
    location: Option<&[u8]>,
    method: &Method,
    from: &Url,
    rules: Rules<'_>,
) -> Result<Option<Hop>, Failure> {
    // An empty field says nothing, as for browsers and curl, although RFC 3986 section 4.4 reads it
    // as a reference to where one is.
    let said = location.filter(|location| !location.trim_ascii().is_empty());
    let (301 | 302 | 303 | 305 | 306 | 307 | 308, Some(location)) = (status.as_u16(), said) else {
        return Ok(None);
    };
    let mut url = target(location, from)?;
    if let Some(strict) = rules.strict {
        strict.upgrade(&mut url);
    }
    if !matches!(url.scheme(), "http" | "https") {
        let why = format!("redirected to the scheme “{}”", url.scheme());
        return Err(Failure::permanent(ErrorCode::UNSUPPORTED_URL, why).at(url.as_str()));
    }
    if from.scheme() == "https" && url.scheme() == "http" && !rules.allow_insecure {
        return Err(Failure::permanent(
            ErrorCode::APP_TRANSPORT_SECURITY_REQUIRES_SECURE_CONNECTION,
            "redirected from https to http",
        )
        .at(url.as_str()));
    }
    if rules.schemes.is_some_and(|only| !only.iter().any(|scheme| scheme.is(url.scheme()))) {
        let code = match url.scheme() {
            "http" => ErrorCode::APP_TRANSPORT_SECURITY_REQUIRES_SECURE_CONNECTION,
            _ => ErrorCode::UNSUPPORTED_URL,
        };
        let why = format!("redirected to {}, where the task lets no redirect lead", url.scheme());
        return Err(Failure::permanent(code, why).at(url.as_str()));
    }
    let becomes_get = match status.as_u16() {
        _ if *method == Method::POST && rules.keeps_post.contains(&status.as_u16()) => false,
        301 | 302 => *method == Method::POST,
        303 => true,
        _ => false,
    };
    Ok(Some(Hop {
        method: if becomes_get { Method::GET } else { method.clone() },
        keeps_body: !becomes_get,
        keeps_host: url.origin() == from.origin(),
        keeps_credentials: rules.trusts || url.origin() == from.origin(),
        url,
    }))
}

fn target(location: &[u8], from: &Url) -> Result<Url, Failure> {
    let nowhere = |why: String| {
        Failure::permanent(ErrorCode::REDIRECT_TO_NON_EXISTENT_LOCATION, why).at(from.as_str())
    };
    let text = spelled(location);
    // Other blanks than these belong to it (WHATWG URL section 4.4).
    let text = text.trim_matches(|c| c <= ' ');
    let mut url = from.join(text).map_err(|error| nowhere(error.to_string()))?;
    if matches!(url.scheme(), "http" | "https") {
        if has_no_host(text) {
            return Err(nowhere("no host follows the slashes of the location".into()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(nowhere("the location has no host".into()));
        }
        if url.port() == Some(0) {
            return Err(nowhere("the location has the port 0".into()));
        }
        // A server must not choose the credentials that are sent.
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    url.set_fragment(None);
    if url.as_str().len() > URL_LIMIT {
        return Err(nowhere(format!("the location has more than {URL_LIMIT} bytes")));
    }
    Ok(url)
}

/// Spells a location as text: bytes that are not UTF-8 are meant as they are.
fn spelled(location: &[u8]) -> String {
    let mut text = String::with_capacity(location.len());
    for chunk in location.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(percent_encoding::percent_encode(chunk.invalid(), NON_ALPHANUMERIC));
    }
    text
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
        (302, "GET", "http://a/x", "http://a:0/", "-1010 http://a/x"),
        (302, "GET", "http://a:80/x", "http://a/y", "GET http://a/y body credentials"),
        (302, "GET", "https://a/x", "https://a:443/y", "GET https://a/y body credentials"),
        (302, "GET", "https://a/x", "https://b.a/y", "GET https://b.a/y body"),
        (302, "GET", "http://A/x", "http://a/y", "GET http://a/y body credentials"),
        (302, "GET", "http://a/b/c?d", "?e=f", "GET http://a/b/c?e=f body credentials"),
        (302, "GET", "http://a/b/c", "../../..//d/./e", "GET http://a//d/e body credentials"),
        (302, "GET", "http://a/x", "  /y z\u{e4}  ", "GET http://a/y%20z%C3%A4 body credentials"),
        (302, "GET", "http://a/x", "/y\u{a0}", "GET http://a/y%C2%A0 body credentials"),
        (
            302,
            "GET",
            "http://a/x",
            "\u{1}\u{1f} /y\u{2003}\t",
            "GET http://a/y%E2%80%83 body credentials",
        ),
        (302, "GET", "http://a/x", "/%2Fy%20?q=%26", "GET http://a/%2Fy%20?q=%26 body credentials"),
        (302, "GET", "http://a/x", "/y%0d%0aX:%20z", "GET http://a/y%0d%0aX:%20z body credentials"),
        (302, "GET", "http://a/x", "/y\tz", "GET http://a/yz body credentials"),
        (302, "GET", "http://a/x", "http://b%2fa/", "-1010 http://a/x"),
        (302, "GET", "http://a/x", "http://a@b/", "GET http://b/ body"),
        (302, "GET", "http://a/x", "http://a\\@b/", "GET http://a/@b/ body credentials"),
        (302, "GET", "https://a/x", "data:,x", "-1002 data:,x"),
        (302, "GET", "http://a/x", "unix:/run/s", "-1002 unix:/run/s"),
        (302, "GET", "http://a/x", "#f", "GET http://a/x body credentials"),
        (302, "GET", "http://a/x", "", "final"),
        (307, "POST", "http://a/x", " \t", "final"),
        (302, "GET", "http://a/x", "http:///b/y", "GET http://b/y body"),
        (302, "GET", "http://a/x", "http:////b/y", "-1010 http://a/x"),
        (302, "GET", "http://a/x", "////b/y", "-1010 http://a/x"),
        (302, "GET", "http://a/x", "\\\\//b/y", "-1010 http://a/x"),
        (302, "GET", "http://a/x", "http:\\\\b\\y", "GET http://b/y body"),
        (302, "GET", "http://a/x", "file:///etc/passwd", "-1002 file:///etc/passwd"),
        (302, "GET", "http://a/x", "javascript:alert(1)", "-1002 javascript:alert(1)"),
        (307, "DELETE", "http://a/x", "http://[::1]:8/y", "DELETE http://[::1]:8/y body"),
        (308, "PATCH", "https://a/x", "http://a/y", "-1022 http://a/y"),
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
            let got =
                match next(status, Some(location.as_bytes()), &method, &from, Rules::default()) {
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
        let lax = Rules { allow_insecure: true, ..Rules::default() };
        assert_eq!(next(StatusCode::FOUND, None, &get, &from, lax), Ok(None));
        assert!(next(StatusCode::FOUND, Some(b"http://a/"), &get, &from, lax).is_ok());
        let hop = next(StatusCode::FOUND, Some(b"/a\xe4\xff b"), &get, &from, lax);
        let url = hop.ok().flatten().map(|hop| hop.url.to_string());
        assert_eq!(url.as_deref(), Some("https://a/a%E4%FF%20b"));
    }

    /// the schemes that are allowed, from, location => how it ends
    #[test]
    fn a_task_can_say_which_schemes_redirects_lead_to() {
        use UrlScheme::{Http, Https};
        for (schemes, from, location, expected) in [
            (None, "http://a/", "https://b/", None),
            (Some(&[Https][..]), "http://a/", "https://b/", None),
            (Some(&[Https]), "http://a/", "/b", Some(-1022)),
            (Some(&[Http]), "http://a/", "/b", None),
            (Some(&[Http]), "http://a/", "https://b/", Some(-1002)),
            (Some(&[Http]), "https://a/", "http://b/", Some(-1022)),
            (Some(&[Http, Https]), "http://a/", "https://b/", None),
            (Some(&[]), "https://a/", "/b", Some(-1002)),
        ] {
            let rules = Rules { schemes, ..Rules::default() };
            let from: Url = from.parse().expect("a URL");
            let location = Some(location.as_bytes());
            let hop = next(StatusCode::FOUND, location, &Method::GET, &from, rules);
            let code = hop.err().map(|failure| failure.error.code.0);
            assert_eq!(code, expected, "{schemes:?} {from} {location:?}");
        }
        // What is not allowed is not followed, and that nothing leads on is no matter of it.
        let rules = Rules { schemes: Some(&[]), ..Rules::default() };
        let from: Url = "http://a/".parse().expect("a URL");
        assert_eq!(next(StatusCode::FOUND, None, &Method::GET, &from, rules), Ok(None));
    }

    #[test]
    fn a_task_can_have_a_post_kept_and_trust_where_it_is_sent() {
        let from: Url = "http://a/".parse().expect("a URL");
        for (status, method, keeps, expected) in [
            (301, Method::POST, vec![301], "POST"),
            (301, Method::POST, vec![302], "GET"),
            (302, Method::POST, vec![302, 303], "POST"),
            (303, Method::POST, vec![302, 303], "POST"),
            (303, Method::PUT, vec![303], "GET"),
            (307, Method::POST, vec![], "POST"),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            for trusts in [false, true] {
                let rules = Rules { keeps_post: &keeps, trusts, ..Rules::default() };
                let hop = next(status, Some(b"http://b/"), &method, &from, rules);
                let hop = hop.ok().flatten().expect("a redirect");
                assert_eq!(hop.method, expected, "{status} {keeps:?}");
                assert_eq!(hop.keeps_body, hop.method == method, "{status} {keeps:?}");
                assert_eq!(hop.keeps_credentials, trusts);
                assert!(!hop.keeps_host, "another server has another name");
            }
        }
    }

    /// limit of the task, URLs redirected to => how many are followed, and why no more
    #[test]
    fn trails_end() {
        let numbered: Vec<String> = (0..200).map(|number| format!("http://a/{number}")).collect();
        let numbered: Vec<&str> = numbered.iter().map(String::as_str).collect();
        let table: &[(Option<u32>, &[&str], usize, &str)] = &[
            (None, &numbered, 20, "more than 20 redirects"),
            (Some(0), &numbered, 0, "the task follows no redirect"),
            (Some(1), &numbered, 1, "more than 1 redirects"),
            (Some(50), &numbered, 50, "more than 50 redirects"),
            (Some(u32::MAX), &numbered, 100, "more than 100 redirects"),
            (None, &["http://a/"; 9], 3, "the redirects go in a circle"),
            (None, &["http://a/", "http://b/"].repeat(9), 6, "the redirects go in a circle"),
        ];
        for (limit, urls, followed, expected) in table {
            let mut trail = Trail::new(*limit);
            let hop = |url: &&str| Hop {
                url: url.parse().expect("a URL"),
                method: Method::GET,
                keeps_body: true,
                keeps_host: true,
                keeps_credentials: true,
            };
            let mut steps = urls.iter().map(hop).map(|hop| (trail.step(&hop, None), hop.url));
            let took = steps.by_ref().take_while(|(step, _)| step.is_ok()).count();
            assert_eq!(took, *followed, "{limit:?}");
            let mut trail = Trail::new(*limit);
            let failure = urls.iter().map(hop).find_map(|hop| trail.step(&hop, None).err());
            let failure = failure.expect("every one of them ends");
            assert_eq!(failure.error.code, ErrorCode::HTTP_TOO_MANY_REDIRECTS);
            assert_eq!(failure.error.detail.as_deref(), Some(*expected));
            let next: Url = urls[*followed].parse().expect("a URL");
            assert_eq!(failure.error.failing_url.as_deref(), Some(next.as_str()));
        }
        // Whoever is told something new each time may lead somewhere.
        let mut trail = Trail::new(None);
        let url: Url = "http://a/".parse().expect("a URL");
        let (method, keeps) = (Method::GET, true);
        let hop =
            Hop { url, method, keeps_body: keeps, keeps_host: keeps, keeps_credentials: keeps };
        for number in 0..20 {
            assert_eq!(
                trail.step(&hop, HeaderValue::from_str(&number.to_string()).ok().as_ref()),
                Ok(())
            );
        }
    }
}
