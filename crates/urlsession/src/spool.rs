//! Request bodies on disk: bytes never cross the socket.

use crate::request::UploadSource;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use urlsession_protocol::paths::Paths;
use urlsession_protocol::{Body, Error, ErrorCode};

/// Makes the body of a request; bytes are synced to a private file first: in that folder, or in the
/// daemon's.
pub(crate) fn body(source: UploadSource, folder: Option<&Path>) -> Result<Body, Error> {
    match (source, folder) {
        (UploadSource::File(path), _) => file(&path),
        (UploadSource::Bytes(bytes), Some(folder)) => bytes_in(folder, &bytes),
        (UploadSource::Bytes(bytes), None) => {
            let paths =
                Paths::from_env().map_err(|error| failed(ErrorCode::CANNOT_CREATE_FILE, &error))?;
            bytes_in(&paths.spool(), &bytes)
        }
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

fn bytes_in(folder: &Path, bytes: &[u8]) -> Result<Body, Error> {
    private_folder(folder).map_err(|error| failed(ErrorCode::CANNOT_CREATE_FILE, &error))?;
    let (mut file, path) =
        create(folder).map_err(|error| failed(ErrorCode::CANNOT_CREATE_FILE, &error))?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| File::open(folder)?.sync_all());
    if let Err(error) = written {
        let _ = fs::remove_file(&path);
        return Err(failed(ErrorCode::CANNOT_WRITE_TO_FILE, &error));
    }
    Ok(Body::Spool { path, length: bytes.len() as u64 })
}

fn create(folder: &Path) -> io::Result<(File, PathBuf)> {
    let mut name = [0; 16];
    getrandom::fill(&mut name).map_err(io::Error::other)?;
    let path = folder.join(format!("{:032x}", u128::from_ne_bytes(name)));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok((options.open(&path)?, path))
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
