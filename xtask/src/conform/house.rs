//! The shell as people have it, with a daemon of its own.

use crate::build;
use anyhow::Result;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Where it lives.
#[derive(Debug)]
pub(super) struct House {
    executable: PathBuf,
    home: TempDir,
}

impl House {
    /// Builds the executable and returns its path.
    pub(super) fn build() -> Result<PathBuf> {
        build::executable(build::Profile::Dev)
    }

    pub(super) fn new(executable: PathBuf) -> Result<Self> {
        Ok(Self { executable, home: tempfile::tempdir()? })
    }

    /// Runs a command to its end.
    pub(super) fn shell(
        &self,
        words: &[&str],
        variables: &[(String, String)],
        stdin: &[u8],
    ) -> Result<Output> {
        self.shell_in(self.home.path(), words, variables, stdin)
    }

    /// Runs a command in a folder to its end.
    pub(super) fn shell_in(
        &self,
        folder: &Path,
        words: &[&str],
        variables: &[(String, String)],
        stdin: &[u8],
    ) -> Result<Output> {
        let mut child = Command::new(&self.executable)
            .args(words)
            .current_dir(folder)
            .env("URLSESSION_HOME", self.home.path())
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // A command that needs no input may be gone.
        let _ = child.stdin.take().map(|mut input| input.write_all(stdin));
        Ok(child.wait_with_output()?)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.shell(&["daemon", "stop"], &[], &[]);
    }
}
