//! Folders and files that nobody but their user can look into.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Most names tried for a temporary folder.
const TEMPORARY_NAMES_LIMIT: u32 = 1000;

/// Creates a folder, its parents too, with access for the user only. One that exists must be a
/// folder of this user's, no symlink; access of others is taken away.
pub(crate) fn create_private_folder(folder: &Path) -> io::Result<()> {
    private(DirBuilder::new().recursive(true)).create(folder)?;
    check(folder)
}

/// Creates a file with access for the user only, or accepts one that exists and is the user's.
pub(crate) fn create_private_file(file: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check(file),
        Err(error) => Err(error),
    }
}

/// Creates a folder that did not exist; returns it and the part of its name that is its own.
pub(super) fn create_temporary(parent: &Path) -> io::Result<(PathBuf, String)> {
    for number in 0..TEMPORARY_NAMES_LIMIT {
        let tag = format!("{}-{number}-", std::process::id());
        let folder = std::path::absolute(parent)?.join(format!("urlsession-{tag}state"));
        match private(&mut DirBuilder::new()).create(&folder) {
            Ok(()) => return Ok((folder, tag)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "no name is free for a temporary folder"))
}

/// Makes the names in a folder durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    // Only Unix can open a folder as a file.
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

fn private(builder: &mut DirBuilder) -> &mut DirBuilder {
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
    builder
}

fn check(path: &Path) -> io::Result<()> {
    let found = std::fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Err(refused(path, "is a symbolic link"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(refused(path, "belongs to another user"));
        }
        if found.mode() & 0o077 != 0 {
            let mode = if found.is_dir() { 0o700 } else { 0o600 };
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{} {why}", path.display()))
}
