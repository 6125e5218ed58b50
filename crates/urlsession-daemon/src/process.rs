//! What a daemon changes of its process before it does anything else.

use anyhow::Context as _;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit};

/// Most open files that the daemon asks for; the system may grant fewer.
const FILES_LIMIT: u64 = 16 * 1024;

/// Makes new files private, leaves the starter's terminal and folder if it shall, allows more open
/// files.
pub(crate) fn settle(detach: bool) -> anyhow::Result<()> {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    if detach {
        // Fails for the leader of a process group, which no terminal interrupts either.
        let _ = rustix::process::setsid();
        rustix::process::chdir("/").context("cannot change to the folder /")?;
    }
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let (wanted, _) = open_files();
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        // Fewer files are no reason not to live.
        let _ = rustix::process::setrlimit(Resource::Nofile, raised);
    }
    Ok(())
}

/// Returns how many files the system grants of those that the daemon asks for.
pub(crate) fn open_files() -> (u64, u64) {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    (limit.maximum.map_or(FILES_LIMIT, |maximum| maximum.min(FILES_LIMIT)), FILES_LIMIT)
}
