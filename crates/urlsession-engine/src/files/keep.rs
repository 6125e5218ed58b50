//! Parts that wait for whoever has their resume data: moved to where they wait, or copied.

use super::{Files, create_private_file, folder, remove_file};
use crate::crash;
use crate::transfer::{claim, find_part, inode};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use urlsession_core::{ResumeState, SessionNumber, TaskRef};

/// Most parts that are kept of tasks with the same number; then the first is given up.
const KEPT_NAMES_LIMIT: u32 = 100;

/// A part that is kept, as far as that is done.
#[derive(Debug)]
pub(crate) enum Keeping {
    /// It waits; `None` if it could not be kept.
    Done(Option<ResumeState>),
    /// It is on another file system, and open to be copied.
    Far { part: File, kept: PathBuf, resume: ResumeState },
}

impl Files {
    /// Moves a part file to where it waits for a new task.
    pub(crate) fn keep_part(&self, task: TaskRef, resume: ResumeState) -> Keeping {
        if !self.owns(&resume.part) && !self.is_hidden_part(&resume.part, task) {
            // Resume data can name any path.
            return Keeping::Done(None);
        }
        let is_shared = resume.part.starts_with(&self.kept);
        if is_shared && File::open(&resume.part).is_ok_and(|part| !claim(&part)) {
            // Another task goes on from the same resume data.
            return Keeping::Done(None);
        }
        let kept = self.free_kept_name(task);
        crash::point("keep.rename");
        match std::fs::rename(&resume.part, &kept) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                return far(kept, resume);
            }
            Err(error) => {
                tracing::warn!(%error, part = ?resume.part, "could not keep a part file");
                remove_file(&resume.part);
                return Keeping::Done(None);
            }
        }
        crash::point("keep.renamed");
        sync(&kept);
        Keeping::Done(Some(ResumeState { part: kept, ..resume }))
    }

    /// Lists the parts that are kept for resume data, with the sessions whose tasks left them.
    pub(crate) fn kept_parts(&self) -> Vec<(SessionNumber, PathBuf)> {
        let Ok(entries) = std::fs::read_dir(&self.kept) else { return Vec::new() };
        let named = |path: PathBuf| {
            let (session, _) = path.file_name()?.to_str()?.split_once('-')?;
            Some((SessionNumber(session.parse().ok()?), path))
        };
        entries.filter_map(|entry| named(entry.ok()?.path())).collect()
    }

    /// Returns a name that no kept part has: a task may go on from its own resume data.
    fn free_kept_name(&self, task: TaskRef) -> PathBuf {
        let name =
            |copy: u32| self.kept.join(format!("{}-{}-{copy}.part", task.session.0, task.task));
        (0..KEPT_NAMES_LIMIT).map(name).find(|file| !file.exists()).unwrap_or_else(|| name(0))
    }
}

impl Keeping {
    /// Says whether a file is to be copied, which could take minutes.
    pub(crate) fn takes_long(&self) -> bool {
        matches!(self, Self::Far { .. })
    }

    /// Does what is left to do, and returns from what a new task goes on.
    pub(crate) fn finish(self) -> Option<ResumeState> {
        let (part, kept, resume) = match self {
            Self::Done(resume) => return resume,
            Self::Far { part, kept, resume } => (part, kept, resume),
        };
        match copy(&part, &kept) {
            Ok(inode) => {
                sync(&kept);
                Some(ResumeState { part: kept, inode, ..resume })
            }
            Err(error) => {
                tracing::warn!(%error, part = ?resume.part, "could not copy a part file");
                remove_file(&kept);
                None
            }
        }
    }
}

/// Takes a part from beside its destination. Nobody looks for it there any more: whatever comes, only
/// its copy is left behind, which is swept.
fn far(kept: PathBuf, resume: ResumeState) -> Keeping {
    let found = find_part(&resume);
    remove_file(&resume.part);
    let Some((part, _)) = found else { return Keeping::Done(None) };
    // The name is taken at once.
    match create_private_file(&kept) {
        Ok(()) => Keeping::Far { part, kept, resume },
        Err(error) => {
            tracing::warn!(%error, part = ?resume.part, "could not keep a part file");
            Keeping::Done(None)
        }
    }
}

/// Copies a part, and returns the number by which the copy is recognised.
fn copy(mut part: &File, kept: &Path) -> io::Result<u64> {
    let mut to = OpenOptions::new().write(true).open(kept)?;
    io::copy(&mut part, &mut to)?;
    to.sync_all()?;
    Ok(inode(&to.metadata()?))
}

fn sync(kept: &Path) {
    if let Err(error) = kept.parent().map_or(Ok(()), folder::sync) {
        tracing::warn!(%error, "could not sync the folder of kept parts");
    }
}
