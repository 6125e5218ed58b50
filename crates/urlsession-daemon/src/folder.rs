//! Folders that nobody but this user may look into.

use anyhow::{Context as _, ensure};
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

/// Creates the folder, 0700, or checks that the one there is as private.
///
/// # Errors
/// Says what is wrong with the folder and how to mend it.
pub(crate) fn ensure_private(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    ensure!(path.to_str().is_some(), "the path {shown} is not UTF-8, which messages need");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot create the folder {shown}"))?;
    check_private(path)
}

/// Checks that the folder is one that nobody but this user may look into.
///
/// # Errors
/// Says what is wrong with the folder and how to mend it.
pub(crate) fn check_private(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    let found = std::fs::symlink_metadata(path)
        .with_context(|| format!("cannot look at the folder {shown}"))?;
    ensure!(!found.is_symlink(), "{shown} is a symbolic link; it must be a folder of its own");
    ensure!(found.is_dir(), "{shown} is no folder");
    let (owner, user) = (found.uid(), rustix::process::geteuid().as_raw());
    ensure!(owner == user, "{shown} belongs to user {owner}, and this is user {user}");
    let mode = found.mode() & 0o777;
    ensure!(
        mode & 0o077 == 0,
        "others may look into {shown} (mode {mode:03o}); mend it with: chmod 700 '{shown}'"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn a_new_folder_is_private() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a/b");
        ensure_private(&folder).unwrap();
        ensure_private(&folder).unwrap();
        assert_eq!(std::fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_is_not_private_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for (name, mode) in [("group", 0o710), ("world", 0o701), ("all", 0o777)] {
            std::fs::create_dir(at(name)).unwrap();
            std::fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
        }
        symlink(home.path(), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        std::fs::write(at("file"), "").unwrap();
        for (name, sentence) in [
            ("group", "chmod 700"),
            ("world", "chmod 700"),
            ("all", "chmod 700"),
            ("link", "symbolic link"),
            ("dangling", "cannot create"),
            ("file", "cannot create"),
        ] {
            let error = format!("{:#}", ensure_private(&at(name)).unwrap_err());
            assert!(error.contains(sentence), "{name}: {error}");
        }
    }
}
