//! The hands of urlsession: moves the bytes, remembers the decisions, drives the core.

mod act;
mod attempts;
mod boxed;
mod cache;
mod checkup;
mod clock;
mod company;
mod cookies;
pub mod crash;
mod credentials;
mod driver;
mod estate;
mod files;
mod fit;
mod flush;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod inbox;
mod launch;
mod metrics;
mod network;
mod orders;
mod peers;
mod progress;
mod queries;
mod replay;
mod restore;
mod shelf;
mod simulate;
mod stop;
mod store;
mod strict;
mod transfer;
mod wall;

pub use checkup::{check_store, count_trusted_roots};
pub use files::STORE;
pub use launch::Heritage;
pub use simulate::{POSITION, Scenario, ScenarioError};
pub use store::{CheckedStore, StoreError};

use inbox::{Message, Sender};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;
use tokio::sync::watch;
use urlsession_protocol::connection::Connection;

/// How an engine lives.
#[derive(Debug, Clone, Default)]
pub struct EngineConfiguration {
    /// The folder of store, part files, finished files and spool. `None` is a store in memory and
    /// a private temporary folder that is removed at the end.
    pub state: Option<PathBuf>,
    /// The file in which an engine without `state` has cookies and known hosts that outlive it,
    /// created with its folder when it is needed. `None` forgets them.
    pub shared: Option<PathBuf>,
    /// What is kept of responses.
    pub caches: CachePlace,
    /// The version that [`urlsession_protocol::Call::Status`] tells.
    pub version: String,
    /// Whether the system's keychain has the key to the passwords in the store, where there is one.
    /// Whoever asks it may wait for a person, so its answer is waited for two seconds at most.
    pub keychain: bool,
    /// What launched apps get back of what this process has changed for itself.
    pub heritage: Option<Heritage>,
    /// What servers, network and time do; `None` is the real world.
    pub simulation: Option<Scenario>,
}

/// Where responses are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CachePlace {
    /// Nowhere, as for background sessions: one that asks for a cache is refused.
    #[default]
    Nowhere,
    /// In memory, whatever room there should be on disk.
    Memory,
    /// In memory and in this private folder, which is created when it is needed.
    Folder(PathBuf),
}

/// Why an engine did not start. Nothing was changed that it did not create.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state folder cannot be used.
    #[error("the state folder cannot be used: {0}")]
    Folder(#[from] std::io::Error),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What every transfer needs cannot be prepared.
    #[error("transfers cannot be prepared: {0}")]
    Transfers(String),
}

/// Why an engine ended by itself. What was committed is restored by the next one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The store cannot be written any more.
    #[error("the engine ended: {0}")]
    Store(Arc<StoreError>),
    /// A mistake of this program.
    #[error("the engine's driver panicked")]
    Panicked,
}

/// A running engine: a driver on a thread of its own, transfers on the given runtime. The driver
/// of one that keeps nothing is a task there as well.
///
/// Dropping it asks for the orderly stop and does not wait for it.
#[derive(Debug)]
pub struct Engine {
    seat: Seat,
    /// The driver's; `None` where it is a task.
    thread: Option<std::thread::Thread>,
    finished: watch::Receiver<Option<Result<(), EngineError>>>,
    state: PathBuf,
}

/// The outer ends of what the driver listens to and tells.
#[derive(Debug)]
pub(crate) struct Seat {
    inbox: Sender,
    idle: watch::Receiver<bool>,
    /// Set by the first stop: the driver sees it even while it tries to commit.
    stopping: Arc<AtomicBool>,
}

impl Engine {
    /// Opens the store, restores what was there and goes on with it.
    ///
    /// # Errors
    /// The state folder or the store is refused; [`StartError`] says why.
    pub fn start(configuration: EngineConfiguration, runtime: Handle) -> Result<Self, StartError> {
        let hands = match &configuration.simulation {
            None if configuration.state.is_none() => transfer::Hands::passing(),
            None => transfer::Hands::new(),
            Some(scenario) => {
                let state = configuration.state.as_deref();
                let simulation = simulate::Simulation::begin(scenario.clone(), state)?;
                transfer::Hands::simulated(Arc::new(simulation))
            }
        };
        Self::start_with(configuration, runtime, Arc::new(hands))
    }

    fn start_with<H: attempts::Moves>(
        configuration: EngineConfiguration,
        runtime: Handle,
        hands: Arc<H>,
    ) -> Result<Self, StartError> {
        let (driver, seat) = driver::Driver::new(configuration, runtime.clone(), hands)?;
        match driver.is_passing() {
            true => Ok(Self::run_beside(driver, seat, &runtime)),
            false => Self::run(driver, seat),
        }
    }

    fn run_beside<H: attempts::Moves>(
        driver: driver::Driver<H>,
        seat: Seat,
        runtime: &Handle,
    ) -> Self {
        let (finished_sender, finished) = watch::channel(None);
        let state = driver.files.state().to_owned();
        let run = runtime.spawn(driver.run_beside());
        runtime.spawn(async move {
            let end = run.await.unwrap_or(Err(EngineError::Panicked));
            if let Err(error) = &end {
                tracing::error!(%error, "the driver ended");
            }
            finished_sender.send_replace(Some(end));
        });
        Self { seat, thread: None, finished, state }
    }

    fn run<H: attempts::Moves>(driver: driver::Driver<H>, seat: Seat) -> Result<Self, StartError> {
        let (finished_sender, finished) = watch::channel(None);
        let state = driver.files.state().to_owned();
        let thread = std::thread::Builder::new().name("driver".to_owned()).spawn(move || {
            let run = std::panic::AssertUnwindSafe(|| driver.run());
            let end = std::panic::catch_unwind(run).unwrap_or(Err(EngineError::Panicked));
            if let Err(error) = &end {
                tracing::error!(%error, "the driver ended");
            }
            finished_sender.send_replace(Some(end));
        })?;
        Ok(Self { seat, thread: Some(thread.thread().clone()), finished, state })
    }

    /// Serves a client until either side closes the connection. An engine that has ended closes it
    /// at once.
    pub fn serve(&self, connection: Connection) {
        let _ = self.seat.inbox.send(Message::Connected(connection));
    }

    /// Tells whether nobody is connected and nothing is left to do without a client.
    #[must_use]
    pub fn idle(&self) -> watch::Receiver<bool> {
        self.seat.idle.clone()
    }

    /// Returns the state folder; request bodies that are handed over go into its `spool`.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Removes what an engine without `state` has on disk, also while it runs: for a process that ends
    /// now and stops nothing. Otherwise the next such engine does it.
    pub fn abandon(&self) {
        if self.thread.is_none()
            && let Err(error) = files::abandon(&self.state)
        {
            tracing::warn!(%error, folder = ?self.state, "could not remove a temporary folder");
        }
    }

    /// Asks for the orderly stop: attempts end, their bytes are kept. Returns at once.
    pub fn stop(&self) {
        self.seat.stopping.store(true, Ordering::Release);
        let _ = self.seat.inbox.send(Message::Stop);
        // The driver may pause between two looks into the inbox.
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }

    /// Waits until the driver has ended, after a stop or by itself.
    ///
    /// # Errors
    /// The driver ended without being asked to.
    pub async fn finished(&self) -> Result<(), EngineError> {
        let mut finished = self.finished.clone();
        match finished.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or(Ok(())),
            // The sender lives as long as the thread, and tells before it goes.
            Err(_) => Err(EngineError::Panicked),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
