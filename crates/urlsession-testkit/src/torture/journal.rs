//! What the app was promised and told, line by line, each synced before the app goes on.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

const FILE: &str = "journal";

/// A line of the journal. `plan` is the place of a task in the plan, `task` its identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(super) enum Line {
    /// An app process has begun; runs are counted by these lines.
    Started,
    /// The creating call comes next: the task may exist.
    Creating { plan: usize },
    /// The daemon has answered the creating call: the task must end.
    Accepted { plan: usize, task: u64 },
    /// A kept event with a file, which the app has read.
    Received { number: u64, task: u64, plan: Option<usize>, sha256: String },
    /// The kept event that ends a task.
    Completed {
        number: u64,
        task: u64,
        plan: Option<usize>,
        error: Option<String>,
        status: Option<u16>,
    },
    /// All is done.
    Finished,
}

/// The journal of a running app.
#[derive(Debug)]
pub(super) struct Journal(File);

impl Journal {
    /// Opens the journal and returns what earlier processes wrote.
    pub(super) fn open(folder: &Path) -> Result<(Self, Vec<Line>)> {
        let mut file = OpenOptions::new().append(true).create(true).open(folder.join(FILE))?;
        let lines = read(folder)?;
        // A line that was cut off by a kill must not swallow the next one.
        file.write_all(b"\n")?;
        Ok((Self(file), lines))
    }

    /// Appends a line, durably.
    pub(super) fn write(&mut self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.0.write_all(&text)?;
        self.0.sync_data().context("the journal")
    }
}

/// Reads the whole lines of the journal.
pub(super) fn read(folder: &Path) -> Result<Vec<Line>> {
    let text = std::fs::read_to_string(folder.join(FILE)).context("the journal")?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
