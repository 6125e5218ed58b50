//! What RFC 9111 says, row by row.

use super::{ARRIVAL, fields, kept, seconds_later, stored};
use crate::cache::policy::{self, Asked, Policy};
use crate::cache::range::{self, Wanted};
use crate::cache::variant::{Partition, Variant};
use http::{Method, StatusCode};
use url::Url;
use urlsession_protocol::{RequestCachePolicy, Timestamp};

/// response => its age in seconds at its arrival, its lifetime
const FRESHNESS: &[(u16, &str, u64, u64)] = &[
    (200, "", 0, 0),
    (200, "Cache-Control: max-age=60", 0, 60),
    // Section 4.2.1: directives before Expires, Expires before a guess.
    (200, "Cache-Control: max-age=60 | Expires: Sun, 06 Nov 1994 09:49:37 GMT", 0, 60),
    (200, "Cache-Control: max-age=0 | Expires: Sun, 06 Nov 1994 09:49:37 GMT", 0, 0),
    (200, "Expires: Sun, 06 Nov 1994 09:49:37 GMT", 0, 3600),
    (200, "Expires: Sun, 06 Nov 1994 09:49:37 GMT | Date: Sun, 06 Nov 1994 08:59:37 GMT", 0, 3000),
    (200, "Expires: Sun, 06 Nov 1994 08:48:37 GMT", 0, 0),
    // One for shared caches is not for this one.
    (200, "Cache-Control: s-maxage=3600, max-age=1", 0, 1),
    (200, "Cache-Control: s-maxage=3600 | Cache-Control: max-age=1", 0, 1),
    (200, "Cache-Control: proxy-revalidate, s-maxage=3600", 0, 0),
    // The first of two counts, and what is illegal is stale.
    (200, "Cache-Control: max-age=1, max-age=1800", 0, 1),
    (200, "Cache-Control: max-age=1800 | Cache-Control: max-age=1", 0, 1800),
    (200, "Cache-Control: max-age=-3600", 0, 0),
    (200, "Cache-Control: max-age=3600.0", 0, 0),
    (200, "Cache-Control: max-age='3600'", 0, 0),
    (200, "Cache-Control: max-age= 3600", 0, 0),
    (200, "Cache-Control: max-age", 0, 0),
    (200, "Expires: 0", 0, 0),
    (200, "Expires: Thu, 18 Aug 2050 02:01:18 UTC", 0, 0),
    (200, "Expires: Thu, 18 Aug 2050 02:01:18 GMT | Expires: Thu, 18 Aug 2050 02:01:18 GMT", 0, 0),
    // Spellings.
    (200, "Cache-Control: foobar, MaX-aGe=3600", 0, 3600),
    (200, "Cache-Control: max-age=\"3600\"", 0, 3600),
    (200, "Cache-Control: max-age=003600", 0, 3600),
    (200, "Cache-Control: extension=\"max-age=3600\", max-age=1", 0, 1),
    (200, "Cache-Control: extension=\"a\\\", max-age=3600\", max-age=1", 0, 1),
    (200, "Cache-Control: max-age=99999999999", 0, 2_147_483_648),
    (200, "Cache-Control: max-age=99999999999999999999999999", 0, 2_147_483_648),
    // Section 4.2.2: a tenth of its age, where the status or the server allows it.
    (
        200,
        "Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT | Date: Sun, 06 Nov 1994 08:49:37 GMT",
        0,
        8640,
    ),
    (404, "Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT", 0, 8640),
    (599, "Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT", 0, 0),
    (599, "Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT | Cache-Control: public", 0, 8640),
    (302, "Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT", 0, 0),
    (200, "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT", 0, 604_800),
    (200, "Last-Modified: Mon, 07 Nov 1994 08:49:37 GMT", 0, 0),
    // Section 4.2.3: the older of what the date says and what the age says.
    (200, "Cache-Control: max-age=60 | Age: 30", 30, 60),
    (200, "Cache-Control: max-age=60 | Date: Sun, 06 Nov 1994 08:49:07 GMT", 30, 60),
    (200, "Cache-Control: max-age=60 | Date: Sun, 06 Nov 1994 08:49:07 GMT | Age: 40", 40, 60),
    (200, "Cache-Control: max-age=60 | Date: Sun, 06 Nov 1994 08:50:07 GMT", 0, 60),
    // Section 5.1: the first age counts, an illegal one does not.
    (200, "Age: 7200, 0", 7200, 0),
    (200, "Age: 0, 7200", 0, 0),
    (200, "Age: 7200 | Age: 0", 7200, 0),
    (200, "Age: -7200", 0, 0),
    (200, "Age: 7200.0", 0, 0),
    (200, "Age: 7200;foo=bar", 0, 0),
    (200, "Age: abc", 0, 0),
    (200, "Age: 99999999999999999999", 2_147_483_648, 0),
];

