//! Which hosts asked to be spoken to over `https` only: the Known HSTS Hosts of RFC 6797.
//!
//! ```text
//!   attempt ── Exchange ──> SharedHosts (memory) ── unwritten ──> Driver ── commit ──> Store
//! ```
//! What a response says is in memory before the next request goes out, and durable with the commit
//! that records the task's end, or a moment later if it goes on.

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

use crate::StoreError;
use crate::clock::Clock;
use crate::cookies::Owner;
use crate::inbox::{Message, Sender};
use crate::store::Store;
use field::Field;
use hosts::Hosts;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use urlsession_core::SessionNumber;
use urlsession_protocol::{ApplicationId, KnownHost};

/// How long what was noted may be unwritten.
const WRITE_DELAY: Duration = Duration::from_secs(1);
/// Most collections of hosts in memory, beyond which those that nobody needs go.
const COLLECTIONS_LIMIT: usize = 64;

/// A row of the store: the host, or `None` where there must be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostRow {
    pub(crate) application: ApplicationId,
    pub(crate) host: String,
    pub(crate) known: Option<Known>,
}

/// The hosts that all applications know, read from the store as they are needed.
#[derive(Debug)]
pub(crate) struct Strict {
    collections: BTreeMap<Owner, Arc<SharedHosts>>,
    clock: Clock,
    inbox: Sender,
    /// When what is unwritten must be written.
    due: Option<Duration>,
}

impl Strict {
    pub(crate) fn new(clock: Clock, inbox: Sender) -> Self {
        Self { collections: BTreeMap::new(), clock, inbox, due: None }
    }

    /// Returns the hosts that somebody knows.
    pub(crate) fn hosts(
        &mut self,
        owner: Owner,
        store: &Store,
    ) -> Result<Arc<SharedHosts>, StoreError> {
        if let Some(hosts) = self.collections.get(&owner) {
            return Ok(Arc::clone(hosts));
        }
        if self.collections.len() >= COLLECTIONS_LIMIT {
            self.collections.retain(|owner, hosts| {
                let is_private = matches!(owner, Owner::Session(_));
                is_private || Arc::strong_count(hosts) > 1 || hosts.lock().hosts.is_unwritten()
            });
        }
        let known = match &owner {
            Owner::Application(application) => store.known_hosts(application)?,
            Owner::Session(_) => Vec::new(),
        };
        let now = self.clock.now();
        let hosts = Hosts::restore(known, now.wall);
        if hosts.is_unwritten() {
            self.changed(now.steady);
        }
        let shared = Arc::new(SharedHosts {
            is_empty: AtomicBool::new(hosts.is_empty()),
            state: Mutex::new(State { hosts, told: false }),
            clock: self.clock.clone(),
            inbox: self.inbox.clone(),
        });
        self.collections.insert(owner, Arc::clone(&shared));
        Ok(shared)
    }

    /// Forgets what a session had for itself.
    pub(crate) fn forget(&mut self, session: SessionNumber) {
        self.collections.remove(&Owner::Session(session));
    }

    /// Notes that something is to be written.
    pub(crate) fn changed(&mut self, now: Duration) {
        self.due.get_or_insert(now + WRITE_DELAY);
    }

    /// Returns how long nothing must be written.
    pub(crate) fn next(&self, now: Duration) -> Option<Duration> {
        self.due.map(|due| due.saturating_sub(now))
    }

    /// Takes all that is to be written.
    pub(crate) fn take_unwritten(&mut self) -> Vec<HostRow> {
        self.due = None;
        let mut rows = Vec::new();
        for (owner, hosts) in &self.collections {
            let unwritten = hosts.take_unwritten();
            if let Owner::Application(application) = owner {
                rows.extend(unwritten.into_iter().map(|(host, known)| HostRow {
                    application: application.clone(),
                    host,
                    known,
                }));
            }
        }
        rows
    }
}

/// The hosts that somebody knows, which attempts share.
#[derive(Debug)]
pub(crate) struct SharedHosts {
    /// Spares a request the lock where nothing is known, as it is for most.
    is_empty: AtomicBool,
    state: Mutex<State>,
    clock: Clock,
    inbox: Sender,
}

#[derive(Debug)]
struct State {
    hosts: Hosts,
    /// Whether the driver knows that something is to be written.
    told: bool,
}

impl SharedHosts {
    /// Says whether a host is asked over `https` only.
    fn knows(&self, host: &str) -> bool {
        !self.is_empty.load(Ordering::Acquire)
            && self.lock().hosts.knows(host, self.clock.now().wall)
    }

    /// Takes over what a host said.
    fn note(&self, host: &str, said: Field) {
        let now = self.clock.now().wall;
        self.change(|hosts| hosts.note(host, said, now));
    }

    /// Adds hosts that a person or program brings; returns how many could be.
    fn add(&self, all: &[KnownHost]) -> usize {
        let now = self.clock.now().wall;
        self.change(|hosts| all.iter().filter(|one| hosts.add(one, now)).count())
    }

    fn clear(&self, host: Option<&str>) -> usize {
        self.change(|hosts| hosts.clear(host))
    }

    /// Lists those that have not ended.
    pub(crate) fn list(&self) -> Vec<KnownHost> {
        self.lock().hosts.list(self.clock.now().wall)
    }

    fn take_unwritten(&self) -> Vec<(String, Option<Known>)> {
        let mut state = self.lock();
        state.told = false;
        state.hosts.take_unwritten()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Hosts) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state.hosts);
        self.is_empty.store(state.hosts.is_empty(), Ordering::Release);
        let tell = state.hosts.is_unwritten() && !std::mem::replace(&mut state.told, true);
        drop(state);
        if tell {
            // Fails only if the driver has ended, and with it the store.
            let _ = self.inbox.send(Message::KnownHostsChanged);
        }
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
