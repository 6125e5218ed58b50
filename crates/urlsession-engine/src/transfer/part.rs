//! The part file: made in private, written in order, synced, and renamed into place when whole.

use super::TaskFiles;
use super::checksum;
use super::errors::{self, Failure, Place};
use super::landing::Landing;
use super::segments::ranges::Ranges;
use super::splice::Pipe;
use crate::crash;
use bytes::Bytes;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;
use urlsession_core::{Cause, ResumeState};
use urlsession_protocol::ChecksumAlgorithm;

/// A part file. Everything here blocks, shortly unless the disk is slow.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    /// `None` until there is something to write.
    open: Option<Open>,
    length: u64,
    /// Bytes that a sync has made durable, told by the sync itself.
    synced: Arc<AtomicU64>,
}

/// Where a file is under its final name.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) path: PathBuf,
    /// The part lies on another file system, and may be removed once the name is durable.
    pub(super) is_copy: bool,
}

/// Where a part file is, for one writer more.
#[derive(Debug, Clone)]
pub(super) struct Site {
    path: PathBuf,
    inode: u64,
}

impl Site {
    /// Opens the part file once more, to be written from that byte on.
    pub(super) fn open(&self, from: u64) -> Result<Part, Failure> {
        let opened = existing(&self.path).and_then(|mut file| {
            let about = file.metadata()?;
            if !is_ours(&about) || inode(&about) != self.inode {
                return Err(io::ErrorKind::NotFound.into());
            }
            file.seek(SeekFrom::Start(from))?;
            Ok(file)
        });
        let file = opened.map_err(|error| named(Place::Write, &self.path, &error))?;
        Ok(Part {
            path: self.path.clone(),
            open: Some(Open::new(file, self.inode.into())),
            length: from,
            synced: Arc::default(),
        })
    }
}

#[derive(Debug)]
struct Open {
    file: Arc<File>,
    /// Looked up when it is asked for: that of a file which is whole at once never is.
    inode: OnceLock<u64>,
}

impl Open {
    fn new(file: File, inode: OnceLock<u64>) -> Self {
        Self { file: Arc::new(file), inode }
    }

    /// Returns 0 if the system does not tell: no state has it, and nothing is taken for the file.
    fn inode(&self) -> u64 {
        *self.inode.get_or_init(|| self.file.metadata().map_or(0, |about| inode(&about)))
    }
}

