//! A response as it is kept: what its freshness is, and which requests it can answer.

use super::control::{Control, seconds, split};
use super::date;
use super::variant::Variant;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, Version, header};
use std::time::Duration;
use urlsession_protocol::Timestamp;

/// Bytes that a kept response takes beside its fields and its body.
const ENTRY_OVERHEAD: u64 = 512;
/// The part of its age at its arrival that a response without explicit lifetime stays fresh.
const HEURISTIC_PART: u32 = 10;
/// Longest time that it does.
const HEURISTIC_LIMIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Statuses that may be kept without explicit lifetime (RFC 9110 section 15.1); 206 is no whole.
const HEURISTIC_STATUSES: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
/// Fields that belong to one connection (RFC 9111 section 3.1).
const OF_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];
const OF_PROXIES: [&str; 2] = ["proxy-connection", "proxy-authentication-info"];
/// Fields that say what the kept bytes are, which no other message can change.
const OF_BODY: [HeaderName; 4] =
    [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::CONTENT_RANGE, header::ETAG];
const DIGESTS: [&str; 4] = ["content-md5", "content-digest", "digest", "repr-digest"];

/// A response that is kept, whole.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    /// When its request went out.
    pub(super) requested: Timestamp,
    /// When its head arrived.
    pub(super) received: Timestamp,
    pub(super) variant: Variant,
    pub(super) body: Bytes,
}

impl Stored {
    /// Returns the room that it takes, in bytes.
    pub(super) fn size(&self) -> u64 {
        let fields = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        ENTRY_OVERHEAD + (self.body.len() + fields.sum::<usize>()) as u64
    }

    pub(super) fn control(&self) -> Control {
        Control::of_response(&self.headers)
    }

    /// Returns the age at that moment (RFC 9111 section 4.2.3).
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        let date = single_date(&self.headers, &header::DATE, self.received);
        let apparent = date.map_or(Duration::ZERO, |date| date.until(self.received));
        // Of several ages the first counts, and an illegal one is none (RFC 9111 section 5.1).
        let told = self.headers.get(header::AGE).and_then(|age| split(age.as_bytes()).next());
        let told = Duration::from_secs(told.and_then(seconds).unwrap_or(0));
        let corrected = told + self.requested.until(self.received);
        apparent.max(corrected) + self.received.until(now)
    }

    /// Returns how long it is fresh from the moment on that it was made (RFC 9111 section 4.2.1).
    pub(super) fn lifetime(&self) -> Duration {
        let control = self.control();
        if let Some(seconds) = control.max_age {
            return Duration::from_secs(seconds);
        }
        let date = single_date(&self.headers, &header::DATE, self.received);
        let date = date.unwrap_or(self.received);
        if self.headers.contains_key(header::EXPIRES) {
            // One that is illegal, or is there twice, is in the past.
            let expires = single_date(&self.headers, &header::EXPIRES, self.received);
            return expires.map_or(Duration::ZERO, |expires| date.until(expires));
        }
        if !control.public && !HEURISTIC_STATUSES.contains(&self.status.as_u16()) {
            return Duration::ZERO;
        }
        let modified = single_date(&self.headers, &header::LAST_MODIFIED, self.received);
        let since = modified.map_or(Duration::ZERO, |modified| modified.until(date));
        (since / HEURISTIC_PART).min(HEURISTIC_LIMIT)
    }

    /// Takes over the fields of a response that says that this one still holds, or that has the
    /// same fields (RFC 9111 sections 3.2 and 4.3.4).
    pub(super) fn freshen(&mut self, by: &HeaderMap, requested: Timestamp, received: Timestamp) {
        let by = without_connection(by);
        // An age is of one answer only.
        self.headers.remove(header::AGE);
        for name in by.keys() {
            if OF_BODY.contains(name) || DIGESTS.contains(&name.as_str()) {
                continue;
            }
            self.headers.remove(name);
            for value in by.get_all(name) {
                self.headers.append(name.clone(), value.clone());
            }
        }
        (self.requested, self.received) = (requested, received);
    }

    /// Says whether it was sent later than in the second of its change, in which it may have changed once
    /// more (RFC 9110 section 8.8.2.2).
    pub(super) fn is_dated_strongly(&self) -> bool {
        let date = |name| single_date(&self.headers, &name, self.received);
        date(header::LAST_MODIFIED).zip(date(header::DATE)).is_some_and(|(of, sent)| of < sent)
    }

    /// Says whether a 304 is of another representation than this one, by the strong entity tags of both:
    /// what it says must not be taken over (RFC 9111 section 4.3.4).
    pub(super) fn is_other_than(&self, by: &HeaderMap) -> bool {
        let tags = [&self.headers, by].map(|headers| headers.get(header::ETAG));
        let [Some(kept), Some(told)] = tags else { return false };
        let are_strong = [kept, told].iter().all(|tag| tag.as_bytes().starts_with(b"\""));
        are_strong && kept != told
    }

    /// Says whether the head of the same resource, got with HEAD, is of the response that is kept
    /// (RFC 9111 section 4.3.5).
    pub(super) fn is_described_by(&self, head: &HeaderMap) -> bool {
        [header::ETAG, header::LAST_MODIFIED, header::CONTENT_LENGTH]
            .iter()
            .all(|name| head.get(name).is_none_or(|value| self.headers.get(name) == Some(value)))
    }
}

/// Says whether a status may be kept without explicit lifetime.
pub(super) fn is_heuristic(status: StatusCode) -> bool {
    HEURISTIC_STATUSES.contains(&status.as_u16())
}

/// Returns the fields that are kept: those not of one connection.
pub(super) fn without_connection(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for line in headers.get_all(header::CONNECTION) {
        for name in split(line.as_bytes()).flat_map(HeaderName::from_bytes) {
            kept.remove(name);
        }
    }
    for name in OF_CONNECTION {
        kept.remove(name);
    }
    for name in OF_PROXIES {
        kept.remove(name);
    }
    kept
}

/// Reads a field that must be there once.
fn single_date(headers: &HeaderMap, name: &HeaderName, now: Timestamp) -> Option<Timestamp> {
    let mut lines = headers.get_all(name).iter();
    let date = date::parse(lines.next()?.as_bytes(), now);
    date.filter(|_| lines.next().is_none())
}
