//! What servers asked to be remembered for an application or one session, shared by attempts.
//!
//! ```text
//!   attempt ── Exchange ──> Shared (memory) ── unwritten ──> Driver ── commit ──> Store
//! ```
//! What a response says is in memory before the next request goes out, and durable with the commit
//! that records the task's end, or a moment later if it goes on.

use crate::StoreError;
use crate::attempts::Moves;
use crate::clock::Clock;
use crate::driver::Driver;
use crate::inbox::{Message, Sender};
use crate::store::{Row, Store};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use urlsession_core::SessionNumber;
use urlsession_protocol::{
    ApplicationId, Error, ErrorCode, SessionIdentifier, SessionKey, Timestamp,
};

/// How long what nothing else waits for may be unwritten.
const WRITE_DELAY: Duration = Duration::from_secs(1);
/// Most collections of a kind in memory, beyond which those that nobody needs go.
pub(crate) const COLLECTIONS_LIMIT: usize = 64;

/// Whose a collection is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// All sessions of an application.
    Application(ApplicationId),
    /// One session alone; in memory.
    Session(SessionNumber),
}

/// One owner's cookies, or known hosts.
pub(crate) trait Collection: Default {
    /// What tells the rows of an application apart.
    type Name;
    /// What a row says.
    type Kept;

    /// Takes back what the store has; what ended meanwhile is to be removed there.
    fn read(store: &Store, of: &ApplicationId, now: Timestamp) -> Result<Self, StoreError>;

    /// Says whether there is nothing in it.
    fn is_empty(&self) -> bool;

    /// Says whether something is to be written.
    fn is_unwritten(&self) -> bool;

    /// Says whether forgetting it loses what the store does not have.
    fn is_only_here(&self) -> bool {
        self.is_unwritten()
    }

    /// Takes what is to be written: what a row says, or `None` where it must go.
    fn take_unwritten(&mut self) -> Vec<(Self::Name, Option<Self::Kept>)>;

    /// Returns what the driver is told when something is to be written.
    fn changed() -> Message;
}

/// The collections of all owners, read from the store as they are needed.
#[derive(Debug)]
pub(crate) struct Shelf<C> {
    collections: BTreeMap<Owner, Arc<Shared<C>>>,
    clock: Clock,
    inbox: Sender,
    /// When what is unwritten must be written.
    due: Option<Duration>,
}

impl<C: Collection> Shelf<C> {
    pub(crate) fn new(clock: Clock, inbox: Sender) -> Self {
        Self { collections: BTreeMap::new(), clock, inbox, due: None }
    }

    /// Returns what somebody has.
    pub(crate) fn of(&mut self, owner: Owner, store: &Store) -> Result<Arc<Shared<C>>, StoreError> {
        if let Some(shared) = self.collections.get(&owner) {
            return Ok(Arc::clone(shared));
        }
        if self.collections.len() >= COLLECTIONS_LIMIT {
            self.collections.retain(|owner, shared| {
                let is_private = matches!(owner, Owner::Session(_));
                is_private
                    || Arc::strong_count(shared) > 1
                    || shared.with(|collection| collection.is_only_here())
            });
        }
        let now = self.clock.now();
        let collection = match &owner {
            Owner::Application(application) => C::read(store, application, now.wall)?,
            Owner::Session(_) => C::default(),
        };
        if collection.is_unwritten() {
            self.changed(now.steady);
        }
        let shared = Arc::new(Shared {
            is_empty: AtomicBool::new(collection.is_empty()),
            state: Mutex::new(State { collection, told: false }),
            clock: self.clock.clone(),
            inbox: self.inbox.clone(),
        });
        self.collections.insert(owner, Arc::clone(&shared));
        Ok(shared)
    }

    /// Says whether somebody's collection is in memory.
    pub(crate) fn has(&self, owner: &Owner) -> bool {
        self.collections.contains_key(owner)
    }

    /// Returns how many collections are in memory.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.collections.len()
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

    /// Takes all that is to be written; what sessions have for themselves never is.
    pub(crate) fn take_unwritten(&mut self) -> Vec<Row<C::Name, C::Kept>> {
        self.due = None;
        let mut rows = Vec::new();
        for (owner, shared) in &self.collections {
            let unwritten = shared.take_unwritten();
            if let Owner::Application(application) = owner {
                let row = |(name, kept)| Row { application: application.clone(), name, kept };
                rows.extend(unwritten.into_iter().map(row));
            }
        }
        rows
    }
}

/// What one owner has, which attempts share.
#[derive(Debug)]
pub(crate) struct Shared<C> {
    /// Spares a request the lock where there is nothing, as there is for most.
    is_empty: AtomicBool,
    state: Mutex<State<C>>,
    clock: Clock,
    inbox: Sender,
}

#[derive(Debug)]
struct State<C> {
    collection: C,
    /// Whether the driver knows that something is to be written.
    told: bool,
}

impl<C: Collection> Shared<C> {
    /// Returns the time by which collections judge.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// Says whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty.load(Ordering::Acquire)
    }

    /// Looks at the collection, or changes what is never written for itself.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut C) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).collection)
    }

    /// Changes the collection, and tells the driver if something is to be written.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut C) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut state.collection);
        self.is_empty.store(state.collection.is_empty(), Ordering::Release);
        let tell = state.collection.is_unwritten() && !std::mem::replace(&mut state.told, true);
        drop(state);
        if tell {
            // Fails only if the driver has ended, and with it the store.
            let _ = self.inbox.send(C::changed());
        }
        changed
    }

    fn take_unwritten(&self) -> Vec<(C::Name, Option<C::Kept>)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.told = false;
        state.collection.take_unwritten()
    }
}

impl<H: Moves> Driver<H> {
    /// Returns whose collection is meant: the application's, or one that a session of it has.
    pub(crate) fn owner(
        &self,
        application: &ApplicationId,
        session: Option<&SessionIdentifier>,
    ) -> Result<Owner, Error> {
        let Some(session) = session else { return Ok(Owner::Application(application.clone())) };
        let key = SessionKey { application: application.clone(), session: session.clone() };
        let unknown = || Error::new(ErrorCode::UNKNOWN).because("no such session");
        self.core.session_number(&key).map(Owner::Session).ok_or_else(unknown)
    }
}

/// Says that what somebody has could not be read.
pub(crate) fn unreadable(error: StoreError) -> Error {
    tracing::error!(%error, "could not read what is kept");
    Error::new(ErrorCode::UNKNOWN).because(error)
}
