//! Speed beside others, and what waiting costs: one table, from one interleaved run.

mod cost;
mod nginx;
mod node;
mod process;
mod small;
mod speed;

use crate::build::{Profile, executable};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Measure speed and processor time beside curl and others, start latency, and memory.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A quarter of the size and fewer rounds.
    #[arg(long)]
    quick: bool,
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

pub(crate) fn bench(arguments: &Arguments) -> Result<()> {
    let executable = match &arguments.executable {
        Some(path) => std::path::absolute(path)?,
        None => executable(Profile::Release)?,
    };
    let parent = arguments.dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new().prefix("urlsession-bench-").tempdir_in(parent)?;
    let size = if arguments.quick { 512 << 20 } else { 2 << 30 };
    let rounds = arguments.rounds.unwrap_or(if arguments.quick { 3 } else { 5 });

    let server = nginx::Nginx::start(folder.path(), size)?;
    let house = House { executable, folder: folder.path().to_owned() };
    // First: some file systems are slow to make files where others were just removed.
    node::measure(&house)?;
    let count = if arguments.quick { 2000 } else { 10_000 };
    small::measure(&house, &server, count, rounds)?;
    speed::measure(&house, &server, rounds)?;
    cost::measure(&house, &server)
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
