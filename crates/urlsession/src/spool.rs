//! Request bodies on disk: bytes never cross the socket.

use crate::request::UploadSource;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use urlsession_protocol::paths::Paths;
use urlsession_protocol::{Body, Error, ErrorCode};

/// Makes the body of a request; bytes are synced to a private file first: in that state folder, or
/// in the one that this process's environment names, where an older daemon has not said its own.
pub(crate) fn body(source: UploadSource, state: Option<&Path>) -> Result<Body, Error> {
    let source = match source {
        UploadSource::File(path) => return file(&path),
        // What cannot be read ends the task when it runs, as without a snapshot.
        UploadSource::Snapshot(path) if !path.is_file() => return file(&path),
        other => other,
    };
    let folder = match state {
        Some(state) => state.join("spool"),
        None => Paths::from_env()
            .map_err(|error| failed(ErrorCode::CANNOT_CREATE_FILE, &error))?
            .spool(),
    };
    match source {
        UploadSource::Bytes(bytes) => written_in(&folder, |file| file.write_all(&bytes)),
        UploadSource::Snapshot(path) | UploadSource::File(path) => snapshot_in(&folder, &path),
    }
}

/// Notes how the file is. One that cannot be looked at gets zeros: the task fails when it runs, as
/// Apple's does, not the call.
fn file(path: &Path) -> Result<Body, Error> {
    let path =
        std::path::absolute(path).map_err(|error| failed(ErrorCode::CANNOT_OPEN_FILE, &error))?;
    let (length, modified) = match fs::metadata(&path) {
        Ok(metadata) => (metadata.len(), modified(&metadata)),
        Err(_) => (0, 0),
    };
    Ok(Body::File { path, length, modified })
}

fn modified(metadata: &fs::Metadata) -> u64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// A link costs nothing, however large the file; across file systems it takes a copy.
fn snapshot_in(folder: &Path, from: &Path) -> Result<Body, Error> {
    let failed = |error| failed(ErrorCode::CANNOT_CREATE_FILE, &error);
    private_folder(folder).map_err(failed)?;
    let path = unused(folder).map_err(failed)?;
    if fs::hard_link(from, &path).is_err() {
        return written_in(folder, |file| io::copy(&mut File::open(from)?, file).map(drop));
    }
    let synced = File::open(&path)
        .and_then(|file| file.sync_all().and_then(|()| file.metadata()))
        .and_then(|metadata| File::open(folder)?.sync_all().map(|()| metadata.len()));
    match synced {
        Ok(length) => Ok(Body::Spool { path, length }),
        Err(error) => {
            let _ = fs::remove_file(&path);
            Err(failed(error))
        }
    }
}

fn written_in(
    folder: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<Body, Error> {
    private_folder(folder).map_err(|error| failed(ErrorCode::CANNOT_CREATE_FILE, &error))?;
    let (mut file, path) =
        create(folder).map_err(|error| failed(ErrorCode::CANNOT_CREATE_FILE, &error))?;
    let written = write(&mut file)
        .and_then(|()| file.sync_all())
        .and_then(|()| File::open(folder)?.sync_all())
        .and_then(|()| file.metadata());
    match written {
        Ok(metadata) => Ok(Body::Spool { path, length: metadata.len() }),
        Err(error) => {
            let _ = fs::remove_file(&path);
            Err(failed(ErrorCode::CANNOT_WRITE_TO_FILE, &error))
        }
    }
}

fn create(folder: &Path) -> io::Result<(File, PathBuf)> {
    let path = unused(folder)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok((options.open(&path)?, path))
}

fn unused(folder: &Path) -> io::Result<PathBuf> {
    let mut name = [0; 16];
    getrandom::fill(&mut name).map_err(io::Error::other)?;
    Ok(folder.join(format!("{:032x}", u128::from_ne_bytes(name))))
}

fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn failed(code: ErrorCode, error: &io::Error) -> Error {
    Error::new(code).because(format!("the request body: {error}"))
}
