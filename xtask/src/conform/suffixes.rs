//! Public suffixes: the vectors of publicsuffix/list, seen through the domains of cookies.

use super::peer::{self, Head};
use super::scores::Scores;
use super::worker::{Program, Worker};
use anyhow::{Context as _, Result};
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;

pub(super) fn run(folder: &Path, keep: bool) -> Result<()> {
    let vectors = std::fs::read_to_string(folder.join("tests/tests.txt"))
        .context("this is no checkout of publicsuffix/list")?;
    let port = peer::listen(serve)?;
    let detour = format!(":80:127.0.0.1:{port}");
    let mut worker = Program::build()?.with(&["--cookie-jar", "--connect-to", &detour]).start()?;
    let mut scores = Scores::new("suffixes", "publicsuffix/list, tests.txt");
    let lines = vectors.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    for (number, line) in lines.enumerate() {
        let (host, expected) = line.split_once(' ').context("a vector has two words")?;
        let expected = (expected != "null").then(|| labels(expected));
        let got = registered(&mut worker, number, host)?;
        let wrong = format!("the registered domain has {got:?} labels, not {expected:?}");
        scores.count(host, (got != expected).then_some(wrong));
    }
    scores.conclude(&[], keep)
}

fn labels(name: &str) -> usize {
    name.split('.').count()
}

/// Returns how many labels the shortest domain has whose cookie is kept; a host that no URL can
/// have has none.
fn registered(worker: &mut Worker, number: usize, host: &str) -> Result<Option<usize>> {
    if worker.get(&format!("http://{host}/{number}"))?.error.is_some() {
        return Ok(None);
    }
    let told = worker.get(&format!("http://below.{host}/"))?;
    let kept = told.body.split("; ").filter_map(|pair| pair.split_once('='));
    let kept = kept.filter(|(name, _)| *name == format!("case{number}"));
    Ok(kept.filter_map(|(_, value)| value.parse().ok()).min())
}

/// `/N` sets a cookie for every domain that the host is in; its value is how many labels the
/// domain has. `/` tells what came back.
fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    while let Some(head) = Head::read(&mut stream)? {
        let mut fields = String::new();
        let number = head.target().trim_start_matches('/');
        let mut domain = head.field("host").unwrap_or_default();
        while !number.is_empty() && !domain.is_empty() {
            let count = labels(domain);
            fields += &format!("Set-Cookie: case{number}={count}; Domain={domain}; Path=/\r\n");
            domain = domain.split_once('.').map_or("", |(_, rest)| rest);
        }
        let told = head.field("cookie").unwrap_or_default();
        let length = told.len();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{fields}\r\n{told}")?;
    }
    Ok(())
}
