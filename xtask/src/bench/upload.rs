//! One large file to a server that only counts what comes.

use super::House;
use super::nginx::Nginx;
use super::process::{self, Cost};
use super::race::{OURS, Race, ours};
use anyhow::{Context as _, Result, ensure};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Measures interleaved rounds and prints the medians.
pub(super) fn measure(house: &House, server: &Nginx, rounds: usize) -> Result<()> {
    let size = server.size;
    let file = server.file("large");
    let file = file.to_string_lossy();
    let race = Race {
        title: format!("an upload of {} MiB", size >> 20),
        per: (size as f64 / f64::from(1 << 30), "GiB"),
    };
    let sink = Sink::open()?;
    race.run(&["curl", "wget"], rounds, |name, _| {
        let before = sink.taken();
        let cost = put(house, name, &file, &sink.url)?;
        let taken = sink.taken() - before;
        ensure!(taken == size, "{taken} bytes arrived");
        Ok(cost)
    })?;
    house.stop()
}

fn put(house: &House, name: &str, file: &str, url: &str) -> Result<Cost> {
    if name == OURS {
        return ours(house, &["put", "-q", file, url]);
    }
    let mut command = Command::new(name);
    match name {
        "curl" => command.args(["-s", "-T", file, url]),
        _ => command.args(["-q", "-O", "-", "--method=PUT", "--body-file", file, url]),
    };
    process::cost(&mut command)
}

/// A server that takes whatever is sent, and says so when all of it has come.
struct Sink {
    url: String,
    taken: Arc<AtomicU64>,
}

impl Sink {
    /// Opens it; its thread ends with the process.
    fn open() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://{}/sink", listener.local_addr()?);
        let taken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counter = Arc::clone(&counter);
                // A client that goes away shows in what it says itself.
                std::thread::spawn(move || drop(take(stream, &counter)));
            }
        });
        Ok(Self { url, taken })
    }

    fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }
}

fn take(mut stream: TcpStream, counter: &AtomicU64) -> Result<()> {
    let mut from = BufReader::with_capacity(256 << 10, stream.try_clone()?);
    let mut piece = vec![0; 256 << 10];
    loop {
        let mut left = None;
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(length) = line.strip_prefix("content-length:") {
                left = Some(length.trim().parse::<u64>()?);
            }
            if line == "expect: 100-continue" {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
        }
        let mut left = left.context("a length")?;
        while left > 0 {
            let limit = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let count = from.read(&mut piece[..limit])?;
            ensure!(count > 0, "the end came early");
            left -= count as u64;
            counter.fetch_add(count as u64, Ordering::AcqRel);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}
