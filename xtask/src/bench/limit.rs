//! What the machine can do at all: a receiver that does nothing but receive.

use super::process::{self, Cost};
use anyhow::{Context as _, Result};
use std::process::Command;
use urlsession_testkit::receive::{self, How};

/// The name by which this program is a receiver.
pub(crate) const RECEIVER: &str = "bench-receiver";

/// What the table calls them.
pub(super) const NAMES: [&str; 2] = ["limit: read, write", "limit: splice"];

/// Lets it receive that URL into that file.
pub(super) fn cost(name: &str, url: &str, path: &str) -> Result<Cost> {
    let how = if name == NAMES[1] { "splice" } else { "copy" };
    let this = std::env::current_exe().context("this program's own file")?;
    process::cost(Command::new(this).args([RECEIVER, how, url, path]))
}

/// Is the receiver.
pub(crate) fn receive(arguments: &Receiver) -> Result<()> {
    let how = if arguments.how == "splice" { How::Splice } else { How::Copy };
    receive::receive(how, &arguments.url, &arguments.path).map(drop)
}

/// What it is told.
#[derive(clap::Args)]
pub(crate) struct Receiver {
    how: String,
    url: String,
    path: std::path::PathBuf,
}
