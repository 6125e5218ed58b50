//! The story itself: each step does something cruel, then proves what survived.

use super::app::{APPLICATION, SESSION};
use super::server::{self, Server};
use crate::clock;
use crate::exit::{self, Failure};
use crate::measure::{self, size};
use crate::terminal;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use urlsession::{
    ApplicationId, Daemon, DaemonStatus, Event, SessionIdentifier, SessionKey, TaskIdentifier,
};

const LENGTH: u64 = 200 << 20;
const RATE: u64 = 22 << 20;
/// Most bytes that a killed daemon may have to fetch again: those since the last sync.
const TWICE_LIMIT: u64 = 8 << 20;
/// Longest a single step may take.
const STEP_LIMIT: Duration = Duration::from_secs(30);

/// Tells the story; the first step that fails ends it.
pub(super) fn tell(folder: &Path) -> Result<u8, Failure> {
    let began = clock::steady();
    let mut story = Story::open(folder)?;
    story.app_asks()?;
    story.app_is_killed()?;
    story.daemon_is_killed()?;
    story.daemon_returns()?;
    story.app_returns()?;
    story.file_is_whole()?;
    story.count(began)?;
    if let Ok(daemon) = Daemon::connect(false) {
        daemon.shutdown()?;
    }
    Ok(exit::DONE)
}

struct Story {
    own: PathBuf,
    server: Server,
    digest: String,
    destination: PathBuf,
    session: SessionKey,
    task: TaskIdentifier,
    app: Option<Child>,
    /// What the killed daemon had received, as it said itself.
    received: u64,
    /// What the server had given to the system for the killed daemon.
    handed: u64,
    /// Where the next daemon went on.
    resumed_at: u64,
}

impl Story {
    fn open(folder: &Path) -> Result<Self, Failure> {
        let server = Server::start(LENGTH, RATE)?;
        let digest = server::digest(LENGTH);
        say(&format!(
            "A server of our own has a file of {} at {}; it sends {} a second.",
            size(LENGTH),
            server.url(),
            size(RATE)
        ))?;
        let key = "the constants are identifiers";
        Ok(Self {
            own: std::env::current_exe()?,
            server,
            digest,
            destination: folder.join("episode.bin"),
            session: SessionKey {
                application: ApplicationId::new(APPLICATION).expect(key),
                session: SessionIdentifier::new(SESSION).expect(key),
            },
            task: TaskIdentifier(0),
            app: None,
            received: 0,
            handed: 0,
            resumed_at: 0,
        })
    }

    fn app_asks(&mut self) -> Result<(), Failure> {
        let mut app = self.app_command(false).stdout(Stdio::piped()).spawn()?;
        let out = app.stdout.take().expect("its stdout is piped");
        self.app = Some(app);
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let number = line.trim().parse().ok();
        self.task =
            TaskIdentifier(number.ok_or_else(|| broken("the app could not start its download"))?);
        let pid = self.app.as_ref().map_or(0, Child::id);
        proven(&format!(
            "An app (process {pid}) asked for the file: task {} of its session “{SESSION}”.",
            self.task
        ))
    }

    fn app_is_killed(&mut self) -> Result<(), Failure> {
        self.wait_for(LENGTH / 4)?;
        if let Some(mut app) = self.app.take() {
            // Child::kill is SIGKILL: the app cannot do anything about it.
            app.kill()?;
            app.wait()?;
        }
        let before = self.wait_for(0)?;
        proven(&format!("The app was killed with SIGKILL at {}.", size(before)))?;
        let after = self.wait_for(before + (LENGTH / 20))?;
        proven(&format!(
            "Nobody is left who asked, and the daemon goes on: {} are {} by now.",
            size(before),
            size(after)
        ))
    }

    fn daemon_is_killed(&mut self) -> Result<(), Failure> {
        self.received = self.wait_for(LENGTH / 2)?;
        let pid = daemon()?.pid;
        kill(pid)?;
        self.handed = self.server.diary().last().map_or(0, |entry| entry.from + entry.sent);
        proven(&format!(
            "The daemon (process {pid}) was killed with SIGKILL, too, at {}.",
            size(self.received)
        ))
    }

    fn daemon_returns(&mut self) -> Result<(), Failure> {
        let daemon = Daemon::connect(true)?;
        proven(&format!(
            "A daemon was started again (process {}), as the next use or the next login does.",
            daemon.status()?.pid
        ))?;
        let entry = self.second_request()?;
        self.resumed_at = entry.from;
        let range = entry.range.unwrap_or_default();
        if entry.status != 206 || entry.from == 0 {
            return Err(broken("the download began again instead of going on"));
        }
        proven(&format!(
            "By itself it asked the server for “Range: {range}”, “If-Range: {}”: it goes on at {}.",
            entry.if_range.unwrap_or_default(),
            size(entry.from)
        ))?;
        self.wait_for(LENGTH)?;
        proven("The download is complete. Still no app is there; the result waits for it.")
    }

