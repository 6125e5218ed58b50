//! A user's home of its own for one test, and how to type into it.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use tempfile::TempDir;

/// What is tested.
pub(crate) const OWN: &str = env!("CARGO_BIN_EXE_urlsession");
/// Seconds after which a daemon that a failed test left behind goes by itself.
const IDLE_EXIT: &str = "20";

/// A home and a working folder; its daemon is stopped when it is dropped.
pub(crate) struct Home {
    folder: TempDir,
    /// What its commands find in their environment besides.
    variables: Vec<(&'static str, String)>,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        Self { folder, variables: Vec::new() }
    }

    /// Has commands, and the daemon that one of them starts, find that in their environment.
    pub(crate) fn variable(&mut self, name: &'static str, value: &str) {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.to_owned()));
    }

    /// Returns the path of a file in the working folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    /// Returns the places of the daemon.
    pub(crate) fn paths(&self) -> urlsession::Paths {
        urlsession::Paths::in_home(&self.folder.path().join("home"))
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(OWN);
        command
            .args(words)
            .current_dir(self.file(""))
            .env("URLSESSION_HOME", self.folder.path().join("home"))
            .env("URLSESSION_DAEMON", OWN)
            .env("URLSESSION_IDLE_EXIT", IDLE_EXIT)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        ran(self.command(words).output().unwrap())
    }

    pub(crate) fn run_with_input(&self, words: &[&str], input: &str) -> Ran {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that refuses its arguments is gone before it reads.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        ran(child.wait_with_output().unwrap())
    }

    /// Runs a command that must succeed and returns what it printed.
    pub(crate) fn out(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        ran.out
    }

    /// Runs a command that must succeed and print one JSON value.
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.out(words)).unwrap()
    }

    /// Starts a command that goes on.
    pub(crate) fn start(&self, words: &[&str]) -> Going {
        let mut command = self.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        Going { child: Some(child), err }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.command(&["daemon", "stop"]).output();
    }
}

/// A command that goes on.
pub(crate) struct Going {
    /// `None` once it has ended.
    child: Option<Child>,
    err: BufReader<ChildStderr>,
}

impl Going {
    /// Reads its talk up to a line that has this text.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let mut seen = String::new();
        while !seen.contains(text) {
            let length = self.err.read_line(&mut seen).unwrap();
            assert!(length > 0, "it ended without “{text}”: {seen}");
        }
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(self.child.as_ref().unwrap());
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(crate) fn goes_on(&self) -> bool {
        let pid = rustix::process::Pid::from_child(self.child.as_ref().unwrap());
        let options = rustix::process::WaitIdOptions::EXITED
            | rustix::process::WaitIdOptions::NOWAIT
            | rustix::process::WaitIdOptions::NOHANG;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), options).unwrap().is_none()
    }

    pub(crate) fn end(mut self) -> Ran {
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.err, &mut rest).unwrap();
        let mut output = self.child.take().unwrap().wait_with_output().unwrap();
        output.stderr = rest;
        ran(output)
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        // Only where a test failed before its end.
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