#[test]
fn ages_and_lifetimes() {
    for (status, response, age, lifetime) in FRESHNESS {
        let stored = stored(*status, response);
        assert_eq!(stored.age(ARRIVAL).as_secs(), *age, "age of {status} {response}");
        assert_eq!(stored.lifetime().as_secs(), *lifetime, "lifetime of {status} {response}");
        assert_eq!(stored.age(seconds_later(5)).as_secs(), age + 5);
    }
    let mut slow = stored(200, "Age: 30");
    slow.requested = Timestamp(ARRIVAL.0 - 4000);
    assert_eq!(slow.age(ARRIVAL).as_secs(), 34);
}

/// response, request, seconds since its arrival => what is done
const DECISIONS: &[(&str, &str, u64, &str)] = &[
    ("Cache-Control: max-age=60", "", 59, "fresh"),
    ("Cache-Control: max-age=60", "", 60, "ask"),
    ("Cache-Control: max-age=60 | ETag: \"a\"", "", 60, "ask if-none-match: \"a\""),
    ("ETag: W/\"a\"", "", 0, "ask if-none-match: W/\"a\""),
    ("ETag: a", "", 0, "ask if-none-match: a"),
    (
        "ETag: \"a\" | Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
        "",
        0,
        "ask if-none-match: \"a\" if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT",
    ),
    ("Cache-Control: max-age=60, no-cache | ETag: \"a\"", "", 0, "ask if-none-match: \"a\""),
    ("Cache-Control: max-age=60, No-CaChE", "", 0, "ask"),
    ("Cache-Control: no-cache=\"a, b\", max-age=60", "", 0, "fresh"),
    ("Cache-Control: max-age=60, must-revalidate", "", 0, "fresh"),
    ("Cache-Control: max-age=60 | Pragma: no-cache", "", 0, "fresh"),
    ("Cache-Control: private, max-age=60", "", 0, "fresh"),
    ("Cache-Control: stale-if-error=60, max-age=1", "", 2, "ask"),
    // What the request says: section 5.2.1.
    ("Cache-Control: max-age=60", "Cache-Control: max-age=10", 10, "fresh"),
    ("Cache-Control: max-age=60", "Cache-Control: max-age=10", 11, "ask"),
    ("Cache-Control: max-age=60", "Cache-Control: max-age=0", 1, "ask"),
    ("Cache-Control: max-age=60 | Age: 30", "Cache-Control: max-age=20", 0, "ask"),
    ("Cache-Control: max-age=60", "Cache-Control: min-fresh=30", 29, "fresh"),
    ("Cache-Control: max-age=60", "Cache-Control: min-fresh=30", 30, "ask"),
    ("Cache-Control: max-age=60", "Cache-Control: max-stale=30", 90, "fresh"),
    ("Cache-Control: max-age=60", "Cache-Control: max-stale=30", 91, "ask"),
    ("Cache-Control: max-age=60", "Cache-Control: max-stale", 9999, "fresh"),
    ("Cache-Control: max-age=60", "Cache-Control: max-stale=x", 61, "ask"),
    ("Cache-Control: max-age=60", "Cache-Control: max-stale=30, max-age=70", 80, "ask"),
    ("Cache-Control: max-age=60, must-revalidate", "Cache-Control: max-stale=30", 61, "ask"),
    ("Cache-Control: max-age=60", "Cache-Control: no-cache", 0, "ask"),
    ("Cache-Control: max-age=60", "Pragma: no-cache", 0, "ask"),
    ("Cache-Control: max-age=60", "Pragma: no-cache | Cache-Control: foo", 0, "fresh"),
    ("Cache-Control: max-age=60", "Cache-Control: no-store", 0, "miss"),
];

