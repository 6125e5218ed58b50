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
/// Bytes of the file that is downloaded.
const SMALL: u64 = 10 * 1024;
const WORKS: [Work; 3] = [
    Work {
        what: "a download in the core, from its call to its last acknowledgement",
        name: "core",
        count: 500,
        tolerance: 3,
    },
    Work { what: "a call and an event, written and read", name: "line", count: 1000, tolerance: 3 },
    // How much of it is done at once is up to threads and a server, and so is what that saves.
    Work {
        what: "a download of 10 KiB in the process",
        name: "download",
        count: 100,
        tolerance: 8,
    },
];
/// How many times longer the longer run is.
const LONGER: u64 = 3;

/// What is counted.
#[derive(Debug, Clone, Copy)]
struct Work {
    what: &'static str,
    /// How it is called.
    name: &'static str,
    /// How often it is done in the shorter of two runs: their difference is free of what a program
    /// costs to begin and to end.
    count: u64,
    /// How far its figure may be from the recorded one, in percent.
    tolerance: u64,
}

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
    for work in WORKS {
        let each = each(&program, work)?;
        let before = recorded.as_ref().and_then(|record| record.instructions.get(work.name));
        println!("{each:>12}  {}  {}", change(each, before), work.what);
        instructions.insert(work.name.to_owned(), each);
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
fn each(program: &Path, Work { name, count, .. }: Work) -> Result<u64> {
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
    let is_off = |work: &Work| match (before.get(work.name), now.get(work.name)) {
        (Some(before), Some(now)) => now.abs_diff(*before) * 100 > before * work.tolerance,
        (_, now) => now.is_some(),
    };
    let off = WORKS.iter().filter(|work| is_off(work));
    let off: Vec<_> =
        off.map(|work| format!("{} is more than {} % off", work.name, work.tolerance)).collect();
    ensure!(
        off.is_empty(),
        "{}; if that is as it should be, run `cargo xtask instructions --record` and say why in the \
         commit",
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
        for work in WORKS {
            let of = |figure| BTreeMap::from([(work.name.to_owned(), figure)]);
            let most = 10 * work.tolerance;
            for (now, is_right) in [
                (1000 + most, true),
                (1000 - most, true),
                (1001 + most, false),
                (999 - most, false),
            ] {
                assert_eq!(judge(&of(1000), &of(now)).is_ok(), is_right, "{} {now}", work.name);
            }
            assert!(judge(&BTreeMap::new(), &of(1)).is_err(), "{} is new", work.name);
        }
    }
}
