//! Counts the instructions of three kinds of work and holds them to what was recorded: a guard of
//! their cost that no busy machine can mislead.

use crate::build::{self, Profile};
use crate::tidy::root;
use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use urlsession_testkit::server::{Answer, Server};

/// Where the figures are.
const RECORD: &str = "docs/instructions.json";
/// How far a figure may be from the recorded one, in percent.
const TOLERANCE: u64 = 3;
/// Bytes of the file that is downloaded.
const SMALL: u64 = 10 * 1024;
/// What is counted, how it is called, and how often it is done in the shorter of two runs: their
/// difference is free of what a program costs to begin and to end.
const WORKS: [(&str, &str, u64); 3] = [
    ("a download in the core, from its call to its last acknowledgement", "core", 500),
    ("a call and an event, written and read", "line", 1000),
    ("a download of 10 KiB in the process", "download", 100),
];
/// How many times longer the longer run is.
const LONGER: u64 = 3;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write the figures down instead of comparing them.
    #[arg(long)]
    record: bool,
    /// How the program is built: the tests have built it so, and what a change adds shows there too.
    #[arg(long, value_enum, default_value_t = Profile::Dev)]
    profile: Profile,
}

/// Figures, and the compiler, target and profile that made what they are of.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    made_by: String,
    instructions: BTreeMap<String, u64>,
}

/// Counts, then compares or records.
#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(crate) fn count(arguments: &Arguments) -> Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("SKIPPED: valgrind is not installed, and nothing else counts instructions");
        ensure!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI needs valgrind");
        return Ok(());
    }
    let (compiler, target) = compiler()?;
    let profile = format!("{:?}", arguments.profile).to_lowercase();
    let here = [compiler, target, profile].join(" ");
    let path = root().join(RECORD);
    if !arguments.record && !path.exists() {
        println!("SKIPPED: nothing is recorded; run `cargo xtask instructions --record`");
        return Ok(());
    }
    let recorded = if arguments.record { None } else { Some(read(&path)?) };
    if let Some(recorded) = recorded.as_ref().filter(|recorded| recorded.made_by != here) {
        println!("SKIPPED: the figures are of {}, and this is {here}", recorded.made_by);
        return Ok(());
    }
    let program = build::testkit(arguments.profile)?;
    let mut instructions = BTreeMap::new();
    for (what, name, count) in WORKS {
        let each = each(&program, name, count)?;
        let before = recorded.as_ref().and_then(|record| record.instructions.get(name));
        println!("{each:>12}  {}  {what}", change(each, before));
        instructions.insert(name.to_owned(), each);
    }
    match recorded {
        Some(recorded) => judge(&recorded.instructions, &instructions),
        None => {
            let record = Record { made_by: here, instructions };
            let text = serde_json::to_string_pretty(&record)? + "\n";
            std::fs::write(&path, text).context(RECORD)
        }
    }
}

fn read(path: &Path) -> Result<Record> {
    let text = std::fs::read_to_string(path).context(RECORD)?;
    serde_json::from_str(&text).context(RECORD)
}

/// Counts what one piece of work costs.
fn each(program: &Path, name: &str, count: u64) -> Result<u64> {
    let server = Server::start();
    server.on("/small", Answer::pseudo_random(7, SMALL));
    let spent = |count: u64| -> Result<u64> {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).args([
            "spend",
            name,
            &count.to_string(),
        ]);
        if name == "download" {
            command.arg(server.url("/small"));
        }
        let output = command.output().context("valgrind")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{name} failed:\n{said}");
        collected(&said).with_context(|| format!("valgrind says how many: {said}"))
    };
    let (short, long) = (spent(count)?, spent(count * LONGER)?);
    Ok(long.saturating_sub(short) / (count * (LONGER - 1)))
}

/// Finds the count in what valgrind says at the end.
fn collected(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected : "))?.1;
    line.split_whitespace().next()?.parse().ok()
}

fn change(each: u64, before: Option<&u64>) -> String {
    before.map_or_else(String::new, |before| format!("{:+.1} %", percent(*before, each)))
}

fn percent(before: u64, now: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}

fn judge(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Result<()> {
    let off = now.iter().filter(|(name, now)| {
        let is_far = |before: &u64| now.abs_diff(*before) * 100 > before * TOLERANCE;
        before.get(*name).is_none_or(is_far)
    });
    let off: Vec<&str> = off.map(|(name, _)| name.as_str()).collect();
    ensure!(
        off.is_empty(),
        "{} is more than {TOLERANCE} % off; if that is as it should be, run \
         `cargo xtask instructions --record` and say why in the commit",
        off.join(", ")
    );
    Ok(())
}

/// Returns the compiler and what it builds for.
fn compiler() -> Result<(String, String)> {
    let output = Command::new("rustc").arg("-vV").current_dir(root()).output().context("rustc")?;
    let said = String::from_utf8(output.stdout)?;
    let value = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned()).with_context(|| format!("rustc says {name}"))
    };
    Ok((value("release:")?, value("host:")?))
}

#[cfg(test)]
mod tests {
    use super::{WORKS, collected, judge};
    use std::collections::BTreeMap;

    #[test]
    fn the_end_of_valgrind_is_understood() {
        let said = "==7== Events    : Ir\n==7== Collected : 123456\n==7== \n";
        assert_eq!(collected(said), Some(123_456));
        assert_eq!(collected("==7== nothing"), None);
    }

    #[test]
    fn only_what_is_far_off_is_refused() {
        for (before, now, is_right) in
            [(1000, 1030, true), (1000, 970, true), (1000, 1031, false), (1000, 969, false)]
        {
            let of = |figure| BTreeMap::from([(WORKS[0].1.to_owned(), figure)]);
            assert_eq!(judge(&of(before), &of(now)).is_ok(), is_right, "{before} {now}");
        }
        assert!(judge(&BTreeMap::new(), &BTreeMap::from([("new".to_owned(), 1)])).is_err());
    }
}
