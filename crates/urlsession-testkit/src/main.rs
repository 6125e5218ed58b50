//! The testkit as a program: what outside suites drive.

use clap::Parser;
use urlsession_testkit::worker;

#[derive(Parser)]
#[command(name = "urlsession-testkit")]
enum Command {
    /// Answer requests, one line of JSON each, with a session in this process.
    Worker(worker::Options),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Worker(options) => worker::run(options),
    }
}
