//! What it costs to begin, and to wait.

use super::nginx::{Nginx, Way};
use super::{House, median, process};
use anyhow::{Context as _, Result};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Starts that are measured.
const STARTS: usize = 15;

/// Tasks that run while somebody listens, and the rate of each.
const RUNNING: usize = 200;
const RATE: &str = "64K";

/// Measures and prints one line each, with the goal beside it.
pub(super) fn measure(house: &House, server: &Nginx) -> Result<()> {
    let small = server.url(Way::Plain, "tiny");
    let add = ["add", "-q", small.as_str()];

    let mut cold = Vec::new();
    for _ in 0..STARTS {
        cold.push(process::cost(&mut house.command(&add))?.wall * 1000.0);
        house.stop()?;
    }
    row("add, no daemon running", &format!("{:.0} ms", median(&cold)), "150 ms");

    process::output(&mut house.command(&["daemon", "start"]))?;
    row("memory of an idle daemon", &memory(house)?, "15 MiB");

    let mut warm = Vec::new();
    for _ in 0..STARTS {
        warm.push(process::cost(&mut house.command(&add))?.wall * 1000.0);
    }
    row("add, daemon running", &format!("{:.0} ms", median(&warm)), "30 ms");
    house.stop()?;
    progress(house, server)
}

/// Measures what it costs to tell somebody how far many tasks are.
#[expect(clippy::disallowed_methods, reason = "a benchmark waits and asks the time")]
#[expect(clippy::print_stdout, reason = "the results are for people to read")]
fn progress(house: &House, server: &Nginx) -> Result<()> {
    let list = house.folder().join("progress.list");
    let urls = (0..RUNNING).map(|n| server.url(Way::Plain, &format!("middle/{n}\n")));
    std::fs::write(&list, urls.collect::<String>())?;
    let (list, at_once) = (list.to_string_lossy(), RUNNING.to_string());
    let into = house.folder().join("progress");
    let into = into.to_string_lossy();
    let add = ["add", "-q", "-j", &at_once, "--limit-rate", RATE, "-d", &into, "-i", &list];
    process::output(&mut house.command(&add))?;
    let pid = u32::try_from(house.status()?["pid"].as_u64().context("the daemon has a pid")?)?;
    let spent = |seconds: u64| -> Result<f64> {
        let (before, begin) = (process::cpu(pid)?, Instant::now());
        std::thread::sleep(Duration::from_secs(seconds));
        Ok((process::cpu(pid)? - before) / begin.elapsed().as_secs_f64())
    };
    spent(2)?;
    let alone = spent(5)?;
    let mut follow = house.command(&["watch", "--json"]);
    let mut follow = follow.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    spent(1)?;
    let watched = spent(5)?;
    let listener = process::cpu(follow.id())?;
    follow.kill()?;
    follow.wait()?;
    println!(
        "{RUNNING} tasks at {RATE}B/s each: the daemon takes {alone:.3} s of processor time a second, \
         {watched:.3} s with a listener, which takes {:.3} s",
        listener / 6.0
    );
    process::output(&mut house.command(&["cancel", "-q", "--all"]))?;
    house.stop()
}

fn memory(house: &House) -> Result<String> {
    let bytes = house.status()?["memory"].as_f64().context("the daemon tells its memory")?;
    Ok(format!("{:.1} MiB", bytes / 1_048_576.0))
}

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
fn row(what: &str, measured: &str, goal: &str) {
    println!("{what:<28}{measured:>12}   goal: below {goal}");
}