#[test]
fn decisions_as_http_says() {
    for (response, request, later, expected) in DECISIONS {
        let policy = RequestCachePolicy::UseProtocolCachePolicy;
        let got = decide(response, request, policy, *later);
        assert_eq!(got, *expected, "{response} asked with {request} after {later} s");
    }
}

/// response => what is done when fresh, what when stale, for each of Apple's policies
#[test]
fn decisions_as_apps_say() {
    use RequestCachePolicy as P;
    let table = [
        (P::UseProtocolCachePolicy, "fresh", "ask"),
        (P::ReloadIgnoringLocalCacheData, "miss", "miss"),
        (P::ReturnCacheDataElseLoad, "fresh", "fresh"),
        (P::ReturnCacheDataDontLoad, "fresh", "fresh"),
        (P::ReloadIgnoringLocalAndRemoteCacheData, "miss", "miss"),
        (P::ReloadRevalidatingCacheData, "ask", "ask"),
    ];
    for (policy, fresh, stale) in table {
        assert_eq!(decide("Cache-Control: max-age=60", "", policy, 0), fresh, "{policy:?}");
        assert_eq!(decide("Cache-Control: max-age=60", "", policy, 99), stale, "{policy:?}");
    }
    let headers = fields("");
    let asked = Asked { method: &Method::GET, headers: &headers, policy: P::default() };
    let before = Timestamp(ARRIVAL.0 - 1);
    let policy = Policy::of(&asked, &stored(200, "Cache-Control: max-age=60"), before);
    assert_eq!(policy, Policy::Revalidate { conditions: Vec::new() });
    let immutable = "Cache-Control: max-age=60, immutable";
    assert_eq!(decide(immutable, "", P::ReloadRevalidatingCacheData, 0), "fresh");
    assert_eq!(decide(immutable, "", P::ReloadRevalidatingCacheData, 60), "ask");
}

fn decide(response: &str, request: &str, policy: RequestCachePolicy, later: u64) -> String {
    let headers = fields(request);
    let asked = Asked { method: &Method::GET, headers: &headers, policy };
    match Policy::of(&asked, &stored(200, response), seconds_later(later)) {
        Policy::Fresh => "fresh".to_owned(),
        Policy::Miss => "miss".to_owned(),
        Policy::Revalidate { conditions } => {
            let conditions = conditions
                .iter()
                .map(|(name, value)| format!(" {name}: {}", value.to_str().unwrap()));
            format!("ask{}", conditions.collect::<String>())
        }
    }
}

