//! Holds the tree to what DESIGN and CONTRIBUTING promise, where no compiler does.

mod arrows;
mod documents;
mod floors;
mod limits;
mod proofs;
mod text;

use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours, by name.
const FOREIGN: [&str; 3] = ["target", ".git", "node_modules"];

/// A file of the tree.
pub(crate) struct File {
    /// Its path from the root, with slashes.
    pub(crate) path: String,
    /// What it says; `None` for what is not UTF-8.
    pub(crate) text: Option<String>,
    /// Its size in bytes.
    pub(crate) length: u64,
}

impl File {
    /// Makes a file that is not on the disk.
    #[cfg(test)]
    fn of(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: Some(text.to_owned()), length: text.len() as u64 }
    }

    /// Returns the file's name without folders.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Says whether the name ends so.
    pub(crate) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}

/// Returns every offence in the tree, each as one sentence that begins with its place.
pub(crate) fn offences(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    walk(root, root, &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut offences = arrows::offences(root)?;
    for file in &files {
        text::check(file, &mut offences);
        documents::check(root, file, &mut offences);
    }
    limits::check(&files, &mut offences);
    proofs::check(&files, &mut offences);
    floors::check(&files, &mut offences);
    Ok(offences)
}

/// Returns the workspace's root.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask is a folder of the workspace").to_owned()
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    for entry in folder.read_dir().with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !FOREIGN.iter().any(|foreign| name == *foreign) {
                walk(root, &path, files)?;
            }
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            let relative = path.strip_prefix(root).context("below the root")?;
            files.push(File {
                path: relative.to_string_lossy().replace('\\', "/"),
                length: bytes.len() as u64,
                text: String::from_utf8(bytes).ok(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        let offences = super::offences(&super::root()).unwrap();
        assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
    }
}
