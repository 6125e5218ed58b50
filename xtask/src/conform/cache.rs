//! HTTP caches: the suite http-cache-tests, with and without kills.

use super::scores;
use crate::build;
use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The release of the suite that is fetched.
const CACHE_TESTS: &str = "http-cache-tests@0.4.5";
/// What a run must reach of each kind: more than any browser, and more than the best library.
const CACHE_GOALS: [(&str, u32); 2] = [("required", 120), ("optimal", 58)];

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(super) fn run(folder: Option<&Path>, keep: bool) -> Result<()> {
    let worker = build::worker()?;
    let (name, suite) = match folder {
        Some(folder) => ("cache-tests, as checked out".to_owned(), std::path::absolute(folder)?),
        None => (CACHE_TESTS.to_owned(), fetch()?),
    };
    let steady = play(&suite, &worker, false)?;
    let killed = play(&suite, &worker, true)?;
    let report = report(&name, &steady, &killed);
    print!("{report}");
    for Missed { id, kind, why } in &steady.missed {
        println!("  {kind} {id}: {why}");
    }
    if keep {
        scores::record("http-cache-tests", &name, &format!("```text\n{report}```\n\n"))?;
    }
    for (kind, goal) in CACHE_GOALS {
        let passed = steady.scores.get(kind).map_or(0, |score| score.passed);
        ensure!(passed >= goal, "{passed} {kind} tests passed, {goal} are the goal");
    }
    ensure!(killed.killed > 0, "the worker was never killed");
    let lost: Vec<_> = killed.missed.iter().filter(|test| !steady.misses(&test.id)).collect();
    if !lost.is_empty() {
        bail!("after a kill these fail too: {lost:?}");
    }
    Ok(())
}

/// What the script prints.
#[derive(Debug, Deserialize)]
struct Outcome {
    scores: BTreeMap<String, Score>,
    missed: Vec<Missed>,
    killed: u32,
}

#[derive(Debug, Deserialize)]
struct Score {
    passed: u32,
    of: u32,
}

#[derive(Debug, Deserialize)]
struct Missed {
    id: String,
    kind: String,
    why: String,
}

impl Outcome {
    fn misses(&self, id: &str) -> bool {
        self.missed.iter().any(|test| test.id == id)
    }
}

fn fetch() -> Result<PathBuf> {
    let prefix = build::target()?.join("conform");
    std::fs::create_dir_all(&prefix)?;
    let status = Command::new("npm")
        .args(["install", "--no-save", "--no-package-lock", "--ignore-scripts", "--silent"])
        .args(["--no-fund", "--no-audit", "--prefix"])
        .arg(&prefix)
        .arg(CACHE_TESTS)
        .status()
        .context("this needs npm, which comes with Node.js; a checkout needs none")?;
    ensure!(status.success(), "npm could not fetch {CACHE_TESTS}");
    Ok(prefix.join("node_modules/http-cache-tests"))
}

/// Runs the suite in a home of its own.
fn play(suite: &Path, worker: &Path, kills: bool) -> Result<Outcome> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new("node");
    command
        .arg(crate::tidy::root().join("xtask/src/conform/http_cache.mjs"))
        .args([suite, worker])
        .arg("worker")
        .env("URLSESSION_HOME", home.path());
    if kills {
        command.env("URLSESSION_CONFORM_KILL", "1");
    }
    let output =
        command.stderr(std::process::Stdio::inherit()).output().context("this needs Node.js")?;
    ensure!(output.status.success(), "the suite's script failed");
    serde_json::from_slice(&output.stdout).context("what the suite's script printed")
}

fn report(name: &str, steady: &Outcome, killed: &Outcome) -> String {
    let mut report = String::new();
    let told = format!("{} kills", killed.killed);
    // Writing into a text cannot fail.
    let _ = writeln!(report, "{name:<28}{:>12}{told:>14}", "");
    for (kind, score) in &steady.scores {
        let after = killed.scores.get(kind).map_or(0, |score| score.passed);
        let (passed, of) = (score.passed, score.of);
        let _ = writeln!(report, "  {kind:<26}{:>12}{after:>14}", format!("{passed} of {of}"));
    }
    report
}
