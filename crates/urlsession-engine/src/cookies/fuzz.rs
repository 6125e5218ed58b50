//! What must hold for every cookie and its date.

use super::jar::{Asker, Jar, SENT_LENGTH_LIMIT};
use super::scope;
use crate::fuzz::halves;
use http::HeaderValue;
use std::time::{Duration, UNIX_EPOCH};
use url::Url;
use urlsession_protocol::Timestamp;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
/// The servers that the cookies come from, by the first byte of an input.
const SERVERS: [&str; 4] =
    ["https://www.example.com/a/b", "http://example.co.uk/", "http://127.0.0.1/", "https://h./"];
/// Servers that never get what they set.
const OTHERS: [&str; 5] = [
    "https://evil.test/a/b",
    "https://com/",
    "https://notexample.com/a/b",
    "https://other.co.uk/",
    "http://1.0.0.127/",
];

/// Whatever a server sets, it is one legal field, within its limits, and nobody else gets it.
pub fn set_cookie(bytes: &[u8]) {
    let (server, fields) = bytes.split_first().map_or((0, bytes), |(byte, rest)| (*byte, rest));
    let from = url(SERVERS[usize::from(server) % SERVERS.len()]);
    let (fields, later) = halves(fields);
    let mut jar = Jar::default();
    for (fields, now) in [(fields, NOW), (later, Timestamp(NOW.0 + 1000))] {
        for field in fields.split(|byte| *byte == b'\n') {
            jar.receive(field, Asker { url: &from, cross_site: false }, now);
        }
        if let Some(sent) = jar.send(Asker { url: &from, cross_site: false }, now) {
            assert!(sent.len() <= SENT_LENGTH_LIMIT && !sent.is_empty());
            assert!(HeaderValue::from_bytes(sent.as_bytes()).is_ok(), "{sent:?}");
        }
        for other in OTHERS {
            let got = jar.send(Asker { url: &url(other), cross_site: false }, now);
            assert_eq!(got, None, "{other} gets what {from} set");
        }
        let host = scope::host(&from);
        for cookie in jar.list(None, now) {
            let domain = &cookie.identity.domain;
            assert!(scope::domain_matches(&host, domain), "{domain}");
            assert!(cookie.identity.host_only || !scope::is_public_suffix(domain), "{domain}");
            assert!(cookie.expires.is_none_or(|end| end > now), "{:?}", cookie.expires);
            assert!(!cookie.secure || scope::is_secure(&from));
        }
    }
}

/// A date that was read is read the same when it is spelled as servers should.
pub fn cookie_date(bytes: &[u8]) {
    let Some(read) = Timestamp::of_cookie_date(bytes) else { return };
    assert_eq!(Timestamp::of_cookie_date(spelled(read).as_bytes()), Some(read));
}

/// Spells a moment as HTTP does.
pub(crate) fn spelled(moment: Timestamp) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(moment.0))
}

fn url(text: &str) -> Url {
    text.parse().expect("the URLs of this file are legal")
}
