//! What must hold for every `Strict-Transport-Security` field.

use super::field::{AGE_LIMIT, Field};
use super::hosts::Hosts;
use crate::shelf::Collection as _;
use std::fmt::Write as _;
use urlsession_protocol::Timestamp;

/// A field that is read is read the same when it is spelled as servers should, and a host that says
/// it is known, or not, and no other host by it.
pub fn strict_transport_security(bytes: &[u8]) {
    let now = Timestamp(1_800_000_000_000);
    let Some(said) = Field::parse(bytes) else { return };
    assert!(said.max_age <= AGE_LIMIT);
    let mut spelled = format!("max-age={}", said.max_age.as_secs());
    if said.include_subdomains {
        let _ = write!(spelled, "; includeSubDomains");
    }
    assert_eq!(Field::parse(spelled.as_bytes()), Some(said));
    let mut hosts = Hosts::default();
    hosts.note("a.test", said, now);
    assert_eq!(hosts.knows("a.test", now), !said.max_age.is_zero());
    assert_eq!(hosts.knows("b.a.test", now), !hosts.is_empty() && said.include_subdomains);
    assert!(!hosts.knows("ba.test", now) && !hosts.knows("test", now));
}
