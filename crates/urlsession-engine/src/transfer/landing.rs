//! Where a finished file goes: to its destination, or beside it under the name the server chose, or
//! under one that is free.

use super::disposition;
#[cfg(unix)]
use super::mark::Mark;
use super::part;
use super::{Attempt, TaskFiles};
use crate::crash;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use urlsession_protocol::Timestamp;
use urlsession_protocol::{NameClash, Response, TaskKind};

/// Most names `file`, `file.1`, `file.2`, … that are tried.
const CLASH_LIMIT: u32 = 10_000;

/// The place of a finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Landing {
    path: PathBuf,
    takes_free: bool,
    /// Recognises a name that was taken just before a crash.
    #[cfg(unix)]
    mark: Option<Mark>,
    /// When the task was created whose mark it may need.
    #[cfg(unix)]
    created: Option<Timestamp>,
}

impl Landing {
    /// Where the files of the task say.
    pub(super) fn exact(files: &TaskFiles) -> Self {
        Self {
            path: files.finished.clone(),
            takes_free: false,
            #[cfg(unix)]
            mark: None,
            #[cfg(unix)]
            created: None,
        }
    }

    /// The server's name is safe and has no path: it cannot leave the destination's folder.
    pub(super) fn of(attempt: &Attempt, response: &Response) -> Self {
        let finished = &attempt.files.finished;
        let options = &attempt.order.options;
        let has_destination =
            matches!(attempt.order.kind, TaskKind::Download { destination: Some(_) });
        let clash = options.suggested_filename.or(options.destination_clash);
        let Some(clash) = clash.filter(|_| has_destination) else {
            return Self {
                #[cfg(unix)]
                created: Some(attempt.created),
                ..Self::exact(&attempt.files)
            };
        };
        let suggested = options
            .suggested_filename
            .and_then(|_| disposition::of_response(response, &attempt.order.request.url));
        let path = match suggested {
            Some(name) => finished.with_file_name(name.as_str()),
            None => finished.clone(),
        };
        let takes_free = clash == NameClash::TakeFree;
        Self {
            path,
            takes_free,
            #[cfg(unix)]
            mark: takes_free.then(|| Mark::of(&attempt.files, attempt.created)),
            #[cfg(unix)]
            created: Some(attempt.created),
        }
    }

    /// The same for a part that was kept for resume data: what becomes of it may be a copy, and
    /// another task may have the same resume data, so that its inode proves nothing.
    #[cfg(unix)]
    pub(super) fn of_kept(mut self, files: &TaskFiles) -> Self {
        self.mark = self.mark.or_else(|| Some(Mark::of(files, self.created?)));
        self
    }

    /// The same: there are no marks here.
    #[cfg(not(unix))]
    pub(super) fn of_kept(self, _files: &TaskFiles) -> Self {
        self
    }

    /// Marks a file that is whole and about to get its name.
    #[cfg(unix)]
    pub(super) fn mark(&self, file: &File) {
        if let Some(mark) = self.mark {
            // Without it a crash at the wrong moment costs a second copy, and no more.
            let _ = file
                .metadata()
                .and_then(|about| about.modified())
                .and_then(|written| file.set_modified(mark.time(written)));
        }
    }

    /// Gives the part its name and returns it. `is_same` tells whether a file is the part itself,
    /// from an attempt that ended in a crash right here.
    pub(super) fn take(
        &self,
        part: &Path,
        is_same: impl Fn(&Path) -> bool,
    ) -> Result<PathBuf, (PathBuf, io::Error)> {
        if !self.takes_free {
            // What has the name already is looked at.
            return named(&self.path, replace(part, &self.path));
        }
        // One call instead of two, where the system has it and nobody has the name.
        if part::rename_new(part, &self.path).is_ok() {
            return Ok(self.path.clone());
        }
        for path in self.candidates() {
            match std::fs::hard_link(part, &path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !is_same(&path) => {}
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                    return Err((path, error));
                }
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    // No links here: an empty file of ours keeps the place instead.
                    match File::create_new(&path) {
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                        Err(error) => return Err((path, error)),
                        Ok(_) => {
                            let renamed = std::fs::rename(part, &path).inspect_err(|_| {
                                let _ = std::fs::remove_file(&path);
                            });
                            return named(&path, renamed);
                        }
                    }
                }
                // A part that stays is met again as a leftover.
                _ => {
                    crash::point("part.linked");
                    return named(&path, std::fs::remove_file(part));
                }
            }
        }
        Err((self.path.clone(), io::ErrorKind::AlreadyExists.into()))
    }

    /// Takes back the name that an attempt gave the part just before it ended in a crash: the file
    /// is fetched anew, and would be there twice.
    pub(super) fn take_back(&self, part: &Path) {
        if !self.takes_free {
            return;
        }
        let is_ours = |path: &Path| part::is_same(path, part) || self.is_marked(path);
        if let Some((path, ())) = self.find(|path| is_ours(path).then_some(())) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Says whether the file was marked, and nobody has written to it since.
    #[cfg(unix)]
    pub(super) fn is_marked(&self, path: &Path) -> bool {
        let about = path.symlink_metadata().ok().filter(part::is_ours);
        self.mark.zip(about).is_some_and(|(mark, about)| mark.is_on(&about))
    }

    #[cfg(not(unix))]
    pub(super) fn is_marked(&self, _path: &Path) -> bool {
        false
    }

    /// Finds the file that was put in place before.
    pub(super) fn find<T>(&self, judge: impl Fn(&Path) -> Option<T>) -> Option<(PathBuf, T)> {
        for path in self.candidates() {
            if let Some(found) = judge(&path) {
                return Some((path, found));
            }
            if !self.takes_free || path.symlink_metadata().is_err() {
                return None;
            }
        }
        None
    }

    fn candidates(&self) -> impl Iterator<Item = PathBuf> {
        let others = (1..CLASH_LIMIT).map(|n| {
            let mut path = self.path.clone().into_os_string();
            path.push(format!(".{n}"));
            PathBuf::from(path)
        });
        std::iter::once(self.path.clone()).chain(others)
    }
}

/// Renames, whatever has the name, unless that is no plain file; looked at only if there is one.
fn replace(part: &Path, path: &Path) -> io::Result<()> {
    part::rename_new(part, path).or_else(|_| {
        part::check_place(path)?;
        std::fs::rename(part, path)
    })
}

fn named(path: &Path, result: io::Result<()>) -> Result<PathBuf, (PathBuf, io::Error)> {
    result.map(|()| path.into()).map_err(|error| (path.into(), error))
}
