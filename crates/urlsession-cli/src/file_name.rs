//! Which path a download gets when nobody gave one: never that of another file.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Most names `file.1`, `file.2`, … that are tried.
pub(crate) const CLASH_LIMIT: u32 = 10_000;

/// Finds a path in the folder that no file has and that was not handed out before: `name`, else
/// `name.1`, `name.2`, … as wget does, `most` in all. Remembers it in `taken`.
pub(crate) fn free(
    folder: &Path,
    name: &str,
    most: u32,
    taken: &mut HashSet<PathBuf>,
) -> Option<PathBuf> {
    let path = std::iter::once(folder.join(name))
        .chain((1..most).map(|n| folder.join(format!("{name}.{n}"))))
        // A dangling symlink is a file too.
        .find(|path| !taken.contains(path) && path.symlink_metadata().is_err())?;
    taken.insert(path.clone());
    Some(path)
}

/// Returns how a path is called in messages: its last component.
pub(crate) fn title(path: &Path) -> String {
    path.file_name().map_or_else(|| path.to_string_lossy(), OsStr::to_string_lossy).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_given_twice() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("f"), "").unwrap();
        let mut taken = HashSet::new();
        let mut next = || free(folder.path(), "f", 4, &mut taken).map(|p| title(&p));
        let names = [next(), next(), next()].map(Option::unwrap_or_default);
        assert_eq!(names, ["f.1", "f.2", "f.3"]);
        assert_eq!(next(), None);
    }
}
