//! The simulated world, from a seed of one's choice.

use anyhow::{Context as _, Result, anyhow};
use std::path::{Path, PathBuf};
use urlsession_testkit::world::{self, Scenario, Statistics, Violation};

/// Where the scenario of a broken promise is written.
const SCENARIO: &str = "failed.scenario";

/// Run the core in a simulated world of apps, network, servers and crashes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which world; the same seed is the same world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many worlds, each with the seed after the last one's.
    #[arg(long, default_value_t = 1)]
    worlds: u64,
    /// How many steps each has.
    #[arg(long, default_value_t = 1_000_000)]
    steps: u64,
    /// Play this scenario instead.
    #[arg(long, conflicts_with_all = ["seed", "worlds", "steps"])]
    play: Option<PathBuf>,
    /// How many times a failing world is played while it is made shorter.
    #[arg(long, default_value_t = 5000)]
    plays: u32,
}

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(crate) fn simulate(arguments: &Arguments) -> Result<()> {
    if let Some(path) = &arguments.play {
        let statistics = read(path)?.play()?;
        println!("{}: every promise is kept after {} steps", path.display(), statistics.steps);
        return Ok(());
    }
    let mut total = Statistics::default();
    for seed in (arguments.seed..).take(usize::try_from(arguments.worlds)?) {
        match world::run(seed, arguments.steps, None) {
            Ok(seen) => total.add(&seen),
            Err(violation) => return Err(shorten(*violation, arguments.plays)),
        }
    }
    println!("{total}\n{}", total.coverage);
    let gaps = total.coverage.gaps();
    println!(
        "{} of {} pairs met",
        total.coverage.reachable() - gaps.len(),
        total.coverage.reachable()
    );
    gaps.iter().for_each(|gap| println!("    {gap}"));
    Ok(())
}

fn read(path: &Path) -> Result<Scenario> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.parse().map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// Writes down how the promise is broken in as few scenes as can be found.
#[expect(clippy::print_stdout, reason = "the results are for people to read")]
fn shorten(violation: Violation, plays: u32) -> anyhow::Error {
    println!("seed {} step {}: {}", violation.seed, violation.step, violation.what);
    let scenes = violation.scenario.scenes();
    let shrunk = violation.scenario.shrunk(plays);
    print!("{shrunk}");
    println!("{} of {scenes} scenes are enough", shrunk.scenes());
    match std::fs::write(SCENARIO, shrunk.to_string()) {
        Ok(()) => anyhow!("a promise was broken: cargo xtask sim --play {SCENARIO}"),
        Err(error) => anyhow!("a promise was broken, and {SCENARIO} not written: {error}"),
    }
}
