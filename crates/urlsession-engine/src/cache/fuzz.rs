//! What must hold for every field that tells how long a response is good, and for whom.

use super::control::{Control, split};
use super::policy::{self, Asked, Policy};
use super::stored::{Stored, without_connection};
use super::variant::{Partition, Variant, asks_for_codings};
use super::{date, range};
use crate::cookies::fuzz::spelled;
use crate::fuzz::{fields, halves};
use http::{Method, StatusCode, Version};
use std::time::Duration;
use url::Url;
use urlsession_protocol::{RequestCachePolicy, Timestamp};

/// Sun, 06 Nov 1994 08:49:37 GMT.
const ARRIVAL: Timestamp = Timestamp(784_111_777_000);

/// Request and response, whatever their fields: what is used unasked may be, and nothing overflows.
pub fn cache(bytes: &[u8]) {
    let (request, response) = halves(bytes);
    assert!(split(request).all(|item| !item.is_empty() && item.trim_ascii() == item));
    let (request, response) = (fields(request), fields(response));
    let Ok(url) = Url::parse("http://host/a") else { return };
    let Some(variant) = Variant::of(&response, &request, &Partition::default()) else { return };
    // Its server may have packed it unasked.
    let is_wanted = asks_for_codings(&request, &response);
    let matches = variant.matches(&request, &response);
    assert_eq!(matches, is_wanted, "a request matches its own response");
    let mut stored = Stored {
        status: StatusCode::OK,
        version: Version::HTTP_11,
        headers: without_connection(&response),
        requested: ARRIVAL,
        received: ARRIVAL,
        variant,
        body: "0123456789".into(),
    };
    let policy = RequestCachePolicy::UseProtocolCachePolicy;
    let asked = Asked { method: &Method::GET, headers: &request, policy };
    let (wants, says) = (Control::of_request(&request), stored.control());
    for later in [0, 1, 1 << 40, u64::MAX - ARRIVAL.0] {
        let now = Timestamp(ARRIVAL.0 + later);
        if Policy::of(&asked, &stored, now) == Policy::Fresh {
            assert!(!says.no_cache && !wants.no_cache && !wants.no_store);
            assert!(stored.age(now) < stored.lifetime() || wants.max_stale.is_some());
        }
        let _ = policy::stands_in(&asked, &stored, None, now);
    }
    assert!(stored.lifetime() <= Duration::from_secs(1 << 38), "{:?}", stored.lifetime());
    if policy::is_storable(&asked, &url, &stored) {
        assert!(!says.no_store && !wants.no_store && !says.is_cut);
    }
    if let range::Wanted::Part(part) = range::wanted(&request, &stored) {
        assert!(part.start < part.end && part.end <= stored.body.len());
    }
    for named in policy::named_by(&url, &response) {
        assert_eq!(named.origin(), url.origin(), "no other server's response is forgotten");
    }
    stored.freshen(&request, ARRIVAL, ARRIVAL);
    assert!(!stored.headers.contains_key("connection"));
}

/// A date that was read is read the same when it is spelled in the preferred form.
pub fn http_date(bytes: &[u8]) {
    let Some(read) = date::parse(bytes, ARRIVAL) else { return };
    assert_eq!(date::parse(spelled(read).as_bytes(), ARRIVAL), Some(read));
}
