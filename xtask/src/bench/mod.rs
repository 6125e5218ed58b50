//! Speed beside others, and what waiting costs: one table, from one interleaved run.

mod cost;
mod large;
pub(crate) mod limit;
mod link;
mod lossy;
mod nginx;
mod node;
mod process;
mod race;
mod scale;
mod small;
mod tiny;
mod upload;

use crate::build::{Profile, executable};
use anyhow::Result;
use nginx::Way;
use small::Work;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Measure speed and processor time beside curl and others, start latency, and memory.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A quarter of the size and fewer rounds.
    #[arg(long)]
    quick: bool,
    /// Only these scenarios.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Measured rounds of the transfers; one more warms up.
    #[arg(long)]
    rounds: Option<usize>,
    /// Where the large files go; the system's temporary folder by default.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// An executable that is built already.
    #[arg(long)]
    executable: Option<PathBuf>,
}

/// What is measured, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Scenario {
    /// 1,000 small files through Node.js, beside undici.
    Node,
    /// Many small files.
    Small,
    /// Many middle-sized files, all at once.
    Many,
    /// One large file, plain.
    Large,
    /// One large file over TLS, HTTP/1.1.
    Tls,
    /// One large file over TLS, HTTP/2.
    Http2,
    /// One large upload.
    Upload,
    /// One tiny file.
    Tiny,
    /// One file over a long link that loses packets.
    Lossy,
    /// Starts, and the memory of an idle daemon.
    Cost,
    /// What many queued tasks cost.
    Scale,
}

impl Scenario {
    /// Small files first: some file systems are slow to make files where others were removed.
    const ALL: [Self; 11] = [
        Self::Node,
        Self::Small,
        Self::Many,
        Self::Large,
        Self::Tls,
        Self::Http2,
        Self::Upload,
        Self::Tiny,
        Self::Lossy,
        Self::Cost,
        Self::Scale,
    ];
}

pub(crate) fn bench(arguments: &Arguments) -> Result<()> {
    let executable = match &arguments.executable {
        Some(path) => std::path::absolute(path)?,
        None => executable(Profile::Release)?,
    };
    let parent = arguments.dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new().prefix("urlsession-bench-").tempdir_in(parent)?;
    let quick = arguments.quick;
    let (size, middle) = if quick { (512 << 20, 16 << 20) } else { (2 << 30, 64 << 20) };
    let rounds = arguments.rounds.unwrap_or(if quick { 3 } else { 5 });
    let server = nginx::Nginx::start(folder.path(), size, middle)?;
    let house = House { executable, folder: folder.path().to_owned() };
    let is_wanted =
        |scenario: &Scenario| arguments.only.is_empty() || arguments.only.contains(scenario);
    for scenario in Scenario::ALL.into_iter().filter(is_wanted) {
        measure(scenario, &house, &server, quick, rounds)?;
    }
    Ok(())
}

fn measure(
    scenario: Scenario,
    house: &House,
    server: &nginx::Nginx,
    quick: bool,
    rounds: usize,
) -> Result<()> {
    match scenario {
        Scenario::Node => node::measure(house),
        Scenario::Small => small::measure(house, server, files(quick), rounds),
        Scenario::Many => small::measure(house, server, middle_files(quick), rounds),
        Scenario::Large => large::measure(house, server, Way::Plain, rounds),
        Scenario::Tls => large::measure(house, server, Way::Tls, rounds),
        Scenario::Http2 => large::measure(house, server, Way::Http2, rounds),
        Scenario::Upload => upload::measure(house, server, rounds),
        Scenario::Tiny => tiny::measure(house, server),
        Scenario::Lossy => lossy::measure(house, rounds),
        Scenario::Cost => cost::measure(house, server),
        Scenario::Scale => scale::measure(house, quick),
    }
}

/// Small files, 20 at once.
fn files(quick: bool) -> Work {
    let count = if quick { 2000 } else { 10_000 };
    let per = (count as f64 / 1000.0, "1,000");
    Work { name: small::SMALL, size: "10 KiB", count, at_once: 20, per }
}

/// Files that are all under way at once.
fn middle_files(quick: bool) -> Work {
    let (size, count, gib) = if quick { ("16 MiB", 16, 0.25) } else { ("64 MiB", 64, 4.0) };
    Work { name: "middle", size, count, at_once: count, per: (gib, "GiB") }
}

/// The executable that is measured, with a home of its own.
struct House {
    executable: PathBuf,
    folder: PathBuf,
}

impl House {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        command
            .args(arguments)
            .env("URLSESSION_HOME", self.folder.join("home"))
            .env("URLSESSION_DAEMON", &self.executable)
            .current_dir(&self.folder);
        command
    }

    fn status(&self) -> Result<serde_json::Value> {
        let output = process::output(&mut self.command(&["daemon", "status", "--json"]))?;
        Ok(serde_json::from_slice(&output)?)
    }

    fn stop(&self) -> Result<()> {
        process::output(&mut self.command(&["daemon", "stop"])).map(drop)
    }

    fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // Without a daemon there is nothing to stop.
        let _ = self.stop();
    }
}

/// Returns the middle one.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
