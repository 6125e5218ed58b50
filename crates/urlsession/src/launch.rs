//! Finds the daemon's socket, or its executable and starts it.

use crate::deadline::Deadline;
use crate::transport::{Transport, lost};
use std::path::PathBuf;
use std::time::Duration;
use urlsession_protocol::Error;
use urlsession_protocol::paths::Paths;

/// Connects to the daemon, starting it if none runs.
pub(crate) fn connect(deadline: Deadline) -> Result<Transport, Error> {
    socket::connect(deadline)
}

/// Connects to the daemon; `None` if none listens.
pub(crate) fn connect_to_running() -> Result<Option<Transport>, Error> {
    socket::connect_to_running()
}

#[cfg(unix)]
mod socket {
    use super::*;
    use crate::ownership;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::{Errno, FdFlags};
    use rustix::pipe::PipeFlags;
    use std::fs::File;
    use std::io::Read as _;
    use std::os::fd::{AsRawFd as _, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command, Stdio};
    use std::sync::{Mutex, PoisonError};

    /// Longest a daemon that was started may take to say that it is ready.
    const READY_LIMIT: Duration = Duration::from_secs(10);
    /// Longest line with which a daemon says so, in bytes.
    const READY_LINE_LIMIT: usize = 4096;
    /// How often the daemon is started before its own error is believed.
    const START_LIMIT: u32 = 4;
    const FIRST_DELAY: Duration = Duration::from_millis(25);
    /// The daemon's file name.
    const EXECUTABLE: &str = "urlsession";
    /// Tells a program that it is started as the daemon, and the descriptor that it says `ready` to.
    const READY_VARIABLE: &str = "URLSESSION_READY_FD";

    /// Daemons that this process started, so that none stays behind as a zombie.
    static STARTED: Mutex<Vec<Child>> = Mutex::new(Vec::new());

    pub(super) fn connect(deadline: Deadline) -> Result<Transport, Error> {
        let mut delay = FIRST_DELAY;
        let mut error = None;
        for _ in 0..=START_LIMIT {
            match reach() {
                Ok(transport) => return Ok(transport),
                Err(Unreached::Distrusted(error)) => return Err(error),
                Err(Unreached::Absent(_)) => {}
            }
            if error.is_some() {
                // Another daemon may be just about to listen, or to leave.
                std::thread::sleep(delay.min(deadline.remaining().unwrap_or(delay)));
                delay *= 2;
            }
            if deadline.is_over() {
                break;
            }
            error = start()?.err();
        }
        reach().map_err(|(Unreached::Absent(last) | Unreached::Distrusted(last))| {
            error.unwrap_or(last)
        })
    }

    pub(super) fn connect_to_running() -> Result<Option<Transport>, Error> {
        match reach() {
            Ok(transport) => Ok(Some(transport)),
            Err(Unreached::Absent(_)) => Ok(None),
            Err(Unreached::Distrusted(error)) => Err(error),
        }
    }

    /// Why there is no connection.
    enum Unreached {
        /// No daemon listens.
        Absent(Error),
        /// What is there may be another user's, who would be told everything.
        Distrusted(Error),
    }

    fn reach() -> Result<Transport, Unreached> {
        let paths = Paths::from_env().map_err(|error| Unreached::Absent(lost(error)))?;
        let socket = paths.socket();
        ownership::check_place(&paths.runtime, &socket).map_err(Unreached::Distrusted)?;
        let stream = UnixStream::connect(socket)
            .map_err(|error| Unreached::Absent(lost(format!("no daemon is running: {error}"))))?;
        ownership::check_daemon(&stream).map_err(Unreached::Distrusted)?;
        Transport::over(stream).map_err(|error| Unreached::Absent(lost(error)))
    }

