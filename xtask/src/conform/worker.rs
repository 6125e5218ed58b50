//! The client under test: a worker that is asked one request at a time.

use crate::build;
use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// How workers are started.
#[derive(Debug, Clone)]
pub(super) struct Program {
    path: PathBuf,
    options: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
}

impl Program {
    pub(super) fn build() -> Result<Self> {
        let options = ["worker", "--ephemeral"].map(OsString::from).to_vec();
        Ok(Self { path: build::worker()?, options, variables: Vec::new() })
    }

    /// Adds an option of the worker.
    pub(super) fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(OsString::from));
        self
    }

    /// Starts the worker's clock at that time, as libfaketime spells it.
    pub(super) fn at(mut self, time: &str) -> Result<Self> {
        self.variables = clock(time)?;
        Ok(self)
    }

    pub(super) fn start(&self) -> Result<Worker> {
        let home = tempfile::tempdir()?;
        let mut child = Command::new(&self.path)
            .args(&self.options)
            .env("URLSESSION_HOME", home.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the worker does not start")?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("it is piped")?);
        Ok(Worker { child, input, output, _home: home })
    }
}

/// Returns what makes a program believe that it is another time: only the date is another, time
/// passes as it does.
pub(super) fn clock(time: &str) -> Result<Vec<(&'static str, OsString)>> {
    let library = std::fs::read_dir("/usr/lib")?
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.exists())
        .context("this needs libfaketime: apt-get install libfaketime")?;
    Ok(vec![
        ("LD_PRELOAD", library.into()),
        ("FAKETIME", format!("@{time}").into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("TZ", "UTC".into()),
    ])
}

/// A worker that runs.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    _home: TempDir,
}

/// What a request came to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) error: Option<String>,
    pub(super) name: Option<String>,
}

impl Worker {
    pub(super) fn get(&mut self, url: &str) -> Result<Answer> {
        self.ask(&json!({ "id": 1, "url": url }))
    }

    pub(super) fn ask(&mut self, request: &Value) -> Result<Answer> {
        let input = self.input.as_mut().context("the input is open")?;
        writeln!(input, "{request}").context("the worker has ended")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("the worker said “{line}”"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The end of the input is the end of the worker.
        self.input = None;
        let _ = self.child.wait();
    }
}
