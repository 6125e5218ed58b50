//! `urlsession demo`: the promise as a story, proven step by step on this machine without internet.
//!
//! ```text
//!   demo ──> story, with a home of its own ──> server (threads of the story)
//!                 │                               ^
//!                 ├──> app, killed ──> daemon, killed ──> daemon ──┘
//!                 └──> app again
//! ```

mod app;
mod server;
#[cfg(unix)]
mod story;

pub(crate) use app::app;

use crate::args::DemoArgs;
use crate::exit::{self, Failure};
use crate::interrupt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Prepares a folder, lets the story happen in it, and leaves nothing behind.
pub(crate) fn demo(args: &DemoArgs) -> Result<u8, Failure> {
    match &args.home {
        Some(home) => tell(home),
        None => stage(),
    }
}

fn stage() -> Result<u8, Failure> {
    let own = std::env::current_exe()?;
    let folder = tempfile::Builder::new().prefix("urlsession-demo-").tempdir()?;
    // Ctrl-C ends the story, which is in the same group; this process cleans up.
    interrupt::subscribe(|_| true)?;
    let command = |words: &[&str]| {
        let mut command = Command::new(&own);
        command
            .args(words)
            .env("URLSESSION_HOME", folder.path().join("home"))
            .env("URLSESSION_DAEMON", &own);
        command
    };
    let ended = command(&["demo", "--home"]).arg(folder.path()).status()?;
    // The daemon of a story that failed lives until it is told to stop.
    let _ = command(&["daemon", "stop"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    folder.close()?;
    Ok(if ended.success() { exit::DONE } else { exit::SOME_FAILED })
}

#[cfg(unix)]
fn tell(home: &Path) -> Result<u8, Failure> {
    story::tell(home)
}

#[cfg(not(unix))]
fn tell(_: &Path) -> Result<u8, Failure> {
    Err(Failure::new(exit::NO_DAEMON, "there is no daemon for this platform yet"))
}
