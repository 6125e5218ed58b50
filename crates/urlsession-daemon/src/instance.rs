//! One daemon per user: the lock decides, not the socket's path.
//!
//! ```text
//!             gate       lock
//!   starting  held       held        a second one waits at the gate,
//!   living    free       held        then finds the lock taken: the first can be reached
//!   stopping  held       held        or gets the lock: the first is gone, and it is the daemon
//! ```

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use urlsession_engine::STORE;
use urlsession_protocol::paths::Paths;

/// How often a living daemon that cannot be reached is asked to open its door again, or a dying
/// one is given time to be gone.
const ROUNDS: u32 = 100;
/// The pause between two of [`ROUNDS`].
const ROUND_PAUSE: Duration = Duration::from_millis(20);
/// Longest record in the lock file, in bytes.
const RECORD_BYTES: u64 = 8 * 1024;

/// The right to be the daemon, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Instance {
    // Released in this order: who comes through the gate must find the lock free.
    lock: File,
    gate: File,
}

impl Instance {
    /// Takes the lock, with the gate held. `None` if another daemon lives and can be reached.
    ///
    /// # Errors
    /// The files cannot be opened, or another daemon lives and cannot be reached from here.
    pub(crate) fn acquire(paths: &Paths) -> anyhow::Result<Option<Self>> {
        let gate = open(&paths.gate())?;
        let mut lock = open(&paths.lock())?;
        let socket = paths.socket();
        for _ in 0..ROUNDS {
            gate.lock().with_context(|| format!("cannot lock {}", paths.gate().display()))?;
            match lock.try_lock() {
                Ok(()) => {
                    record(&mut lock, &socket)?;
                    return Ok(Some(Self { lock, gate }));
                }
                Err(TryLockError::WouldBlock) => gate.unlock()?,
                Err(TryLockError::Error(error)) => {
                    return Err(error).context(format!("cannot lock {}", paths.lock().display()));
                }
            }
            if UnixStream::connect(&socket).is_ok() {
                return Ok(None);
            }
            ask_to_reopen(&mut lock, &socket)?;
            std::thread::sleep(ROUND_PAUSE);
        }
        bail!("another daemon holds {} and does not answer", paths.lock().display())
    }

