//! Which hosts asked to be spoken to over `https` only: the Known HSTS Hosts of RFC 6797.

mod calls;
mod exchange;
mod field;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod hosts;
#[cfg(test)]
mod tests;

pub(crate) use exchange::Exchange;
pub(crate) use hosts::Known;

use crate::shelf::{Shared, Shelf};
use crate::store::Row;
use field::Field;
use hosts::Hosts;
use urlsession_protocol::KnownHost;

/// The hosts that all applications know.
pub(crate) type Strict = Shelf<Hosts>;
/// The hosts that somebody knows.
pub(crate) type SharedHosts = Shared<Hosts>;
/// A row of the table of known hosts.
pub(crate) type HostRow = Row<String, Known>;

impl SharedHosts {
    /// Says whether a host is asked over `https` only.
    fn knows(&self, host: &str) -> bool {
        !self.is_empty() && self.with(|hosts| hosts.knows(host, self.now()))
    }

    /// Takes over what a host said.
    fn note(&self, host: &str, said: Field) {
        let now = self.now();
        self.change(|hosts| hosts.note(host, said, now));
    }

    /// Adds hosts that a person or program brings; returns how many could be.
    fn add(&self, all: &[KnownHost]) -> usize {
        let now = self.now();
        self.change(|hosts| all.iter().filter(|one| hosts.add(one, now)).count())
    }

    fn clear(&self, host: Option<&str>) -> usize {
        self.change(|hosts| hosts.clear(host))
    }

    /// Lists those that have not ended.
    pub(crate) fn list(&self) -> Vec<KnownHost> {
        self.with(|hosts| hosts.list(self.now()))
    }
}
