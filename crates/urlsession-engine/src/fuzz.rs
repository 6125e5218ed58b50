//! What must hold for every input of the parsers of this room, whoever wrote it: the targets.

use http::{HeaderMap, HeaderName, HeaderValue};

pub use crate::cache::fuzz::{cache, http_date};
pub use crate::cookies::fuzz::{cookie_date, set_cookie};
pub use crate::credentials::fuzz::challenge;
pub use crate::simulate::fuzz::simulation;
pub use crate::strict::fuzz::strict_transport_security;
#[cfg(feature = "http3")]
pub use crate::transfer::fuzz::{alt_svc, frames};
pub use crate::transfer::fuzz::{
    chunks, coding, content_disposition, framing, identity, redirect, resume, resume_data, socks,
};

/// What is done with bytes.
pub type Target = fn(&[u8]);

/// The targets by their names.
pub const TARGETS: &[(&str, Target)] = &[
    #[cfg(feature = "http3")]
    ("alt_svc", alt_svc),
    ("cache", cache),
    ("challenge", challenge),
    ("chunks", chunks),
    ("coding", coding),
    ("content_disposition", content_disposition),
    ("cookie_date", cookie_date),
    #[cfg(feature = "http3")]
    ("frames", frames),
    ("framing", framing),
    ("http_date", http_date),
    ("identity", identity),
    ("redirect", redirect),
    ("resume", resume),
    ("resume_data", resume_data),
    ("set_cookie", set_cookie),
    ("simulation", simulation),
    ("socks", socks),
    ("strict_transport_security", strict_transport_security),
];

/// Reads `Name: value` lines, as far as they are fields that HTTP can bring.
pub(crate) fn fields(text: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        if let (Ok(name), Ok(value)) =
            (name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()))
        {
            map.append(name, value);
        }
    }
    map
}

/// Splits an input in two at the first empty line.
pub(crate) fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &[]),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_input_that_is_kept_or_drawn() {
        urlsession_testkit::mutation::play(super::TARGETS);
    }
}
