//! A simulated world for people who test their apps: servers, network, disk and time of a scenario
//! around the real core, store and files.
//!
//! ```text
//!   Scenario ──> Simulation: Timeline + World ──> Plan ──> transfer/simulated: an Answer, as of HTTP
//!                     └── pass: the driver moves the time when nobody has anything to do
//! ```

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod pass;
mod scenario;
mod timeline;
mod words;
mod world;

pub use scenario::{Scenario, ScenarioError};

pub(crate) use pass::Courtesy;
pub(crate) use timeline::Timeline;
pub(crate) use world::{Asked, Break, Bytes, Plan, Reply};

use crate::clock::{Clock, milliseconds};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use urlsession_core::Moment;
use urlsession_protocol::Timestamp;
use world::World;

/// The file that says how far a simulation is; a state folder that has it is none of a real daemon.
pub const POSITION: &str = "simulation.json";

/// Simulated time between two records of it, while nothing else happens.
const RECORD_INTERVAL: Duration = Duration::from_secs(1);

/// A simulation under way: what the transfers and the driver share.
#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) timeline: Arc<Timeline>,
    /// When it began, by the wall clock.
    began: Timestamp,
    mark: String,
    world: Mutex<World>,
    record: Option<PathBuf>,
}

/// How far a simulation was when its daemon died.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    /// Of the scenario.
    mark: String,
    /// Milliseconds since 1970.
    began: Timestamp,
    /// Milliseconds of it that have passed.
    passed: u64,
    /// How often each trouble has struck.
    struck: Vec<u32>,
}

/// What the driver has to do with what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    Kill,
    Hold,
}

impl Simulation {
    /// Begins, or goes on where the last daemon of this state folder ended. Another scenario than
    /// that one's begins anew, at the time that it was.
    ///
    /// # Errors
    /// The position cannot be read.
    pub(crate) fn begin(scenario: Scenario, state: Option<&Path>) -> io::Result<Self> {
        let record = state.map(|state| state.join(POSITION));
        let real = Clock::start().now().wall;
        let last = record.as_deref().map(read).transpose()?.flatten();
        let passed = |position: &Position| Duration::from_millis(position.passed);
        let Scenario { statements, mark } = scenario;
        let mut world = World::of(statements);
        let (began, now) = match last {
            None => (real, Duration::ZERO),
            Some(position) if position.mark == mark => {
                world.go_on(passed(&position), &position.struck);
                (position.began, passed(&position))
            }
            // The deadlines of its tasks are by this clock, which does not go back.
            Some(position) => (position.began.after(passed(&position)), Duration::ZERO),
        };
        let timeline = Arc::new(Timeline::at(now));
        let simulation = Self { timeline, began, mark, world: Mutex::new(world), record };
        simulation.note()?;
        Ok(simulation)
    }

    /// Tells the time.
    pub(crate) fn now(&self) -> Moment {
        let now = self.timeline.now();
        Moment { wall: self.began.after(now), steady: now }
    }

    /// Returns when the next statement is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.world().next()
    }

    /// Lets time pass, and what is due happen.
    pub(crate) fn move_to(&self, moment: Duration) -> Vec<Happening> {
        let before = self.timeline.now();
        self.timeline.move_to(moment);
        let (happenings, disturbs) = self.world().happen(self.timeline.now());
        if disturbs {
            self.timeline.alarm();
        }
        let interval = RECORD_INTERVAL.as_secs();
        let is_due = before.as_secs() / interval != self.timeline.now().as_secs() / interval;
        if (is_due || disturbs || !happenings.is_empty())
            && let Err(error) = self.note()
        {
            tracing::warn!(%error, "the position in the simulation is not recorded");
        }
        happenings
    }

    /// Says what comes of a request.
    pub(crate) fn plan(&self, asked: &Asked<'_>) -> Plan {
        let (plan, struck) = self.world().plan(asked);
        if struck && let Err(error) = self.note() {
            tracing::warn!(%error, "the position in the simulation is not recorded");
        }
        plan
    }

    /// Says whether there is a network, and how often it went.
    pub(crate) fn network(&self) -> (bool, u64) {
        let world = self.world();
        (world.has_network, world.outages)
    }

    /// Says whether there is room on the disk.
    pub(crate) fn has_room(&self) -> bool {
        self.world().has_room
    }

    fn note(&self) -> io::Result<()> {
        let Some(record) = &self.record else { return Ok(()) };
        let world = self.world();
        let position = Position {
            mark: self.mark.clone(),
            began: self.began,
            // Rounded up: what has happened must not happen again.
            passed: milliseconds(self.timeline.now() + Duration::from_nanos(999_999)),
            struck: world.struck.clone(),
        };
        // Under the lock, so that none overwrites a later one. Nothing is synced: a daemon that is
        // killed leaves it, and only that is simulated.
        let aside = record.with_extension("new");
        std::fs::write(&aside, serde_json::to_vec(&position).map_err(io::Error::other)?)?;
        std::fs::rename(&aside, record)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(record: &Path) -> io::Result<Option<Position>> {
    match std::fs::read(record) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
