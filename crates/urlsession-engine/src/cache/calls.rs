//! Which cache a task uses, and which sessions may have one: the driver's side.

use super::SharedCache;
use crate::attempts::Moves;
use crate::driver::Driver;
use crate::shelf::Owner;
use std::sync::Arc;
use urlsession_core::{Order, SessionNumber, TaskRef};
use urlsession_protocol::{Call, Error, ErrorCode, HttpCookieStorage, SessionKey, UrlCache};

impl<H: Moves> Driver<H> {
    /// Returns the cache that an attempt of the task uses.
    pub(crate) fn cache_of(&mut self, task: TaskRef, order: &Order) -> Option<Arc<SharedCache>> {
        let room = order.cache.cache.filter(|_| self.caches.are_possible())?;
        let key = self.core.session_key(task.session)?;
        let owner = owner((task.session, key), room, order.cookies.storage);
        Some(self.cache(owner, room))
    }

    /// Returns the cache of a session; of one that has not been used since the start there is
    /// nothing in memory, but there may be something on disk.
    pub(crate) fn cache_of_session(&mut self, session: &SessionKey) -> Option<Arc<SharedCache>> {
        let number = self.core.session_number(session)?;
        let configuration = self.core.configuration(number)?;
        let room = configuration.url_cache.filter(|_| self.caches.are_possible())?;
        let owner = owner((number, session), room, configuration.http_cookie_storage);
        Some(self.cache(owner, room))
    }

    /// Returns somebody's cache, which begins with what all sessions want that are there: none finds it
    /// emptied by one that wants less.
    fn cache(&mut self, owner: Owner, room: UrlCache) -> Arc<SharedCache> {
        let room = match self.caches.has(&owner) {
            true => room,
            false => self.rooms(&owner).fold(room, larger),
        };
        self.caches.cache(owner, room)
    }

    /// Returns what the sessions want that share a cache.
    fn rooms(&self, of: &Owner) -> impl Iterator<Item = UrlCache> {
        self.core.sessions_after(None).filter_map(move |key| {
            let number = self.core.session_number(key)?;
            let configuration = self.core.configuration(number)?;
            let room = configuration.url_cache?;
            let owner = owner((number, key), room, configuration.http_cookie_storage);
            (owner == *of).then_some(room)
        })
    }

    /// Refuses a session that wants a cache where there are none.
    pub(crate) fn uncacheable(&self, call: &Call) -> Option<Error> {
        let Call::Attach { configuration, .. } = call else { return None };
        let refused = configuration.url_cache.is_some() && !self.caches.are_possible();
        refused.then(|| {
            Error::new(ErrorCode::UNKNOWN).because("a background session has no URL cache")
        })
    }
}

/// Returns whose cache a session uses. With cookies of its own it gets pages that are for nobody else,
/// of which no file is to be left either.
fn owner(
    (number, key): (SessionNumber, &SessionKey),
    room: UrlCache,
    cookies: HttpCookieStorage,
) -> Owner {
    match cookies {
        HttpCookieStorage::Shared | HttpCookieStorage::None if room.disk_capacity > 0 => {
            Owner::Application(key.application.clone())
        }
        _ => Owner::Session(number),
    }
}

fn larger(one: UrlCache, other: UrlCache) -> UrlCache {
    UrlCache {
        memory_capacity: one.memory_capacity.max(other.memory_capacity),
        disk_capacity: one.disk_capacity.max(other.disk_capacity),
    }
}
