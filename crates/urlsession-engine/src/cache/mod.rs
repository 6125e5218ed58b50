//! What is kept of responses: Apple's `URLCache`, a private cache after RFC 9111.
//!
//! ```text
//!   attempt ── Exchange ──> Policy (pure)          memory <── all of a URL ── disk (one file of
//!                 └──────── SharedCache ─────────────┘                        an application)
//! ```
//! Sessions of the daemon have none, as Apple's background sessions. A response is kept when its
//! last byte has come; what is on disk survives any crash, and what is damaged there is not there.

mod calls;
mod control;
mod date;
mod disk;
mod exchange;
mod forgotten;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod memory;
mod policy;
mod range;
mod stored;
#[cfg(test)]
mod tests;
mod variant;

pub(crate) use exchange::{Exchange, Kept, LookUp, Received, Recording};

use crate::CachePlace;
use crate::clock::Clock;
use crate::shelf::Owner;
use disk::Disk;
use forgotten::{Begun, Forgotten};
use memory::Memory;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stored::Stored;
use urlsession_core::SessionNumber;
use urlsession_protocol::{Timestamp, UrlCache};

/// Most responses of one URL that differ in what their requests said.
const VARIANTS_LIMIT: usize = 8;
/// Largest response that is kept, however much room there is: it is held in memory meanwhile.
const ENTRY_LIMIT: u64 = 8 * 1024 * 1024;

/// A use that soon after the one before is not written down.
const USE_INTERVAL: Duration = Duration::from_secs(60);

/// The caches of all applications and sessions.
#[derive(Debug)]
pub(crate) struct Caches {
    all: BTreeMap<Owner, Arc<SharedCache>>,
    clock: Clock,
    place: CachePlace,
}

impl Caches {
    pub(crate) fn new(clock: Clock, place: CachePlace) -> Self {
        Self { all: BTreeMap::new(), clock, place }
    }

    /// Says whether there are caches here at all.
    pub(crate) fn are_possible(&self) -> bool {
        self.place != CachePlace::Nowhere
    }

    /// Says whether somebody has a cache already.
    pub(crate) fn has(&self, owner: &Owner) -> bool {
        self.all.contains_key(owner)
    }

    /// Returns somebody's cache, with at least that much room from now on: who wants less takes nothing
    /// away from others.
    pub(crate) fn cache(&mut self, owner: Owner, room: UrlCache) -> Arc<SharedCache> {
        if let Some(cache) = self.all.get(&owner) {
            cache.grow(room);
            return Arc::clone(cache);
        }
        let path = match (&owner, &self.place) {
            (Owner::Application(application), CachePlace::Folder(folder)) => {
                let name = Sha256::digest(application.as_str());
                let name: String = name.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
                Some(folder.join(format!("{name}.sqlite")))
            }
            _ => None,
        };
        let cache = Arc::new(SharedCache::new(room, path, self.clock.clone()));
        self.all.insert(owner, Arc::clone(&cache));
        cache
    }

    /// Forgets what a session had for itself.
    pub(crate) fn forget(&mut self, session: SessionNumber) {
        self.all.remove(&Owner::Session(session));
    }
}

/// Somebody's cache, which attempts share. What it does may wait for the disk.
#[derive(Debug)]
pub(crate) struct SharedCache {
    /// Whoever has it may wait for the disk: nobody locks it on a thread that others need.
    tiers: Mutex<Tiers>,
    /// The bytes in memory and on disk that it has from its next use on, for those who must not wait.
    room: [AtomicU64; 2],
    /// The room that one response may take, for them too.
    entry_limit: AtomicU64,
    /// How often something was forgotten, which tells what had begun before.
    forgettings: AtomicU64,
    clock: Clock,
    has_disk: bool,
}

#[derive(Debug)]
struct Tiers {
    memory: Memory,
    disk: Option<Disk>,
    /// What this process has forgotten. Of what another one forgets while a request of this one is
    /// under way nothing is known here.
    forgotten: Forgotten,
}

impl SharedCache {
    /// Makes one that has a file at the path, if there is one and room in it.
    pub(crate) fn new(room: UrlCache, path: Option<PathBuf>, clock: Clock) -> Self {
        let UrlCache { memory_capacity, disk_capacity } = room;
        let path = path.filter(|_| disk_capacity > 0);
        let disk = path.map(|path| Disk::new(path, disk_capacity));
        let has_disk = disk.is_some();
        let memory = Memory::new(memory_capacity);
        let tiers = Tiers { memory, disk, forgotten: Forgotten::default() };
        let entry_limit = AtomicU64::new(tiers.entry_limit());
        let room = [memory_capacity, disk_capacity].map(AtomicU64::new);
        let forgettings = AtomicU64::new(0);
        Self { tiers: Mutex::new(tiers), room, entry_limit, forgettings, clock, has_disk }
    }

    /// Forgets everything, with what is under way.
    pub(crate) fn clear(&self) {
        self.with(|tiers| {
            tiers.forgotten.note_all(self.count());
            tiers.memory.clear();
            if let Some(disk) = &mut tiers.disk {
                disk.clear();
            }
        });
    }

    /// Writes everything to its place on disk.
    pub(crate) fn flush(&self) {
        self.with(|tiers| {
            if let Some(disk) = &mut tiers.disk {
                disk.flush();
            }
        });
    }

    fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// Notes that a request is about to be sent.
    fn begin(&self) -> Begun {
        Begun(self.forgettings.load(Ordering::Acquire))
    }

