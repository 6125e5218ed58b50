//! The cache without a network: tables of what is decided, then what is kept where.

mod deciding;
mod exchanging;
mod hostile;
mod keeping;

use super::SharedCache;
use super::stored::Stored;
use super::variant::{Partition, Variant};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use urlsession_protocol::Timestamp;

/// The moment at which all test responses arrive: Sun, 06 Nov 1994 08:49:37 GMT.
const ARRIVAL: Timestamp = Timestamp(784_111_777_000);

/// Reads `Name: value` lines; several share a text when parted by ` | `.
fn fields(text: &str) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in text.split(" | ").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    map
}

/// A response that arrived at [`ARRIVAL`], asked for without any field.
pub(super) fn stored(status: u16, response: &str) -> Stored {
    kept(status, response, "")
}

fn kept(status: u16, response: &str, request: &str) -> Stored {
    let headers = fields(response);
    let variant = Variant::of(&headers, &fields(request), &Partition::default()).unwrap();
    Stored {
        status: StatusCode::from_u16(status).unwrap(),
        version: Version::HTTP_11,
        headers,
        requested: ARRIVAL,
        received: ARRIVAL,
        variant,
        body: "0123456789".into(),
    }
}

fn seconds_later(seconds: u64) -> Timestamp {
    Timestamp(ARRIVAL.0 + seconds * 1000)
}

impl SharedCache {
    /// Keeps what was asked for just now.
    fn keep_at_once(&self, url: &str, stored: Stored) {
        self.keep(url, stored, self.begin());
    }
}
