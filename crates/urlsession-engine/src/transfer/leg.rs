//! One request of a chain of redirects: what it asks for, and what the next one keeps of it.

use super::errors::Failure;
use super::outgoing::Target;
use super::redirect::Hop;
use super::upload::Sending;
use http::Method;
use std::borrow::Cow;
use std::sync::Arc;
use url::Url;
use urlsession_protocol::{Credential, ErrorCode, Header, Request};

/// Fields that describe a body: a redirect that takes it away takes them, too (RFC 9110 section 15.4).
const OF_BODY: [&str; 9] = [
    "content-type",
    "content-encoding",
    "content-language",
    "content-location",
    "content-md5",
    "content-digest",
    "repr-digest",
    "digest",
    "last-modified",
];

/// A request as the app or a redirect of it asks for it, without the fields that are ours.
#[derive(Debug)]
pub(super) struct Leg<'a> {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) headers: Cow<'a, [Header]>,
    pub(super) body: Option<&'a Arc<Sending>>,
    /// The task's own credential, where it may go.
    pub(super) credential: Option<Cow<'a, Credential>>,
    /// What stands in place of the URL's target.
    pub(super) target: Target<'a>,
}

impl<'a> Leg<'a> {
    /// Begins with what the task asks for.
    pub(super) fn first(
        request: &'a Request,
        body: Option<&'a Arc<Sending>>,
    ) -> Result<Self, Failure> {
        let headers = Cow::Borrowed(&request.headers[..]);
        let credential = request.credential.as_ref().map(Cow::Borrowed);
        let (url, method) = read(request)?;
        Ok(Self { url, method, headers, body, credential, target: Target::OfUrl })
    }

    /// Has the next request say that this one led there (RFC 9110 section 10.1.3): neither who asked
    /// nor for which part of it, and nothing to `http` of where `https` was.
    pub(super) fn told(mut self, hop: &Hop) -> Self {
        let headers = self.headers.to_mut();
        headers.retain(|field| !field.name.eq_ignore_ascii_case("referer"));
        if self.url.scheme() == "http" || hop.url.scheme() == "https" {
            let mut from = self.url.clone();
            let _ = from.set_username("");
            let _ = from.set_password(None);
            from.set_fragment(None);
            headers.push(Header::new("Referer", from.as_str()));
        }
        self
    }

    /// Goes where the server says.
    pub(super) fn follow(self, hop: Hop) -> Self {
        let mut headers = self.headers;
        let loses_body = !hop.keeps_body && hop.method != self.method;
        let stays = |field: &Header| {
            let name = field.name.to_ascii_lowercase();
            (!hop.keeps_host && name == "host")
                || (!hop.keeps_credentials && field.is_credential())
                || (loses_body && OF_BODY.contains(&&*name))
        };
        if headers.iter().any(stays) {
            headers.to_mut().retain(|field| !stays(field));
        }
        Self {
            url: hop.url,
            method: hop.method,
            headers,
            body: self.body.filter(|_| hop.keeps_body),
            credential: self.credential.filter(|_| hop.keeps_credentials),
            target: Target::OfUrl,
        }
    }

    /// Returns what the app is shown of it.
    pub(super) fn shown(&self) -> Request {
        Request {
            url: self.url.to_string(),
            method: self.method.to_string(),
            headers: self.headers.to_vec(),
            body: None,
            credential: None,
        }
    }

    /// Goes where the app says instead.
    pub(super) fn replace(self, mut request: Request) -> Result<Self, Failure> {
        request.body = None;
        request.normalize().map_err(|error| Failure::of(error).at(&request.url))?;
        let (url, method) = read(&request)?;
        let is_same = url.origin() == self.url.origin();
        // A GET that came with a body goes on with it.
        let becomes_get = method == Method::GET && self.method != method;
        let has_no_body = becomes_get || method == Method::HEAD;
        Ok(Self {
            body: self.body.filter(|_| !has_no_body),
            credential: match request.credential {
                Some(credential) => Some(Cow::Owned(credential)),
                None => self.credential.filter(|_| is_same),
            },
            headers: Cow::Owned(request.headers),
            url,
            method,
            target: Target::OfUrl,
        })
    }
}

fn read(request: &Request) -> Result<(Url, Method), Failure> {
    let wrong = |code, why: &dyn std::fmt::Display| Failure::permanent(code, why).at(&request.url);
    let url = request
        .url
        .parse()
        .map_err(|error| wrong(ErrorCode::BAD_URL, &(error as url::ParseError)))?;
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|error| wrong(ErrorCode::UNKNOWN, &error))?;
    Ok((url, method))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// the fields that stay behind a redirect, whether the method changes or not
    #[test]
    fn what_describes_a_body_goes_with_it() {
        let of_body = ["Content-Type", "CONTENT-MD5", "Content-Digest", "Repr-Digest", "Digest"];
        let of_body = [&of_body[..], &["content-language", "Last-Modified"]].concat();
        let others = ["If-Modified-Since", "Want-Digest", "X-A"];
        let names = [&of_body[..], &others].concat();
        let mut request = Request::new("http://host/").unwrap();
        request.method = "POST".to_owned();
        request.headers = names.iter().map(|name| Header::new(*name, "1")).collect();
        for (method, keeps_body, expected) in
            [(Method::GET, false, &others[..]), (Method::POST, true, &names)]
        {
            let url = "http://host/b".parse().unwrap();
            let (keeps_host, keeps_credentials) = (true, true);
            let hop = Hop { url, method, keeps_body, keeps_host, keeps_credentials };
            let leg = Leg::first(&request, None).unwrap().follow(hop);
            let left: Vec<&str> = leg.headers.iter().map(|field| &*field.name).collect();
            assert_eq!(left, expected, "{keeps_body}");
        }
    }
}
