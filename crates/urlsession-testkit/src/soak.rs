//! Many transfers for a long time: what the daemon holds must not grow.

use crate::server::{Answer, Server};
use anyhow::{Context as _, Result, ensure};
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;
use urlsession::{Acknowledgement, DownloadOptions, Event, Request, Session, SessionConfiguration};

/// Names, for the app process, the folder of a run.
const FOLDER: &str = "URLSESSION_SOAK";
/// The file with what the app is to fetch, a URL a line.
const URLS: &str = "urls";
/// The file that says that it is time to end.
const END: &str = "end";
/// How many different files there are; the connections of one of them break.
const FILES: u64 = 100;
const RATE: u64 = 512 << 10;
/// Time between two looks at the daemon.
const PAUSE: Duration = Duration::from_secs(1);
/// What may be more in the last third than in the one before: 5 %, and so much.
const SLACK: Sample = Sample { memory_kib: 4096, descriptors: 24, threads: 8 };
const SLACK_PARTS: u64 = 20;

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The executable `urlsession`, whose daemon is used.
    pub executable: PathBuf,
    /// The program and argument of the app process, which must call [`app`].
    pub app: (PathBuf, String),
    /// How long the app goes on.
    pub seconds: u32,
}

/// What the daemon had at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// Its resident memory.
    pub memory_kib: u64,
    /// Its open files and sockets.
    pub descriptors: u64,
    /// Its threads.
    pub threads: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// How many tasks ended, all of them well.
    pub ended: u64,
    /// How many requests it took: more than tasks, because of the faults.
    pub requests: usize,
    /// The most of everything in the second third of the time.
    pub before: Sample,
    /// The most of everything in the last third.
    pub after: Sample,
}

impl Report {
    /// Says whether nothing grew.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        let fits =
            |before: u64, after: u64, slack: u64| after <= before + before / SLACK_PARTS + slack;
        fits(self.before.memory_kib, self.after.memory_kib, SLACK.memory_kib)
            && fits(self.before.descriptors, self.after.descriptors, SLACK.descriptors)
            && fits(self.before.threads, self.after.threads, SLACK.threads)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ended, requests, before, after } = self;
        writeln!(f, "{ended} tasks in {requests} requests")?;
        writeln!(f, "memory  {:>6} KiB, then {:>6} KiB", before.memory_kib, after.memory_kib)?;
        writeln!(f, "files   {:>6},     then {:>6}", before.descriptors, after.descriptors)?;
        writeln!(f, "threads {:>6},     then {:>6}", before.threads, after.threads)
    }
}

/// Runs it all, in a temporary folder.
///
/// # Errors
/// The run could not be done, or a task ended with an error. Growth is in the report.
pub fn run(options: &Options) -> Result<Report> {
    let folder = tempfile::Builder::new().prefix("urlsession-soak-").tempdir()?;
    let server = Server::start();
    let mut urls = String::new();
    for file in 0..FILES {
        let path = format!("/file/{file}");
        let length = 1024 + file * file * 100;
        let answer = Answer::pseudo_random(file, length).etag(&format!("\"{file}\"")).rate(RATE);
        let breaks = file == FILES / 2;
        server.on(&path, if breaks { answer.drop_after(length / 2).reset() } else { answer });
        urls.push_str(&server.url(&path));
        urls.push('\n');
    }
    fs::write(folder.path().join(URLS), urls)?;
    let place = Place { options, folder: folder.path() };
    place.urlsession(&["daemon", "start"])?;
    let watched = place.watch();
    place.urlsession(&["daemon", "stop"])?;
    let (samples, ended) = watched?;
    let third = samples.len() / 3;
    let (_, rest) = samples.split_at(third);
    let (before, after) = rest.split_at(third);
    Ok(Report {
        ended,
        requests: server.requests().len(),
        before: most(before),
        after: most(after),
    })
}

/// Where a run is.
struct Place<'a> {
    options: &'a Options,
    folder: &'a Path,
}

