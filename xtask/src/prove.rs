//! The promise sheet, proved: every proof at full size, and its figures in `docs/promises.md`.

use crate::build::{Profile, executable};
use crate::{tidy, torture};
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;
use std::process::Command;
use std::time::Instant;
#[cfg(target_os = "linux")]
use urlsession_testkit::soak::Sample;
use urlsession_testkit::torture::{Options, Report, run};
use urlsession_testkit::world::{self, PlantedBug, Statistics};

/// What stands in `docs/promises.md` around the figures.
const MARKS: [&str; 2] = ["<!-- figures -->\n", "<!-- /figures -->\n"];

/// Simulated worlds, and the steps of each.
const WORLDS: u64 = 200;
const STEPS: u64 = 50_000;
/// Worlds that may miss a planted bug, and their steps.
const BUG_WORLDS: u64 = 24;
const BUG_STEPS: u64 = 5000;
/// Deaths of one round at points of the daemon's choice, beside one at every point.
const ROUND_DEATHS: u32 = 69;
/// Rounds at once: each waits for its timers most of the time.
const LANES: u64 = 6;
/// Tasks of one round of deaths, and of the kills.
const TASKS: u32 = 50;

/// Run every proof and write the figures into docs/promises.md.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the dice begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Deaths of the daemon at its points, at least.
    #[arg(long, default_value_t = 2000)]
    deaths: u32,
    /// Kills of app and daemon at random moments.
    #[arg(long, default_value_t = 500)]
    kills: u32,
    /// Cases at a hostile server, and of a hostile client.
    #[arg(long, default_value_t = 5000)]
    cases: u32,
    /// Losses of power on a real disk, where this may be done.
    #[arg(long, default_value_t = 200)]
    power: u32,
    /// Seconds of many transfers.
    #[arg(long, default_value_t = 600)]
    soak: u32,
    /// Only print the figures.
    #[arg(long)]
    dry: bool,
}

impl Arguments {
    /// Says what was asked for.
    fn sentence(&self) -> String {
        let Self { seed, deaths, kills, cases, power, soak, .. } = self;
        format!(
            "One run with `--deaths {deaths} --kills {kills} --cases {cases} --power {power} \
             --soak {soak} --seed {seed}`"
        )
    }
}

/// One line of the table.
struct Figure {
    proof: &'static str,
    size: String,
    result: String,
}

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
#[expect(clippy::disallowed_methods, reason = "a proof says how long it took")]
pub(crate) fn prove(arguments: &Arguments) -> Result<()> {
    let begin = Instant::now();
    let mut figures = Vec::new();
    let proofs = [simulate, plant, die, kill, serve_badly, ask_badly, lose_power, cut_power, soak];
    for proof in proofs {
        let figure = proof(arguments)?;
        let seconds = begin.elapsed().as_secs();
        println!("{seconds} s: {}: {}: {}", figure.proof, figure.size, figure.result);
        figures.push(figure);
    }
    let minutes = begin.elapsed().as_secs().div_ceil(60);
    let mut table = String::from("| Proof | Size | Result |\n|---|---|---|\n");
    for Figure { proof, size, result } in &figures {
        let _ = writeln!(table, "| {proof} | {size} | {result} |");
    }
    let _ = writeln!(table, "\n{}, {minutes} minutes.", arguments.sentence());
    if arguments.dry { Ok(()) } else { record(&table) }
}

fn simulate(arguments: &Arguments) -> Result<Figure> {
    let mut total = Statistics::default();
    for seed in (arguments.seed..).take(usize::try_from(WORLDS)?) {
        total.add(&world::run(seed, STEPS, None)?);
    }
    let gaps = total.coverage.gaps();
    ensure!(gaps.is_empty(), "never met: {gaps:?}");
    let Statistics { steps, crashes, deaths, accepted, launches, .. } = total;
    Ok(Figure {
        proof: "Simulated lifetimes",
        size: format!(
            "{} steps, {} lives of the daemon, {} of apps, {} launches, {} tasks",
            grouped(steps),
            grouped(crashes),
            grouped(deaths),
            grouped(launches),
            grouped(accepted)
        ),
        result: format!(
            "0 lost, 0 twice, 0 corrupt; {} of {} pairs of input and phase met",
            total.coverage.reachable(),
            total.coverage.reachable()
        ),
    })
}

