//! By what a finished file is recognised whose attempt's end was lost in a crash, when nothing else
//! is known of it: the time it was written, down to a nanosecond that belongs to its task.

use super::TaskFiles;
use sha2::{Digest as _, Sha256};
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use urlsession_protocol::Timestamp;

const SECOND: u64 = 1_000_000_000;

/// The mark of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    nanosecond: u32,
    created: Timestamp,
}

impl Mark {
    /// The paths name store, session and task; a task of an earlier store at the same place was
    /// created earlier, and so were its files.
    pub(super) fn of(files: &TaskFiles, created: Timestamp) -> Self {
        let mut digest = Sha256::new();
        for path in [&*files.part, &*files.kept_parts] {
            digest.update(path.as_os_str().as_bytes());
            digest.update([0]);
        }
        digest.update(created.0.to_ne_bytes());
        let number = digest.finalize().iter().take(8).fold(0, |n, byte| n << 8 | u64::from(*byte));
        Self { nanosecond: u32::try_from(number % SECOND).unwrap_or(0), created }
    }

    /// Returns the time to give to a file that was written then: less than a second before, as make
    /// and others wonder about files of the future.
    pub(super) fn time(self, written: SystemTime) -> SystemTime {
        let since = written.duration_since(UNIX_EPOCH).unwrap_or_default();
        let is_later = self.nanosecond > since.subsec_nanos();
        let seconds = since.as_secs().saturating_sub(is_later.into());
        UNIX_EPOCH + Duration::new(seconds, self.nanosecond)
    }

    /// Says whether a file has the mark: since then nobody wrote to it, and it is no older than its
    /// task, but for the second that the mark may take. False on file systems that keep no nanoseconds.
    pub(super) fn is_on(self, about: &Metadata) -> bool {
        let seconds = u64::try_from(about.mtime()).unwrap_or(0);
        about.mtime_nsec() == i64::from(self.nanosecond) && seconds + 1 >= self.created.0 / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn mark(part: &str, created: u64) -> Mark {
        let files = TaskFiles {
            part: part.into(),
            finished: "/d/f".into(),
            kept_parts: std::path::Path::new("/state/resume").into(),
        };
        Mark::of(&files, Timestamp(created))
    }

    #[test]
    fn no_mark_is_of_the_future() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = File::create(&path).unwrap();
        let (begin, second) = (Duration::from_secs(1_700_000_000), Duration::from_secs(1));
        for late in [0, 1, 500_000_000, 999_999_999] {
            let written = UNIX_EPOCH + begin + Duration::from_nanos(late);
            for number in 0..10 {
                // The task is as old as the file.
                let own = mark(&format!("/d/.f.1-{number}"), 1_700_000_000_000 + late / 1_000_000);
                let time = own.time(written);
                assert!(time <= written && written < time + second, "{late} {number}: {time:?}");
                file.set_modified(time).unwrap();
                assert!(own.is_on(&std::fs::metadata(&path).unwrap()), "{late} {number}");
            }
        }
    }

    #[test]
    fn a_mark_is_of_one_task_and_gone_with_the_next_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = File::create(&path).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        let own = mark("/d/.f.1-1", 5000);
        file.set_modified(own.time(now)).unwrap();
        let about = || std::fs::metadata(&path).unwrap();
        assert!(own.is_on(&about()));
        assert!(!mark("/d/.f.1-2", 5000).is_on(&about()), "another task");
        assert!(!mark("/d/.f.1-1", 5001).is_on(&about()), "a task of an earlier store");
        // The time that a task of an earlier store would have left.
        file.set_modified(own.time(UNIX_EPOCH + Duration::from_secs(4))).unwrap();
        assert!(!own.is_on(&about()), "older than the task");
        file.set_modified(own.time(now)).unwrap();
        std::fs::write(&path, "edited").unwrap();
        assert!(!own.is_on(&about()), "somebody else's bytes");
    }
}
