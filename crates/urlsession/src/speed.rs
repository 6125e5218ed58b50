//! How fast all transfers of the daemon may be together.

use crate::Daemon;
use crate::daemon::misunderstood;
use urlsession_protocol::{Call, Error, Reply, SpeedLimits};

impl Daemon {
    /// Tells how fast all transfers may be together.
    ///
    /// # Errors
    /// -997 without the daemon.
    pub fn speed_limits(&self) -> Result<SpeedLimits, Error> {
        match self.ask(Call::SpeedLimits)? {
            Reply::SpeedLimits(limits) => Ok(limits),
            _ => Err(misunderstood()),
        }
    }

    /// Limits all transfers together, those that run included, until other limits are set: a daemon
    /// that starts later keeps to them, too. Sessions that live in a process have nothing to do with
    /// it. Durable when it returns.
    ///
    /// # Errors
    /// -997 without the daemon.
    pub fn limit_speed(&self, limits: SpeedLimits) -> Result<(), Error> {
        self.ask(Call::LimitSpeed(limits)).map(drop)
    }
}
