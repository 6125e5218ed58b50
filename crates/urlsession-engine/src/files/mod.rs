//! Where the files of tasks are, and how they are kept, given up and swept.

mod folder;
mod keep;
mod sweep;
mod temporary;

pub(crate) use folder::{create_private_file, create_private_folder};
pub(crate) use sweep::Needs;
pub(crate) use temporary::abandon;

use crate::clock::Clock;
use crate::crash;
use crate::transfer::TaskFiles;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use temporary::Destinations;
use urlsession_core::{Order, SessionNumber, TaskRef};
use urlsession_protocol::{TaskKind, Timestamp};

/// The store's file in a state folder.
pub const STORE: &str = "store.sqlite";

/// Longest file name of the file systems in use, in bytes.
const NAME_LIMIT: usize = 255;
/// How the name of a part ends, behind the tag of its engine and the numbers of its task.
const PART: &str = ".urlsession-part";

/// The folders of one engine.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    state: PathBuf,
    /// Where parts wait for new tasks; every attempt knows it.
    kept: Arc<Path>,
    /// Tells the part files of engines apart whose stores end with the process.
    tag: String,
    /// Of those of engines whose stores end with the process: keeps others from sweeping them.
    _lock: Option<Arc<File>>,
    /// Of the same ones: where their downloads go.
    destinations: Option<Arc<Mutex<Destinations>>>,
}

impl Files {
    /// Creates the folders that are missing, all private to the user. Whatever links lead to it, a
    /// state folder has one name.
    pub(crate) fn prepare(state: &Path) -> io::Result<Self> {
        let given = std::path::absolute(state)?;
        check_spelling(&given)?;
        create_private_folder(&given)?;
        // Windows has a form of its own for such names, which not every program reads.
        let state = if cfg!(unix) { given.canonicalize()? } else { given };
        check_spelling(&state)?;
        let kept = state.join("resume").into();
        let files = Self { state, kept, tag: String::new(), _lock: None, destinations: None };
        for folder in [&files.finished(), &files.spool(), &*files.kept] {
            create_private_folder(folder)?;
        }
        Ok(files)
    }

    /// Creates a state folder that [`Files::remove_all`] removes again, or a later engine if this
    /// process ends without.
    pub(crate) fn temporary() -> io::Result<Self> {
        let parent = std::env::temp_dir();
        // A destination of an app that died may be on a disk that hangs.
        let swept = parent.clone();
        let name = "urlsession-sweep".to_owned();
        let now = Timestamp(Clock::date().0 / 1000);
        let sweep = move || temporary::sweep(&swept, now);
        if let Err(error) = std::thread::Builder::new().name(name).spawn(sweep) {
            tracing::warn!(%error, "nobody sweeps after processes that died");
        }
        Self::temporary_in(&parent)
    }

    fn temporary_in(parent: &Path) -> io::Result<Self> {
        let (state, tag, lock) = temporary::create(parent)?;
        let files = Self::prepare(&state)?;
        let destinations = Some(Arc::new(Mutex::new(Destinations::create(&state)?)));
        Ok(Self { tag, _lock: Some(Arc::new(lock)), destinations, ..files })
    }

    /// Returns the state folder.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Returns the store's file.
    pub(crate) fn store(&self) -> PathBuf {
        self.state.join(STORE)
    }

    /// Returns where the files of a task are.
    pub(crate) fn of(&self, task: TaskRef, order: &Order) -> TaskFiles {
        let kept_parts = Arc::clone(&self.kept);
        if let TaskKind::Download { destination: Some(finished) } = &order.kind {
            let part = finished.with_file_name(self.hidden_name(finished, task));
            return TaskFiles { part, finished: finished.clone(), kept_parts };
        }
        let folder = self.session(task.session);
        let ending = match order.kind {
            TaskKind::Download { .. } => "download",
            TaskKind::Upload | TaskKind::Data => "body",
        };
        TaskFiles {
            part: folder.join(format!("{}.part", task.task)),
            finished: folder.join(format!("{}.{ending}", task.task)),
            kept_parts,
        }
    }

