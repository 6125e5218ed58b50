//! Whose cache a task of a session in the process uses, and how much room it has.

use super::stage::{App, Script, download, key};
use crate::cache::SharedCache;
use crate::{CachePlace, Engine, EngineConfiguration};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use urlsession_protocol::{
    Call, HttpCookieStorage, NewTask, Reply, SessionConfiguration, SessionIdentifier, SessionKey,
    UrlCache,
};

/// An app with many sessions, whose caches have a folder.
struct Sessions {
    _engine: Engine,
    app: App,
    hands: mpsc::UnboundedReceiver<super::Hand>,
    tasks: u64,
}

impl Sessions {
    fn new(folder: &Path) -> Self {
        let (script, hands) = Script::new();
        let caches = CachePlace::Folder(folder.to_owned());
        let configuration = EngineConfiguration { caches, ..EngineConfiguration::default() };
        let engine =
            Engine::start_with(configuration, Handle::current(), Arc::new(script)).unwrap();
        Self { app: App::connect(&engine), _engine: engine, hands, tasks: 0 }
    }

    async fn attach(&mut self, name: &str, configuration: SessionConfiguration) {
        let configuration = Box::new(configuration);
        let call = Call::Attach { session: named(name), configuration, wait: false, owner: None };
        self.app.call(call).await.unwrap();
    }

    /// Returns what the next task of a session uses.
    async fn cache_of(&mut self, name: &str) -> Arc<SharedCache> {
        self.tasks += 1;
        let new: NewTask = download(self.tasks);
        let call = Call::CreateTask { session: named(name), new: Box::new(new) };
        assert_eq!(self.app.call(call).await, Ok(Reply::Done));
        let hand = self.hands.recv().await.unwrap();
        let cache = hand.attempt.cache.clone().unwrap();
        hand.done(b"");
        cache
    }
}

fn named(name: &str) -> SessionKey {
    SessionKey { session: SessionIdentifier::new(name).unwrap(), ..key() }
}

fn with(http_cookie_storage: HttpCookieStorage, url_cache: UrlCache) -> SessionConfiguration {
    let url_cache = Some(url_cache);
    SessionConfiguration { http_cookie_storage, url_cache, ..SessionConfiguration::default() }
}

/// What a server shows to who has its cookies is for nobody with others.
#[tokio::test]
async fn sessions_with_cookies_of_their_own_have_a_cache_of_their_own() {
    let folder = TempDir::new().unwrap();
    let mut sessions = Sessions::new(folder.path());
    for (name, storage) in [
        ("shared", HttpCookieStorage::Shared),
        ("shared too", HttpCookieStorage::Shared),
        ("without", HttpCookieStorage::None),
        ("private", HttpCookieStorage::Private),
        ("private too", HttpCookieStorage::Private),
    ] {
        sessions.attach(name, with(storage, UrlCache::default())).await;
    }
    for (one, other, expected) in [
        ("shared", "shared too", true),
        ("shared", "without", true),
        ("shared", "private", false),
        ("private", "private", true),
        ("private", "private too", false),
    ] {
        let (first, second) = (sessions.cache_of(one).await, sessions.cache_of(other).await);
        assert_eq!(Arc::ptr_eq(&first, &second), expected, "{one} and {other}");
    }
}

/// The file is that of all of them, whoever is the first to use it.
#[tokio::test]
async fn a_cache_has_the_room_that_the_largest_session_wants() {
    let folder = TempDir::new().unwrap();
    let small = UrlCache { memory_capacity: 0, disk_capacity: 2000 };
    let mut sessions = Sessions::new(folder.path());
    for (name, room) in [("small", small), ("large", UrlCache::default())] {
        sessions.attach(name, with(HttpCookieStorage::Shared, room)).await;
    }
    for name in ["small", "large", "small"] {
        let cache = sessions.cache_of(name).await;
        assert_eq!(cache.entry_limit(), 1024 * 1024, "{name}");
    }
}
