//! What earlier processes left behind and nobody will ask for: removed once, at the start.

use super::{Files, remove_file};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use urlsession_core::{SessionNumber, TaskRef};
use urlsession_protocol::{TaskIdentifier, Timestamp};

/// A client may be between writing a request body and creating its task.
const SPOOL_AGE: Duration = Duration::from_secs(60 * 60);
/// Resume data that is older has lost its part file.
const KEPT_PART_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What the tasks still need.
pub(crate) struct Needs<'a> {
    /// Finished files, kept bodies, parts and spool files that are recorded.
    pub files: BTreeSet<PathBuf>,
    /// Says of a task that it is not completed: a file of theirs may be finished and not yet recorded.
    pub is_unfinished: &'a dyn Fn(TaskRef) -> bool,
}

impl Files {
    /// Removes every file of ours that is not needed.
    pub(crate) fn sweep(&self, needs: &Needs<'_>, now: Timestamp) {
        for folder in entries(&self.finished()) {
            let session = number(&folder).and_then(|n| u32::try_from(n).ok()).map(SessionNumber);
            for file in entries(&folder) {
                let task = session.zip(number(&file));
                let unfinished = task.is_some_and(|(session, task)| {
                    (needs.is_unfinished)(TaskRef { session, task: TaskIdentifier(task) })
                });
                if !unfinished && !needs.files.contains(&file) {
                    sweep_one(&file);
                }
            }
            // Succeeds only for an empty folder.
            let _ = std::fs::remove_dir(&folder);
        }
        for (folder, age) in [(self.spool(), SPOOL_AGE), (self.kept.to_path_buf(), KEPT_PART_AGE)] {
            for file in entries(&folder) {
                if !needs.files.contains(&file) && changed(&file).until(now) >= age {
                    sweep_one(&file);
                }
            }
        }
    }
}

fn sweep_one(file: &Path) {
    crate::crash::point("sweep");
    tracing::info!(?file, "removing a file that no task needs");
    remove_file(file);
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Reads the number that a file's or folder's name begins with.
fn number(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// Returns when a file was last written or moved.
pub(super) fn changed(file: &Path) -> Timestamp {
    let Ok(found) = std::fs::symlink_metadata(file) else { return Timestamp(u64::MAX) };
    let written = found
        .modified()
        .ok()
        .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(u64::MAX, crate::clock::milliseconds);
    #[cfg(unix)]
    let written = {
        let moved = u64::try_from(std::os::unix::fs::MetadataExt::ctime(&found)).unwrap_or(0);
        written.max(moved.saturating_mul(1000))
    };
    Timestamp(written)
}
