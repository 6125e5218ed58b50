//! Compares what was promised with what is there.

use super::Strikes;
use super::journal::{self, Line};
use super::plan::{Kind, Plan, Planned, downloads};
use crate::server::{Seen, Server, sha256};
use anyhow::{Context as _, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use urlsession::Paths;

/// Most bytes that one interruption may cost: 8 MiB that were not recorded, and what was under way
/// in the buffers of both sides.
const REFETCH_LIMIT: u64 = 12 * 1024 * 1024;

/// What came of it: counts, and everything that is wrong.
#[derive(Debug, Default)]
pub struct Report {
    /// Apps that were killed.
    pub apps_killed: u32,
    /// Daemons that were killed.
    pub daemons_killed: u32,
    /// Times the daemon died at a planned point.
    pub crashes: u32,
    /// Times the machine lost power.
    pub power_losses: u32,
    /// Deaths that did not come: their points were not reached so often.
    pub unreached: Vec<String>,
    /// Times the app gave up by itself.
    pub app_failures: u32,
    /// Tasks whose creating call was answered.
    pub accepted: usize,
    /// Tasks that were created, but the app died before it could write that down.
    pub unwritten: usize,
    /// Tasks that completed.
    pub completed: usize,
    /// Kept events, each counted once.
    pub events: usize,
    /// Deliveries of events that had been written down before.
    pub repeated_events: usize,
    /// Finished files and kept bodies whose digest is right.
    pub bodies: usize,
    /// Uploads that the server has whole.
    pub uploads: usize,
    /// Bodies in the spool folder that no call was made for: the app died in between. The daemon
    /// removes them when they are old.
    pub orphans: usize,
    /// Requests that the server saw.
    pub requests: usize,
    /// Bytes of resumable downloads that were sent more than once.
    pub refetched_bytes: u64,
    /// Bytes of resumable downloads.
    pub resumable_bytes: u64,
    /// Where plan, journal, logs and state are; kept only if something is wrong.
    pub folder: PathBuf,
    /// What is wrong, one sentence each.
    pub violations: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / 1_048_576.0);
        let rows = [
            ("apps killed", self.apps_killed.to_string()),
            ("daemons killed", self.daemons_killed.to_string()),
            ("daemons died at a point", self.crashes.to_string()),
            ("losses of power", self.power_losses.to_string()),
            ("apps that gave up", self.app_failures.to_string()),
            ("tasks accepted", self.accepted.to_string()),
            ("tasks created unwritten", self.unwritten.to_string()),
            ("tasks completed", self.completed.to_string()),
            ("kept events", self.events.to_string()),
            ("events told again", self.repeated_events.to_string()),
            ("bodies byte-exact", self.bodies.to_string()),
            ("uploads received whole", self.uploads.to_string()),
            ("bodies without a task", self.orphans.to_string()),
            ("requests at the server", self.requests.to_string()),
            ("resumable downloads", mib(self.resumable_bytes)),
            ("of that fetched again", mib(self.refetched_bytes)),
            ("violations", self.violations.len().to_string()),
        ];
        for (name, value) in rows {
            writeln!(f, "{name:<26}{value:>12}")?;
        }
        if !self.unreached.is_empty() {
            writeln!(f, "never reached: {}", self.unreached.join(", "))?;
        }
        for violation in &self.violations {
            writeln!(f, "VIOLATION: {violation}")?;
        }
        if !self.violations.is_empty() {
            writeln!(f, "kept for study: {}", self.folder.display())?;
        }
        Ok(())
    }
}

/// Checks everything; what cannot be checked is a violation too.
pub(super) fn report(
    folder: &Path,
    plan: &Plan,
    server: &Server,
    strikes: Strikes,
    status: Result<serde_json::Value>,
) -> Report {
    let finished = strikes.finished;
    let mut report = Report {
        apps_killed: strikes.app,
        daemons_killed: strikes.daemon,
        crashes: strikes.crashes,
        power_losses: strikes.losses,
        unreached: strikes.unreached,
        app_failures: strikes.failures,
        folder: folder.to_owned(),
        ..Report::default()
    };
    if !finished {
        report.violations.push("the app did not finish after the last kill".to_owned());
    }
    match status {
        Ok(status) => {
            for field in ["events_owed", "tasks_running", "tasks_waiting", "tasks_suspended"] {
                if status[field] != 0 {
                    report.violations.push(format!("in the end {field} is {}", status[field]));
                }
            }
        }
        Err(error) => report.violations.push(format!("the daemon: {error:#}")),
    }
    let expected: Vec<String> =
        plan.tasks.iter().map(|planned| planned.response.body().sha256()).collect();
    let mut check = Check { plan, expected, report };
    let result = journal::read(folder).and_then(|lines| {
        check.journal(&lines);
        check.server(server, &lines);
        check.downloads(folder)?;
        check.state(&Paths::in_home(&folder.join("home")), &lines)
    });
    if let Err(error) = result {
        check.report.violations.push(format!("cannot check: {error:#}"));
    }
    check.report
}

