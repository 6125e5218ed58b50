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

mod asks;
mod client;
mod coverage;
mod drain;
mod house;
mod judge;
mod judge_launches;
mod launches;
mod network;
mod random;
mod scenario;
mod scene;
mod shrink;
mod store;
#[cfg(test)]
mod tests;

pub use coverage::Coverage;
pub use scenario::Scenario;
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
    /// The driver does not start the apps that it should.
    LaunchesForgotten,
}

impl PlantedBug {
    /// All bugs.
    pub const ALL: [Self; 41] = [
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
        Self::Core(CoreBug::LaunchesOwned),
        Self::Core(CoreBug::LaunchesBusy),
        Self::Core(CoreBug::TwoLaunches),
        Self::Core(CoreBug::LaunchNotCounted),
        Self::Core(CoreBug::LaunchesForever),
        Self::Core(CoreBug::NoLaunchDelay),
        Self::Core(CoreBug::NoVacancy),
        Self::Core(CoreBug::LaunchLost),
        Self::Core(CoreBug::LaunchRunsForever),
        Self::Core(CoreBug::EditNotDurable),
        Self::Core(CoreBug::EditKeepsHost),
        Self::Core(CoreBug::AnswerForgotten),
        Self::Core(CoreBug::NotAsked),
        Self::Core(CoreBug::StartsWhileStopping),
        Self::Core(CoreBug::SpoolStays),
        Self::Core(CoreBug::PauseSendsAgain),
        Self::ActBeforeCommit,
        Self::CommitLost,
        Self::CommitTorn,
        Self::JournalBeforeSync,
        Self::ReportsLost,
        Self::RestoreActionsDropped,
        Self::FileLate,
        Self::LaunchesForgotten,
    ];
}

/// What happened in a world without violation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    /// Apps that were launched.
    pub launches: u64,
    /// What met what.
    pub coverage: Coverage,
}

impl Statistics {
    /// Adds those of another world.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.turns += other.turns;
        self.crashes += other.crashes;
        self.deaths += other.deaths;
        self.attempts += other.attempts;
        self.accepted += other.accepted;
        self.heard += other.heard;
        self.events += other.events;
        self.launches += other.launches;
        self.coverage.add(&other.coverage);
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("steps", self.steps),
            ("turns of the driver", self.turns),
            ("deaths of the daemon", self.crashes),
            ("deaths of apps", self.deaths),
            ("attempts", self.attempts),
            ("apps launched", self.launches),
            ("tasks accepted", self.accepted),
            ("ends told", self.heard),
            ("events told", self.events),
        ];
        rows.iter().try_for_each(|(name, count)| writeln!(f, "{name:<22}{count:>12}"))
    }
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
    /// All that happened.
    pub scenario: Scenario,
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
    attempt(seed, steps, bug, false).or_else(|_| attempt(seed, steps, bug, true))
}

fn attempt(
    seed: u64,
    steps: u64,
    bug: Option<PlantedBug>,
    traced: bool,
) -> Result<Statistics, Box<Violation>> {
    let mut world = World::new(seed, bug, traced);
    let mut scenario = Scenario { seed, bug, ..Scenario::default() };
    if traced {
        world.random.start_recording();
    }
    let mut outcome = Ok(());
    while outcome.is_ok() && world.statistics.steps < steps {
        world.statistics.steps += 1;
        let scene = world.draw();
        world.random.take_record();
        outcome = world.play(scene);
        if traced {
            scenario.push(scene, world.random.take_record());
        }
    }
    world.end(outcome, scenario)
}

/// Whether a promise was kept.
type Verdict = Result<(), String>;

fn ensure(kept: bool, what: impl FnOnce() -> String) -> Verdict {
    if kept { Ok(()) } else { Err(what()) }
}
