//! The state folders of engines that keep nothing: each goes with its engine, or is swept by a later
//! one if its process ended first.

use super::folder::{check, private};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Most names tried for a folder.
const NAMES_LIMIT: u32 = 1000;
/// Most entries that are looked at in the folder of temporary ones.
const SWEEP_LIMIT: usize = 20_000;
/// Held as long as the engine lives; the system lets go of it when the process dies.
const LOCK: &str = "lock";

/// Creates a folder that did not exist; returns it, the part of its name that is its own, and what
/// keeps others from sweeping it.
pub(super) fn create(parent: &Path) -> io::Result<(PathBuf, String, File)> {
    let parent = std::path::absolute(parent)?;
    for number in 0..NAMES_LIMIT {
        let tag = format!("{}-{number}-", std::process::id());
        let folder = parent.join(format!("urlsession-{tag}state"));
        match private(&mut DirBuilder::new()).create(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
        // One who sweeps may be faster; then it is gone.
        let mut options = OpenOptions::new();
        if let Some(lock) = locked(options.write(true).create_new(true), &folder) {
            return Ok((folder, tag, lock));
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "no name is free for a temporary folder"))
}

/// Removes the folders of this user's that belong to no living engine.
pub(super) fn sweep(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten().take(SWEEP_LIMIT) {
        let folder = entry.path();
        if !is_ours(&entry.file_name().to_string_lossy()) || check(&folder).is_err() {
            continue;
        }
        if let Some(_lock) = locked(OpenOptions::new().write(true), &folder)
            && let Err(error) = std::fs::remove_dir_all(&folder)
        {
            tracing::warn!(%error, ?folder, "could not remove the folder of a process that died");
        }
    }
}

fn is_ours(name: &str) -> bool {
    let inner = name.strip_prefix("urlsession-").and_then(|rest| rest.strip_suffix("-state"));
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    inner
        .and_then(|inner| inner.split_once('-'))
        .is_some_and(|(process, number)| is_number(process) && is_number(number))
}

fn locked(options: &OpenOptions, folder: &Path) -> Option<File> {
    let lock = options.open(folder.join(LOCK)).ok()?;
    lock.try_lock().ok().map(|()| lock)
}