/// method, request, status, response => whether it is kept
const STORABLE: &[(&str, &str, u16, &str, bool)] = &[
    ("GET", "", 200, "", true),
    ("GET", "", 200, "Cache-Control: max-age=60", true),
    ("GET", "", 200, "Cache-Control: No-StOrE", false),
    ("GET", "", 200, "Cache-Control: max-age=60, no-store | Expires: 0", false),
    ("GET", "Cache-Control: no-store", 200, "Cache-Control: max-age=60", false),
    ("GET", "Authorization: Basic x", 200, "Cache-Control: max-age=60", true),
    ("GET", "", 200, "Cache-Control: private=\"a\"", true),
    ("GET", "", 206, "Cache-Control: max-age=60", false),
    ("GET", "", 304, "Cache-Control: max-age=60", false),
    ("GET", "If-Match: \"a\"", 412, "Cache-Control: max-age=60", false),
    ("GET", "Range: bytes=9-", 416, "Cache-Control: max-age=60", false),
    // RFC 6585 forbids it for four of them.
    ("GET", "", 401, "Cache-Control: max-age=60", false),
    ("GET", "", 407, "Cache-Control: max-age=60", false),
    ("GET", "", 428, "Cache-Control: max-age=60", false),
    ("GET", "", 429, "Cache-Control: max-age=60", false),
    ("GET", "", 431, "Cache-Control: max-age=60", false),
    ("GET", "", 511, "Cache-Control: max-age=60", false),
    ("GET", "", 599, "Cache-Control: max-age=60", true),
    ("GET", "", 599, "", false),
    ("GET", "", 302, "", false),
    ("GET", "", 302, "Expires: 0", true),
    ("GET", "", 301, "", true),
    // Section 5.2.2.3: who knows the status need not mind `no-store`.
    ("GET", "", 599, "Cache-Control: max-age=60, must-understand", false),
    ("GET", "", 200, "Cache-Control: max-age=60, no-store, must-understand", true),
    ("HEAD", "", 200, "Cache-Control: max-age=60", false),
    ("PUT", "", 200, "Cache-Control: max-age=60", false),
    ("POST", "", 200, "Cache-Control: max-age=60", false),
    ("POST", "", 200, "Cache-Control: max-age=60 | Content-Location: /a", true),
    ("POST", "", 200, "Cache-Control: max-age=60 | Content-Location: /b", false),
    ("POST", "", 201, "Cache-Control: max-age=60 | Content-Location: /a", false),
    ("POST", "", 200, "Content-Location: /a", false),
];

#[test]
fn what_is_kept() {
    let url: Url = "http://host/a".parse().unwrap();
    for (method, request, status, response, expected) in STORABLE {
        let method: Method = method.parse().unwrap();
        let headers = fields(request);
        let asked = Asked { method: &method, headers: &headers, policy: Default::default() };
        let got = policy::is_storable(&asked, &url, &stored(*status, response));
        assert_eq!(got, *expected, "{method} {request} => {status} {response}");
    }
    let many = "a, ".repeat(65) + "no-store";
    let headers = fields("");
    let asked = Asked { method: &Method::GET, headers: &headers, policy: Default::default() };
    let response = stored(200, &format!("Cache-Control: {many}"));
    assert!(!policy::is_storable(&asked, &url, &response), "what is not read cannot be obeyed");
}

/// response, request, status of the error, staleness => whether it stands in
const STAND_INS: &[(&str, &str, Option<u16>, u64, bool)] = &[
    ("", "", None, 1, false),
    ("Cache-Control: max-age=0, stale-if-error=60", "", None, 60, true),
    ("Cache-Control: max-age=0, stale-if-error=60", "", None, 61, false),
    ("Cache-Control: max-age=0, stale-if-error=60", "", Some(503), 60, true),
    ("Cache-Control: max-age=0, stale-if-error=60", "", Some(501), 60, false),
    ("Cache-Control: max-age=0, stale-if-error=60", "Cache-Control: no-cache", None, 1, false),
    ("Cache-Control: max-age=0", "Cache-Control: stale-if-error=60", None, 60, true),
    ("Cache-Control: max-age=0, stale-if-error=60, must-revalidate", "", None, 1, false),
    ("Cache-Control: no-cache, stale-if-error=60", "", None, 1, false),
];

