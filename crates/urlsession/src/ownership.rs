//! Whether the daemon's place and the daemon are this user's own: nobody else may pose as it.

use crate::transport::lost;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use urlsession_protocol::Error;

/// Checks the socket's folder and the socket. What is not there cannot be wrong.
///
/// # Errors
/// Says what is not this user's, or open to others.
pub(crate) fn check_place(folder: &Path, socket: &Path) -> Result<(), Error> {
    check_place_of(own_user(), folder, socket)
}

/// Checks who listens at the other end, where the system tells.
///
/// # Errors
/// Says whose process it is.
pub(crate) fn check_daemon(stream: &UnixStream) -> Result<(), Error> {
    let Some(daemon) = user_of(stream)? else { return Ok(()) };
    check_user(own_user(), daemon, "the daemon")
}

fn check_place_of(own: u32, folder: &Path, socket: &Path) -> Result<(), Error> {
    let (shown, shown_socket) = (folder.display(), socket.display());
    let look = |path: &Path| match std::fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(lost(format!("cannot look at {}: {error}", path.display()))),
    };
    let Some(found) = look(folder)? else { return Ok(()) };
    if !found.is_dir() {
        return Err(lost(format!("{shown}, where the daemon's socket must be, is no folder")));
    }
    check_user(own, found.uid(), &format!("the folder {shown}"))?;
    let mode = found.mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(lost(format!(
            "others may write into {shown} (mode {mode:03o}); mend it with: chmod 700 '{shown}'"
        )));
    }
    let Some(found) = look(socket)? else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(lost(format!("{shown_socket} is no socket")));
    }
    check_user(own, found.uid(), &format!("the socket {shown_socket}"))
}

fn check_user(own: u32, user: u32, what: &str) -> Result<(), Error> {
    if user == own {
        return Ok(());
    }
    Err(lost(format!("{what} belongs to user {user}, and this is user {own}")))
}

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(target_os = "linux")]
fn user_of(stream: &UnixStream) -> Result<Option<u32>, Error> {
    let peer = peer_of(stream)
        .map_err(|error| lost(format!("the system does not tell whose daemon it is: {error}")))?;
    Ok(Some(peer.uid))
}

/// A private folder has to do.
#[cfg(not(target_os = "linux"))]
fn user_of(_: &UnixStream) -> Result<Option<u32>, Error> {
    Ok(None)
}

/// Returns the number that the process at the other end has here; none in a namespace that does not
/// see it.
#[cfg(target_os = "linux")]
pub(crate) fn process_of(stream: &UnixStream) -> Option<u32> {
    let process = peer_of(stream).ok()?.pid;
    u32::try_from(process).ok().filter(|process| *process != 0)
}

/// Asks the kernel who listens at the other end. A process without a number here has 0, which no
/// process of rustix may have.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "rustix knows no process without a number")]
fn peer_of(stream: &UnixStream) -> std::io::Result<libc::ucred> {
    use std::os::fd::AsRawFd as _;
    const LENGTH: libc::socklen_t = size_of::<libc::ucred>() as libc::socklen_t;
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = LENGTH;
    // SAFETY: the stream keeps the descriptor open, and the kernel writes no more than `length` bytes
    // to `peer`, which has so many, and any of which are numbers.
    let asked = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    match (asked, length) {
        (0, LENGTH) => Ok(peer),
        (0, _) => Err(ErrorKind::InvalidData.into()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_place_of_this_user_is_good_and_so_is_none() {
        let (home, folder, socket) = place();
        assert_eq!(check_place(&folder, &socket), Ok(()));
        assert_eq!(check_place(&folder, &folder.join("none")), Ok(()));
        assert_eq!(check_place(&home.path().join("none"), &socket), Ok(()));
        assert_eq!(check_daemon(&UnixStream::connect(&socket).unwrap()), Ok(()));
    }

    #[test]
    fn a_place_of_another_user_or_open_to_others_is_refused() {
        let (home, folder, socket) = place();
        let link = home.path().join("link");
        symlink(&folder, &link).unwrap();
        std::fs::write(folder.join("file"), "").unwrap();
        let other = own_user() + 1;
        for (result, sentence) in [
            (check_place_of(other, &folder, &socket), "belongs to user"),
            (check_place(&link, &socket), "is no folder"),
            (check_place(&folder, &folder.join("file")), "is no socket"),
            (check_user(other, own_user(), "the daemon"), "the daemon belongs to user"),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(sentence), "{error}");
        }
        std::fs::set_permissions(&folder, Permissions::from_mode(0o770)).unwrap();
        let error = check_place(&folder, &socket).unwrap_err().to_string();
        assert!(error.contains("chmod 700"), "{error}");
    }

    /// Makes a folder with a socket that listens for as long as a test needs it.
    fn place() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("run");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        let socket = folder.join("socket");
        std::mem::forget(UnixListener::bind(&socket).unwrap());
        (home, folder, socket)
    }
}
