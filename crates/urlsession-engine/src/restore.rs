//! How a driver comes to be: folders, store, core, and what earlier processes left behind.

use crate::attempts::{Attempts, Moves};
use crate::cache::Caches;
use crate::clock::{Clock, seed};
use crate::company::Company;
use crate::cookies::Cookies;
use crate::credentials::{Keychain, Keys};
use crate::driver::Driver;
use crate::files::{Files, Needs};
use crate::inbox::Pace;
use crate::launch::Launcher;
use crate::network::NetworkWatch;
use crate::peers::Peers;
use crate::progress::Meter;
use crate::simulate::Courtesy;
use crate::store::Store;
use crate::strict::Strict;
use crate::wall::WallWatch;
use crate::{EngineConfiguration, Seat, StartError};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::runtime::Handle;
use tokio::sync::watch;
use urlsession_core::{Core, Moment, Step};

impl<H: Moves> Driver<H> {
    /// Restores everything; nothing moves before [`Driver::run`].
    pub(crate) fn new(
        configuration: EngineConfiguration,
        runtime: Handle,
        hands: Arc<H>,
    ) -> Result<(Self, Seat), StartError> {
        let simulation = hands.simulation();
        let clock = Clock::simulated(simulation.clone());
        let temporary = configuration.state.is_none();
        let (files, store) = match &configuration.state {
            Some(state) => {
                let files = Files::prepare(state)?;
                let mut store = Store::open(&files.store())?;
                store.settle(files.state(), &std::path::absolute(state)?)?;
                (files, store)
            }
            None => (Files::temporary()?, Store::in_process(configuration.shared.clone())),
        };
        let now = clock.now();
        let (core, step) = restore(&store, now)?;
        let speed_limits = store.speed_limits()?;
        hands.limit_speed(speed_limits);
        let needs = Needs {
            files: core.referenced_files().map(ToOwned::to_owned).collect(),
            is_unfinished: &|task| core.is_unfinished(task),
        };
        files.sweep(&needs, now.wall);
        crate::crash::point("restored");
        let (sender, inbox) = crate::inbox::channel();
        let (idle, shown) = watch::channel(false);
        let stopping = Arc::new(AtomicBool::new(false));
        let seat = Seat { inbox: sender.clone(), idle: shown, stopping: Arc::clone(&stopping) };
        let driver = Self {
            version: configuration.version,
            courtesy: simulation.as_ref().map(|_| Courtesy::begin(&clock)),
            simulation: simulation.clone(),
            clock: clock.clone(),
            core,
            store,
            files,
            cookies: Cookies::new(clock.clone(), sender.clone()),
            strict: Strict::new(clock.clone(), sender.clone()),
            credentials: Keys::new(Keychain::new(configuration.keychain), sender.clone()),
            caches: Caches::new(clock.clone(), configuration.caches),
            attempts: Attempts::new(hands, runtime.clone(), sender.clone()),
            launcher: Launcher::new(runtime.clone(), sender.clone(), configuration.heritage),
            wall: WallWatch::begin(&runtime, sender.clone()),
            _network: match simulation {
                Some(_) => NetworkWatch::none(),
                None => NetworkWatch::begin(&runtime, sender.clone()),
            },
            peers: Peers::new(runtime, sender),
            replays: Vec::new(),
            meter: Meter::default(),
            speed_limits,
            company: Company::default(),
            stop: None,
            inbox,
            pace: Pace::default(),
            deferred: Vec::new(),
            idle,
            restored: Some(step),
            tick_waits: false,
            stopping,
            temporary,
        };
        Ok((driver, seat))
    }
}

/// Tells the core what the store has, one task after the other.
fn restore(store: &Store, now: Moment) -> Result<(Core, Step), StartError> {
    let (sessions, last_removed) = store.sessions()?;
    let mut restoring = Core::restoring(sessions, last_removed, now, seed());
    store.each_task(|task, facts, record, events| {
        restoring.task(task, facts, record);
        events.into_iter().for_each(|event| restoring.event(event));
    })?;
    Ok(restoring.finish())
}

impl<H> Drop for Driver<H> {
    fn drop(&mut self) {
        if self.temporary {
            self.files.remove_all();
        }
    }
}
