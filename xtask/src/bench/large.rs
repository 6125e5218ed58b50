//! One large file: plain, over TLS with HTTP/1.1, and over TLS with HTTP/2.

use super::House;
use super::limit;
use super::nginx::{Nginx, Way};
use super::process::{self, Cost};
use super::race::{OURS, Race, ours, words};
use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use std::process::Command;

/// Makes the arguments that download this URL to this file, where this authority is trusted.
type Fetch = fn(&str, &Path, &str) -> Vec<String>;

/// Programs and what they are told.
const OTHERS: [(&str, Fetch); 4] = [
    ("curl", |url, file, authority| {
        words(&["-s", "--cacert", authority, "-o", &file.to_string_lossy(), url])
    }),
    ("wget", |url, file, authority| {
        let authority = format!("--ca-certificate={authority}");
        words(&["-q", &authority, "-O", &file.to_string_lossy(), url])
    }),
    ("wget2", |url, file, authority| {
        let authority = format!("--ca-certificate={authority}");
        words(&["-q", &authority, "-O", &file.to_string_lossy(), url])
    }),
    ("aria2c", |url, file, authority| {
        let folder = file.parent().unwrap_or(file).to_string_lossy();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let authority = format!("--ca-certificate={authority}");
        let rest = ["-x1", "-s1", "--file-allocation=none", "-d", &folder, "-o", &name, url];
        [words(&["-q", &authority]), words(&rest)].concat()
    }),
];

/// Who speaks HTTP/2; the others would be measured over HTTP/1.1 a second time.
const OTHERS_OVER_HTTP2: [&str; 2] = ["curl", "wget2"];

/// Measures interleaved rounds and prints the medians.
pub(super) fn measure(house: &House, server: &Nginx, way: Way, rounds: usize) -> Result<()> {
    let size = server.size;
    let race = Race {
        title: format!("{} MiB {}", size >> 20, way.title()),
        per: (size as f64 / f64::from(1 << 30), "GiB"),
    };
    let others: Vec<_> = match way {
        Way::Plain => OTHERS.iter().map(|(name, _)| *name).chain(limit::NAMES).collect(),
        Way::Tls => OTHERS.iter().map(|(name, _)| *name).collect(),
        Way::Http2 => OTHERS_OVER_HTTP2.to_vec(),
    };
    race.run(&others, rounds, |name, _| fetch(house, server, way, name))?;
    house.stop()
}

fn fetch(house: &House, server: &Nginx, way: Way, name: &str) -> Result<Cost> {
    let file = house.folder().join("fetched");
    let url = server.url(way, "large");
    let authority = server.authority();
    let authority = authority.to_string_lossy();
    let path = file.to_string_lossy();
    let cost = if name == OURS {
        ours(house, &["-q", "--cacert", &authority, "-o", &path, &url])?
    } else if limit::NAMES.contains(&name) {
        limit::cost(name, &url, &path)?
    } else {
        let (_, arguments) =
            OTHERS.iter().find(|(known, _)| *known == name).context("a known program")?;
        process::cost(Command::new(name).args(arguments(&url, &file, &authority)))?
    };
    let length = file.metadata().context("what was fetched")?.len();
    ensure!(length == server.size, "{name} fetched {length} bytes");
    std::fs::remove_file(&file)?;
    Ok(cost)
}