    /// Says whether lock and store are still where the next daemon would look for them: what is
    /// written to files that were removed is kept for nobody.
    pub(crate) fn is_in_place(&self, paths: &Paths) -> bool {
        let is_there = |path: &Path| {
            let found = std::fs::symlink_metadata(path);
            !found.is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        let has_name = self.lock.metadata().map_or(true, |about| about.nlink() > 0);
        has_name && is_there(&paths.lock()) && is_there(&paths.state.join(STORE))
    }

    /// Tells those who wait that the daemon can be reached.
    pub(crate) fn open_gate(&self) -> std::io::Result<()> {
        self.gate.unlock()
    }

    /// Makes those who start wait until this daemon is gone. Waits for no longer than another one
    /// needs to see that the lock is taken.
    pub(crate) fn close_gate(&self) -> std::io::Result<()> {
        self.gate.lock()
    }
}

/// Makes daemons that start wait for as long as the gate is held; `None` if one lives already.
pub(crate) fn hold_off(paths: &Paths) -> anyhow::Result<Option<File>> {
    let gate = open(&paths.gate())?;
    match gate.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => {
            return Err(error).context(format!("cannot lock {}", paths.gate().display()));
        }
    }
    // A daemon takes the lock with the gate held only, so nobody else tries to now.
    match open(&paths.lock())?.try_lock_shared() {
        Ok(()) => Ok(Some(gate)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => {
            Err(error).context(format!("cannot lock {}", paths.lock().display()))
        }
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// Writes who holds the lock and where it listens.
fn record(lock: &mut File, socket: &Path) -> std::io::Result<()> {
    let pid = std::process::id();
    lock.set_len(0)?;
    lock.rewind()?;
    write!(lock, "{pid}\n{}\n{}\n", socket.display(), birth(pid).unwrap_or_default())
}

/// Returns what tells a process from others of its number: who counts them, and when it began. A home
/// may be shared with a container, which counts for itself.
#[cfg(target_os = "linux")]
fn birth(pid: u32) -> Option<String> {
    let counter = std::fs::read_link("/proc/self/ns/pid").ok()?;
    let about = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // Its name, in brackets, may be anything; what comes behind are numbers.
    let about = String::from_utf8_lossy(&about);
    let began = about.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?;
    Some(format!("{} {began}", counter.display()))
}

/// There is one who counts.
#[cfg(not(target_os = "linux"))]
fn birth(_: u32) -> Option<String> {
    Some(String::new())
}

/// Asks the holder of the lock, whose socket is gone, for a new one: a runtime folder goes with
/// the user's last login, and a daemon may outlive that.
fn ask_to_reopen(lock: &mut File, socket: &Path) -> anyhow::Result<()> {
    let mut record = String::new();
    lock.rewind()?;
    (&*lock).take(RECORD_BYTES).read_to_string(&mut record)?;
    let mut lines = record.lines();
    let pid: Option<i32> = lines.next().and_then(|line| line.parse().ok());
    let (Some(pid), Some(theirs)) = (pid, lines.next()) else { return Ok(()) };
    if Path::new(theirs) != socket {
        bail!(
            "another daemon of this user (process {pid}) listens at {theirs}, not at {}; is \
             XDG_RUNTIME_DIR the same everywhere?",
            socket.display()
        );
    }
    let born = lines.next().unwrap_or_default();
    if let Some(pid) = Pid::from_raw(pid).filter(|pid| !pid.is_init()) {
        let is_held = || match lock.try_lock() {
            // It is taken with the gate held, or not at all.
            Ok(()) => lock.unlock().is_err(),
            Err(why) => matches!(why, TryLockError::WouldBlock),
        };
        let number = pid.as_raw_nonzero().get().cast_unsigned();
        hang_up(pid, || birth(number).is_some_and(|birth| birth == born) && is_held());
    }
    Ok(())
}

/// Sends the author of the record a hang-up. It lives as long as it holds the lock: who has its
/// number, and is it, while that is so is no later process.
#[cfg(target_os = "linux")]
fn hang_up(pid: Pid, is_it: impl FnOnce() -> bool) {
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
    let author = pidfd_open(pid, PidfdFlags::empty());
    if let (Ok(author), true) = (author, is_it()) {
        // If it has just died, the next round gets the lock.
        let _ = pidfd_send_signal(author, Signal::HUP);
    }
}

#[cfg(not(target_os = "linux"))]
fn hang_up(pid: Pid, is_it: impl FnOnce() -> bool) {
    if is_it() {
        let _ = rustix::process::kill_process(pid, Signal::HUP);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Child, Command, Stdio};

    const SOCKET: &str = "/run/daemon.socket";

    /// What the record says beside the number, whether the lock is held => the signal that a process
    /// of that number gets
    #[test]
    fn only_who_holds_the_lock_is_told_to_hang_up() {
        let of_its_own = |birth: String| birth;
        let in_another_namespace = |birth: String| birth.replace("pid:[", "pid:[1");
        let later = |birth: String| birth + "0";
        // As daemons of before wrote it.
        let unsaid = |_| String::new();
        check("its own", of_its_own, true, Some(Signal::HUP.as_raw()));
        check("its own, but it has died", of_its_own, false, None);
        check("in another namespace", in_another_namespace, true, None);
        check("later", later, true, None);
        check("unsaid", unsaid, true, None);
    }

    fn check(name: &str, says: impl Fn(String) -> String, is_held: bool, expected: Option<i32>) {
        let mut child = mortal();
        let file = tempfile::NamedTempFile::new().expect("a file");
        let born = says(birth(child.id()).expect("it lives"));
        std::fs::write(file.path(), format!("{}\n{SOCKET}\n{born}\n", child.id()))
            .expect("a record");
        let holder = open(file.path()).expect("it is there");
        if is_held {
            holder.lock().expect("a lock");
        }
        let mut lock = open(file.path()).expect("it is there");
        ask_to_reopen(&mut lock, Path::new(SOCKET)).expect("it is the same socket");
        drop(child.stdin.take());
        let status = child.wait().expect("it ends");
        assert_eq!(status.signal(), expected, "{name}");
    }

    #[test]
    fn a_record_names_its_author() {
        let file = tempfile::NamedTempFile::new().unwrap();
        record(&mut open(file.path()).unwrap(), Path::new(SOCKET)).unwrap();
        let (pid, written) = (std::process::id(), std::fs::read_to_string(file.path()).unwrap());
        assert_eq!(written, format!("{pid}\n{SOCKET}\n{}\n", birth(pid).unwrap()));
    }

    /// Starts a process that ends with its input. It would ignore a hang-up that this process
    /// ignores, as under `nohup`.
    fn mortal() -> Child {
        let mut mortal = Command::new("env");
        mortal.args(["--default-signal=HUP", "cat"]);
        mortal.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = mortal.spawn().expect("env and cat are there");
        let (input, output) = (child.stdin.as_mut(), child.stdout.as_mut());
        input.expect("a pipe").write_all(b"x").expect("it listens");
        output.expect("a pipe").read_exact(&mut [0]).expect("it answers");
        child
    }
}
