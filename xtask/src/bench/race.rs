//! Programs that do the same work in turn: interleaved rounds, and one table of their medians.

use super::process::Cost;
use super::{House, process};
use anyhow::{Context as _, Result};

/// The one whose daemon counts too, and that the others are compared with.
pub(super) const OURS: &str = "urlsession";

/// What is done, and how its cost is told.
pub(super) struct Race {
    /// What stands above the table.
    pub(super) title: String,
    /// What the processor time is divided by, and its name.
    pub(super) per: (f64, &'static str),
}

/// One of those that run, and what it took in each round.
struct Runner {
    name: &'static str,
    costs: Vec<Cost>,
}

impl Race {
    /// Lets ours and the others that are installed run in turn, after one round that warms up,
    /// and prints the medians. Whatever has a space in its name is a limit, and always there.
    pub(super) fn run(
        &self,
        others: &[&'static str],
        rounds: usize,
        mut go: impl FnMut(&'static str, usize) -> Result<Cost>,
    ) -> Result<()> {
        let is_there = |name: &&str| name.contains(' ') || process::exists(name);
        let others = others.iter().copied().filter(is_there);
        let mut runners: Vec<_> = std::iter::once(OURS)
            .chain(others)
            .map(|name| Runner { name, costs: Vec::new() })
            .collect();
        for round in 0..=rounds {
            // Each round begins with another one, so that none always runs after the same.
            let count = runners.len();
            for turn in 0..count {
                let runner = &mut runners[(turn + round) % count];
                let cost = go(runner.name, round).with_context(|| runner.name)?;
                if round > 0 {
                    runner.costs.push(cost);
                }
            }
        }
        self.print(&runners, rounds);
        Ok(())
    }

    #[expect(clippy::print_stdout, reason = "the results are for people to read")]
    fn print(&self, runners: &[Runner], rounds: usize) {
        let (divisor, unit) = self.per;
        println!("{}; medians of {rounds} rounds", self.title);
        println!(
            "{:<22}{:>9}{:>9}{:>14}{:>10}{:>13}{:>8}",
            "",
            "wall s",
            "cpu s",
            format!("cpu s/{unit}"),
            "peak MiB",
            "ours: wall",
            "cpu"
        );
        let ours = runners.first().map(Runner::median).unwrap_or_default();
        for runner in runners {
            let Cost { wall, cpu, peak } = runner.median();
            // A process that took less than the system's unit of time has no ratio.
            let by_cpu = match cpu > 0.0 {
                true => format!("{:.2}", ours.cpu / cpu),
                false => "-".to_owned(),
            };
            println!(
                "{:<22}{wall:>9.3}{cpu:>9.3}{:>14.3}{:>10.1}{:>13.2}{by_cpu:>8}",
                runner.name,
                cpu / divisor,
                peak / 1_048_576.0,
                ours.wall / wall,
            );
        }
        println!();
    }
}

impl Runner {
    fn median(&self) -> Cost {
        let of = |field: fn(&Cost) -> f64| {
            super::median(&self.costs.iter().map(field).collect::<Vec<_>>())
        };
        Cost { wall: of(|cost| cost.wall), cpu: of(|cost| cost.cpu), peak: of(|cost| cost.peak) }
    }
}

/// Runs our command beside a running daemon, whose share of the cost is added.
pub(super) fn ours(house: &House, arguments: &[&str]) -> Result<Cost> {
    process::output(&mut house.command(&["daemon", "start"]))?;
    let pid = house.status()?["pid"].as_u64().context("the daemon has a pid")?;
    let pid = u32::try_from(pid)?;
    process::forget_peak(pid)?;
    let before = process::cpu(pid)?;
    let mut cost = process::cost(&mut house.command(arguments))?;
    cost.cpu += process::cpu(pid)? - before;
    cost.peak += process::peak(pid).unwrap_or_default();
    Ok(cost)
}

/// Makes owned words of words.
pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