#[test]
fn what_stands_in_for_an_error() {
    for (response, request, status, later, expected) in STAND_INS {
        let headers = fields(request);
        let asked = Asked { method: &Method::GET, headers: &headers, policy: Default::default() };
        let status = status.map(|status| StatusCode::from_u16(status).unwrap());
        let got = policy::stands_in(&asked, &stored(200, response), status, seconds_later(*later));
        assert_eq!(got, *expected, "{response} asked with {request} for {status:?}");
    }
}

/// response, request of then, request of now => whether it is for that one too
const VARIANTS: &[(&str, &str, &str, bool)] = &[
    ("", "a: 1", "a: 2", true),
    ("Vary: a", "a: 1", "a: 1", true),
    ("Vary: a", "a: 1", "a: 2", false),
    ("Vary: a", "a: 1", "", false),
    ("Vary: a", "", "a: 1", false),
    ("Vary: a", "", "a:", false),
    ("Vary: a", "", "", true),
    ("Vary: a", "a: 1 | b: 2", "a: 1 | b: 3", true),
    ("Vary: A, b", "a: 1 | b: 2", "a: 1 | b: 2", true),
    ("Vary: a | Vary: b", "a: 1 | b: 2", "a: 1 | b: 3", false),
    ("Vary: a, b", "a: 1", "a: 1 | b: 1", false),
    ("A: b", "accept-encoding: gzip", "accept-encoding: identity", true),
    // Codings: what is packed is for who says that it may be, whatever the server varies by.
    ("Content-Encoding: gzip", "accept-encoding: gzip", "accept-encoding: identity", false),
    ("Content-Encoding: gzip", "", "accept-encoding: gzip", true),
    ("Content-Encoding: gzip", "", "accept-encoding: GZip", true),
    ("Content-Encoding: gzip", "", "accept-encoding: deflate, gzip;q=0.5", true),
    ("Content-Encoding: gzip", "", "accept-encoding: gzip;q=0", false),
    ("Content-Encoding: gzip", "", "accept-encoding: gzip; Q=0.000", false),
    ("Content-Encoding: gzip", "", "accept-encoding: identity;q=1, *;q=0", false),
    ("Content-Encoding: gzip", "", "accept-encoding: *", true),
    ("Content-Encoding: gzip", "", "accept-encoding: gzip;q=1, *;q=0", true),
    ("Content-Encoding: gzip", "", "accept-encoding: gzip;q=0, *", false),
    ("Content-Encoding: gzip", "", "accept-encoding: br", false),
    ("Content-Encoding: gzip", "", "accept-encoding:", false),
    ("Content-Encoding: gzip", "", "", false),
    ("Content-Encoding: x-gzip", "", "accept-encoding: gzip", true),
    ("Content-Encoding: gzip", "", "accept-encoding: x-gzip", true),
    ("Content-Encoding: deflate, gzip", "", "accept-encoding: gzip, deflate", true),
    ("Content-Encoding: deflate, gzip", "", "accept-encoding: gzip", false),
    ("Content-Encoding: identity", "", "", true),
    ("Content-Encoding: gzip", "", "accept-encoding: gzip;q=x", false),
    ("Content-Encoding: deflate | Content-Encoding: gzip", "", "accept-encoding: gzip", false),
    ("Content-Encoding: gzip", "", "accept-encoding: br | accept-encoding: gzip", true),
    // Lists: several lines are one, and space around commas means nothing.
    ("Vary: a", "a: 1, 2", "a: 1 | a: 2", true),
    ("Vary: a", "a: 1,2", "a: 1 ,  2", true),
    ("Vary: a", "a: \"1,2\"", "a: \"1, 2\"", false),
    ("Vary: a", "a: 1, 2", "a: 12", false),
    ("Vary: a", "a: 1", "a: 1 | a: 2", false),
    // Languages: names have no case, and their order is a preference.
    ("Vary: accept-language", "accept-language: en, de", "accept-language: eN ,De", true),
    ("Vary: accept-language", "accept-language: en, de", "accept-language: de, en", false),
    (
        "Vary: accept-language | Content-Language: de",
        "accept-language: en, de",
        "accept-language: fr;q=0.5, DE;q=1.0",
        true,
    ),
    (
        "Vary: accept-language | Content-Language: de",
        "accept-language: en, de",
        "accept-language: fr, de",
        false,
    ),
    (
        "Vary: accept-language, a | Content-Language: de",
        "accept-language: en | a: 1",
        "accept-language: de | a: 2",
        false,
    ),
];