    pub(crate) fn entry_limit(&self) -> u64 {
        self.entry_limit.load(Ordering::Relaxed)
    }

    /// Returns the responses of a URL.
    fn find(&self, url: &str) -> Vec<Arc<Stored>> {
        let now = self.now();
        self.with(|tiers| tiers.find(url, now))
    }

    /// Keeps a response, instead of the one of the same variant, unless its URL was forgotten since its
    /// request began: it may tell what was there before.
    fn keep(&self, url: &str, stored: Stored, begun: Begun) {
        let now = self.now();
        self.with(|tiers| {
            if !tiers.forgotten.is_since(begun, url) {
                tiers.keep(url, stored, now);
            }
        });
    }

    /// Keeps a response that the server has renewed, unless what it was is no longer kept: another
    /// request may have brought a newer one meanwhile, or changed the resource.
    fn renew(&self, url: &str, was: &Stored, renewed: Stored) {
        let now = self.now();
        let is_it = |kept: &Arc<Stored>| {
            kept.variant == was.variant
                && (kept.requested, kept.received) == (was.requested, was.received)
        };
        self.with(|tiers| {
            if !tiers.find(url, now).iter().any(is_it) {
                return;
            }
            if renewed.variant != was.variant {
                tiers.forget(url);
            }
            tiers.keep(url, renewed, now);
        });
    }

    /// Forgets the responses of a URL.
    fn forget(&self, url: &str) {
        self.with(|tiers| {
            tiers.forgotten.note(url, self.count());
            tiers.forget(url);
        });
    }

    /// Forgets the responses of a URL for a request that has changed the resource; returns since when its
    /// own response must not be overtaken.
    fn change(&self, url: &str, begun: Begun) -> Begun {
        self.with(|tiers| {
            let is_overtaken = tiers.forgotten.is_since(begun, url);
            let own = self.count();
            tiers.forgotten.note(url, own);
            tiers.forget(url);
            if is_overtaken { begun } else { own }
        })
    }

    /// Counts one more forgetting, for someone who has the tiers.
    fn count(&self) -> Begun {
        Begun(self.forgettings.fetch_add(1, Ordering::Release) + 1)
    }

    fn grow(&self, room: UrlCache) {
        let UrlCache { memory_capacity, disk_capacity } = room;
        for (cell, capacity) in self.room.iter().zip([memory_capacity, disk_capacity]) {
            cell.fetch_max(capacity, Ordering::Relaxed);
        }
    }

    /// Does something that may turn out to change the room: a file that fails has none.
    fn with<T>(&self, work: impl FnOnce(&mut Tiers) -> T) -> T {
        let mut tiers = self.lock();
        tiers.grow(self.room.each_ref().map(|cell| cell.load(Ordering::Relaxed)));
        let done = work(&mut tiers);
        self.entry_limit.store(tiers.entry_limit(), Ordering::Relaxed);
        done
    }

    fn lock(&self) -> MutexGuard<'_, Tiers> {
        self.tiers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tiers {
    fn entry_limit(&self) -> u64 {
        let disk = self.disk.as_ref().map_or(0, Disk::entry_limit);
        disk.max(self.memory.entry_limit()).min(ENTRY_LIMIT)
    }

    fn grow(&mut self, [memory, disk]: [u64; 2]) {
        self.memory.grow(memory);
        if let Some(file) = &mut self.disk {
            file.grow(disk);
        }
    }

    fn keep(&mut self, url: &str, stored: Stored, now: Timestamp) {
        let stored = Arc::new(stored);
        let mut all = self.find(url, now);
        // One that took long may have been overtaken; one from the future was kept before the clock was
        // set back.
        let overtook = |other: &Arc<Stored>| {
            let is_newer = other.received > stored.received && other.received <= now;
            is_newer && other.variant == stored.variant
        };
        if all.iter().any(overtook) {
            return;
        }
        all.retain(|other| other.variant != stored.variant);
        all.push(Arc::clone(&stored));
        let surplus = all.len().saturating_sub(VARIANTS_LIMIT);
        all.drain(..surplus);
        self.memory.put(url, all, now);
        if let Some(disk) = &mut self.disk
            && stored.size() <= disk.entry_limit()
        {
            disk.put(url, &stored, now);
            if surplus > 0 {
                disk.remove(url, VARIANTS_LIMIT);
            }
        } else if let Some(disk) = &mut self.disk {
            // An older one must not come back when this one has gone from memory.
            disk.remove(url, 0);
        }
    }

    fn forget(&mut self, url: &str) {
        self.memory.remove(url);
        if let Some(disk) = &mut self.disk {
            disk.remove(url, 0);
        }
    }

    fn find(&mut self, url: &str, now: Timestamp) -> Vec<Arc<Stored>> {
        // What another process has changed on disk is not in memory.
        if self.disk.as_mut().is_some_and(Disk::has_changed) {
            self.memory.clear();
        }
        if let Some((all, noted)) = self.memory.get(url) {
            // What is only ever read from memory must not look unused on disk.
            if let Some(disk) = self.disk.as_mut().filter(|_| noted.until(now) >= USE_INTERVAL) {
                disk.note_use(url, now);
                self.memory.put(url, all.clone(), now);
            }
            return all;
        }
        let Some(disk) = &mut self.disk else { return Vec::new() };
        let all: Vec<_> = disk.load(url).into_iter().map(Arc::new).collect();
        if !all.is_empty() {
            disk.note_use(url, now);
            self.memory.put(url, all.clone(), now);
        }
        all
    }
}