fn plant(_: &Arguments) -> Result<Figure> {
    let caught = |bug: &PlantedBug| {
        (0..BUG_WORLDS).any(|seed| world::run(seed, BUG_STEPS, Some(*bug)).is_err())
    };
    let all = PlantedBug::ALL.len();
    let missed: Vec<_> = PlantedBug::ALL.into_iter().filter(|bug| !caught(bug)).collect();
    ensure!(missed.is_empty(), "not caught: {missed:?}");
    Ok(Figure {
        proof: "Planted bugs",
        size: format!("{all} bugs"),
        result: format!("{all} caught"),
    })
}

fn die(arguments: &Arguments) -> Result<Figure> {
    let (mut died, mut tasks, mut again, mut bytes) = (0, 0, 0, 0);
    let mut missed: Option<BTreeSet<String>> = None;
    let mut seed = arguments.seed;
    while died < arguments.deaths {
        for report in rounds(seed..seed + LANES)? {
            died += report.crashes;
            tasks += report.accepted;
            again += report.refetched_bytes;
            bytes += report.resumable_bytes;
            let unreached = report.unreached.into_iter().filter(|point| !point.starts_with('*'));
            let unreached: BTreeSet<String> = unreached.collect();
            missed = Some(match missed {
                Some(before) => before.intersection(&unreached).cloned().collect(),
                None => unreached,
            });
        }
        seed += LANES;
    }
    let elsewhere = missed.unwrap_or_default().len();
    Ok(Figure {
        proof: "Crash points",
        size: format!("{} deaths of the daemon at its points, {tasks} tasks", grouped(died.into())),
        result: format!(
            "0 lost, 0 twice, 0 corrupt, 0 orphans; {} of {} MiB fetched again; {elsewhere} points \
             only in tests of the daemon",
            again >> 20,
            bytes >> 20
        ),
    })
}

