//! The state folders of engines that keep nothing: each goes with its engine, or is swept by a later
//! one if its process ended first.

use super::PART;
use super::folder::{check, private};
use super::sweep::changed;
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use urlsession_protocol::Timestamp;

/// Most names tried for a folder.
const NAMES_LIMIT: u32 = 1000;
/// Most entries that are looked at in the folder of temporary ones, and in one of destinations.
const SWEEP_LIMIT: usize = 20_000;
/// Most folders of destinations that are noted.
const DESTINATIONS_LIMIT: usize = 1000;
/// Longest path of them, in bytes.
const PATH_LIMIT: usize = 16 * 1024;
/// Whose a folder without a lock is cannot be told; nobody has made or used it for so long.
const LOCKLESS_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a removal is begun that a living engine has disturbed.
const REMOVALS_LIMIT: u32 = 3;
/// Held as long as the engine lives; the system lets go of it when the process dies.
const LOCK: &str = "lock";
/// In which folders parts of its downloads may be, beside what they become: a JSON text a line.
const DESTINATIONS: &str = "destinations";

/// No two engines of a process have one name, also one after the other: their parts would have it too.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Where the downloads of one engine go, written down for who sweeps after it.
#[derive(Debug)]
pub(super) struct Destinations {
    file: File,
    noted: BTreeSet<PathBuf>,
    /// Whether the last write failed, as on a full disk.
    is_torn: bool,
    /// Most go where the one before went.
    last: PathBuf,
}

impl Destinations {
    pub(super) fn create(state: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.append(true).create_new(true).open(state.join(DESTINATIONS))?;
        Ok(Self { file, noted: BTreeSet::new(), is_torn: false, last: PathBuf::new() })
    }

    /// Notes the folder of a destination. One that has no spelling, or is one of too many, is not
    /// swept.
    pub(super) fn note(&mut self, folder: &Path) -> io::Result<()> {
        if folder.as_os_str() == self.last.as_os_str() {
            return Ok(());
        }
        let spelled = folder.to_str().filter(|text| text.len() <= PATH_LIMIT);
        let Some(text) = spelled.filter(|_| self.noted.len() < DESTINATIONS_LIMIT) else {
            return Ok(());
        };
        if !self.noted.contains(folder) {
            // What is left of a line is no text, and must not take the next one with it.
            let begin = if self.is_torn { "\n" } else { "" };
            let line = format!("{begin}{}\n", serde_json::Value::from(text));
            self.is_torn = true;
            self.file.write_all(line.as_bytes())?;
            self.is_torn = false;
            self.noted.insert(folder.to_owned());
        }
        self.last = folder.to_owned();
        Ok(())
    }
}

/// Creates a folder that did not exist; returns it, the part of its name that is its own, and what
/// keeps others from sweeping it.
pub(super) fn create(parent: &Path) -> io::Result<(PathBuf, String, File)> {
    let parent = std::path::absolute(parent)?;
    for _ in 0..NAMES_LIMIT {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
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

/// Removes the folders of this user's that belong to no living engine, and the parts that it left.
pub(super) fn sweep(parent: &Path, now: Timestamp) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten().take(SWEEP_LIMIT) {
        let (folder, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let Some(tag) = tag_of(&name).filter(|_| check(&folder).is_ok()) else { continue };
        let Some(_lock) = locked(OpenOptions::new().write(true), &folder) else {
            // One whose end was cut short has lost its lock last, and mostly has nothing else.
            if std::fs::remove_dir(&folder).is_err() && is_forsaken(&folder, now) {
                sweep_one(&folder, tag);
            }
            continue;
        };
        sweep_one(&folder, tag);
    }
}

/// Removes the state folder of an engine that may still run, and the parts that it leaves: its process
/// ends now. What the engine writes meanwhile is swept by a later one.
pub(crate) fn abandon(state: &Path) -> io::Result<()> {
    let name = state.file_name().unwrap_or_default().to_string_lossy();
    let Some(tag) = tag_of(&name) else { return Ok(()) };
    sweep_parts(state, tag);
    let mut removed = remove(state);
    for _ in 1..REMOVALS_LIMIT {
        if removed.is_err() && state.exists() {
            removed = remove(state);
        }
    }
    removed
}

fn sweep_one(folder: &Path, tag: &str) {
    sweep_parts(folder, tag);
    if let Err(error) = remove(folder) {
        tracing::warn!(%error, ?folder, "could not remove the folder of a process that died");
    }
}

/// Says whether a folder has lost its lock long ago.
fn is_forsaken(folder: &Path, now: Timestamp) -> bool {
    let is_old = |path: &Path| changed(path).until(now) >= LOCKLESS_AGE;
    let Ok(mut entries) = std::fs::read_dir(folder) else { return false };
    let has_lock = std::fs::symlink_metadata(folder.join(LOCK)).is_ok();
    !has_lock
        && is_old(folder)
        && entries.all(|entry| entry.is_ok_and(|entry| is_old(&entry.path())))
}

/// Removes a state folder, its lock last: what is cut short is swept later.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            _ if entry.file_name() == LOCK => {}
            true => std::fs::remove_dir_all(entry.path())?,
            false => std::fs::remove_file(entry.path())?,
        }
    }
    match std::fs::remove_file(folder.join(LOCK)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => std::fs::remove_dir(folder),
    }
}

/// Removes the parts that an engine left beside their destinations.
fn sweep_parts(state: &Path, tag: &str) {
    let Ok(file) = File::open(state.join(DESTINATIONS)) else { return };
    // What a power failure left of the last line is no text.
    let lines = BufReader::new(file).lines().map_while(Result::ok).take(DESTINATIONS_LIMIT);
    for folder in lines.filter_map(|line| serde_json::from_str::<PathBuf>(&line).ok()) {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten().take(SWEEP_LIMIT) {
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && is_part(&entry.file_name().to_string_lossy(), tag) {
                super::remove_file(&entry.path());
            }
        }
    }
}

fn is_part(name: &str, tag: &str) -> bool {
    let marked = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(PART));
    let mark = marked.and_then(|rest| rest.rsplit_once('.')).map(|(_, mark)| mark);
    mark.and_then(|mark| mark.strip_prefix(tag)).is_some_and(are_numbers)
}

/// Returns the tag of an engine, `<process>-<number>-`, in the name of its folder.
fn tag_of(name: &str) -> Option<&str> {
    let tag = name.strip_prefix("urlsession-")?.strip_suffix("state")?;
    are_numbers(tag.strip_suffix('-')?).then_some(tag)
}

fn are_numbers(text: &str) -> bool {
    let is_number = |text: &str| text.parse::<u64>().is_ok();
    text.split_once('-').is_some_and(|(one, other)| is_number(one) && is_number(other))
}

fn locked(options: &OpenOptions, folder: &Path) -> Option<File> {
    let lock = options.open(folder.join(LOCK)).ok()?;
    lock.try_lock().ok().map(|()| lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_could_not_be_noted_is_noted_the_next_time() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(DESTINATIONS);
        let mut destinations = Destinations::create(state.path()).unwrap();
        let [first, second] = ["/first", "/second"].map(Path::new);
        destinations.note(first).unwrap();
        // One that cannot be written to, and half a line as a full disk leaves it.
        let good = std::mem::replace(&mut destinations.file, File::open(&path).unwrap());
        destinations.note(second).unwrap_err();
        destinations.file = good;
        destinations.file.write_all(b"\"/sec").unwrap();
        for _ in 0..2 {
            destinations.note(second).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<PathBuf>(line).ok());
        assert_eq!(lines.collect::<Vec<_>>(), [first, second]);
    }
}
