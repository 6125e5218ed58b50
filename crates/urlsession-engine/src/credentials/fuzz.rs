//! What must hold for every challenge, and for the answer to it.

use super::challenge::{self, CHALLENGES_LIMIT};
use super::{Challenge, Way};
use http::HeaderValue;
use urlsession_protocol::Credential;

const USER: &str = "J\u{e4}s\u{f8}n \"D\\oe\"";
const PASSWORD: &str = "0pen-sesam3";

/// Challenges are few; the answer is one legal field, says what it was asked, and no password.
pub fn challenge(bytes: &[u8]) {
    let fields = bytes.split(|byte| *byte == b'\n');
    let fields = fields.filter(|field| HeaderValue::from_bytes(field).is_ok());
    let challenges = challenge::parse(fields);
    assert!(challenges.len() <= CHALLENGES_LIMIT);
    let credential = Credential::new(USER, PASSWORD);
    for asked in &challenges {
        assert!(asked.scheme.bytes().all(|byte| byte.is_ascii_graphic()), "{}", asked.scheme);
        answer(asked, &credential);
    }
    let _ = Way::strongest(&challenges, "cnonce");
}

fn answer(asked: &Challenge, credential: &Credential) {
    let Some(mut way) = Way::strongest(std::slice::from_ref(asked), "cnonce") else { return };
    let target = "/p?q=\"x\"";
    for _ in 0..2 {
        let Some(value) = way.authorization(credential, "GET", target) else { return };
        assert!(HeaderValue::from_bytes(value.as_bytes()).is_ok(), "{value:?}");
        if way == Way::Basic {
            continue;
        }
        assert!(!value.contains(PASSWORD), "{value}");
        let said = challenge::parse([value.as_bytes()]);
        let [said] = &said[..] else { panic!("{value:?} is not one answer") };
        for name in ["realm", "nonce", "opaque"] {
            assert_eq!(said.parameter(name), asked.parameter(name), "{name} in {value:?}");
        }
        assert_eq!(said.parameter("uri"), Some(target), "{value:?}");
    }
}