/// Plays a round for each seed, all at once.
fn rounds(seeds: Range<u64>) -> Result<Vec<Report>> {
    // Built once, before they begin.
    executable(Profile::Dev)?;
    std::thread::scope(|scope| {
        let play =
            |seed| scope.spawn(move || tortured(seed, 0, torture::deaths(ROUND_DEATHS, seed)));
        let lanes: Vec<_> = seeds.map(play).collect();
        let joined = lanes.into_iter().map(|lane| match lane.join() {
            Ok(report) => report,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    })
}

fn kill(arguments: &Arguments) -> Result<Figure> {
    let report = tortured(arguments.seed, arguments.kills, Vec::new())?;
    Ok(Figure {
        proof: "Kills at random moments",
        size: format!(
            "{} apps and {} daemons killed, {} tasks",
            report.apps_killed, report.daemons_killed, report.accepted
        ),
        result: format!(
            "0 lost, 0 twice, 0 corrupt, 0 orphans; {} of {} MiB fetched again",
            report.refetched_bytes >> 20,
            report.resumable_bytes >> 20
        ),
    })
}

fn tortured(seed: u64, kills: u32, crashes: Vec<(String, u32)>) -> Result<Report> {
    let app = std::env::current_exe().context("this program's own file")?;
    let options = Options {
        executable: executable(Profile::Dev)?,
        app: (app, vec![torture::APP.into()]),
        kills,
        tasks: TASKS,
        seed,
        crashes,
        power: 0,
    };
    let report = run(&options)?;
    ensure!(report.violations.is_empty(), "seed {seed}: {report}");
    Ok(report)
}

fn serve_badly(arguments: &Arguments) -> Result<Figure> {
    let cases = ("URLSESSION_HOSTILE_CASES", arguments.cases);
    let seed = ("URLSESSION_HOSTILE_SEED", u32::try_from(arguments.seed)?);
    let said = tests(&["-p", "urlsession-engine", "--lib", "tests::hostile"], &[cases, seed])?;
    let line = |has: &str| said.lines().find(|line| line.contains(has)).map(str::trim);
    let whole = line(" whole, ").context("the cases' line")?;
    let garbled = line(" lines garbled, ").context("the garbled lines' line")?;
    Ok(Figure {
        proof: "Hostile server",
        size: "drawn from seeds, and a cut at every byte; TLS garbled on its way".to_owned(),
        result: format!("{whole}; {garbled}; 0 wrong, 0 hangs"),
    })
}

fn ask_badly(arguments: &Arguments) -> Result<Figure> {
    let cases = ("URLSESSION_HOSTILE_CLIENT_CASES", arguments.cases);
    let said = tests(&["-p", "urlsession-daemon", "--test", "it", "hostile"], &[cases])?;
    let peak = said.lines().filter_map(|line| line.split("memory ").nth(1)?.parse::<u64>().ok());
    let peak = peak.max().context("the memory's line")?;
    Ok(Figure {
        proof: "Hostile client",
        size: format!("{} mutated connections and the tables", grouped(arguments.cases.into())),
        result: format!("0 effects on others; the daemon takes at most {} MiB", peak >> 20),
    })
}

fn lose_power(_: &Arguments) -> Result<Figure> {
    let said = tests(&["-p", "urlsession-cli", "--test", "shell", "power_loss"], &[])?;
    let passed = said.lines().filter(|line| line.ends_with("... ok")).count();
    ensure!(passed > 0, "no test of power loss ran");
    Ok(Figure {
        proof: "Power loss",
        size: "every system call of a download and an upload".to_owned(),
        result: "synced before recorded, recorded before told".to_owned(),
    })
}

/// Shuts a disk down under app and daemon.
fn cut_power(arguments: &Arguments) -> Result<Figure> {
    let proof = "Power cut on a real disk";
    #[cfg(target_os = "linux")]
    let may = rustix::process::geteuid().is_root();
    #[cfg(not(target_os = "linux"))]
    let may = false;
    if !may {
        let result = "not tried: only root can shut a disk down, on Linux".to_owned();
        return Ok(Figure { proof, size: "0 losses of power".to_owned(), result });
    }
    // It starts itself again where its mounts are its own.
    let output = Command::new(std::env::current_exe()?)
        .args(["torture", "--profile", "dev", "--tasks", &TASKS.to_string()])
        .args(["--power", &arguments.power.to_string(), "--seed", &arguments.seed.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let row = |name: &str| {
        let row = said.lines().find_map(|line| line.strip_prefix(name));
        row.map(|rest| rest.trim().to_owned()).with_context(|| format!("{name}: {said}"))
    };
    Ok(Figure {
        proof,
        size: format!(
            "{} losses of power, {} tasks",
            row("losses of power")?,
            row("tasks accepted")?
        ),
        result: "0 lost, 0 twice, 0 corrupt, 0 orphans".to_owned(),
    })
}

#[cfg(target_os = "linux")]
fn soak(arguments: &Arguments) -> Result<Figure> {
    let report = crate::soak::watched(executable(Profile::Dev)?, arguments.soak)?;
    ensure!(report.is_flat(), "the daemon grows: {report}");
    let Sample { memory_kib, descriptors, threads } = report.after;
    Ok(Figure {
        proof: "Soak",
        size: format!(
            "{} tasks at a time for {} s, {} in all; one in a hundred breaks",
            crate::soak::TASKS,
            arguments.soak,
            grouped(report.ended)
        ),
        result: format!(
            "flat: at most {} MiB, {descriptors} files and sockets, {threads} threads",
            memory_kib.div_ceil(1024)
        ),
    })
}

#[cfg(not(target_os = "linux"))]
fn soak(_: &Arguments) -> Result<Figure> {
    let result = "not tried: only Linux tells what a process has".to_owned();
    Ok(Figure { proof: "Soak", size: "0 tasks".to_owned(), result })
}

/// Runs tests and returns what they said.
fn tests(arguments: &[&str], environment: &[(&str, u32)]) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(tidy::root())
        .arg("test")
        .args(arguments)
        .args(["--", "--nocapture"])
        .envs(environment.iter().map(|(name, number)| (name, number.to_string())))
        .output()
        .context("cargo test")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{}\n{said}{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(said)
}

fn record(table: &str) -> Result<()> {
    let path = tidy::root().join("docs/promises.md");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let [open, close] = MARKS;
    let (before, rest) = text.split_once(open).context("docs/promises.md has no place")?;
    let (_, after) = rest.split_once(close).context("docs/promises.md has no end of the place")?;
    std::fs::write(&path, format!("{before}{open}\n{table}\n{close}{after}"))
        .with_context(|| path.display().to_string())
}

/// Writes a number with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod unit {
    use super::grouped;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!([7, 1000, 1_234_567].map(grouped), ["7", "1,000", "1,234,567"]);
    }
}
