//! The testkit as a program: a server to try apps with, and what outside suites drive.

use clap::Parser;
use std::io::Write as _;
use urlsession_testkit::server::{self, Server};
#[cfg(feature = "worker")]
use urlsession_testkit::{spend, worker};

/// As the executable has it: an app that downloads many files would choose so, too.
#[cfg(feature = "worker")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "urlsession-testkit")]
enum Command {
    /// Answer requests, one line of JSON each, with a session in this process.
    #[cfg(feature = "worker")]
    Worker(worker::Options),
    /// Do one kind of work so many times, for somebody who counts instructions.
    #[cfg(feature = "worker")]
    #[command(subcommand)]
    Spend(spend::Work),
    /// Be a server that answers, drops, stalls and lies as the path of a request says, until standard
    /// input ends.
    #[command(after_help = server::GUIDE)]
    Serve {
        /// Where to listen on this machine; any free port by default.
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Speak TLS and HTTP/2, with a certificate whose authority is printed.
        #[arg(long)]
        tls: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        #[cfg(feature = "worker")]
        Command::Worker(options) => worker::run(options),
        #[cfg(feature = "worker")]
        Command::Spend(work) => spend::run(&work),
        Command::Serve { port, tls } => serve(port, tls),
    }
}

/// Serves until the end of its input, so that whoever started it ends it by going away.
fn serve(port: u16, tls: bool) -> anyhow::Result<()> {
    let server = Server::start_made(port, tls)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", server.url(""))?;
    if tls {
        writeln!(out, "authority {}", server.ca_pem().display())?;
    }
    out.flush()?;
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
