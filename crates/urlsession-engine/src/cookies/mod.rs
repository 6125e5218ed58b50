//! What servers asked to be remembered: cookies of every application, of which attempts send some.
//!
//! ```text
//!   attempt ── Exchange ──> SharedJar (memory) ── unwritten ──> Driver ── commit ──> Store
//! ```
//! A response's cookies are in memory before the next request goes out, and durable with the
//! commit that records the task's end, or a moment later if it goes on. Those without an end
//! are never written.

mod calls;
mod date;
mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod jar;
mod scope;
mod set_cookie;
#[cfg(test)]
mod tests;

pub(crate) use exchange::Exchange;
pub(crate) use jar::Kept;

use crate::StoreError;
use crate::clock::Clock;
use crate::inbox::{Message, Sender};
use crate::store::Store;
use jar::{Asker, Jar};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use url::Url;
use urlsession_core::SessionNumber;
use urlsession_protocol::{ApplicationId, Cookie, CookieIdentity};

/// How long cookies that nothing else waits for may be unwritten.
const WRITE_DELAY: Duration = Duration::from_secs(1);
/// Most collections of cookies in memory, beyond which those that nobody needs go.
const JARS_LIMIT: usize = 64;

/// Whose cookies they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// All sessions of an application.
    Application(ApplicationId),
    /// One session alone; in memory.
    Session(SessionNumber),
}

/// A row of the store: the cookie, or `None` where there must be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CookieRow {
    pub(crate) application: ApplicationId,
    pub(crate) identity: CookieIdentity,
    pub(crate) kept: Option<Kept>,
}

/// The cookies of all applications, read from the store as they are needed.
#[derive(Debug)]
pub(crate) struct Cookies {
    jars: BTreeMap<Owner, Arc<SharedJar>>,
    clock: Clock,
    inbox: Sender,
    /// When what is unwritten must be written.
    due: Option<Duration>,
}

impl Cookies {
    pub(crate) fn new(clock: Clock, inbox: Sender) -> Self {
        Self { jars: BTreeMap::new(), clock, inbox, due: None }
    }

    /// Returns somebody's cookies.
    pub(crate) fn jar(
        &mut self,
        owner: Owner,
        store: &Store,
    ) -> Result<Arc<SharedJar>, StoreError> {
        if let Some(jar) = self.jars.get(&owner) {
            return Ok(Arc::clone(jar));
        }
        if self.jars.len() >= JARS_LIMIT {
            self.jars.retain(|owner, jar| {
                let is_private = matches!(owner, Owner::Session(_));
                is_private || Arc::strong_count(jar) > 1 || jar.is_only_here()
            });
        }
        let kept = match &owner {
            Owner::Application(application) => store.cookies(application)?,
            Owner::Session(_) => Vec::new(),
        };
        let jar = Jar::restore(kept, self.clock.now().wall);
        let told = false;
        let state = Mutex::new(State { jar, told });
        let (clock, inbox) = (self.clock.clone(), self.inbox.clone());
        let jar = Arc::new(SharedJar { state, clock, inbox });
        self.jars.insert(owner, Arc::clone(&jar));
        Ok(jar)
    }

    /// Says whether somebody's cookies are in memory.
    pub(crate) fn has(&self, owner: &Owner) -> bool {
        self.jars.contains_key(owner)
    }

    /// Forgets what a session had for itself.
    pub(crate) fn forget(&mut self, session: SessionNumber) {
        self.jars.remove(&Owner::Session(session));
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
    pub(crate) fn take_unwritten(&mut self) -> Vec<CookieRow> {
        self.due = None;
        let mut rows = Vec::new();
        for (owner, jar) in &self.jars {
            let unwritten = jar.take_unwritten();
            if let Owner::Application(application) = owner {
                rows.extend(unwritten.into_iter().map(|(identity, kept)| CookieRow {
                    application: application.clone(),
                    identity,
                    kept,
                }));
            }
        }
        rows
    }
}

/// Somebody's cookies, which attempts share.
#[derive(Debug)]
pub(crate) struct SharedJar {
    state: Mutex<State>,
    clock: Clock,
    inbox: Sender,
}

#[derive(Debug)]
struct State {
    jar: Jar,
    /// Whether the driver knows that something is to be written.
    told: bool,
}

impl SharedJar {
    /// Returns the `Cookie` field of a request.
    fn send(&self, url: &Url, cross_site: bool) -> Option<String> {
        self.lock().jar.send(Asker { url, cross_site }, self.clock.now().wall)
    }

    /// Keeps what the `Set-Cookie` fields of a response ask for.
    fn receive<'a>(&self, fields: impl Iterator<Item = &'a [u8]>, url: &Url, cross_site: bool) {
        let now = self.clock.now().wall;
        self.change(|jar| {
            for field in fields {
                if !jar.receive(field, Asker { url, cross_site }, now) {
                    tracing::debug!(host = url.host_str(), "a cookie was not kept");
                }
            }
        });
    }

    fn bring(&self, cookies: Vec<Cookie>) -> usize {
        let now = self.clock.now().wall;
        self.change(|jar| cookies.into_iter().filter(|c| jar.bring(c.clone(), now)).count())
    }

    fn clear(&self, domain: Option<&str>) -> usize {
        self.change(|jar| jar.clear(domain))
    }

    fn list(&self, domain: Option<&str>) -> Vec<Cookie> {
        let now = self.clock.now().wall;
        self.lock().jar.list(domain, now).into_iter().cloned().collect()
    }

    fn is_only_here(&self) -> bool {
        self.lock().jar.is_only_here()
    }

    fn take_unwritten(&self) -> Vec<(CookieIdentity, Option<Kept>)> {
        let mut state = self.lock();
        state.told = false;
        state.jar.take_unwritten()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Jar) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state.jar);
        let tell = state.jar.is_unwritten() && !std::mem::replace(&mut state.told, true);
        drop(state);
        if tell {
            // Fails only if the driver has ended, and with it the store.
            let _ = self.inbox.send(Message::CookiesChanged);
        }
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
