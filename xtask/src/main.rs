//! The toolbox: tidy, simulation, torture, benchmarks.

mod tidy;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

/// The toolbox of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Hold the tree to its rules: crate arrows, first lines, lengths, names, links.
    Tidy,
}

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Tidy => {
            let offences = tidy::offences(&tidy::root())?;
            for offence in &offences {
                println!("{offence}");
            }
            if !offences.is_empty() {
                bail!("{} offences", offences.len());
            }
        }
    }
    Ok(())
}
