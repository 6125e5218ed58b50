//! A simulated world around the core: apps, network, store and crashes, in virtual time.
//!
//! ```text
//!   client --- calls, acks ---> connection ---> house: core, store ---> network of transfers
//!     ^                             |             |  crash before the commit, after it, or in
//!     +------ replies, events ------+             |  the middle of the actions
//!                                               judge: looks at every step, commit and action
//! ```
//! Everything is drawn from one seed, so a seed is a reproduction. A world ends by letting all
//! work come to its end; whatever was accepted must then have been told, once.

mod client;
mod drain;
mod house;
mod judge;
mod network;
mod random;
mod scene;
mod store;
#[cfg(test)]
mod tests;

pub use urlsession_core::CoreBug;

use house::World;
use std::fmt;

/// A bug that the judge must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantedBug {
    /// In the core.
    Core(CoreBug),
    /// The driver acts, then commits.
    ActBeforeCommit,
    /// A crash takes the last commit with it.
    CommitLost,
    /// A crash leaves half a commit.
    CommitTorn,
    /// Transfers report bytes that they have not synced.
    JournalBeforeSync,
    /// Some attempts end without a report.
    ReportsLost,
    /// The driver forgets the actions of the restoring step.
    RestoreActionsDropped,
    /// Finished files are put in place after the report.
    FileLate,
}

impl PlantedBug {
    /// All bugs.
    pub const ALL: [Self; 24] = [
        Self::Core(CoreBug::TwoOwners),
        Self::Core(CoreBug::LostLease),
        Self::Core(CoreBug::DeadClientCancels),
        Self::Core(CoreBug::OverlappingAttempts),
        Self::Core(CoreBug::StaleReports),
        Self::Core(CoreBug::NoSessionLimits),
        Self::Core(CoreBug::SilentCancel),
        Self::Core(CoreBug::CompletesTwice),
        Self::Core(CoreBug::EagerJournal),
        Self::Core(CoreBug::EarlyForget),
        Self::Core(CoreBug::CreateTwice),
        Self::Core(CoreBug::CancelingForever),
        Self::Core(CoreBug::AckNotDurable),
        Self::Core(CoreBug::NoDeadline),
        Self::Core(CoreBug::NoReplay),
        Self::Core(CoreBug::DiskForever),
        Self::Core(CoreBug::SameOwner),
        Self::ActBeforeCommit,
        Self::CommitLost,
        Self::CommitTorn,
        Self::JournalBeforeSync,
        Self::ReportsLost,
        Self::RestoreActionsDropped,
        Self::FileLate,
    ];
}

/// What happened in a world without violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Steps of the world.
    pub steps: u64,
    /// Turns of the driver.
    pub turns: u64,
    /// Crashes of the daemon.
    pub crashes: u64,
    /// Deaths of apps.
    pub deaths: u64,
    /// Attempts begun.
    pub attempts: u64,
    /// Tasks that an app was told are accepted.
    pub accepted: u64,
    /// Tasks whose end an app was told.
    pub heard: u64,
    /// Events that apps handled, repetitions included.
    pub events: u64,
}

/// A broken promise.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Reproduces it.
    pub seed: u64,
    /// In which step of the world it was seen.
    pub step: u64,
    /// Which promise.
    pub what: String,
    /// What happened just before.
    pub trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} step {}: {}", self.seed, self.step, self.what)?;
        self.trace.iter().try_for_each(|line| writeln!(f, "    {line}"))
    }
}

impl std::error::Error for Violation {}

/// Runs a world and lets it come to its end.
///
/// # Errors
/// The first promise that was broken.
pub fn run(seed: u64, steps: u64, bug: Option<PlantedBug>) -> Result<Statistics, Box<Violation>> {
    // Only a failing world is worth a trace: it is run again, which costs nothing otherwise.
    attempt(seed, steps, bug, false).or_else(|_| attempt(seed, steps, bug, true)).map_err(Box::new)
}

fn attempt(
    seed: u64,
    steps: u64,
    bug: Option<PlantedBug>,
    traced: bool,
) -> Result<Statistics, Violation> {
    let mut world = World::new(seed, bug, traced);
    let mut outcome = Ok(());
    while outcome.is_ok() && world.statistics.steps < steps {
        world.statistics.steps += 1;
        outcome = world.scene();
    }
    let outcome = outcome.and_then(|()| world.drain());
    let step = world.statistics.steps;
    match outcome {
        Ok(()) => Ok(world.statistics()),
        Err(what) => Err(Violation { seed, step, what, trace: world.into_trace() }),
    }
}

/// Whether a promise was kept.
type Verdict = Result<(), String>;

fn ensure(kept: bool, what: impl FnOnce() -> String) -> Verdict {
    if kept { Ok(()) } else { Err(what()) }
}
