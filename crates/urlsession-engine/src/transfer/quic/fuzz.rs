//! What must hold for every offer of HTTP/3, and for the frames of its streams.

use super::alternatives::{self, LIFETIME_LIMIT};
use super::gauge::Gauge;
use crate::fuzz::fields;

/// An offer that is taken names a host or none, a port, and a time that is not too long.
pub fn alt_svc(bytes: &[u8]) {
    let Some(Some((offer, lifetime))) = alternatives::read(&fields(bytes)) else { return };
    assert!(offer.port > 0 && !lifetime.is_zero() && lifetime <= LIFETIME_LIMIT, "{lifetime:?}");
    if let Some(host) = &offer.host {
        let again = url::Host::parse(host).map(|host| host.to_string());
        assert_eq!(again.as_ref(), Ok(host));
    }
}

/// A frame is as long however its bytes come.
pub fn frames(bytes: &[u8]) {
    for make in [Gauge::of_request, Gauge::of_server] {
        let (mut whole, mut pieces) = (make(), make());
        let whole = whole.pass(bytes).is_ok();
        let pieces = bytes.chunks(1).all(|byte| pieces.pass(byte).is_ok());
        assert_eq!(whole, pieces);
    }
}
