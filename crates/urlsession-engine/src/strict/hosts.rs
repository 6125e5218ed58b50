//! The hosts that one application knows, and for how long: RFC 6797 sections 8.1 and 8.2.
//!
//! It is told the time.

use super::field::{AGE_LIMIT, Field};
use crate::StoreError;
use crate::inbox::Message;
use crate::shelf::Collection;
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use url::Host;
use urlsession_protocol::{ApplicationId, KnownHost, Timestamp};

/// Most hosts of an application.
pub(super) const HOSTS_LIMIT: usize = 1000;
/// Longest name that is noted: no name of the DNS is longer (RFC 1035 section 2.3.4).
pub(super) const NAME_LIMIT: usize = 253;
/// How far the end of a host may move before its row is written anew, or a tenth of its time if
/// that is less: a host says it again with every response.
const REFRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// What is known of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Whether all names below it are meant, too.
    pub(crate) include_subdomains: bool,
    /// When it ends.
    pub(crate) expires: Timestamp,
}

/// Hosts by their names: A-labels in lower case, without the dot of the root.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    known: BTreeMap<String, Entry>,
    /// Those whose row in the store is not what is known here.
    unwritten: BTreeSet<String>,
}

#[derive(Debug)]
struct Entry {
    known: Known,
    /// The end that its row has.
    written: Timestamp,
}

impl Hosts {
    /// Takes back what the store has; what ended meanwhile is to be removed there.
    pub(super) fn restore(all: Vec<(String, Known)>, now: Timestamp) -> Self {
        let mut hosts = Self::default();
        for (host, known) in all {
            if known.expires > now {
                hosts.known.insert(host, Entry { known, written: known.expires });
            } else {
                hosts.unwritten.insert(host);
            }
        }
        hosts
    }

    /// Takes over what a host said of itself; what is known of hosts above and below stays.
    pub(super) fn note(&mut self, host: &str, said: Field, now: Timestamp) {
        let host = without_root(host);
        if !can_be_known(host) {
            return;
        }
        if said.max_age.is_zero() {
            return self.remove(host);
        }
        let known =
            Known { include_subdomains: said.include_subdomains, expires: now.after(said.max_age) };
        if let Some(entry) = self.known.get_mut(host) {
            let moved = known.expires.0.abs_diff(entry.written.0);
            let is_new = entry.known.include_subdomains != known.include_subdomains
                || Duration::from_millis(moved) >= REFRESH.min(said.max_age / 10);
            entry.known = known;
            if is_new {
                entry.written = known.expires;
                self.unwritten.insert(host.to_owned());
            }
            return;
        }
        self.known.insert(host.to_owned(), Entry { known, written: known.expires });
        self.unwritten.insert(host.to_owned());
        self.make_room();
    }

    /// Says whether a host is asked over `https` only: because of itself, or of one above it that
    /// means all below.
    pub(super) fn knows(&self, host: &str, now: Timestamp) -> bool {
        let host = without_root(host);
        let lasts = |name: &str| self.known.get(name).filter(|entry| entry.known.expires > now);
        if lasts(host).is_some() {
            return true;
        }
        let above = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
        above.filter_map(lasts).any(|entry| entry.known.include_subdomains)
    }

    /// Adds a host that a person or program brings, unless it is none or has ended. What is known
    /// of it is not weakened by that.
    pub(super) fn add(&mut self, one: &KnownHost, now: Timestamp) -> bool {
        let Ok(Host::Domain(name)) = Host::parse(&one.host) else { return false };
        let name = without_root(&name);
        let before = self.known.get(name).map(|entry| entry.known);
        let expires = before.map_or(one.expires, |before| before.expires.max(one.expires));
        let include_subdomains =
            one.include_subdomains || before.is_some_and(|before| before.include_subdomains);
        let is_one = can_be_known(name) && one.expires > now;
        if is_one {
            let max_age = now.until(expires).min(AGE_LIMIT);
            self.note(name, Field { max_age, include_subdomains }, now);
        }
        is_one
    }

    /// Forgets one, or all; returns how many there were.
    pub(super) fn clear(&mut self, host: Option<&str>) -> usize {
        let before = self.known.len();
        match host.map(Host::parse) {
            Some(Ok(Host::Domain(name))) => self.remove(without_root(&name)),
            Some(_) => {}
            None => self.unwritten.extend(std::mem::take(&mut self.known).into_keys()),
        }
        before - self.known.len()
    }

    /// Returns those that have not ended, by name.
    pub(super) fn list(&self, now: Timestamp) -> Vec<KnownHost> {
        let lasting = self.known.iter().filter(|(_, entry)| entry.known.expires > now);
        let listed = lasting.map(|(host, entry)| KnownHost {
            host: host.clone(),
            include_subdomains: entry.known.include_subdomains,
            expires: entry.known.expires,
        });
        listed.collect()
    }

    fn remove(&mut self, host: &str) {
        if let Some((host, _)) = self.known.remove_entry(host) {
            self.unwritten.insert(host);
        }
    }

    /// The one that ends first goes first; those that have ended are among them.
    fn make_room(&mut self) {
        while self.known.len() > HOSTS_LIMIT {
            let first = self.known.iter().min_by_key(|(_, entry)| entry.known.expires);
            let Some(host) = first.map(|(host, _)| host.clone()) else { return };
            self.remove(&host);
        }
    }
}

impl Collection for Hosts {
    type Name = String;
    type Kept = Known;

    fn read(store: &Store, of: &ApplicationId, now: Timestamp) -> Result<Self, StoreError> {
        Ok(Self::restore(store.known_hosts(of)?, now))
    }

    fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn is_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    fn take_unwritten(&mut self) -> Vec<(String, Option<Known>)> {
        let unwritten = std::mem::take(&mut self.unwritten).into_iter();
        unwritten
            .map(|host| {
                let known = self.known.get(&host).map(|entry| entry.known);
                (host, known)
            })
            .collect()
    }

    fn changed() -> Message {
        Message::KnownHostsChanged
    }
}

/// Says whether a name is worth knowing. Between this machine and itself (RFC 6761 section 6.3) there is
/// nobody to be kept out, and what one program says there is not for the others on its ports.
fn can_be_known(host: &str) -> bool {
    let is_local = host == "localhost" || host.ends_with(".localhost");
    !host.is_empty() && host.len() <= NAME_LIMIT && !is_local
}

/// Takes away the dot of the root, which makes no other host of a name.
fn without_root(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}
