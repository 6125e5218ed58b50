//! Many kills during real work, with the executable as it is shipped.

use crate::build::{Profile, executable};
use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use urlsession_testkit::torture::{Options, run};

/// The hidden command that makes this program the tortured app.
pub(crate) const APP: &str = "torture-app";

/// Kill app and daemon at random moments during mixed work, and count what is left.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many processes to kill.
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// How many tasks to create.
    #[arg(long, default_value_t = 50)]
    tasks: u32,
    /// Where the dice begin; any number by default.
    #[arg(long)]
    seed: Option<u64>,
    /// The profile that the executable is built with.
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
    /// An executable that is built already.
    #[arg(long, conflicts_with = "profile")]
    executable: Option<PathBuf>,
}

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(crate) fn torture(arguments: Arguments) -> Result<()> {
    let executable = match arguments.executable {
        Some(path) => std::path::absolute(path)?,
        None => executable(arguments.profile)?,
    };
    let app = std::env::current_exe().context("this program's own file")?;
    let seed = arguments.seed.unwrap_or_else(|| u64::from(std::process::id()));
    let options = Options {
        executable,
        app: (app, vec![APP.into()]),
        kills: arguments.kills,
        tasks: arguments.tasks,
        seed,
    };
    println!("{} kills, {} tasks, seed {seed}", options.kills, options.tasks);
    let report = run(&options)?;
    print!("{report}");
    if !report.violations.is_empty() {
        bail!("{} violations with seed {seed}", report.violations.len());
    }
    Ok(())
}
