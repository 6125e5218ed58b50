//! One file over a long link that loses packets: one connection, several, and as many as help.

use super::link::{Character, FAR, Link};
use super::nginx::{Nginx, Way};
use super::process::{self, exists};
use super::race::words;
use super::{House, median};
use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// 100 Mbit/s.
const RATE: f64 = 12_500_000.0;
/// One way: a round trip takes 50 ms.
const DELAY: Duration = Duration::from_millis(25);
const MIB: u64 = 1 << 20;

/// A loss, and how much is fetched over it.
struct Scenario {
    name: &'static str,
    loses_one_of: u64,
    size: u64,
}

const SCENARIOS: [Scenario; 3] = [
    Scenario { name: "no loss", loses_one_of: 0, size: 64 * MIB },
    Scenario { name: "0.1 % lost", loses_one_of: 1000, size: 32 * MIB },
    Scenario { name: "1 % lost", loses_one_of: 100, size: 6 * MIB },
];

/// Makes the arguments that download this URL to this file.
type Fetch = fn(&str, &Path) -> Vec<String>;

/// The one that others are compared with.
const MEASURE: &str = "curl";

const OTHERS: [(&str, &str, Fetch); 2] = [
    (MEASURE, MEASURE, |url, file| words(&["-s", "-o", &file.to_string_lossy(), url])),
    ("aria2c -x4 -s4", "aria2c", |url, file| {
        let folder = file.parent().unwrap_or(file).to_string_lossy();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let size = ["-q", "-x4", "-s4", "-k1M", "--file-allocation=none"];
        words(&[&size[..], &["-d", &folder, "-o", &name, url]].concat())
    }),
];

/// Ours, with so many segments.
const OURS: [(&str, &str); 3] =
    [("urlsession -s auto", "auto"), ("urlsession -s 1", "1"), ("urlsession -s 4", "4")];

/// Measures interleaved rounds of each scenario and prints the medians.
#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(super) fn measure(house: &House, rounds: usize) -> Result<()> {
    if !rustix::process::geteuid().is_root() || !exists("ip") {
        println!("THE LOSSY LINK IS NOT MEASURED: it needs root and the command ip\n");
        return Ok(());
    }
    for scenario in &SCENARIOS {
        over(house, scenario, rounds).with_context(|| scenario.name)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
fn over(house: &House, scenario: &Scenario, rounds: usize) -> Result<()> {
    let character = Character { delay: DELAY, rate: RATE, loses_one_of: scenario.loses_one_of };
    let link = Link::new(character, 1)?;
    let folder = house.folder().join("lossy");
    std::fs::create_dir_all(&folder)?;
    let server = Nginx::start_at(&folder, scenario.size, FAR, &|command| link.far(command))?;
    let others = OTHERS.iter().filter(|(_, program, _)| exists(program));
    let names: Vec<_> =
        OURS.iter().map(|(name, _)| *name).chain(others.map(|(name, ..)| *name)).collect();
    let mut walls = vec![Vec::new(); names.len()];
    process::output(&mut link.near(house.command(&["daemon", "start"])))?;
    for round in 0..rounds {
        for turn in 0..names.len() {
            let at = (turn + round) % names.len();
            walls[at].push(fetch(house, &link, &server, names[at])?);
        }
    }
    house.stop()?;
    drop(server);
    println!(
        "{} MiB over 100 Mbit/s and 50 ms, {}, medians of {rounds} rounds",
        scenario.size / MIB,
        scenario.name
    );
    println!("{:<20}{:>8}{:>8}{:>8}{:>16}", "", "wall s", "least", "most", "speed to curl");
    let medians: Vec<_> = walls.iter().map(|walls| median(walls)).collect();
    let measure = names.iter().position(|name| *name == MEASURE);
    for ((name, walls), wall) in names.iter().zip(&walls).zip(&medians) {
        let ratio = measure.map_or(f64::NAN, |at| medians[at] / wall);
        let least = walls.iter().copied().fold(f64::INFINITY, f64::min);
        let most = walls.iter().copied().fold(0.0, f64::max);
        println!("{name:<20}{wall:>8.2}{least:>8.2}{most:>8.2}{ratio:>16.2}");
    }
    println!();
    Ok(())
}

fn fetch(house: &House, link: &Link, server: &Nginx, name: &str) -> Result<f64> {
    let file = house.folder().join("fetched");
    let url = server.url(Way::Plain, "large");
    let path = file.to_string_lossy();
    let command = match OURS.iter().find(|(known, _)| *known == name) {
        Some((_, segments)) => house.command(&["-q", "-s", segments, "-o", &path, &url]),
        None => {
            let (_, program, arguments) =
                OTHERS.iter().find(|(known, ..)| *known == name).context("a known program")?;
            let mut command = Command::new(program);
            command.args(arguments(&url, &file));
            command
        }
    };
    let cost = process::cost(&mut link.near(command))?;
    let length = file.metadata().context("what was fetched")?.len();
    ensure!(length == server.size, "{name} fetched {length} bytes");
    std::fs::remove_file(&file)?;
    Ok(cost.wall)
}
