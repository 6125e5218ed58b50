//! How whole files get their names: many at once, so that they share what a sync costs.
//!
//! ```text
//!   whole ──> queue of its folder ──> write ──> sync the files ──> rename ──> sync the folder ──> told
//!                  └── fills again while a group is worked on: the slower the disk, the larger
//! ```
//! Folders do not wait for each other: one may be on a disk that hangs.

use super::errors::{Failure, Place};
use super::landing::Landing;
use super::part::{self, Part, Placed};
use super::{TaskFiles, blocking};
use crate::crash;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
#[cfg(unix)]
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use urlsession_protocol::ErrorCode;

/// Most files of one group: the first of them waits for the last.
const GROUP_LIMIT: usize = 16;
/// Most groups of one folder that are worked on at once: a disk takes several syncs together.
const GROUPS_LIMIT: usize = 4;

/// So many wait for those who work on their folder; with more of them another one comes to help.
const BEHIND: usize = 3;
/// How long one who has worked on a folder stays for more: to wake somebody costs as much as to
/// write a short file.
const LINGER: Duration = Duration::from_micros(250);

/// Puts finished files in place.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    /// Those that somebody works on.
    folders: Mutex<HashMap<PathBuf, Queue>>,
    /// Whether tasks end with the process: then nobody would miss what a crash of the machine takes.
    is_passing: bool,
}

/// What waits in one folder.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(Finished, Told)>,
    workers: usize,
}

type Told = oneshot::Sender<Result<PathBuf, Failure>>;

/// A file that misses nothing but its name, and the bytes that are in memory.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) part: Part,
    pub(super) rest: Vec<Bytes>,
    pub(super) files: TaskFiles,
    /// In the folder of the files.
    pub(super) landing: Landing,
}

impl Publisher {
    /// Makes one that syncs nothing.
    pub(super) fn passing() -> Self {
        Self { is_passing: true, ..Self::default() }
    }

