//! Outside suites: what others have written to try clients with, run against ours on loopback.

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
/// What stands in `docs/conformance.md` around the part that `--record` writes.
const MARKS: [&str; 2] = ["<!-- http-cache-tests -->\n", "<!-- /http-cache-tests -->\n"];

/// Run outside suites; print and keep the scores.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A checkout of http-tests/cache-tests, instead of the release on npm.
    #[arg(long, value_name = "FOLDER")]
    cache_tests: Option<PathBuf>,
    /// Write the scores into docs/conformance.md.
    #[arg(long)]
    record: bool,
}

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(crate) fn conform(arguments: &Arguments) -> Result<()> {
    let worker = build::worker()?;
    let (name, suite) = match &arguments.cache_tests {
        Some(folder) => ("cache-tests, as checked out".to_owned(), std::path::absolute(folder)?),
        None => (CACHE_TESTS.to_owned(), fetch()?),
    };
    let steady = run(&suite, &worker, false)?;
    let killed = run(&suite, &worker, true)?;
    let report = report(&name, &steady, &killed);
    print!("{report}");
    for Missed { id, kind, why } in &steady.missed {
        println!("  {kind} {id}: {why}");
    }
    if arguments.record {
        record(&name, &report)?;
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
        .context("npm")?;
    ensure!(status.success(), "npm could not fetch {CACHE_TESTS}");
    Ok(prefix.join("node_modules/http-cache-tests"))
}

/// Runs the suite in a home of its own.
fn run(suite: &Path, worker: &Path, kills: bool) -> Result<Outcome> {
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
    let output = command.stderr(std::process::Stdio::inherit()).output().context("node")?;
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

/// Replaces the scores of this suite in the document.
fn record(name: &str, report: &str) -> Result<()> {
    let path = crate::tidy::root().join("docs/conformance.md");
    let text = std::fs::read_to_string(&path)?;
    let [begin, end] = MARKS;
    let (before, rest) = text.split_once(begin).context("the document has no begin of scores")?;
    let (scores, after) = rest.split_once(end).context("the document has no end of scores")?;
    let mut blocks: Vec<&str> = scores.split_inclusive("```\n\n").collect();
    blocks.retain(|block| !block.contains(name));
    let block = format!("```text\n{report}```\n\n");
    blocks.push(&block);
    blocks.sort_unstable();
    std::fs::write(&path, format!("{before}{begin}{}{end}{after}", blocks.concat()))?;
    Ok(())
}