impl Part {
    /// Creates the file; a leftover of ours is removed first, anything else is left alone.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let mut part = Self::planned(path);
        part.open()?;
        Ok(part)
    }

    /// Takes a file that is open already, and may be one that cannot be written to.
    #[cfg(test)]
    pub(super) fn of(file: File) -> Self {
        Self { open: Some(Open::new(file, OnceLock::new())), ..Self::planned(Path::new("part")) }
    }

    /// Will create the file when there is something to write.
    pub(super) fn planned(path: &Path) -> Self {
        Self { path: path.into(), open: None, length: 0, synced: Arc::default() }
    }

    /// Creates the file if that was only planned.
    pub(super) fn open(&mut self) -> Result<Arc<File>, Failure> {
        let open = match self.open.take() {
            Some(open) => open,
            None => create(&self.path).map_err(|error| named(Place::Create, &self.path, &error))?,
        };
        Ok(Arc::clone(&self.open.insert(open).file))
    }

    /// Opens the file that the state speaks of, cut to its durable bytes and placed behind the first
    /// of them; `None` if it is not that file any more. Of a file that was cut already, the state
    /// keeps the first bytes only.
    pub(super) fn reopen(state: &mut ResumeState, files: &TaskFiles) -> Option<Self> {
        let kept = state.part != files.part;
        if kept {
            // Resume data is older than the folder's name, where that has changed.
            state.part = files.kept_parts.join(state.part.file_name()?);
        }
        let (mut file, about) = find(state)?;
        // Resume data can be used twice, and two writers would cut what the other one has.
        if kept && !claim(&file) {
            return None;
        }
        let mut durable = Ranges::of(state);
        if durable.end() > about.len() || state.total_bytes.is_none() {
            state.further = None;
            durable = Ranges::of(state);
        }
        durable.write(state);
        file.set_len(durable.end()).ok()?;
        file.seek(SeekFrom::Start(state.durable_bytes)).ok()?;
        Some(Self {
            path: state.part.clone(),
            open: Some(Open::new(file, state.inode.into())),
            length: state.durable_bytes,
            synced: Arc::new(state.durable_bytes.into()),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number by which a file that was renamed is recognised; 0 for one that is only
    /// planned, and has none.
    pub(super) fn inode(&self) -> u64 {
        self.open.as_ref().map_or(0, Open::inode)
    }

    /// Returns where the file is; `None` for one that is only planned.
    pub(super) fn site(&self) -> Option<Site> {
        let inode = self.open.as_ref()?.inode();
        Some(Site { path: self.path.clone(), inode })
    }

    /// Takes the file for whole: all of it was written and synced, by others too.
    pub(super) fn complete(&mut self, total: u64) {
        self.length = total;
        self.synced = Arc::new(total.into());
    }

    /// Returns where the next byte goes: the bytes written, of a file with one writer.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Sets room aside for the whole file, where the file system can.
    pub(super) fn reserve(&self, total: u64) -> Result<(), Failure> {
        let Some(Open { file, .. }) = &self.open else { return Ok(()) };
        match allocate(file, self.length, total.saturating_sub(self.length)) {
            Err(error) if is_full(&error) => Err(named(Place::Write, &self.path, &error)),
            _ => Ok(()),
        }
    }

    /// Appends the bytes.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let file = self.open()?;
        (&*file).write_all(bytes).map_err(|error| named(Place::Write, &self.path, &error))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Appends bytes that came in pieces.
    pub(super) fn write(&mut self, batch: &[Bytes]) -> Result<(), Failure> {
        if let [bytes] = batch {
            return self.append(bytes);
        }
        let file = self.open()?;
        write_all(&file, batch).map_err(|error| named(Place::Write, &self.path, &error))?;
        self.length += batch.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        Ok(())
    }

    /// Appends so many bytes of the pipe.
    pub(super) fn drain(&mut self, pipe: &Pipe, bytes: usize) -> Result<(), Failure> {
        let file = self.open()?;
        let mut left = bytes;
        while left > 0 {
            let moved = match pipe.drain(&file, left) {
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
        let file = self.open.as_ref().map(|open| Arc::clone(&open.file));
        let path = self.path.clone();
        let (synced, length) = (Arc::clone(&self.synced), self.length);
        move || {
            if let Some(file) = file {
                crash::point("part.sync");
                file.sync_data().map_err(|error| named(Place::Write, &path, &error))?;
                crash::point("part.synced");
                synced.fetch_max(length, Ordering::Release);
            }
            Ok(())
        }
    }

    /// Lets the system begin to write what a sync will wait for, where it can be told to.
    pub(super) fn begin_sync(&self) {
        if let Some(Open { file, .. }) = &self.open {
            begin_writing(file);
        }
    }

    /// Returns the bytes that a finished sync has made durable.
    pub(super) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    /// Cuts what a failed write left behind the last byte that counts.
    pub(super) fn trim(&self, end: u64) -> Result<(), Failure> {
        let Some(Open { file, .. }) = &self.open else { return Ok(()) };
        file.set_len(end).map_err(|error| named(Place::Write, &self.path, &error))
    }

    /// Reads the whole file for its digest; `None` if it was stopped.
    pub(super) fn digest(
        &mut self,
        algorithm: ChecksumAlgorithm,
        stop: &CancellationToken,
    ) -> Result<Option<String>, Failure> {
        let file = self.open()?;
        checksum::read(algorithm, &file, stop)
            .map_err(|error| named(Place::Write, &self.path, &error))
    }

    /// Gives the synced file its final name, which is durable once its folder is synced.
    pub(super) fn place(&self, files: &TaskFiles, landing: &Landing) -> Result<Placed, Failure> {
        assert_eq!(self.synced(), self.length, "a file is synced before it gets its name");
        let is_same = |path: &Path| {
            let about = std::fs::symlink_metadata(path);
            about.is_ok_and(|about| is_ours(&about) && inode(&about) == self.inode())
        };
        let is_kept = self.path != files.part;
        let kept = is_kept.then(|| landing.clone().of_kept(files));
        let landing = kept.as_ref().unwrap_or(landing);
        #[cfg(unix)]
        if let Some(Open { file, .. }) = &self.open {
            landing.mark(file);
        }
        if self.is_replaced() {
            let why = io::Error::other("another file has the name of its part");
            let failure = named(Place::Publish, &self.path, &why);
            return Err(Failure { cause: Cause::Transient, ..failure });
        }
        crash::point("part.rename");
        match landing.take(&self.path, is_same) {
            Ok(path) => {
                crash::point("part.renamed");
                Ok(Placed { path, is_copy: false })
            }
            Err((_, error)) if error.kind() == io::ErrorKind::CrossesDevices && is_kept => {
                let copy = self.copy(files)?;
                copy.syncer()()?;
                Ok(Placed { is_copy: true, ..copy.place(files, landing)? })
            }
            Err((path, error)) => {
                let failure = named(Place::Publish, &path, &error);
                // Somebody has tidied up: its bytes are fetched anew.
                let cause = if self.is_gone() { Cause::Transient } else { failure.cause };
                Err(Failure { cause, ..failure })
            }
        }
    }

    /// Says whether somebody has removed the file, and not its folder with it.
    fn is_gone(&self) -> bool {
        let about = std::fs::symlink_metadata(&self.path);
        about.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            && self.path.parent().is_some_and(Path::is_dir)
    }

    /// Says whether its name is another file's by now, of those that have been on disk for a while.
    fn is_replaced(&self) -> bool {
        let known = self.open.as_ref().and_then(|open| open.inode.get());
        known.is_some_and(|known| {
            std::fs::symlink_metadata(&self.path).is_ok_and(|about| inode(&about) != *known)
        })
    }

    fn copy(&self, files: &TaskFiles) -> Result<Self, Failure> {
        let mut copy = Self::create(&files.part)?;
        let Some(Open { file, .. }) = &self.open else { return Ok(copy) };
        let to = copy.open()?;
        let copied =
            (&**file).seek(SeekFrom::Start(0)).and_then(|_| io::copy(&mut &**file, &mut &*to));
        match copied {
            Ok(length) => {
                copy.length = length;
                Ok(copy)
            }
            Err(error) => {
                copy.remove();
                Err(named(Place::Write, &files.part, &error))
            }
        }
    }

    /// Removes the file. One that cannot be removed is met again as a leftover.
    pub(super) fn remove(self) {
        if self.open.is_some() {
            crash::point("part.remove");
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Opens the file that the state speaks of; `None` if it is not that file any more.
pub(crate) fn find(state: &ResumeState) -> Option<(File, Metadata)> {
    let file = existing(&state.part).ok()?;
    let about = file.metadata().ok()?;
    let is_it = is_ours(&about) && inode(&about) == state.inode;
    (is_it && about.len() >= state.durable_bytes).then_some((file, about))
}

fn existing(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    private(&mut options);
    options.open(path)
}

fn create(path: &Path) -> io::Result<Open> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    private(&mut options);
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let about = std::fs::symlink_metadata(path)?;
            if !is_ours(&about) {
                return Err(error);
            }
            // The leftover stays open until the new file exists, so that they differ in their
            // inode and no state of the one can ever be taken for the other's.
            let leftover = File::open(path);
            std::fs::remove_file(path)?;
            let file = options.open(path)?;
            drop(leftover);
            file
        }
        result => result?,
    };
    crash::point("part.created");
    Ok(Open::new(file, OnceLock::new()))
}

/// Returns the finished file and its size if it is the part that the state speaks of, or a copy of
/// it: it got its name, and the end of its attempt was lost in a crash.
pub(super) fn published(
    state: &ResumeState,
    files: &TaskFiles,
    landing: &Landing,
) -> Option<(PathBuf, u64)> {
    let is_kept = is_kept(state, files);
    if (state.part != files.part && !is_kept) || std::fs::symlink_metadata(&files.part).is_ok() {
        return None;
    }
    let kept = is_kept.then(|| landing.clone().of_kept(files));
    let landing = kept.as_ref().unwrap_or(landing);
    landing.find(|path| {
        let about = std::fs::symlink_metadata(path).ok().filter(is_ours)?;
        let whole = state.total_bytes.is_none_or(|total| total == about.len());
        let is_it = match is_kept {
            true => landing.is_marked(path),
            false => inode(&about) == state.inode,
        };
        (is_it && about.len() >= state.durable_bytes && whole).then_some(about.len())
    })
}

/// Says whether the part waited for whoever has its resume data.
pub(super) fn is_kept(state: &ResumeState, files: &TaskFiles) -> bool {
    state.part.parent() == Some(&*files.kept_parts)
}

/// Removes a part that waits for whoever has its resume data, unless somebody goes on from it now.
pub(super) fn remove_unclaimed(path: &Path) {
    if existing(path).map_or(true, |file| claim(&file)) {
        let _ = std::fs::remove_file(path);
    }
}

/// Claims a file for as long as it is open; false if another one has it. Only Unix lets whoever
/// opened it once more still write.
pub(crate) fn claim(file: &File) -> bool {
    !(cfg!(unix) && matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Says whether both names are names of one file of ours.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let about = |path: &Path| std::fs::symlink_metadata(path).ok().filter(is_ours);
    // Only Unix tells files apart by their inode.
    cfg!(unix)
        && about(one).zip(about(other)).is_some_and(|(one, other)| inode(&one) == inode(&other))
}

/// Refuses a destination that no file can be put at.
pub(super) fn check_destination(files: &TaskFiles) -> Result<(), Failure> {
    let checked = match files.finished.is_dir() {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => check_place(&files.finished),
    };
    checked.map_err(|error| named(Place::Create, &files.finished, &error))
}

/// Refuses a name that is a device's, a pipe's or a socket's, which a rename would take from them,
/// and one that is too long.
pub(super) fn check_place(path: &Path) -> io::Result<()> {
    let about = match std::fs::symlink_metadata(path) {
        // Names such as /dev/stdout are links to devices.
        Ok(about) if about.is_symlink() => std::fs::metadata(path),
        about => about,
    };
    match about {
        Ok(about) if !about.is_file() && !about.is_dir() => {
            Err(io::Error::other("a device, a pipe or a socket has the name"))
        }
        // Some file systems have room for shorter names than others.
        Err(error) if error.kind() == io::ErrorKind::InvalidFilename => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn named(place: Place, path: &Path, error: &io::Error) -> Failure {
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

/// Renames if nothing has the name. An error may mean no more than that the system cannot do that.
#[cfg(target_os = "linux")]
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn rename_new(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Measured: where many files are synced one after the other, each would wait for a write of its
/// own otherwise.
#[cfg(target_os = "linux")]
fn begin_writing(file: &File) {
    // That nobody will read the file soon is not what is meant: Linux writes what is dirty upon
    // it. Only a hint: the sync that follows tells what went wrong.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn begin_writing(_file: &File) {}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let no_follow = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.mode(0o600).custom_flags(no_follow.bits().cast_signed());
}

#[cfg(not(unix))]
fn private(_options: &mut OpenOptions) {}

#[cfg(unix)]
pub(super) fn is_ours(about: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    about.is_file() && about.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
pub(super) fn is_ours(about: &Metadata) -> bool {
    about.is_file()
}

/// Returns the number by which a file is recognised that was renamed.
#[cfg(unix)]
pub(crate) fn inode(about: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    about.ino()
}

#[cfg(not(unix))]
pub(crate) fn inode(_about: &Metadata) -> u64 {
    0
}
