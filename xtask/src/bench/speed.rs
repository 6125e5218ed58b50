//! One large file over plain HTTP/1.1: wall time and processor time beside other programs.

use super::nginx::Nginx;
use super::process::{self, Cost};
use super::{House, median};
use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use std::process::Command;

/// The one that others are compared with.
const MEASURE: &str = "curl";

/// The one whose daemon counts too.
const OURS: &str = "urlsession";

/// Makes the command that downloads this URL to this file of this folder.
type Fetch = fn(&str, &Path) -> Vec<String>;

/// Programs and their arguments; the URL is the last argument of each.
const OTHERS: [(&str, Fetch); 4] = [
    (MEASURE, |url, file| words(&["-s", "-o", &file.to_string_lossy(), url])),
    ("wget", |url, file| words(&["-q", "-O", &file.to_string_lossy(), url])),
    ("wget2", |url, file| words(&["-q", "-O", &file.to_string_lossy(), url])),
    ("aria2c", |url, file| {
        let folder = file.parent().unwrap_or(file).to_string_lossy();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        words(&["-q", "-x1", "-s1", "--file-allocation=none", "-d", &folder, "-o", &name, url])
    }),
];

struct Contestant {
    name: &'static str,
    costs: Vec<Cost>,
}

/// Measures interleaved rounds after one that warms up, and prints the medians.
#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(super) fn measure(house: &House, server: &Nginx, rounds: usize) -> Result<()> {
    let others = OTHERS.iter().filter(|(name, _)| process::exists(name)).map(|(name, _)| *name);
    let mut contestants: Vec<_> = std::iter::once(OURS)
        .chain(others)
        .map(|name| Contestant { name, costs: Vec::new() })
        .collect();
    for round in 0..=rounds {
        // Each round begins with another one, so that none always runs after the same.
        let count = contestants.len();
        for turn in 0..count {
            let contestant = &mut contestants[(turn + round) % count];
            let cost = fetch(house, server, contestant.name)?;
            if round > 0 {
                contestant.costs.push(cost);
            }
        }
    }
    house.stop()?;
    print(&contestants, server.size, rounds);
    println!();
    Ok(())
}

fn fetch(house: &House, server: &Nginx, name: &str) -> Result<Cost> {
    let file = house.folder().join("fetched");
    let url = server.url("large");
    let cost = if name == OURS {
        process::output(&mut house.command(&["daemon", "start"]))?;
        let pid = house.status()?["pid"].as_u64().context("the daemon has a pid")?;
        let pid = u32::try_from(pid)?;
        let before = process::cpu(pid)?;
        let path = file.to_string_lossy();
        let mut cost = process::cost(&mut house.command(&["-q", "-o", &path, &url]))?;
        cost.cpu += process::cpu(pid)? - before;
        cost
    } else {
        let (_, arguments) =
            OTHERS.iter().find(|(known, _)| *known == name).context("a known program")?;
        process::cost(Command::new(name).args(arguments(&url, &file)))?
    };
    let length = file.metadata().context("what was fetched")?.len();
    ensure!(length == server.size, "{name} fetched {length} bytes");
    std::fs::remove_file(&file)?;
    Ok(cost)
}

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
fn print(contestants: &[Contestant], size: u64, rounds: usize) {
    let of = |contestant: &Contestant, field: fn(&Cost) -> f64| {
        median(&contestant.costs.iter().map(field).collect::<Vec<_>>())
    };
    let mib = size >> 20;
    println!(
        "{mib} MiB from nginx on loopback, medians of {rounds} rounds; urlsession with daemon"
    );
    println!("{:<12}{:>10}{:>10}{:>16}", "", "wall s", "cpu s", "cpu to curl");
    let measure = contestants.iter().find(|contestant| contestant.name == MEASURE);
    for contestant in contestants {
        let (wall, cpu) = (of(contestant, |cost| cost.wall), of(contestant, |cost| cost.cpu));
        let ratio = measure.map_or(f64::NAN, |measure| cpu / of(measure, |cost| cost.cpu));
        println!("{:<12}{wall:>10.2}{cpu:>10.2}{ratio:>16.2}", contestant.name);
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
