//! What is done with a request: answered with what is kept, validated, or sent; pure.
//!
//! ```text
//!   Asked + Stored + now ──> Policy:  Fresh                      answered without the network
//!                                     Revalidate { conditions }  sent, 304 means that it still holds
//!                                     Miss                       sent as it is
//! ```

use super::control::Control;
use super::stored::{Stored, is_heuristic};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::time::Duration;
use url::Url;
use urlsession_protocol::{RequestCachePolicy, Timestamp};

/// Fields of a request that ask the server a question which the cache leaves to it.
const CONDITIONS: [HeaderName; 4] = [
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];
/// What answers a part or a condition of one request only, whatever it says of its lifetime.
const OF_REQUEST: [StatusCode; 4] = [
    StatusCode::PARTIAL_CONTENT,
    StatusCode::NOT_MODIFIED,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::RANGE_NOT_SATISFIABLE,
];
/// What answers who asks, or how often, and not what is there, whatever it says of its lifetime; of all
/// but the first two RFC 6585 says so.
const OF_ASKER: [StatusCode; 6] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::PROXY_AUTHENTICATION_REQUIRED,
    StatusCode::PRECONDITION_REQUIRED,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    StatusCode::NETWORK_AUTHENTICATION_REQUIRED,
];
/// Errors of a server that `stale-if-error` is for (RFC 5861 section 4).
const ERRORS: [u16; 4] = [500, 502, 503, 504];

/// A request as the cache sees it.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) policy: RequestCachePolicy,
}

/// What a kept response is worth to a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Policy {
    /// It is the answer.
    Fresh,
    /// It is the answer if the server says so; without conditions it only stands in for an error.
    Revalidate { conditions: Vec<(HeaderName, HeaderValue)> },
    /// It is of no use.
    Miss,
}

impl Policy {
    /// Decides about a response whose variant matches (RFC 9111 section 4).
    pub(super) fn of(asked: &Asked<'_>, stored: &Stored, now: Timestamp) -> Self {
        use RequestCachePolicy as Wanted;
        let (request, response) = (Control::of_request(asked.headers), stored.control());
        let revalidate = || Self::Revalidate { conditions: conditions(stored) };
        match asked.policy {
            Wanted::ReturnCacheDataElseLoad | Wanted::ReturnCacheDataDontLoad => {
                return Self::Fresh;
            }
            Wanted::ReloadIgnoringLocalCacheData
            | Wanted::ReloadIgnoringLocalAndRemoteCacheData => return Self::Miss,
            // RFC 8246: a reload does not ask for what never changes.
            Wanted::ReloadRevalidatingCacheData if !response.immutable => return revalidate(),
            Wanted::ReloadRevalidatingCacheData | Wanted::UseProtocolCachePolicy => {}
        }
        if request.no_store {
            return Self::Miss;
        }
        if request.no_cache || response.no_cache {
            return revalidate();
        }
        let (age, lifetime) = (stored.age(now), stored.lifetime());
        let too_old = request.max_age.is_some_and(|limit| age > Duration::from_secs(limit));
        let margin = Duration::from_secs(request.min_fresh.unwrap_or(0));
        // A clock that was set back does not make anything younger.
        if now < stored.received {
            return revalidate();
        }
        if !too_old && age + margin < lifetime {
            return Self::Fresh;
        }
        let staleness = age.saturating_sub(lifetime);
        let allowed = request.max_stale.filter(|_| !response.must_revalidate && !too_old);
        match allowed {
            Some(most) if margin.is_zero() && staleness <= Duration::from_secs(most) => Self::Fresh,
            _ => revalidate(),
        }
    }
}

/// Says whether the cache has nothing to do with a request: it is neither looked up nor kept.
pub(super) fn passes_by(asked: &Asked<'_>) -> bool {
    CONDITIONS.iter().any(|name| asked.headers.contains_key(name))
}

/// Says whether the request is to be answered without the network or not at all.
pub(super) fn wants_only_kept(asked: &Asked<'_>) -> bool {
    Control::of_request(asked.headers).only_if_cached
}

/// Says whether the response may be kept as the answer to GET requests (RFC 9111 section 3).
pub(super) fn is_storable(asked: &Asked<'_>, url: &Url, response: &Stored) -> bool {
    let control = response.control();
    let status = response.status;
    let is_explicit = control.max_age.is_some() || response.headers.contains_key(header::EXPIRES);
    let is_asked = match *asked.method {
        Method::GET => true,
        // RFC 9110 section 9.3.3: an answer that says that it is what a GET would get.
        Method::POST => {
            let named = response.headers.get(header::CONTENT_LOCATION);
            let named = named.and_then(|value| url.join(value.to_str().ok()?).ok());
            status == StatusCode::OK && is_explicit && named.as_ref() == Some(url)
        }
        _ => false,
    };
    // RFC 9111 section 5.2.2.3: `no-store` is then for caches that do not know the status.
    let is_forbidden = match control.must_understand {
        true => status.canonical_reason().is_none(),
        false => control.no_store,
    };
    is_asked
        && is_of_url(status)
        && !is_forbidden
        && !control.is_cut
        && !Control::of_request(asked.headers).no_store
        && (is_explicit || control.public || is_heuristic(status))
}

/// Says whether a response with the status tells what is at its URL.
pub(super) fn is_of_url(status: StatusCode) -> bool {
    !status.is_informational() && !OF_REQUEST.contains(&status) && !OF_ASKER.contains(&status)
}

/// Says whether a kept response may stand in for a failure or for an error of the server
/// (RFC 5861 section 4).
pub(super) fn stands_in(
    asked: &Asked<'_>,
    stored: &Stored,
    status: Option<StatusCode>,
    now: Timestamp,
) -> bool {
    let (request, response) = (Control::of_request(asked.headers), stored.control());
    let allowed = response.stale_if_error.max(request.stale_if_error);
    let staleness = stored.age(now).saturating_sub(stored.lifetime());
    asked.policy == RequestCachePolicy::UseProtocolCachePolicy
        && status.is_none_or(|status| ERRORS.contains(&status.as_u16()))
        && !response.must_revalidate
        && !response.no_cache
        && !request.no_cache
        && allowed.is_some_and(|most| staleness <= Duration::from_secs(most))
}

/// Says whether a request means that its own URL is to be forgotten (RFC 9111 section 4.4).
pub(super) fn invalidates(method: &Method, status: StatusCode) -> bool {
    !method.is_safe() && (status.is_success() || status.is_redirection())
}

/// Returns the URLs that an answer names beside its own, of the same origin.
pub(super) fn named_by(url: &Url, headers: &HeaderMap) -> impl Iterator<Item = Url> {
    [header::LOCATION, header::CONTENT_LOCATION].into_iter().filter_map(move |name| {
        let named = url.join(headers.get(name)?.to_str().ok()?).ok()?;
        (named.origin() == url.origin()).then_some(named)
    })
}

/// RFC 9111 section 4.3.1: both validators, as the server spelled them.
fn conditions(stored: &Stored) -> Vec<(HeaderName, HeaderValue)> {
    let pairs =
        [(header::ETAG, header::IF_NONE_MATCH), (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE)];
    let value = |name| stored.headers.get(name).filter(|value| !value.is_empty()).cloned();
    pairs.into_iter().filter_map(|(name, condition)| Some((condition, value(name)?))).collect()
}
