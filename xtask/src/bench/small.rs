//! Many small files over plain HTTP/1.1, as many at once by everybody.

use super::House;
use super::nginx::{Nginx, Way};
use super::process::{self, Cost};
use super::race::{OURS, Race, ours, words};
use crate::build::{Profile, testkit};
use anyhow::{Context as _, Result, ensure};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// What is fetched by everybody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    /// The server's name of it.
    pub(super) name: &'static str,
    /// What it is called in the title.
    pub(super) size: &'static str,
    /// How many of them.
    pub(super) count: usize,
    /// How many at once.
    pub(super) at_once: usize,
    /// What the processor time is divided by, and its name.
    pub(super) per: (f64, &'static str),
}

/// Makes the arguments that download the list into the folder, so many at once.
type Fetch = fn(&str, &str, &str) -> Vec<String>;

const OTHERS: [(&str, Fetch); 3] = [
    ("curl", |list, _, at_once| {
        words(&["-s", "--parallel", "--parallel-immediate", "--parallel-max", at_once, "-K", list])
    }),
    ("aria2c", |list, folder, at_once| {
        words(&["-q", "-j", at_once, "-x1", "--file-allocation=none", "-d", folder, "-i", list])
    }),
    ("wget2", |list, folder, at_once| {
        words(&["-q", "--max-threads", at_once, "-P", folder, "-i", list])
    }),
];

/// Measures interleaved rounds and prints the medians; then how evenly the files came.
#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(super) fn measure(house: &House, server: &Nginx, work: Work, rounds: usize) -> Result<()> {
    let Work { size, count, at_once, per, .. } = work;
    let race =
        Race { title: format!("{count} files of {size}, {at_once} at once, ours durable"), per };
    let in_process = (work.name == SMALL).then_some(IN_PROCESS);
    let others: Vec<_> =
        in_process.into_iter().chain(OTHERS.iter().map(|(name, _)| *name)).collect();
    let mut slowest = Vec::new();
    race.run(&others, rounds, |name, round| {
        let folder = house.folder().join(format!("{}-{name}-{round}", work.name));
        let cost = fetch(house, server, name, &folder, work)?;
        if name == OURS && round > 0 {
            slowest.push(unevenness(&folder)?);
        }
        // Small ones stay until the end: some file systems are slow to make files where many
        // were just removed.
        if work.name != SMALL {
            std::fs::remove_dir_all(&folder)?;
        }
        Ok(cost)
    })?;
    if work.name != SMALL {
        println!("our last file took {:.2} of the middle one's time\n", super::median(&slowest));
    }
    house.stop()
}

/// A session of ours without a daemon, which ends with its process and makes nothing durable.
const IN_PROCESS: &str = "ours, default session";

/// The server's name of small files.
pub(super) const SMALL: &str = "small";

fn fetch(house: &House, server: &Nginx, name: &str, folder: &Path, work: Work) -> Result<Cost> {
    std::fs::create_dir_all(folder)?;
    let into = folder.to_string_lossy();
    let list = folder.with_extension("list");
    let mut text = String::new();
    for number in 0..work.count {
        let url = server.url(Way::Plain, &format!("{}/{number}", work.name));
        match name {
            "curl" => writeln!(text, "url = {url}\noutput = {into}/{number}")?,
            _ => writeln!(text, "{url}")?,
        }
    }
    std::fs::write(&list, text)?;
    let (list, at_once) = (list.to_string_lossy(), work.at_once.to_string());
    let cost = if name == OURS {
        ours(house, &["get", "-q", "-j", &at_once, "-d", &into, "-i", &list])?
    } else if name == IN_PROCESS {
        let (url, count) = (server.url(Way::Plain, "small/"), work.count.to_string());
        let into = ["spend", "download", &count, &url, "--at-once", &at_once, "--folder", &into];
        process::cost(Command::new(testkit(Profile::Release)?).args(into))?
    } else {
        let (_, arguments) =
            OTHERS.iter().find(|(known, _)| *known == name).context("a known program")?;
        process::cost(Command::new(name).args(arguments(&list, &into, &at_once)))?
    };
    let fetched = std::fs::read_dir(folder)?.count();
    ensure!(fetched == work.count, "{name} fetched {fetched} of {} files", work.count);
    Ok(cost)
}

/// Returns how long the last file took, beside the middle one; both began with the list.
fn unevenness(folder: &Path) -> Result<f64> {
    let begin = folder.with_extension("list").metadata()?.modified()?;
    let mut ends = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let end = entry?.metadata()?.modified()?;
        ends.push(end.duration_since(begin).unwrap_or_default().as_secs_f64());
    }
    let last = ends.iter().copied().fold(0.0, f64::max);
    Ok(last / super::median(&ends))
}