    fn app_returns(&mut self) -> Result<(), Failure> {
        let mut app = self.app_command(true).stdout(Stdio::piped()).spawn()?;
        let pid = app.id();
        let mut events = String::new();
        let out = app.stdout.take().expect("its stdout is piped");
        out.take(64 * 1024).read_to_string(&mut events)?;
        app.wait()?;
        let told: Vec<&str> = events.lines().collect();
        let owed = ["did_finish_downloading", "did_complete", "did_finish_events"];
        if told != owed {
            return Err(broken(&format!("the app was told {}", told.join(", "))));
        }
        let left = daemon()?.events_owed;
        if left != 0 {
            return Err(broken(&format!("{left} events are still owed after they were taken")));
        }
        proven(&format!(
            "The app came back (process {pid}), created its session again and was told, each once: {}.",
            told.join(", ")
        ))
    }

    fn file_is_whole(&self) -> Result<(), Failure> {
        let mut file = File::open(&self.destination)
            .map_err(|error| Failure::file(&self.destination, &error))?;
        let mut hash = Sha256::new();
        let mut chunk = vec![0; 1 << 20];
        loop {
            match file.read(&mut chunk)? {
                0 => break,
                length => hash.update(&chunk[..length]),
            }
        }
        let found = server::hexadecimal(&hash.finalize());
        if found != self.digest {
            return Err(broken(&format!("SHA-256 is {found} and should be {}", self.digest)));
        }
        proven(&format!("The file is whole: SHA-256 {}… on both sides.", &found[..16]))
    }

    fn count(&self, began: Instant) -> Result<(), Failure> {
        let sent: u64 = self.server.diary().iter().map(|entry| entry.sent).sum();
        let twice = self.received.saturating_sub(self.resumed_at);
        let at_most = self.handed.saturating_sub(self.resumed_at);
        let text = format!(
            "The server sent {} in all. Fetched twice: {} of what the daemon had reported ({} \
             with what was still on its way when it died).",
            size(sent),
            size(twice),
            size(at_most)
        );
        if twice > TWICE_LIMIT {
            return Err(broken(&format!("{text} More than {}.", size(TWICE_LIMIT))));
        }
        proven(&text)?;
        say(&format!("Two kills, nothing lost, {}.", measure::duration(began.elapsed())))
    }

    fn app_command(&self, collect: bool) -> Command {
        let mut command = Command::new(&self.own);
        command.arg("demo-app").arg(self.server.url()).arg(&self.destination);
        if collect {
            command.arg("--collect");
        }
        command.stdin(Stdio::null());
        command
    }

    /// Waits until the daemon has received so many bytes, and returns how many it has.
    fn wait_for(&self, bytes: u64) -> Result<u64, Failure> {
        let daemon = Daemon::connect(false)?;
        let mut watch = daemon.watch(Some(self.session.clone()), false)?;
        let status = daemon.task(&self.session, self.task)?;
        let mut received = status.count_of_bytes_received;
        if status.completed.is_some() {
            return complete(received, status.error.map(|error| error.to_string()));
        }
        let began = clock::steady();
        while received < bytes || bytes == LENGTH {
            let left = STEP_LIMIT.saturating_sub(began.elapsed());
            match watch.recv_timeout(left)?.map(|watched| watched.event) {
                None => return Err(broken(&format!("no more than {} came", size(received)))),
                Some(Event::DidWriteData { total_bytes_written, .. }) => {
                    received = total_bytes_written;
                }
                Some(Event::DidComplete { error, .. }) => {
                    return complete(received, error.map(|error| error.to_string()));
                }
                Some(_) => {}
            }
        }
        Ok(received)
    }

    /// Waits for the request of the daemon that was started again.
    fn second_request(&self) -> Result<server::Entry, Failure> {
        let began = clock::steady();
        while began.elapsed() < STEP_LIMIT {
            if let [_, second, ..] = &self.server.diary()[..] {
                return Ok(second.clone());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(broken("the daemon did not ask the server again"))
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if let Some(mut app) = self.app.take() {
            let _ = app.kill();
            let _ = app.wait();
        }
    }
}

fn complete(received: u64, error: Option<String>) -> Result<u64, Failure> {
    match error {
        None => Ok(received),
        Some(error) => Err(broken(&format!("the download failed: {error}"))),
    }
}

fn daemon() -> Result<DaemonStatus, Failure> {
    Ok(Daemon::connect(false)?.status()?)
}

/// Kills the daemon of the story, which the story's own home has told the number of.
fn kill(pid: u32) -> Result<(), Failure> {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| broken("the daemon has no process id"))?;
    kill_process(pid, Signal::KILL).map_err(|error| Failure::from(io::Error::from(error)))
}

fn broken(why: &str) -> Failure {
    Failure::new(exit::SOME_FAILED, format!("✗ {why}"))
}

fn proven(text: &str) -> Result<(), Failure> {
    let mark = console::style("✓").green();
    Ok(terminal::print(&format!("{mark} {text}\n"))?)
}

fn say(text: &str) -> Result<(), Failure> {
    Ok(terminal::print(&format!("  {text}\n"))?)
}