#[test]
fn variants_by_what_the_request_said() {
    for (response, then, now, expected) in VARIANTS {
        let stored = kept(200, response, then);
        let got = stored.variant.matches(&fields(now), &stored.headers);
        assert_eq!(got, *expected, "{response}: {then} => {now}");
    }
    for never in ["*", "*, *", "a, *", ", *", "* | Vary: a", "é"] {
        let Ok(value) = http::HeaderValue::from_bytes(never.as_bytes()) else { continue };
        let mut response = fields("");
        for line in value.as_bytes().split(|byte| *byte == b'|') {
            response.append("vary", http::HeaderValue::from_bytes(line.trim_ascii()).unwrap());
        }
        assert_eq!(Variant::of(&response, &fields(""), &Partition::default()), None, "{never}");
    }
}

#[test]
fn partitions_keep_secrets_apart_and_to_themselves() {
    let partition = Partition::of(&[b"Basic secret", b"", b""]);
    assert_ne!(partition, Partition::default());
    assert_ne!(partition, Partition::of(&[b"", b"Basic secret", b""]));
    assert_eq!(Partition::of(&[b"", b"", b""]), Partition::default());
    let response = fields("Vary: cookie");
    let variant = Variant::of(&response, &fields("cookie: secret"), &partition).unwrap();
    assert!(!serde_json::to_string(&variant).unwrap().contains("secret"));
}

/// Range, If-Range => what of ten bytes
const RANGES: &[(&str, Wanted)] = &[
    ("", Wanted::Whole),
    ("Range: bytes=0-1", Wanted::Part(0..2)),
    ("Range: bytes=8-", Wanted::Part(8..10)),
    ("Range: bytes=-3", Wanted::Part(7..10)),
    ("Range: bytes=-30", Wanted::Part(0..10)),
    ("Range: bytes=5-99999999999999999999999", Wanted::Part(5..10)),
    ("Range: bytes=10-", Wanted::Unclear),
    ("Range: bytes=-0", Wanted::Unclear),
    ("Range: bytes=2-1", Wanted::Unclear),
    ("Range: bytes=0-1,3-4", Wanted::Unclear),
    ("Range: bytes=a-b", Wanted::Unclear),
    ("Range: bytes=+1-2", Wanted::Unclear),
    ("Range: lines=0-1", Wanted::Unclear),
    ("Range: bytes=0-1 | Range: bytes=3-4", Wanted::Unclear),
    ("Range: bytes=0-1 | If-Range: \"a\"", Wanted::Part(0..2)),
    ("Range: bytes=0-1 | If-Range: \"b\"", Wanted::Whole),
    ("Range: bytes=0-1 | If-Range: W/\"a\"", Wanted::Whole),
    ("Range: bytes=0-1 | If-Range: Sun, 06 Nov 1994 08:49:37 GMT", Wanted::Part(0..2)),
    ("Range: bytes=0-1 | If-Range: Sun, 06 Nov 1994 08:49:38 GMT", Wanted::Whole),
];

#[test]
fn ranges_of_what_is_kept() {
    let whole = "ETag: \"a\" | Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
    let later = stored(200, &format!("{whole} | Date: Sun, 06 Nov 1994 08:49:38 GMT"));
    for (request, expected) in RANGES {
        assert_eq!(range::wanted(&fields(request), &later), *expected, "{request}");
    }
    // What was sent in the second of its change may have changed once more in it.
    let by_date = fields("Range: bytes=0-1 | If-Range: Sun, 06 Nov 1994 08:49:37 GMT");
    for date in ["", " | Date: Sun, 06 Nov 1994 08:49:37 GMT", " | Date: x"] {
        let whole = stored(200, &format!("{whole}{date}"));
        assert_eq!(range::wanted(&by_date, &whole), Wanted::Whole, "{date}");
    }
    let gone = stored(404, "");
    assert_eq!(range::wanted(&fields("Range: bytes=0-1"), &gone), Wanted::Unclear);
}

