//! The door: the socket, who may come in, and how many.

use anyhow::{Context as _, bail, ensure};
use rustix::net::{Shutdown, shutdown};
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};
use urlsession_protocol::connection::goodbye;
use urlsession_protocol::paths::SOCKET_PATH_LIMIT;

/// A listening socket at a path.
#[derive(Debug)]
pub(crate) struct Door {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Door {
    /// Opens the door at the path, in place of one that a dead daemon left there. Only the holder
    /// of the instance's lock may do that.
    ///
    /// # Errors
    /// The path is too long, or something that is no socket is there.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let length = path.as_os_str().len();
        ensure!(
            length <= SOCKET_PATH_LIMIT,
            "the path of the socket {shown} has {length} bytes, and this system takes at most \
             {SOCKET_PATH_LIMIT}; set URLSESSION_HOME or XDG_RUNTIME_DIR to a shorter one"
        );
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => bail!("{shown} is no socket"),
            Ok(_) => std::fs::remove_file(path)
                .with_context(|| format!("cannot remove the old socket {shown}"))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context(format!("cannot look at {shown}")),
        }
        // The umask makes it private from the start, the mode says so on systems without one.
        let listener =
            UnixListener::bind(path).with_context(|| format!("cannot listen at {shown}"))?;
        urlsession_engine::crash::point("daemon.bound");
        std::fs::set_permissions(path, Permissions::from_mode(0o600))
            .with_context(|| format!("cannot make {shown} private"))?;
        let inode = std::fs::symlink_metadata(path)?.ino();
        Ok(Self { listener, path: path.to_owned(), inode })
    }

    /// Waits for the next one who knocks. Loses nobody when it is dropped.
    pub(crate) async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }

    /// Says whether clients still find the door.
    pub(crate) fn is_in_place(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode)
    }
}

impl Drop for Door {
    /// Takes the path away before the socket closes, so that who finds the path finds a daemon.
    fn drop(&mut self) {
        if self.is_in_place() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Says why somebody of that user may not come in beside so many clients.
pub(crate) fn refusal(peer: io::Result<u32>, clients: usize, limit: usize) -> Option<String> {
    let own = rustix::process::geteuid().as_raw();
    match peer {
        Ok(peer) if peer != own => Some(format!("user {peer} is not user {own}")),
        Ok(_) if clients >= limit => Some(format!("the daemon has {limit} clients already")),
        Ok(_) => None,
        Err(error) => Some(format!("the system does not tell who it is: {error}")),
    }
}

/// Returns what shuts the direction in which this side reads: what was written before can be read, and
/// nothing more be written.
pub(crate) fn reading_end(stream: &UnixStream) -> io::Result<impl FnOnce() + use<>> {
    let stream = stream.as_fd().try_clone_to_owned()?;
    Ok(move || {
        // One that is gone has written all it could.
        let _ = shutdown(&stream, Shutdown::Read);
    })
}

/// Tells one who may not come in why, without waiting.
pub(crate) fn turn_away(stream: UnixStream, reason: &str) {
    // A new socket has room for a line; if not, the client sees the end without a word.
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write_all(&goodbye(reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_user_may_come_in() {
        let own = rustix::process::geteuid().as_raw();
        assert_eq!(refusal(Ok(own), 0, 2), None);
        assert_eq!(refusal(Ok(own), 1, 2), None);
        assert!(refusal(Ok(own), 2, 2).is_some());
        assert!(refusal(Ok(own + 1), 0, 2).is_some());
        assert!(refusal(Err(io::ErrorKind::Unsupported.into()), 0, 2).is_some());
    }

    #[tokio::test]
    async fn a_path_may_be_as_long_as_the_system_takes() {
        let home = tempfile::tempdir().unwrap();
        let room = SOCKET_PATH_LIMIT - home.path().as_os_str().len() - "/".len();
        assert!(Door::open(&home.path().join("x".repeat(room))).is_ok());
        let error = Door::open(&home.path().join("x".repeat(room + 1))).unwrap_err();
        assert!(error.to_string().contains("at most"), "{error}");
    }

    #[tokio::test]
    async fn a_door_leaves_the_path_of_another_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("socket");
        let first = Door::open(&path).unwrap();
        let second = Door::open(&path).unwrap();
        assert!(!first.is_in_place() && second.is_in_place());
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }
}