    /// Creates the folder of a task's files, unless the task has a destination of its own.
    pub(crate) fn prepare_for(&self, task: TaskRef, order: &Order) -> io::Result<()> {
        match &order.kind {
            TaskKind::Download { destination: Some(path) } => {
                self.note_destination(path);
                Ok(())
            }
            TaskKind::Download { destination: None } | TaskKind::Upload | TaskKind::Data => {
                create_private_folder(&self.session(task.session))
            }
        }
    }

    /// Removes the folder of a session that is gone; files in it stay for the next sweep.
    pub(crate) fn remove_session(&self, session: SessionNumber) {
        crash::point("session.remove");
        let _ = std::fs::remove_dir(self.session(session));
    }

    /// Removes a file that is one of ours; anything else is refused and logged.
    pub(crate) fn remove(&self, file: &Path) {
        if self.owns(file) {
            remove_file(file);
        } else {
            tracing::error!(?file, "refused to remove a file outside the state folder");
        }
    }

    /// Removes a part file.
    pub(crate) fn remove_part(&self, files: &TaskFiles) {
        remove_file(&files.part);
    }

    /// Removes the state folder and all in it.
    pub(crate) fn remove_all(&self) {
        // Its process may have removed it already.
        if let Err(error) = temporary::remove(&self.state)
            && self.state.exists()
        {
            tracing::warn!(%error, folder = ?self.state, "could not remove a temporary folder");
        }
    }

    /// Returns the folder of request bodies that clients hand over.
    pub(crate) fn spool(&self) -> PathBuf {
        self.state.join("spool")
    }

    fn finished(&self) -> PathBuf {
        self.state.join("files")
    }

    fn session(&self, session: SessionNumber) -> PathBuf {
        self.finished().join(session.0.to_string())
    }

    fn note_destination(&self, destination: &Path) {
        let (Some(destinations), Some(folder)) = (&self.destinations, destination.parent()) else {
            return;
        };
        let mut destinations = destinations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = destinations.note(folder) {
            tracing::warn!(%error, ?folder, "parts in it are not swept if this process dies");
        }
    }

    fn owns(&self, file: &Path) -> bool {
        let plain = file.components().all(|c| !matches!(c, Component::ParentDir));
        plain && [&*self.finished(), &self.spool(), &self.kept].iter().any(|f| file.starts_with(f))
    }

    fn hidden_ending(&self, task: TaskRef) -> String {
        format!(".{}{}-{}{PART}", self.tag, task.session.0, task.task)
    }

    /// Says whether a path is that of a part of the task, beside whatever destination.
    fn is_hidden_part(&self, path: &Path, task: TaskRef) -> bool {
        let name = path.file_name().unwrap_or_default();
        name.as_encoded_bytes().ends_with(self.hidden_ending(task).as_bytes())
    }

    /// Returns `.<name>.<session>-<task>.urlsession-part`, its name cut so that all fits.
    fn hidden_name(&self, destination: &Path, task: TaskRef) -> OsString {
        let ending = self.hidden_ending(task);
        let name = destination.file_name().unwrap_or_default();
        let mut hidden = OsString::with_capacity(NAME_LIMIT.min(name.len() + 1 + ending.len()));
        hidden.push(".");
        if name.len() + 1 + ending.len() <= NAME_LIMIT {
            hidden.push(name);
        } else {
            let name = name.to_string_lossy();
            hidden.push(&name[..name.floor_char_boundary(NAME_LIMIT - 1 - ending.len())]);
        }
        hidden.push(ending);
        hidden
    }
}

/// Refuses a state folder whose files the store and connections could not name.
fn check_spelling(state: &Path) -> io::Result<()> {
    let why = "the path of the state folder is not UTF-8";
    let refused = || io::Error::new(io::ErrorKind::InvalidInput, why);
    state.to_str().map(drop).ok_or_else(refused)
}

fn remove_file(file: &Path) {
    crash::point("file.remove");
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, ?file, "could not remove a file");
        }
        Ok(()) => crash::point("file.removed"),
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests;
