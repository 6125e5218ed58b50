//! Where the daemon has its socket, its store and its files.

use super::finding::Finding;
use crate::measure;
use rustix::fs::{Access, StatVfs, access, statvfs};
use std::path::Path;
use urlsession::{Paths, SOCKET_PATH_LIMIT};
use urlsession_daemon::checkup::{self, CheckedStore, Store};

/// Less room than this keeps no download going.
const SPACE_MINIMUM: u64 = 16 * 1024 * 1024;
/// Less room than this is worth a word.
const SPACE_SCARCE: u64 = 1024 * 1024 * 1024;

pub(super) fn check(paths: &Paths, found: &Result<Store, String>) -> Vec<Finding> {
    let mut findings = vec![socket(paths), folder("state", &paths.state)];
    findings.extend(space(&paths.state));
    findings.push(store(found));
    findings
}

fn socket(paths: &Paths) -> Finding {
    let length = paths.socket().as_os_str().len();
    if length > SOCKET_PATH_LIMIT {
        let what = format!("the path of the socket has {length} bytes, {SOCKET_PATH_LIMIT} can be");
        return Finding::problem("socket", what).next("a shorter URLSESSION_HOME helps");
    }
    folder("socket", &paths.runtime)
}

/// Checks a folder as the daemon does when it starts, which also makes one that is not there.
fn folder(name: &'static str, path: &Path) -> Finding {
    let shown = path.display();
    if !path.try_exists().unwrap_or(true) && !path.is_symlink() {
        let above = path.ancestors().skip(1).find(|above| above.exists());
        return match above.filter(|above| is_writable(above)) {
            Some(_) => Finding::ok(name, format!("{shown}, which the first start makes")),
            None => {
                let above = above.unwrap_or(path).display();
                Finding::problem(name, format!("{shown} cannot be made in {above}"))
                    .next(format!("let this user write into {above}"))
            }
        };
    }
    match checkup::check_private(path) {
        Err(error) => Finding::problem(name, format!("{error:#}")),
        Ok(()) if !is_writable(path) => {
            Finding::problem(name, format!("{shown} cannot be written into"))
                .next(format!("is its disk read-only? if not: chmod 700 '{shown}'"))
        }
        Ok(()) => Finding::ok(name, format!("{shown}, yours alone")),
    }
}

fn is_writable(folder: &Path) -> bool {
    access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

fn space(state: &Path) -> Option<Finding> {
    let folder = state.ancestors().find(|folder| folder.exists())?;
    let about = statvfs(folder).ok()?;
    Some(judge_space(&about, folder))
}

fn judge_space(about: &StatVfs, folder: &Path) -> Finding {
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    let what = format!("{} free in {}", measure::size(free), folder.display());
    let next = "transfers wait for room, and go on by themselves";
    if about.f_files > 0 && about.f_favail == 0 {
        let what = format!("no further file fits in {}", folder.display());
        return Finding::problem("space", what).next(next);
    }
    match free {
        ..SPACE_MINIMUM => Finding::problem("space", what).next(next),
        SPACE_MINIMUM..SPACE_SCARCE => Finding::note("space", what).next(next),
        _ => Finding::ok("space", what),
    }
}

fn store(found: &Result<Store, String>) -> Finding {
    match found {
        Ok(Store::InUse) => Finding::ok("store", "the daemon has it open")
            .next("to have every page of it read: urlsession daemon stop && urlsession doctor"),
        Ok(Store::Checked(CheckedStore::Absent)) => {
            Finding::ok("store", "there is none; the first start makes it")
        }
        Ok(Store::Checked(CheckedStore::Whole)) => Finding::ok("store", "whole, every page read"),
        Ok(Store::Checked(CheckedStore::Older)) => {
            Finding::ok("store", "whole, of an older version; the next start upgrades it")
        }
        Err(error) => Finding::problem("store", error.as_str())
            .next("the daemon does not start with it, nor change it: keep a copy, move it aside"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_judged_by_bytes_and_by_files() {
        let about = statvfs("/").unwrap();
        let with = |free: u64, files: u64| StatVfs {
            f_frsize: 1,
            f_bavail: free,
            f_files: 100,
            f_favail: files,
            ..about
        };
        for (about, word) in [
            (with(SPACE_SCARCE, 1), "ok"),
            (with(SPACE_SCARCE - 1, 1), "note"),
            (with(SPACE_MINIMUM - 1, 1), "problem"),
            (with(SPACE_SCARCE, 0), "problem"),
        ] {
            let line = judge_space(&about, Path::new("/")).line();
            assert!(line.starts_with(word), "{line}");
        }
    }
}
