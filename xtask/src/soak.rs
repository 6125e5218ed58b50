//! Many transfers for a long time, with the executable as it is shipped.

use crate::build::{Profile, executable};
use anyhow::{Context as _, Result, ensure};
use std::path::PathBuf;
use urlsession_testkit::soak::{Options, Report, run};

/// The hidden command that makes this program the app.
pub(crate) const APP: &str = "soak-app";
/// How many tasks the app has at a time; the daemon runs 64 of them.
pub(crate) const TASKS: u32 = 200;

/// Keep 200 tasks going, one in a hundred over connections that break.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// For how long.
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// The profile that the executable is built with.
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
    /// An executable that is built already.
    #[arg(long, conflicts_with = "profile")]
    executable: Option<PathBuf>,
}

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(crate) fn soak(arguments: Arguments) -> Result<()> {
    let executable = match arguments.executable {
        Some(path) => std::path::absolute(path)?,
        None => executable(arguments.profile)?,
    };
    let report = watched(executable, arguments.minutes * 60)?;
    print!("{report}");
    ensure!(report.is_flat(), "the daemon grows");
    Ok(())
}

/// Runs it for so many seconds.
pub(crate) fn watched(executable: PathBuf, seconds: u32) -> Result<Report> {
    let app = std::env::current_exe().context("this program's own file")?;
    run(&Options { executable, app: (app, APP.to_owned()), seconds })
}
