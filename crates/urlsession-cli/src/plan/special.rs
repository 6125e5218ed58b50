//! Paths that are no places for files: standard output, devices and pipes.

use std::path::Path;

/// What belongs to whoever opens it: the daemon has others.
const OWN: [&str; 3] = ["/dev/stderr", "/dev/fd", "/proc/self"];

/// What stands for standard input to whoever opens it.
const INPUT: &str = "/dev/stdin";

/// Says whether only the shell can read what is sent: a pipe comes once, and the daemon has other
/// files open.
pub(super) fn is_shells(path: &Path) -> bool {
    path == Path::new(INPUT) || is_device(path)
}

/// Says whether it stands for standard output.
pub(crate) fn is_output(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}

/// Says whether it takes bytes without being a file, as `/dev/null` does: nothing can be put in its
/// place, so the shell writes there itself.
pub(super) fn is_device(path: &Path) -> bool {
    let is_special = path.metadata().is_ok_and(|about| !about.is_file() && !about.is_dir());
    is_special || OWN.iter().any(|own| path.starts_with(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_place_for_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let shown = |path: &Path| match (is_output(path), is_device(path)) {
            (true, _) => "output",
            (false, true) => "device",
            (false, false) => "file",
        };
        let new = folder.path().join("new");
        for (path, expected) in [
            (Path::new("-"), "output"),
            (Path::new("/dev/stdout"), "output"),
            (Path::new("/dev/fd/1"), "output"),
            (Path::new("/dev/stderr"), "device"),
            (Path::new("/dev/fd/3"), "device"),
            (folder.path(), "file"),
            (&file, "file"),
            (&new, "file"),
            #[cfg(unix)]
            (Path::new("/dev/null"), "device"),
        ] {
            assert_eq!(shown(path), expected, "{}", path.display());
        }
        for (path, expected) in [
            (Path::new("/dev/stdin"), true),
            (Path::new("/dev/fd/63"), true),
            (Path::new("/proc/self/fd/0"), true),
            (folder.path(), false),
            (&file, false),
            (&new, false),
            #[cfg(unix)]
            (Path::new("/dev/zero"), true),
        ] {
            assert_eq!(is_shells(path), expected, "{}", path.display());
        }
    }
}
