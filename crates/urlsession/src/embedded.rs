//! Sessions in this process: one engine for all of them, for as long as there is one.

use crate::application;
use crate::configuration::SessionConfiguration;
use crate::session::Session;
use crate::transport::{Transport, lost};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::runtime::{Builder, Runtime};
use urlsession_engine::{CachePlace, Engine, EngineConfiguration};
use urlsession_protocol::connection::Connection;
use urlsession_protocol::paths::Paths;
use urlsession_protocol::{Error, SessionIdentifier, SessionKey};

/// Threads that decide and move bytes. With a second one, what a small file costs grows by a fifth:
/// they wake each other for everything.
const WORKER_THREADS: usize = 1;

/// The engine of this process: that of one which it was forked from has no threads here.
static HOST: Mutex<(u32, Weak<Host>)> = Mutex::new((0, Weak::new()));
static NEXT_SESSION: AtomicU64 = AtomicU64::new(1);

/// Creates a session whose transfers live in this process.
pub(crate) fn session(configuration: SessionConfiguration) -> Result<Session, Error> {
    // The caller's thread may belong to a runtime, in which nothing may wait.
    std::thread::Builder::new()
        .name("urlsession-begin".to_owned())
        .spawn(|| attach(configuration))
        .map_err(|error| lost(format!("cannot start a thread: {error}")))?
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn attach(configuration: SessionConfiguration) -> Result<Session, Error> {
    let application = application::application_id(configuration.application.as_deref())?;
    let number = NEXT_SESSION.fetch_add(1, Ordering::Relaxed);
    let session = SessionIdentifier::new(format!("in-process-{number}"))
        .expect("a short text of letters and digits is an identifier");
    let host = host()?;
    let state = host.engine().state().to_owned();
    let connect = Box::new(move |_| {
        let (connection, end) = Connection::pair();
        host.engine().serve(connection);
        Ok(Transport::in_memory(end, host.runtime().handle().clone()))
    });
    Session::over(connect, SessionKey { application, session }, configuration, Some(state))
}

/// What runs the engine; the sessions' connections hold it.
struct Host {
    /// `None` only while it is dropped.
    running: Option<(Engine, Runtime)>,
}

impl Host {
    fn engine(&self) -> &Engine {
        &self.running().0
    }

    fn runtime(&self) -> &Runtime {
        &self.running().1
    }

    fn running(&self) -> &(Engine, Runtime) {
        self.running.as_ref().expect("it runs until it is dropped")
    }
}

fn host() -> Result<Arc<Host>, Error> {
    let mut host = HOST.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let (true, Some(running)) = (host.0 == process, host.1.upgrade()) {
        return Ok(running);
    }
    let failed = |why: &dyn std::fmt::Display| lost(format!("cannot start an engine: {why}"));
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .thread_name("urlsession")
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    let paths = Paths::from_env();
    let configuration = EngineConfiguration {
        simulation: None,
        heritage: None,
        keychain: false,
        state: None,
        // A user without a home keeps nothing on disk.
        shared: paths.as_ref().ok().map(Paths::shared),
        caches: paths.map_or(CachePlace::Memory, |paths| CachePlace::Folder(paths.url_caches())),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let engine =
        Engine::start(configuration, runtime.handle().clone()).map_err(|error| failed(&error))?;
    let running = Arc::new(Host { running: Some((engine, runtime)) });
    *host = (process, Arc::downgrade(&running));
    Ok(running)
}

/// Removes what the engine of this process has on disk, if there is one.
pub(crate) fn remove_files() {
    let host = HOST.lock().unwrap_or_else(PoisonError::into_inner);
    if let (true, Some(running)) = (host.0 == std::process::id(), host.1.upgrade()) {
        running.engine().abandon();
    }
}

impl Drop for Host {
    /// Stops in order on a thread of its own: a runtime must not be dropped inside another.
    fn drop(&mut self) {
        let Some((engine, runtime)) = self.running.take() else { return };
        let farewell = move || {
            engine.stop();
            let _ = runtime.block_on(engine.finished());
        };
        let spawned = std::thread::Builder::new().name("urlsession-end".to_owned()).spawn(farewell);
        if let Err(error) = spawned {
            tracing::warn!(%error, "an engine was not stopped in order");
        }
    }
}
