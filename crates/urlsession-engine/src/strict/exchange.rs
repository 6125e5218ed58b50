//! What one attempt does with known hosts: which of its requests become `https`, which of its
//! responses are heard.

use super::SharedHosts;
use super::field::Field;
use http::{HeaderMap, header};
use std::sync::Arc;
use url::{Host, Url};

/// The known hosts of one attempt, every hop of which asks and tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exchange {
    /// `None` where none are known or noted.
    hosts: Option<Arc<SharedHosts>>,
}

impl Exchange {
    pub(crate) fn new(hosts: Option<Arc<SharedHosts>>) -> Self {
        Self { hosts }
    }

    /// Makes a URL of `http` one of `https` if its host is known (RFC 6797 section 8.3): port 80
    /// becomes 443, another stays.
    pub(crate) fn upgrade(&self, url: &mut Url) {
        let Some(hosts) = &self.hosts else { return };
        if url.scheme() == "http" && url.host_str().is_some_and(|host| hosts.knows(host)) {
            // Fails for no URL of http.
            let _ = url.set_scheme("https");
        }
    }

    /// Takes over what a response says, unless it came over plain `http`, over a connection whose
    /// certificate was not judged as usual, or from an address (section 8.1). Only its first field
    /// counts.
    pub(crate) fn receive(&self, url: &Url, fields: &HeaderMap, is_waived: impl FnOnce() -> bool) {
        let Some(hosts) = &self.hosts else { return };
        let Some(field) = fields.get(header::STRICT_TRANSPORT_SECURITY) else { return };
        let Some(Host::Domain(host)) = url.host() else { return };
        if url.scheme() != "https" || is_waived() {
            return;
        }
        match Field::parse(field.as_bytes()) {
            Some(said) => hosts.note(host, said),
            None => tracing::debug!(host, "a Strict-Transport-Security field does not conform"),
        }
    }
}
