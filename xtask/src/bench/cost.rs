//! What it costs to begin, and to wait.

use super::nginx::{Nginx, Way};
use super::{House, median, process};
use anyhow::{Context as _, Result};

/// Starts that are measured.
const STARTS: usize = 15;

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
