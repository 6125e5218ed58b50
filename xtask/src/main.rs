//! The toolbox: tidy, simulation, torture, outside suites, benchmarks.

#[cfg(target_os = "linux")]
mod bench;
mod build;
mod conform;
mod fuzz;
mod instructions;
mod man;
mod prove;
mod simulate;
#[cfg(target_os = "linux")]
mod soak;
mod tidy;
mod torture;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

/// The toolbox of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Hold the tree to its rules: crate arrows, first lines, lengths, names, links.
    Tidy,
    /// Run the core in a simulated world of apps, network, servers and crashes.
    Sim(simulate::Arguments),
    /// Kill app and daemon at random moments during mixed work, and count what is left.
    Torture(torture::Arguments),
    /// Keep many transfers going for a long time, and see that the daemon does not grow.
    #[cfg(target_os = "linux")]
    Soak(soak::Arguments),
    /// Run every proof of the promise sheet, and write its figures down.
    Prove(prove::Arguments),
    /// Run outside suites; print and keep the scores.
    Conform(conform::Arguments),
    /// Feed the parsers with inputs that libFuzzer thinks of.
    Fuzz(fuzz::Arguments),
    /// Write the man pages of the executable.
    Man(man::Arguments),
    /// Count instructions and hold them to what was recorded.
    Instructions(instructions::Arguments),
    /// Measure speed, start latency and memory, beside others where they are installed.
    #[cfg(target_os = "linux")]
    Bench(bench::Arguments),
    /// Be a receiver that does nothing but receive.
    #[cfg(target_os = "linux")]
    #[command(name = bench::limit::RECEIVER, hide = true)]
    BenchReceiver(bench::limit::Receiver),
    /// Be the app that is tortured.
    #[command(name = torture::APP, hide = true)]
    TortureApp,
    /// Be the app that has many transfers.
    #[cfg(target_os = "linux")]
    #[command(name = soak::APP, hide = true)]
    SoakApp,
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Tidy => tidy(),
        Command::Sim(arguments) => simulate::simulate(&arguments),
        Command::Torture(arguments) => torture::torture(arguments),
        #[cfg(target_os = "linux")]
        Command::Soak(arguments) => soak::soak(arguments),
        Command::Prove(arguments) => prove::prove(&arguments),
        Command::Conform(arguments) => conform::conform(&arguments),
        Command::Fuzz(arguments) => fuzz::fuzz(&arguments),
        Command::Man(arguments) => man::man(&arguments),
        Command::Instructions(arguments) => instructions::count(&arguments),
        #[cfg(target_os = "linux")]
        Command::Bench(arguments) => bench::bench(&arguments),
        #[cfg(target_os = "linux")]
        Command::BenchReceiver(arguments) => bench::limit::receive(&arguments),
        Command::TortureApp => urlsession_testkit::torture::app(),
        #[cfg(target_os = "linux")]
        Command::SoakApp => urlsession_testkit::soak::app(soak::TASKS),
    }
}

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
fn tidy() -> Result<()> {
    let offences = tidy::offences(&tidy::root())?;
    for offence in &offences {
        println!("{offence}");
    }
    if !offences.is_empty() {
        bail!("{} offences", offences.len());
    }
    Ok(())
}
