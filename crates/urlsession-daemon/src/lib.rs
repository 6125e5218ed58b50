//! The house of urlsession: lives once per user, with a socket, peers, idle exit and signals.
//!
//! ```text
//!   run ── folders ── instance ── log ── engine ── door ── ready ──┐
//!                        │                                         v
//!              another one runs: 75          idle, signal or Shutdown ── gate, unlink, stop ── 0
//! ```

#[cfg(unix)]
pub mod checkup;
#[cfg(unix)]
mod door;
#[cfg(unix)]
mod folder;
#[cfg(unix)]
mod instance;
#[cfg(unix)]
mod keychain;
#[cfg(unix)]
mod life;
#[cfg(unix)]
mod log;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod ready;
pub mod service;
#[cfg(unix)]
mod simulation;

use std::path::PathBuf;
use std::time::Duration;
#[cfg(unix)]
use {anyhow::Context as _, urlsession_protocol::paths::Paths};

/// How long the daemon stays without a client and without a task that it could work on.
pub const IDLE_EXIT: Duration = Duration::from_secs(60);
/// Names the environment variable that replaces [`IDLE_EXIT`]: seconds, 0 is for ever.
pub const IDLE_EXIT_VARIABLE: &str = "URLSESSION_IDLE_EXIT";
/// Names the environment variable by which a starter hands over the pipe that is told `ready`, or
/// `error: …`, and then closed: the number of its file descriptor.
pub const READY_VARIABLE: &str = "URLSESSION_READY_FD";
/// Names the environment variable that filters the log, such as `info` or `urlsession_engine=debug`.
pub const LOG_VARIABLE: &str = "URLSESSION_LOG";

/// Names the environment variable with the scenario of a simulation: the path of its file.
pub const SIMULATE_VARIABLE: &str = "URLSESSION_SIMULATE";

/// How a daemon shall live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The program's version, such as `0.1.0`.
    pub version: String,
    /// Replaces [`IDLE_EXIT_VARIABLE`]; zero is for ever.
    pub idle_exit: Option<Duration>,
    /// The scenario to simulate, in place of the real world; replaces [`SIMULATE_VARIABLE`].
    pub simulate: Option<PathBuf>,
}

impl Options {
    /// Leaves everything but the version to the environment.
    #[must_use]
    pub fn new(version: impl Into<String>) -> Self {
        Self { version: version.into(), idle_exit: None, simulate: None }
    }
}

/// How a daemon's life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It lived and stopped in order.
    Stopped,
    /// Another daemon of this user lives and can be reached.
    AlreadyRunning,
}

impl Ended {
    /// Returns the exit code of `urlsession daemon run`: 0, or 75 (`EX_TEMPFAIL`) beside another.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Stopped => 0,
            Self::AlreadyRunning => 75,
        }
    }
}

/// Lives as the daemon of this user until it is stopped or idle.
///
/// Changes the process (umask, signals, limits, logger): it is meant to be all of it.
///
/// # Errors
/// What kept it from living; a starter that waits for readiness has been told the same.
#[cfg(unix)]
pub fn run(options: &Options) -> anyhow::Result<Ended> {
    // First of all, as long as no file of ours can have the number.
    let mut ready = ready::Ready::inherited();
    let ended = prepare(options, ready.is_awaited())
        .and_then(|plan| life::live(plan, &options.version, &mut ready));
    if let Err(error) = &ended {
        ready.tell_error(error);
    }
    ended
}

/// Reads the environment while relative paths still mean what the starter meant.
#[cfg(unix)]
fn prepare(options: &Options, detach: bool) -> anyhow::Result<life::Plan> {
    let paths = Paths::from_env().context("cannot find the folders of this user")?;
    let idle_exit = match options.idle_exit {
        Some(duration) => duration,
        None => idle_exit(std::env::var(IDLE_EXIT_VARIABLE).ok().as_deref())?,
    };
    let simulation = simulation::read(options.simulate.as_deref())?;
    let heritage = process::settle(detach)?;
    let idle_exit = Some(idle_exit).filter(|duration| !duration.is_zero());
    Ok(life::Plan { paths, idle_exit, heritage, simulation })
}

#[cfg(unix)]
fn idle_exit(text: Option<&str>) -> anyhow::Result<Duration> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(IDLE_EXIT) };
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .with_context(|| format!("{IDLE_EXIT_VARIABLE}={text} is no number of seconds"))
}

/// Lives as the daemon of this user.
///
/// # Errors
/// Always: this system has no door yet.
#[cfg(not(unix))]
pub fn run(_options: &Options) -> anyhow::Result<Ended> {
    anyhow::bail!("the daemon does not run on this system yet")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn idle_exit_is_a_number_of_seconds() {
        assert_eq!(idle_exit(None).unwrap(), IDLE_EXIT);
        assert_eq!(idle_exit(Some("")).unwrap(), IDLE_EXIT);
        assert_eq!(idle_exit(Some("0")).unwrap(), Duration::ZERO);
        assert_eq!(idle_exit(Some("0.25")).unwrap(), Duration::from_millis(250));
        for wrong in ["-1", "soon", "NaN", "inf", "1e30"] {
            assert!(idle_exit(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