    /// Starts the daemon and waits until it listens. `Err` if that cannot work, `Ok(Err)` with
    /// what the daemon said if it gave up, which it also does when another one runs already.
    fn start() -> Result<Result<(), Error>, Error> {
        if std::env::var_os(READY_VARIABLE).is_some() {
            // Whatever it started would be started as this was, and so on without an end.
            return Err(lost("this program was started as the daemon, and is none"));
        }
        reap();
        let executable = executable()?;
        let (ready, told) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(lost)?;
        let inherited = inheritable(&told).map_err(lost)?;
        // With a writer of our own a daemon that ends without a word would never be noticed.
        drop(told);
        let mut command = Command::new(&executable);
        command
            .args(["daemon", "run"])
            .current_dir("/")
            .env(READY_VARIABLE, inherited.as_raw_fd().to_string())
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        // The working folder is another there.
        for name in ["HOME", "URLSESSION_HOME", "URLSESSION_SIMULATE"] {
            if let Some(path) = std::env::var_os(name).filter(|path| !path.is_empty()) {
                command.env(name, std::path::absolute(path).map_err(lost)?);
            }
        }
        let child = command
            .spawn()
            .map_err(|error| lost(format!("cannot start {}: {error}", executable.display())))?;
        drop(inherited);
        STARTED.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        let said = listen(&File::from(ready));
        Ok(match said.trim_end() {
            "ready" => Ok(()),
            "" => {
                let shown = executable.display();
                Err(lost(format!("{shown}, started as the daemon, ended without a word")))
            }
            other => Err(lost(other.strip_prefix("error: ").unwrap_or(other))),
        })
    }

    /// Copies the descriptor to a number that is no standard stream and that a child inherits. A
    /// child that another thread starts in the same instant gets it too; then the end of a daemon
    /// without a word is seen only after [`READY_LIMIT`].
    fn inheritable(descriptor: &OwnedFd) -> rustix::io::Result<OwnedFd> {
        let copy = rustix::io::fcntl_dupfd_cloexec(descriptor, 3)?;
        rustix::io::fcntl_setfd(&copy, FdFlags::empty())?;
        Ok(copy)
    }

    /// Reads the daemon's one line; what came of it when it hangs up.
    fn listen(mut ready: &File) -> String {
        let deadline = Deadline::after(READY_LIMIT);
        let mut line = Vec::new();
        let mut chunk = [0; 256];
        while !line.ends_with(b"\n") && line.len() < READY_LINE_LIMIT {
            let left = deadline.remaining().unwrap_or(READY_LIMIT);
            let timeout = Timespec::try_from(left).ok();
            match poll(&mut [PollFd::new(ready, PollFlags::IN)], timeout.as_ref()) {
                Ok(0) => return "the daemon did not become ready in time".to_owned(),
                Err(Errno::INTR) => continue,
                Ok(_) | Err(_) => {}
            }
            match ready.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(length) => line.extend_from_slice(&chunk[..length]),
            }
        }
        String::from_utf8_lossy(&line).into_owned()
    }

    fn reap() {
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        started.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }

    /// Finds the executable: the environment's `URLSESSION_DAEMON`, one beside this program's, one
    /// in `PATH`.
    fn executable() -> Result<PathBuf, Error> {
        if let Some(named) = std::env::var_os("URLSESSION_DAEMON").filter(|path| !path.is_empty()) {
            return std::path::absolute(named).map_err(lost);
        }
        let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.to_owned()));
        let path = std::env::var_os("PATH").unwrap_or_default();
        beside
            .into_iter()
            .chain(std::env::split_paths(&path))
            .map(|folder| folder.join(EXECUTABLE))
            .find(|candidate| candidate.is_absolute() && is_executable(candidate))
            .ok_or_else(|| {
                lost(format!(
                    "the executable {EXECUTABLE} is neither beside this program nor in PATH; \
                     URLSESSION_DAEMON can name it"
                ))
            })
    }

    fn is_executable(path: &std::path::Path) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        path.metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::io::Write as _;

        /// what a daemon says before it hangs up => what is heard
        #[test]
        fn a_daemon_has_one_line_to_say_it_in() {
            let endless = "ready".repeat(READY_LINE_LIMIT);
            for (said, expected) in [
                ("ready\n", "ready\n"),
                ("error: no room\n", "error: no room\n"),
                ("", ""),
                ("rea", "rea"),
                (&endless, &endless[..READY_LINE_LIMIT]),
            ] {
                let (ready, told) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
                File::from(told).write_all(said.as_bytes()).unwrap();
                let heard = listen(&File::from(ready));
                assert_eq!(heard, expected, "{} bytes", said.len());
            }
        }
    }
}

#[cfg(not(unix))]
mod socket {
    use super::*;

    pub(super) fn connect(_: Deadline) -> Result<Transport, Error> {
        Err(lost("there is no daemon for this platform yet"))
    }

    pub(super) fn connect_to_running() -> Result<Option<Transport>, Error> {
        connect(Deadline::never()).map(Some)
    }
}
