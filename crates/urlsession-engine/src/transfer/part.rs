//! The part file: made in private, written in order, synced, and renamed into place when whole.

use super::TaskFiles;
use super::checksum;
use super::errors::{self, Failure, Place};
use super::landing::Landing;
use super::splice::Pipe;
use crate::crash;
use bytes::Bytes;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IoSlice, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;
use urlsession_core::ResumeState;
use urlsession_protocol::ChecksumAlgorithm;

/// An open part file. Everything here blocks, shortly unless the disk is slow.
#[derive(Debug)]
pub(super) struct Part {
    file: Arc<File>,
    path: PathBuf,
    inode: u64,
    length: u64,
    /// Bytes that a sync has made durable, told by the sync itself.
    synced: Arc<AtomicU64>,
}

impl Part {
    /// Creates the file; a leftover of ours is removed first, anything else is left alone.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        Self::try_create(path).map_err(|error| named(Place::Create, path, &error))
    }

    fn try_create(path: &Path) -> io::Result<Self> {
        // The leftover stays open until the new file exists, so that they differ in their inode
        // and no state of the one can ever be taken for the other's.
        let leftover = match std::fs::symlink_metadata(path) {
            Ok(about) if is_ours(&about) => {
                let open = File::open(path).ok();
                std::fs::remove_file(path)?;
                open
            }
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        private(&mut options);
        let file = options.open(path)?;
        crash::point("part.created");
        drop(leftover);
        let inode = inode(&file.metadata()?);
        Ok(Self {
            file: Arc::new(file),
            path: path.into(),
            inode,
            length: 0,
            synced: Arc::default(),
        })
    }

    /// Opens the file that the state speaks of, cut to its durable bytes; `None` if it is not
    /// that file any more.
    pub(super) fn reopen(state: &ResumeState, files: &TaskFiles) -> Option<Self> {
        let kept = state.part.parent() == Some(files.kept_parts.as_path());
        if state.part != files.part && !kept {
            return None;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        private(&mut options);
        let mut file = options.open(&state.part).ok()?;
        let about = file.metadata().ok()?;
        if !is_ours(&about) || inode(&about) != state.inode || about.len() < state.durable_bytes {
            return None;
        }
        file.set_len(state.durable_bytes).ok()?;
        file.seek(SeekFrom::Start(state.durable_bytes)).ok()?;
        Some(Self {
            file: Arc::new(file),
            path: state.part.clone(),
            inode: state.inode,
            length: state.durable_bytes,
            synced: Arc::new(state.durable_bytes.into()),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    /// Returns the bytes written.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Sets room aside for the whole file, where the file system can.
    pub(super) fn reserve(&self, total: u64) -> Result<(), Failure> {
        match allocate(&self.file, self.length, total.saturating_sub(self.length)) {
            Err(error) if is_full(&error) => Err(named(Place::Write, &self.path, &error)),
            _ => Ok(()),
        }
    }

    /// Appends the bytes.
    pub(super) fn write(&mut self, batch: &[Bytes]) -> Result<(), Failure> {
        let result = match batch {
            [bytes] => (&*self.file).write_all(bytes),
            _ => write_all(&self.file, batch),
        };
        result.map_err(|error| named(Place::Write, &self.path, &error))?;
        self.length += batch.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        Ok(())
    }

    /// Appends so many bytes of the pipe.
    pub(super) fn drain(&mut self, pipe: &Pipe, bytes: usize) -> Result<(), Failure> {
        let mut left = bytes;
        while left > 0 {
            let moved = match pipe.drain(&self.file, left) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                result => result,
            };
            let moved = moved.map_err(|error| named(Place::Write, &self.path, &error))?;
            left -= moved;
            self.length += moved as u64;
        }
        Ok(())
    }

    /// Returns what makes the bytes written so far durable, on another thread.
    pub(super) fn syncer(&self) -> impl FnOnce() -> Result<(), Failure> + Send + 'static {
        let (file, path) = (Arc::clone(&self.file), self.path.clone());
        let (synced, length) = (Arc::clone(&self.synced), self.length);
        move || {
            crash::point("part.sync");
            file.sync_data().map_err(|error| named(Place::Write, &path, &error))?;
            crash::point("part.synced");
            synced.fetch_max(length, Ordering::Release);
            Ok(())
        }
    }

    /// Returns the bytes that a finished sync has made durable.
    pub(super) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    /// Cuts what a failed write left behind the bytes that count.
    pub(super) fn trim(&self) -> Result<(), Failure> {
        self.file.set_len(self.length).map_err(|error| named(Place::Write, &self.path, &error))
    }

    /// Reads the whole file for its digest; `None` if it was stopped.
    pub(super) fn digest(
        &self,
        algorithm: ChecksumAlgorithm,
        stop: &CancellationToken,
    ) -> Result<Option<String>, Failure> {
        checksum::read(algorithm, &self.file, stop)
            .map_err(|error| named(Place::Write, &self.path, &error))
    }

    /// Syncs the file, gives it its final name and makes that durable too.
    pub(super) fn publish(self, files: &TaskFiles, landing: &Landing) -> Result<PathBuf, Failure> {
        self.syncer()()?;
        let is_same = |path: &Path| {
            let about = std::fs::symlink_metadata(path);
            about.is_ok_and(|about| is_ours(&about) && inode(&about) == self.inode)
        };
        crash::point("part.rename");
        let path = match landing.take(&self.path, is_same) {
            Ok(path) => path,
            Err((_, error)) if error.kind() == io::ErrorKind::CrossesDevices => {
                return self.carry(files, landing);
            }
            Err((path, error)) => return Err(named(Place::Publish, &path, &error)),
        };
        crash::point("part.renamed");
        sync_parent(&path).map_err(|error| named(Place::Publish, &path, &error))?;
        crash::point("part.published");
        Ok(path)
    }

    /// Publishes a part that lies on another file system.
    fn carry(self, files: &TaskFiles, landing: &Landing) -> Result<PathBuf, Failure> {
        if self.path == files.part {
            let error = io::ErrorKind::CrossesDevices.into();
            return Err(named(Place::Publish, &files.finished, &error));
        }
        let copy = Self::create(&files.part)?;
        let copied = (&*self.file)
            .seek(SeekFrom::Start(0))
            .and_then(|_| io::copy(&mut &*self.file, &mut &*copy.file));
        if let Err(error) = copied {
            copy.remove();
            return Err(named(Place::Write, &files.part, &error));
        }
        let path = copy.publish(files, landing)?;
        self.remove();
        Ok(path)
    }

    /// Removes the file. One that cannot be removed is met again as a leftover.
    pub(super) fn remove(self) {
        crash::point("part.remove");
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Returns the finished file and its size if it is the part that the state speaks of: it was
/// renamed, and the end of its attempt was lost in a crash.
pub(super) fn published(
    state: &ResumeState,
    files: &TaskFiles,
    landing: &Landing,
) -> Option<(PathBuf, u64)> {
    if state.part != files.part || std::fs::symlink_metadata(&files.part).is_ok() {
        return None;
    }
    landing.find(|path| {
        let about = std::fs::symlink_metadata(path).ok()?;
        let whole = state.total_bytes.is_none_or(|total| total == about.len());
        let is_part = is_ours(&about) && inode(&about) == state.inode;
        (is_part && about.len() >= state.durable_bytes && whole).then_some(about.len())
    })
}

/// Says whether both names are names of one file of ours.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let about = |path: &Path| std::fs::symlink_metadata(path).ok().filter(is_ours);
    // Only Unix tells files apart by their inode.
    cfg!(unix)
        && about(one).zip(about(other)).is_some_and(|(one, other)| inode(&one) == inode(&other))
}

/// Refuses a destination that no file can be put at, before any byte is fetched.
pub(super) fn check_destination(files: &TaskFiles) -> Result<(), Failure> {
    if files.finished.is_dir() {
        let error = io::ErrorKind::IsADirectory.into();
        return Err(named(Place::Create, &files.finished, &error));
    }
    Ok(())
}

fn named(place: Place, path: &Path, error: &io::Error) -> Failure {
    let mut failure = errors::io(place, error);
    failure.error.detail = Some(format!("{}: {error}", path.display()));
    failure
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn write_all(mut file: &File, batch: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<_> = batch.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let mut left = slices.as_mut_slice();
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn allocate(file: &File, from: u64, length: u64) -> io::Result<()> {
    use rustix::fs::FallocateFlags;
    if length == 0 {
        return Ok(());
    }
    Ok(rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, from, length)?)
}

#[cfg(not(target_os = "linux"))]
fn allocate(_file: &File, _from: u64, _length: u64) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let no_follow = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.mode(0o600).custom_flags(no_follow.bits().cast_signed());
}

#[cfg(not(unix))]
fn private(_options: &mut OpenOptions) {}

#[cfg(unix)]
fn is_ours(about: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    about.is_file() && about.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_ours(about: &Metadata) -> bool {
    about.is_file()
}

#[cfg(unix)]
fn inode(about: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    about.ino()
}

#[cfg(not(unix))]
fn inode(_about: &Metadata) -> u64 {
    0
}

#[cfg(unix)]
fn sync_parent(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    match File::open(parent)?.sync_all() {
        // Some file systems cannot sync a folder; there the rename is as durable as it gets.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_parent(_path: &Path) -> io::Result<()> {
    Ok(())
}