#[test]
fn a_304_renews_the_fields_but_those_of_the_body() {
    let mut stored = stored(
        200,
        "A: 1 | B: 1 | B: 2 | Age: 9 | ETag: \"a\" | Content-Length: 10 | Content-Encoding: x | \
         Content-MD5: x | Content-Type: text/plain | Cache-Control: max-age=1",
    );
    let by = fields(
        "B: 3 | C: 4 | ETag: W/\"a\" | Content-Length: 0 | Content-Encoding: y | Content-MD5: y | \
         Content-Type: text/html | Cache-Control: max-age=60 | Connection: close, D | D: 5",
    );
    stored.freshen(&by, seconds_later(99), seconds_later(100));
    let expected = fields(
        "A: 1 | B: 3 | C: 4 | ETag: \"a\" | Content-Length: 10 | Content-Encoding: x | \
         Content-MD5: x | Content-Type: text/html | Cache-Control: max-age=60",
    );
    assert_eq!(stored.headers, expected);
    assert_eq!(stored.age(seconds_later(100)).as_secs(), 1);
}

#[test]
fn a_head_describes_what_is_kept_or_not() {
    let stored = stored(200, "ETag: \"a\" | Content-Length: 10");
    for (head, expected) in [
        ("", true),
        ("ETag: \"a\" | Content-Length: 10", true),
        ("ETag: \"b\"", false),
        ("Content-Length: 11", false),
        ("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", false),
    ] {
        assert_eq!(stored.is_described_by(&fields(head)), expected, "{head}");
    }
}

/// the entity tag that is kept, that of a 304 => whether that is of something else
#[test]
fn a_304_may_be_of_something_else() {
    for (kept, told, expected) in [
        ("ETag: \"a\"", "ETag: \"b\"", true),
        ("ETag: \"a\"", "ETag: \"a\"", false),
        ("ETag: \"a\"", "", false),
        ("", "ETag: \"b\"", false),
        // Whoever packs on the way weakens a tag, or names the packed one otherwise.
        ("ETag: W/\"a\"", "ETag: \"a\"", false),
        ("ETag: \"a\"", "ETag: W/\"a\"", false),
        ("ETag: W/\"a\"", "ETag: W/\"b\"", false),
        ("ETag: a", "ETag: b", false),
    ] {
        let got = stored(200, kept).is_other_than(&fields(told));
        assert_eq!(got, expected, "{kept}, then {told}");
    }
}

#[test]
fn unsafe_methods_invalidate_their_own_origin() {
    for (method, status, expected) in [
        ("POST", 200, true),
        ("PUT", 204, true),
        ("DELETE", 303, true),
        ("M-SEARCH", 200, true),
        ("POST", 404, false),
        ("POST", 500, false),
        ("GET", 200, false),
        ("HEAD", 200, false),
        ("OPTIONS", 200, false),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let method: Method = method.parse().unwrap();
        assert_eq!(policy::invalidates(&method, status), expected, "{method} {status}");
    }
    let url: Url = "http://host/a/b".parse().unwrap();
    let named =
        |text| -> Vec<String> { policy::named_by(&url, &fields(text)).map(String::from).collect() };
    assert_eq!(named("Location: c | Content-Location: /d"), ["http://host/a/c", "http://host/d"]);
    assert!(named("Location: http://other/c | Content-Location: https://host/d").is_empty());
    assert!(named("Location: http://host:81/c").is_empty());
}
