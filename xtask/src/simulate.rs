//! The simulated world, from a seed of one's choice.

use anyhow::Result;
use urlsession_testkit::world;

/// Run the core in a simulated world of apps, network, servers and crashes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which world; the same seed is the same world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many steps it has.
    #[arg(long, default_value_t = 1_000_000)]
    steps: u64,
}

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(crate) fn simulate(arguments: &Arguments) -> Result<()> {
    let statistics = world::run(arguments.seed, arguments.steps, None)?;
    println!("seed {}: {statistics:#?}", arguments.seed);
    Ok(())
}