impl Place<'_> {
    /// Lets the app work for its time, and looks at the daemon meanwhile.
    fn watch(&self) -> Result<(Vec<Sample>, u64)> {
        let status = self.urlsession(&["daemon", "status", "--json"])?;
        let status: serde_json::Value = serde_json::from_slice(&status)?;
        let pid = status["pid"].as_u64().context("the daemon's process")?;
        let (program, argument) = &self.options.app;
        let app = self.command(program).arg(argument).stdout(Stdio::piped()).spawn()?;
        let (tell, output) = channel();
        std::thread::spawn(move || tell.send(app.wait_with_output()));
        let samples = self.sample(pid, &output);
        fs::write(self.folder.join(END), "")?;
        let output = output.recv().context("the app has ended before")??;
        ensure!(output.status.success(), "the app gave up");
        let ended = String::from_utf8_lossy(&output.stdout).trim().parse();
        Ok((samples?, ended.context("what the app says")?))
    }

    fn sample<T>(&self, pid: u64, ended: &Receiver<T>) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        for _ in 0..self.options.seconds {
            let waited = ended.recv_timeout(PAUSE);
            ensure!(matches!(waited, Err(RecvTimeoutError::Timeout)), "the app ended too early");
            samples.push(look(pid)?);
        }
        Ok(samples)
    }

    fn urlsession(&self, words: &[&str]) -> Result<Vec<u8>> {
        let output = self.command(&self.options.executable).args(words).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "urlsession {}: {said}", words.join(" "));
        Ok(output.stdout)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("URLSESSION_HOME", self.folder.join("home"))
            .env("URLSESSION_DAEMON", &self.options.executable)
            .env("URLSESSION_APP_ID", "soak")
            .env(FOLDER, self.folder);
        command
    }
}

/// The app: has so many tasks at a time until it is told to end, then prints how many there were.
///
/// # Errors
/// A task ended with an error, or the session cannot be used.
pub fn app(tasks: u32) -> Result<()> {
    let folder = PathBuf::from(std::env::var_os(FOLDER).context("not started by the soak")?);
    let urls = fs::read_to_string(folder.join(URLS))?;
    let mut urls = urls.lines().cycle();
    let mut configuration = SessionConfiguration::background("soak");
    configuration.acknowledgement = Acknowledgement::Explicit;
    configuration.http_maximum_connections_per_host = tasks;
    let session = Session::new(configuration)?;
    let mut events = session.events();
    let (mut under_way, mut ended) = (0, 0_u64);
    loop {
        while under_way < tasks && !folder.join(END).exists() {
            let url = urls.next().context("there are URLs")?;
            let options = DownloadOptions { resume: true, ..DownloadOptions::default() };
            session.download_task_with(Request::new(url)?, options)?;
            under_way += 1;
        }
        if under_way == 0 {
            break;
        }
        let delivery = events.recv().context("the session is gone")?;
        if let Event::DidComplete { error, .. } = &delivery.event {
            ensure!(error.is_none(), "a task ended: {error:?}");
            under_way -= 1;
            ended += 1;
        }
        delivery.acknowledge();
    }
    session.synced(Duration::from_secs(60))?;
    writeln!(std::io::stdout(), "{ended}")?;
    Ok(())
}

fn look(pid: u64) -> Result<Sample> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the daemon is gone")?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    Ok(Sample {
        memory_kib: number("VmRSS:"),
        descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
        threads: number("Threads:"),
    })
}

fn most(samples: &[Sample]) -> Sample {
    samples.iter().fold(Sample::default(), |most, sample| Sample {
        memory_kib: most.memory_kib.max(sample.memory_kib),
        descriptors: most.descriptors.max(sample.descriptors),
        threads: most.threads.max(sample.threads),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_seen() {
        let before = Sample { memory_kib: 40_000, descriptors: 200, threads: 20 };
        for (after, flat) in [
            (before, true),
            (Sample { memory_kib: 46_000, ..before }, true),
            (Sample { memory_kib: 47_000, ..before }, false),
            (Sample { descriptors: 300, ..before }, false),
            (Sample { threads: 40, ..before }, false),
        ] {
            let report = Report { ended: 1, requests: 1, before, after };
            assert_eq!(report.is_flat(), flat, "{report}");
        }
    }
}
