//! Many small files over plain HTTP/1.1, as many at once by everybody: wall and processor time.

use super::nginx::Nginx;
use super::process::{self, Cost};
use super::{House, median};
use anyhow::{Context as _, Result, ensure};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Transfers at once.
const AT_ONCE: &str = "20";

/// The one whose daemon counts too, and whose files are durable.
const OURS: &str = "urlsession";

/// Makes the arguments that download the list into the folder.
type Fetch = fn(&str, &str) -> Vec<String>;

const OTHERS: [(&str, Fetch); 3] = [
    ("curl", |list, _| {
        words(&["-s", "--parallel", "--parallel-immediate", "--parallel-max", AT_ONCE, "-K", list])
    }),
    ("aria2c", |list, folder| {
        words(&["-q", "-j", AT_ONCE, "-x1", "--file-allocation=none", "-d", folder, "-i", list])
    }),
    ("wget2", |list, folder| words(&["-q", "--max-threads", AT_ONCE, "-P", folder, "-i", list])),
];

struct Contestant {
    name: &'static str,
    costs: Vec<Cost>,
}

/// Measures interleaved rounds after one that warms up, and prints the medians.
pub(super) fn measure(house: &House, server: &Nginx, count: usize, rounds: usize) -> Result<()> {
    let others = OTHERS.iter().filter(|(name, _)| process::exists(name)).map(|(name, _)| *name);
    let mut contestants: Vec<_> = std::iter::once(OURS)
        .chain(others)
        .map(|name| Contestant { name, costs: Vec::new() })
        .collect();
    for round in 0..=rounds {
        let length = contestants.len();
        for turn in 0..length {
            let contestant = &mut contestants[(turn + round) % length];
            // Nothing is removed before the end: some file systems are slow to make files where
            // others were just removed.
            let folder = house.folder().join(format!("small-{}-{round}", contestant.name));
            let cost = fetch(house, server, contestant.name, &folder, count)?;
            if round > 0 {
                contestant.costs.push(cost);
            }
        }
    }
    house.stop()?;
    print(&contestants, count, rounds);
    Ok(())
}

fn fetch(house: &House, server: &Nginx, name: &str, folder: &Path, count: usize) -> Result<Cost> {
    std::fs::create_dir_all(folder)?;
    let into = folder.to_string_lossy();
    let list = folder.with_extension("list");
    let mut text = String::new();
    for number in 0..count {
        let url = server.url(&format!("small/{number}"));
        match name {
            "curl" => writeln!(text, "url = {url}\noutput = {into}/{number}")?,
            _ => writeln!(text, "{url}")?,
        }
    }
    std::fs::write(&list, text)?;
    let list = list.to_string_lossy();
    let cost = if name == OURS {
        process::output(&mut house.command(&["daemon", "start"]))?;
        let pid = house.status()?["pid"].as_u64().context("the daemon has a pid")?;
        let pid = u32::try_from(pid)?;
        let before = process::cpu(pid)?;
        let mut get = house.command(&["get", "-q", "-j", AT_ONCE, "-d", &into, "-i", &list]);
        let mut cost = process::cost(&mut get)?;
        cost.cpu += process::cpu(pid)? - before;
        cost
    } else {
        let (_, arguments) =
            OTHERS.iter().find(|(known, _)| *known == name).context("a known program")?;
        process::cost(Command::new(name).args(arguments(&list, &into)))?
    };
    let fetched = std::fs::read_dir(folder)?.count();
    ensure!(fetched == count, "{name} fetched {fetched} of {count} files");
    Ok(cost)
}

#[expect(clippy::print_stdout, reason = "the results are for people to read")]
fn print(contestants: &[Contestant], count: usize, rounds: usize) {
    let of = |contestant: &Contestant, field: fn(&Cost) -> f64| {
        median(&contestant.costs.iter().map(field).collect::<Vec<_>>())
    };
    println!(
        "{count} files of 10 KiB, {AT_ONCE} at once, medians of {rounds} rounds; ours are durable"
    );
    println!("{:<12}{:>10}{:>10}{:>14}{:>14}", "", "wall s", "cpu s", "ours: wall", "cpu");
    let ours = contestants.iter().find(|contestant| contestant.name == OURS);
    for contestant in contestants {
        let (wall, cpu) = (of(contestant, |cost| cost.wall), of(contestant, |cost| cost.cpu));
        let (our_wall, our_cpu) = ours.map_or((f64::NAN, f64::NAN), |ours| {
            (of(ours, |cost| cost.wall), of(ours, |cost| cost.cpu))
        });
        let (by_wall, by_cpu) = (our_wall / wall, our_cpu / cpu);
        println!("{:<12}{wall:>10.2}{cpu:>10.2}{by_wall:>14.2}{by_cpu:>14.2}", contestant.name);
    }
    println!();
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