struct Check<'a> {
    plan: &'a Plan,
    /// The digests of the response bodies.
    expected: Vec<String>,
    report: Report,
}

impl Check<'_> {
    fn violation(&mut self, text: impl Into<String>) {
        self.report.violations.push(text.into());
    }

    /// Every accepted task has ended once, well, and with the right bytes.
    fn journal(&mut self, lines: &[Line]) {
        let mut accepted = BTreeMap::new();
        let mut completed: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        let mut received: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        let mut told: BTreeMap<u64, &Line> = BTreeMap::new();
        for line in lines {
            match line {
                Line::Accepted { plan, task } => {
                    if accepted.insert(*task, *plan).is_some() {
                        self.violation(format!("task {task} was given to two calls"));
                    }
                }
                Line::Received { number, task, plan, sha256 } => {
                    received.entry(*task).or_default().insert(*number);
                    match plan {
                        Some(plan) if self.expected[*plan] == *sha256 => {
                            self.report.bodies += usize::from(!told.contains_key(number));
                        }
                        Some(plan) => self.violation(format!("task {task}, {plan}: {sha256}")),
                        None => self.violation(format!("task {task} has no description")),
                    }
                }
                Line::Completed { number, task, plan, error, status } => {
                    if plan.is_none() {
                        self.violation(format!("task {task} ended without a description"));
                    }
                    completed.entry(*task).or_default().insert(*number);
                    if error.is_some() || !matches!(status, Some(200 | 201 | 206)) {
                        self.violation(format!("task {task} ended: {error:?} {status:?}"));
                    }
                }
                Line::Started | Line::Creating { .. } | Line::Finished => continue,
            }
            if let Line::Received { number, .. } | Line::Completed { number, .. } = line {
                match told.insert(*number, line) {
                    Some(before) if before == line => self.report.repeated_events += 1,
                    Some(before) => self.violation(format!("{before:?} came again as {line:?}")),
                    None => {}
                }
            }
        }
        for (task, plan) in &accepted {
            let ends = completed.get(task).map_or(0, BTreeSet::len);
            if ends != 1 {
                self.violation(format!("task {task} was accepted and ended {ends} times"));
            }
            let bodies = received.get(task).map_or(0, BTreeSet::len);
            if bodies != usize::from(self.plan.tasks[*plan].response.length > 0) {
                self.violation(format!("task {task} was told of {bodies} bodies"));
            }
        }
        let places: BTreeSet<_> = accepted.values().collect();
        for plan in (0..self.plan.tasks.len()).filter(|plan| !places.contains(plan)) {
            self.violation(format!("{plan} of the plan was never accepted"));
        }
        self.report.accepted = accepted.len();
        self.report.completed = completed.len();
        self.report.unwritten =
            completed.keys().filter(|task| !accepted.contains_key(task)).count();
        self.report.events = told.len();
    }

    /// The server has every upload whole, and did not send much twice.
    fn server(&mut self, server: &Server, lines: &[Line]) {
        self.report.requests = server.requests().len();
        for (place, planned) in self.plan.tasks.iter().enumerate() {
            let seen = server.requests_for(&planned.path);
            self.upload(planned, &seen);
            let creations =
                lines.iter().filter(|line| **line == Line::Creating { plan: place }).count();
            if planned.resumable && creations == 1 {
                let sent: u64 = seen.iter().map(|seen| seen.body_sent).sum();
                let again = sent.saturating_sub(planned.response.length);
                self.report.resumable_bytes += planned.response.length;
                self.report.refetched_bytes += again;
                if again > (seen.len() as u64).saturating_sub(1) * REFETCH_LIMIT {
                    let requests = seen.len();
                    let path = &planned.path;
                    self.violation(format!("{path}: {again} bytes again in {requests} requests"));
                }
            }
        }
    }

    fn upload(&mut self, planned: &Planned, seen: &[Seen]) {
        let Some(request) = planned.request else { return };
        let expected = request.body().sha256();
        let whole: Vec<_> = seen.iter().filter_map(|seen| seen.body_sha256.as_deref()).collect();
        if whole.iter().any(|found| *found != expected) {
            self.violation(format!("{}: the server took other bytes for the body", planned.path));
        }
        if whole.contains(&expected.as_str()) {
            self.report.uploads += usize::from(planned.kind == Kind::Upload);
        } else {
            self.violation(format!("{}: the server never had the whole body", planned.path));
        }
    }

    /// The folder for downloads has whole files, and nothing but them.
    fn downloads(&mut self, folder: &Path) -> Result<()> {
        let mut missing: BTreeSet<usize> =
            (0..self.plan.tasks.len()).filter(|place| self.plan.tasks[*place].keeps).collect();
        for path in files(&downloads(folder))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let place = name
                .split_once('-')
                .filter(|(_, run)| run.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|(place, _)| place.parse::<usize>().ok())
                .filter(|place| *place < self.expected.len());
            let Some(place) = place else {
                self.violation(format!("{name} is left behind"));
                continue;
            };
            missing.remove(&place);
            if sha256(&fs::read(&path)?) != self.expected[place] {
                self.violation(format!("{name} has wrong bytes"));
            }
        }
        for place in missing {
            self.violation(format!("the file of {place} is missing"));
        }
        Ok(())
    }

    /// The state folder has its store and logs, and no file in a folder below.
    fn state(&mut self, paths: &Paths, lines: &[Line]) -> Result<()> {
        let mut unused = self.unused_bodies(lines);
        let mut left = files(&paths.state)?;
        // The longest first: of a body that was cut short, little tells whose it is.
        left.sort_by_key(|path| std::cmp::Reverse(path.metadata().map_or(0, |about| about.len())));
        for path in left {
            let name = path.strip_prefix(&paths.state).unwrap_or(&path).display().to_string();
            if path.starts_with(paths.spool()) && self.use_up(&mut unused, &fs::read(&path)?) {
                self.report.orphans += 1;
            } else if path.parent() != Some(&paths.state) || name.contains("part") {
                self.violation(format!("{name} is left behind in the state folder"));
            } else if fs::read(&path)?.starts_with(b"SQLite format 3\0")
                && let Err(error) = check_store(&path)
            {
                self.violation(format!("{name}: {error:#}"));
            }
        }
        Ok(())
    }

    /// Counts, for each place of the plan with bytes as a body, the calls that made no task: a body
    /// may be left of each. A task that the app could not write down shows when it completes.
    fn unused_bodies(&self, lines: &[Line]) -> BTreeMap<usize, usize> {
        let mut calls: BTreeMap<usize, usize> = BTreeMap::new();
        let mut tasks: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
        for line in lines {
            match line {
                Line::Creating { plan } => *calls.entry(*plan).or_default() += 1,
                Line::Accepted { plan, task } | Line::Completed { plan: Some(plan), task, .. } => {
                    tasks.entry(*plan).or_default().insert(*task);
                }
                _ => {}
            }
        }
        let spools = |plan: &usize| {
            let planned = &self.plan.tasks[*plan];
            planned.request.is_some() && planned.file.is_none()
        };
        calls.retain(|plan, calls| {
            *calls = calls.saturating_sub(tasks.get(plan).map_or(0, BTreeSet::len));
            spools(plan) && *calls > 0
        });
        calls
    }

    /// Says whether the body, maybe cut short, belongs to one of these calls, and takes it off.
    fn use_up(&self, unused: &mut BTreeMap<usize, usize>, body: &[u8]) -> bool {
        let length = body.len() as u64;
        let call = unused.iter_mut().find(|(plan, calls)| {
            let made = self.plan.tasks[**plan].request.filter(|made| made.length >= length);
            **calls > 0 && made.is_some_and(|made| made.body().slice(0, body.len()) == body)
        });
        call.map(|(_, calls)| *calls -= 1).is_some()
    }
}

/// Lets SQLite's own shell judge the store, where there is one.
fn check_store(path: &Path) -> Result<()> {
    let Ok(output) = Command::new("sqlite3").arg(path).arg("PRAGMA integrity_check").output()
    else {
        return Ok(());
    };
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(said.trim() == "ok", "{said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Lists all files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().with_context(|| folder.display().to_string())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}
