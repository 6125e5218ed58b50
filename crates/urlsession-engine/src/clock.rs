//! The one place that asks what time it is.

use crate::simulate::Simulation;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use urlsession_core::Moment;
use urlsession_protocol::{Date, Timestamp};

/// Counts from its own creation, and reads the wall clock.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    started: Instant,
    /// What tells the time in its place.
    simulation: Option<Arc<Simulation>>,
}

impl Clock {
    /// Starts counting.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), simulation: None }
    }

    /// Tells the time of a simulation.
    pub(crate) fn simulated(simulation: Option<Arc<Simulation>>) -> Self {
        Self { simulation, ..Self::start() }
    }

    /// Tells how long it counts, whatever is simulated.
    pub(crate) fn real(&self) -> Duration {
        self.started.elapsed()
    }

    /// Tells the time in both senses; a wall clock before 1970 reads as 1970.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn now(&self) -> Moment {
        if let Some(simulation) = &self.simulation {
            return simulation.now();
        }
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { wall: Timestamp(milliseconds(wall)), steady: self.started.elapsed() }
    }

    /// Tells the wall clock's time as metrics have it.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn date() -> Date {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Date::default().after(wall)
    }
}

/// Returns whole milliseconds, `u64::MAX` if there are more.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns a number that differs from start to start, for what must not happen in step.
pub(crate) fn seed() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish()
}
