//! What a daemon changes of its process before it does anything else.

use anyhow::{Context as _, ensure};
use rustix::fs::Mode;
use rustix::io::FdFlags;
use rustix::process::{Resource, Rlimit};
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use urlsession_engine::Heritage;

/// Most open files that the daemon asks for; the system may grant fewer.
const FILES_LIMIT: u64 = 16 * 1024;
/// Fewest open files with which it lives: its own, those of some clients and of a few transfers.
pub const FILES_MINIMUM: u64 = 64;

/// Where the system lists the open files of a process.
const OPEN_FILES: &str = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };

/// Makes new files private, leaves the starter's terminal, folder and files if it shall, allows more
/// and longer open files than the starter may have had. Returns what the starter gave it.
///
/// # Errors
/// The system grants so few files that clients could not connect.
pub(crate) fn settle(detach: bool) -> anyhow::Result<Heritage> {
    let heritage = Heritage {
        umask: rustix::process::umask(Mode::RWXG | Mode::RWXO).as_raw_mode(),
        open_files: rustix::process::getrlimit(Resource::Nofile).current,
    };
    if detach {
        // Fails for the leader of a process group, which no terminal interrupts either.
        let _ = rustix::process::setsid();
        close_inherited();
        rustix::process::chdir("/").context("cannot change to the folder /")?;
    }
    let (wanted, _) = open_files();
    ensure!(
        wanted >= FILES_MINIMUM,
        "the system allows {wanted} open files, and the daemon needs {FILES_MINIMUM}; raise the \
         hard limit, as with ulimit -Hn"
    );
    raise(Resource::Nofile, Some(wanted));
    raise(Resource::Fsize, None);
    Ok(heritage)
}

/// Raises the limit that counts to what is wanted, `None` for all that the system grants.
fn raise(resource: Resource, wanted: Option<u64>) {
    let limit = rustix::process::getrlimit(resource);
    let wanted = wanted.or(limit.maximum);
    let is_less = |current| wanted.is_none_or(|wanted| current < wanted);
    if limit.current.is_some_and(is_less) {
        let raised = Rlimit { current: wanted, maximum: limit.maximum };
        // Less than wanted is no reason not to live.
        let _ = rustix::process::setrlimit(resource, raised);
    }
}

/// Returns how many files the system grants of those that the daemon asks for.
pub(crate) fn open_files() -> (u64, u64) {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    (limit.maximum.map_or(FILES_LIMIT, |maximum| maximum.min(FILES_LIMIT)), FILES_LIMIT)
}

/// Closes what the starter had open for others than the daemon: its lock would be held, and who reads
/// its pipe to the end would wait, as long as the daemon lives.
fn close_inherited() {
    let Ok(listed) = std::fs::read_dir(OPEN_FILES) else { return };
    let number = |name: std::ffi::OsString| name.to_str()?.parse().ok();
    let open: Vec<RawFd> = listed.flatten().filter_map(|entry| number(entry.file_name())).collect();
    open.into_iter().filter(|number| *number > 2).for_each(close_if_inherited);
}

/// What a program opens itself is closed on exec, so what came through one is not of this program.
#[expect(unsafe_code, reason = "a number that the system lists becomes a descriptor")]
fn close_if_inherited(number: RawFd) {
    // SAFETY: it is only asked for its flags, and a number that is not used any more answers EBADF.
    let flags = rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) });
    if flags.is_ok_and(|flags| !flags.contains(FdFlags::CLOEXEC)) {
        // SAFETY: it is open, and all that this process owns is closed on exec: nobody owns it.
        drop(unsafe { OwnedFd::from_raw_fd(number) });
    }
}