    /// Returns the file's name once it is whole, synced and in place, and the name is durable.
    pub(super) async fn publish(self: &Arc<Self>, finished: Finished) -> Result<PathBuf, Failure> {
        if self.is_passing {
            // A part that was kept may have to be copied.
            let is_near = finished.part.path().as_os_str() == finished.files.part.as_os_str();
            return if is_near { finished.put() } else { blocking(|| finished.put()).await };
        }
        if finished.part.synced() < finished.part.length() {
            // Much may have been written: others must not wait for that.
            blocking(finished.part.syncer()).await?;
        }
        let folder = finished.files.finished.parent().unwrap_or(Path::new("")).to_owned();
        let (told, published) = oneshot::channel();
        if self.needs_worker(&folder, (finished, told)) {
            let work = Work { publisher: Arc::clone(self), folder, has_left: false };
            tokio::task::spawn_blocking(move || work.run());
        }
        let lost = || Failure::permanent(ErrorCode::UNKNOWN, "the file was not put in place");
        published.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Makes the name of a file durable that was put in place before.
    pub(super) fn sync_name(&self, path: &Path) -> Result<(), Failure> {
        if self.is_passing {
            return Ok(());
        }
        sync(path.parent().unwrap_or(Path::new("")))
            .map_err(|error| part::named(Place::Publish, path, &error))
    }

    /// Lets a file wait, and says whether one more has to work on the folder.
    fn needs_worker(&self, folder: &Path, entry: (Finished, Told)) -> bool {
        let mut folders = self.folders();
        let queue = match folders.get_mut(folder) {
            Some(queue) => queue,
            None => folders.entry(folder.to_owned()).or_default(),
        };
        queue.waiting.push_back(entry);
        let is_behind = queue.waiting.len() > BEHIND && queue.workers < GROUPS_LIMIT;
        let needed = queue.workers == 0 || is_behind;
        queue.workers += usize::from(needed);
        needed
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<PathBuf, Queue>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of those who work on a folder.
struct Work {
    publisher: Arc<Publisher>,
    folder: PathBuf,
    /// Whether it is counted no more.
    has_left: bool,
}

impl Work {
    fn run(mut self) {
        while let Some(group) = self.next(false).or_else(|| {
            // Whoever comes within this time need not wake anybody.
            std::thread::park_timeout(LINGER);
            self.next(true)
        }) {
            publish(&self.folder, group);
        }
    }

    /// Takes the next group; with none it may leave, in the same moment.
    fn next(&mut self, or_leave: bool) -> Option<Vec<(Finished, Told)>> {
        let mut folders = self.publisher.folders();
        let queue = folders.get_mut(&self.folder)?;
        let group: Vec<_> = queue.waiting.drain(..queue.waiting.len().min(GROUP_LIMIT)).collect();
        if group.is_empty() {
            if or_leave {
                self.has_left = true;
                leave(&mut folders, &self.folder);
            }
            return None;
        }
        Some(group)
    }
}

impl Drop for Work {
    /// Without it a panic would leave files waiting for ever.
    fn drop(&mut self) {
        if !self.has_left {
            leave(&mut self.publisher.folders(), &self.folder);
        }
    }
}

/// With the last who works on a folder goes what waits there, which is then told.
fn leave(folders: &mut HashMap<PathBuf, Queue>, folder: &Path) {
    let Some(queue) = folders.get_mut(folder) else { return };
    queue.workers -= 1;
    if queue.workers == 0 {
        folders.remove(folder);
    }
}

fn publish(folder: &Path, group: Vec<(Finished, Told)>) {
    let written = each(group, Finished::write);
    if written.len() > 1 {
        written.iter().for_each(|(finished, _)| finished.part.begin_sync());
    }
    let synced = each(written, Finished::sync);
    let placed = each(synced, Finished::place);
    let durable = if placed.is_empty() { Ok(()) } else { sync(folder) };
    crash::point("part.published");
    for ((finished, placed), told) in placed {
        let published = match &durable {
            Ok(()) => Ok(placed.path),
            Err(error) => Err(part::named(Place::Publish, &placed.path, error)),
        };
        if placed.is_copy && published.is_ok() {
            finished.part.remove();
        }
        // Nobody listens any more where the runtime ends.
        let _ = told.send(published);
    }
}

impl Finished {
    /// Puts it in place without a sync.
    fn put(self) -> Result<PathBuf, Failure> {
        let mut written = self.write()?;
        written.part.complete(written.part.length());
        let (finished, placed) = written.place()?;
        if placed.is_copy {
            finished.part.remove();
        }
        Ok(placed.path)
    }

    fn write(mut self) -> Result<Self, Failure> {
        if self.rest.is_empty() && self.part.length() > 0 {
            return Ok(self);
        }
        if self.part.inode() == 0 {
            self.landing.take_back(self.part.path());
        }
        // An empty file has nothing to write and must be there as well.
        let written = self.part.open().and_then(|_| self.part.write(&self.rest));
        self.unless(written).map(|(finished, ())| finished)
    }

    fn sync(self) -> Result<Self, Failure> {
        let unsynced = self.part.synced() < self.part.length();
        let synced = if unsynced { self.part.syncer()() } else { Ok(()) };
        self.unless(synced).map(|(finished, ())| finished)
    }

    fn place(self) -> Result<(Self, Placed), Failure> {
        // Looked at only where that failed: nearly all destinations are good ones.
        let placed = self
            .part
            .place(&self.files, &self.landing)
            .map_err(|failure| part::check_destination(&self.files).err().unwrap_or(failure));
        self.unless(placed)
    }

    /// What was in memory is nothing to go on from: if that fails, its file goes.
    fn unless<T>(self, result: Result<T, Failure>) -> Result<(Self, T), Failure> {
        match result {
            Ok(value) => Ok((self, value)),
            Err(failure) => {
                if !self.rest.is_empty() {
                    self.part.remove();
                }
                Err(failure)
            }
        }
    }
}

/// Takes each of a group one step further; tells those that fail.
fn each<T, U>(group: Vec<(T, Told)>, step: fn(T) -> Result<U, Failure>) -> Vec<(U, Told)> {
    let further = group.into_iter().filter_map(|(one, told)| match step(one) {
        Ok(one) => Some((one, told)),
        Err(failure) => {
            let _ = told.send(Err(failure));
            None
        }
    });
    further.collect()
}

#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some file systems cannot sync a folder; there the rename is as durable as it gets.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn sync(_folder: &Path) -> io::Result<()> {
    Ok(())
}
