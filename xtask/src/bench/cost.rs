//! What it costs to begin, to queue, and to wait.

use super::nginx::{Nginx, Way};
use super::{House, median, process};
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};

/// Starts that are measured.
const STARTS: usize = 15;

/// Tasks that are queued from one file.
const QUEUED: usize = 10_000;

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

    // It takes connections and never says a word: what is queued for it stays queued.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = silent.local_addr()?;
    let list = house.folder().join("list.txt");
    let mut text = String::new();
    for number in 0..QUEUED {
        writeln!(text, "http://{address}/{number}")?;
    }
    std::fs::write(&list, text)?;
    let (list, folder) = (list.to_string_lossy(), house.folder().join("queued"));
    process::output(&mut house.command(&["daemon", "start"]))?;
    let add = ["add", "-q", "-i", &list, "-d", &folder.to_string_lossy()];
    let took = process::cost(&mut house.command(&add))?.wall;
    row("add -i of 10,000 lines", &format!("{took:.2} s"), "3 s");
    row("memory with 10,000 queued", &memory(house)?, "40 MiB");
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
