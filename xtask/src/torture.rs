//! Many kills during real work, with the executable as it is shipped.

use crate::build::{Profile, executable};
use anyhow::{Context as _, Result, bail, ensure};
use std::path::PathBuf;
use std::process::Command;
use urlsession_testkit::torture::{ANYWHERE, Options, POINTS, run};

/// The hidden command that makes this program the tortured app.
pub(crate) const APP: &str = "torture-app";

/// Set where mounts are this process's own.
const INSIDE: &str = "URLSESSION_TORTURE_INSIDE";

/// The longest of the short lives: at the latest the daemon dies at the so manieth point it reaches.
const SHORTEST: u32 = 16;
/// How many lengths of lives there are, each twice the one before.
const LENGTHS: u32 = 5;
/// A prime, so that no two lives end alike.
const STEP: u64 = 7919;

/// Kill app and daemon at random moments during mixed work, and count what is left.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many processes to kill.
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// Let the daemon die at every one of its points, and so many times at any, instead of kills.
    #[arg(long)]
    crashes: Option<u32>,
    /// Let the machine lose power so many times instead, on a disk of its own; only root can.
    #[arg(long, conflicts_with = "crashes")]
    power: Option<u32>,
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
    if arguments.power.is_some() && std::env::var_os(INSIDE).is_none() {
        return again();
    }
    let seed = arguments.seed.unwrap_or_else(|| u64::from(std::process::id()));
    let executable = match arguments.executable {
        Some(path) => std::path::absolute(path)?,
        // The points are in the tested program, not in the shipped one.
        None if arguments.crashes.is_some() => executable(Profile::Dev)?,
        None => executable(arguments.profile)?,
    };
    let app = std::env::current_exe().context("this program's own file")?;
    let options = Options {
        executable,
        app: (app, vec![APP.into()]),
        kills: arguments.kills,
        tasks: arguments.tasks,
        seed,
        crashes: arguments.crashes.map_or_else(Vec::new, |count| deaths(count, seed)),
        power: arguments.power.unwrap_or(0),
    };
    match options.crashes.len() {
        0 if options.power > 0 => {
            println!("{} losses of power, {} tasks, seed {seed}", options.power, options.tasks);
        }
        0 => println!("{} kills, {} tasks, seed {seed}", options.kills, options.tasks),
        deaths => println!("{deaths} deaths, {} tasks, seed {seed}", options.tasks),
    }
    let report = run(&options)?;
    print!("{report}");
    if !report.violations.is_empty() {
        bail!("{} violations with seed {seed}", report.violations.len());
    }
    Ok(())
}

/// Starts this program again where its mounts are its own and go with it.
fn again() -> Result<()> {
    let status = Command::new("unshare")
        .arg("-m")
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .status()
        .context("cannot start unshare")?;
    ensure!(status.success(), "it failed where its mounts are its own: {status}");
    Ok(())
}

/// Plans a death at every point, and so many at whatever is reached then.
pub(crate) fn deaths(count: u32, seed: u64) -> Vec<(String, u32)> {
    let every = POINTS.iter().map(|point| ((*point).to_owned(), 1));
    // Most lives are short, a few are long.
    let random = (0..count).map(|n| {
        let life = SHORTEST << (n % LENGTHS);
        let at = (seed + u64::from(n)).wrapping_mul(STEP) % u64::from(life);
        (ANYWHERE.to_owned(), u32::try_from(at).unwrap_or(0) + 1)
    });
    every.chain(random).collect()
}
