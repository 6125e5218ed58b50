//! Fields that no honest server sends: whatever they are, they are read, shortly and without harm.

use super::{ARRIVAL, stored};
use crate::cache::control::{Control, split};
use crate::cache::policy::{self, Asked, Policy};
use crate::cache::variant::{Partition, Variant};
use crate::cache::{date, range};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use urlsession_protocol::{RequestCachePolicy, Timestamp};

/// What values are made of: the words of the grammar, and what breaks it.
const PIECES: [&[u8]; 30] = [
    b"max-age",
    b"no-cache",
    b"stale-if-error",
    b"max-stale",
    b"=",
    b"\"",
    b"\\",
    b",",
    b";",
    b" ",
    b"\t",
    b"0",
    b"1",
    b"9",
    b"4294967296",
    b"18446744073709551616",
    b"-",
    b"q=",
    b"*",
    b"bytes=",
    b"Sun",
    b"06",
    b"Nov",
    b"1994",
    b"08:49:37",
    b"GMT",
    b"W/",
    b"\xff",
    b"\xc3\xa4",
    b"Feb",
];
const NAMES: [&str; 12] = [
    "cache-control",
    "pragma",
    "vary",
    "age",
    "date",
    "expires",
    "last-modified",
    "range",
    "if-range",
    "etag",
    "accept-language",
    "content-language",
];
const ROUNDS: u64 = 20_000;

/// Draws numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn value(&mut self) -> Vec<u8> {
        (0..self.throw(9)).flat_map(|_| PIECES[self.throw(PIECES.len())].to_vec()).collect()
    }

    fn headers(&mut self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for _ in 0..self.throw(6) {
            let name = HeaderName::from_static(NAMES[self.throw(NAMES.len())]);
            if let Ok(value) = HeaderValue::from_bytes(&self.value()) {
                headers.append(name, value);
            }
        }
        headers
    }
}

#[test]
fn no_field_is_beyond_reading() {
    let mut dice = Dice(7);
    let url = "http://host/a".parse().unwrap();
    for _ in 0..ROUNDS {
        let (request, response) = (dice.headers(), dice.headers());
        let policy = RequestCachePolicy::UseProtocolCachePolicy;
        let asked = Asked { method: &Method::GET, headers: &request, policy };
        let Some(variant) = Variant::of(&response, &request, &Partition::default()) else {
            continue;
        };
        assert!(variant.matches(&request, &response), "a request matches its own response");
        let mut stored = stored(200, "");
        (stored.variant, stored.headers) = (variant, response.clone());
        for later in [0, 1, 1 << 40, u64::MAX - ARRIVAL.0] {
            let now = Timestamp(ARRIVAL.0 + later);
            if Policy::of(&asked, &stored, now) == Policy::Fresh {
                let control = Control::of_request(&request);
                assert!(!stored.control().no_cache && !control.no_cache && !control.no_store);
                assert!(stored.age(now) < stored.lifetime() || control.max_stale.is_some());
            }
            let _ = policy::stands_in(&asked, &stored, None, now);
        }
        let _ = policy::is_storable(&asked, &url, &stored);
        if let range::Wanted::Part(part) = range::wanted(&request, &stored) {
            assert!(part.start < part.end && part.end <= stored.body.len());
        }
        stored.freshen(&request, ARRIVAL, ARRIVAL);
    }
}

#[test]
fn no_text_is_beyond_splitting() {
    let mut dice = Dice(8);
    for _ in 0..ROUNDS {
        let text = dice.value();
        assert!(split(&text).all(|item| !item.is_empty() && item.trim_ascii() == item));
        let _ = date::parse(&text, ARRIVAL);
    }
    let long = b",".repeat(1 << 20);
    assert_eq!(split(&long).count(), 0);
}
