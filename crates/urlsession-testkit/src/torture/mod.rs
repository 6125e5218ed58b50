//! Kills app and daemon at random moments during real work, then counts what is left.
//!
//! ```text
//!   controller (this process) ── scriptable server ── bodies, drops, uploads
//!      │ SIGKILL            │ SIGKILL
//!      v                    v
//!   app process ──socket── daemon          journal: what the app was promised and told
//! ```
//!
//! The app writes a line into its journal only after the call or the event it is about, so that the
//! journal never claims more than happened. [`run`] compares journal, files and server in the end.

mod app;
mod check;
mod crashes;
mod journal;
mod plan;
#[cfg(target_os = "linux")]
mod power;

pub use app::run as app;
pub use check::Report;
pub use crashes::{ANYWHERE, POINTS};

use crate::dice::Dice;
use crate::server::Server;
use anyhow::{Context as _, Result, ensure};
use plan::Plan;
use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Names, for the app process, the folder with plan and journal.
const FOLDER: &str = "URLSESSION_TORTURE";

/// The file in which the controller says how many tasks may have been created.
const ALLOWED: &str = "allowed";

/// Longest time from the last kill until all is done.
const DRAIN_LIMIT: Duration = Duration::from_secs(180);

/// Most moments that may pass without anyone to kill, per kill that is asked for.
const MISSES_LIMIT: u32 = 20;

/// Most times the app may give up by itself, per kill.
const FAILURES_LIMIT: u32 = 2;

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The executable `urlsession`, whose daemon is used.
    pub executable: PathBuf,
    /// The program and arguments of the app process, which must call [`app`].
    pub app: (PathBuf, Vec<OsString>),
    /// How many processes to kill.
    pub kills: u32,
    /// How many tasks to create.
    pub tasks: u32,
    /// Where the dice begin.
    pub seed: u64,
    /// Deaths of the daemon at [`POINTS`] instead of kills: at which, and when in a life that has
    /// been reached so many times.
    pub crashes: Vec<(String, u32)>,
    /// Losses of power instead of kills. Only root can do that, and the process should be in a
    /// mount namespace of its own.
    pub power: u32,
}

/// Runs it all, in a temporary folder that is kept if something is wrong.
///
/// # Errors
/// The run could not be done, such as without an executable. Violations are in the report.
pub fn run(options: &Options) -> Result<Report> {
    let executable = &options.executable;
    ensure!(executable.is_file(), "there is no executable {}", executable.display());
    let mut folder = tempfile::Builder::new().prefix("urlsession-torture-").tempdir()?;
    // Before the plan, which puts the downloads there.
    #[cfg(target_os = "linux")]
    let disk = (options.power > 0).then(|| power::Disk::new(folder.path())).transpose()?;
    let server = Server::start();
    let plan = Plan::new(options.seed, options.tasks, &server, folder.path())?;
    let house = House { options, folder: folder.path().to_owned() };
    let mut dice = Dice(options.seed);
    let strikes = match () {
        #[cfg(target_os = "linux")]
        () if let Some(disk) = &disk => house.lose_power(disk, &mut dice),
        () if options.crashes.is_empty() => house.strike(&mut dice),
        () => house.crash(&mut dice),
    };
    // Whatever happened, no daemon stays behind.
    let stopped = house.stop();
    let report = check::report(&house.folder, &plan, &server, strikes?, stopped);
    if !report.violations.is_empty() {
        folder.disable_cleanup(true);
    }
    Ok(report)
}

/// How often what was killed.
#[derive(Debug, Clone, Default)]
pub(super) struct Strikes {
    pub(super) app: u32,
    pub(super) daemon: u32,
    /// Times the daemon died at a point.
    pub(super) crashes: u32,
    /// Times the machine lost power.
    pub(super) losses: u32,
    /// Points that were never reached so often.
    pub(super) unreached: Vec<String>,
    /// Times the app gave up by itself.
    pub(super) failures: u32,
    /// Whether the app said in the end that all was done.
    pub(super) finished: bool,
}

/// The processes that are tortured.
struct House<'a> {
    options: &'a Options,
    folder: PathBuf,
}

/// A running app; `ended` tells when it has.
struct App {
    child: Child,
    ended: Receiver<()>,
}

impl House<'_> {
    fn strike(&self, dice: &mut Dice) -> Result<Strikes> {
        let mut strikes = Strikes::default();
        let mut misses = 0;
        let mut app = self.start_app()?;
        while strikes.app + strikes.daemon < self.options.kills {
            let done = strikes.app + strikes.daemon;
            self.allow(done)?;
            let pause = match dice.below(20) {
                // Now and then long enough for progress to be recorded.
                0 => 2_000 + dice.below(1_500),
                _ => 10 + dice.below(300),
            };
            if let Ok(()) | Err(RecvTimeoutError::Disconnected) =
                app.ended.recv_timeout(Duration::from_millis(pause))
            {
                strikes.failures += u32::from(!app.child.wait()?.success());
                let limit = FAILURES_LIMIT * self.options.kills;
                ensure!(strikes.failures <= limit, "the app gave up {} times", strikes.failures);
                app = self.start_app()?;
                continue;
            }
            if dice.below(2) == 0 {
                kill_child(&mut app)?;
                strikes.app += 1;
                app = self.start_app()?;
            } else if self.kill_daemon()? {
                strikes.daemon += 1;
            } else {
                misses += 1;
                let limit = MISSES_LIMIT * self.options.kills;
                ensure!(misses <= limit, "no daemon to kill, {misses} times");
            }
        }
        self.allow(self.options.kills)?;
        self.drain(app, strikes)
    }

    /// Lets the app finish.
    fn drain(&self, mut app: App, mut strikes: Strikes) -> Result<Strikes> {
        // The deadline of the drain holds for all its app processes together.
        for _ in 0..=FAILURES_LIMIT {
            match app.ended.recv_timeout(DRAIN_LIMIT) {
                Err(RecvTimeoutError::Timeout) => {
                    kill_child(&mut app)?;
                    return Ok(strikes);
                }
                _ if app.child.wait()?.success() => {
                    strikes.finished = true;
                    return Ok(strikes);
                }
                _ => {
                    strikes.failures += 1;
                    app = self.start_app()?;
                }
            }
        }
        kill_child(&mut app)?;
        Ok(strikes)
    }

    /// Lets the app create its share of the tasks, so that the work lasts as long as the kills.
    fn allow(&self, kills: u32) -> Result<()> {
        self.allow_share(kills, self.options.kills)
    }

    fn allow_share(&self, done: u32, all: u32) -> Result<()> {
        let (tasks, all) = (u64::from(self.options.tasks), u64::from(all));
        let share = (tasks * u64::from(done)).checked_div(all).unwrap_or(tasks);
        let allowed = share.max(1);
        let aside = self.folder.join("allowed.new");
        fs::write(&aside, allowed.to_string())?;
        fs::rename(aside, self.folder.join(ALLOWED)).context("the share of tasks")
    }

    fn start_app(&self) -> Result<App> {
        let (program, arguments) = &self.options.app;
        let mut child = self
            .command(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(self.log("app.log")?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut stdout = child.stdout.take().context("stdout is piped")?;
        let (tell, ended) = channel();
        std::thread::spawn(move || {
            // The end of its output is the end of the app; what it says does not matter.
            let _ = stdout.read_to_end(&mut Vec::new());
            let _ = tell.send(());
        });
        Ok(App { child, ended })
    }

    /// Kills the daemon; `false` if none listens.
    fn kill_daemon(&self) -> Result<bool> {
        self.signal_daemon(false)
    }

    /// Kills the daemon, or asks it to end; `false` if none listens.
    #[cfg(target_os = "linux")]
    fn signal_daemon(&self, asks: bool) -> Result<bool> {
        use rustix::process::{Signal, kill_process};
        use std::os::unix::net::UnixStream;
        let socket = urlsession::Paths::in_home(&self.home()).socket();
        // Who listens is who is killed: no other daemon of this user can be hit.
        let Ok(stream) = UnixStream::connect(socket) else { return Ok(false) };
        let peer = rustix::net::sockopt::socket_peercred(&stream)?;
        let signal = if asks { Signal::TERM } else { Signal::KILL };
        Ok(kill_process(peer.pid, signal).is_ok())
    }

    #[cfg(not(target_os = "linux"))]
    fn signal_daemon(&self, _asks: bool) -> Result<bool> {
        Ok(false)
    }

    /// Starts and stops the daemon once more in order, so that it has tidied up after its last
    /// death, and returns what its status said in between.
    fn stop(&self) -> Result<serde_json::Value> {
        self.daemon(&["daemon", "start"])?;
        let status = self.daemon(&["daemon", "status", "--json"])?;
        self.daemon(&["daemon", "stop"])?;
        serde_json::from_slice(&status).context("the daemon's status is JSON")
    }

    fn daemon(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = self.command(&self.options.executable).args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "urlsession {}: {said}", arguments.join(" "));
        Ok(output.stdout)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("URLSESSION_HOME", self.home())
            .env("URLSESSION_DAEMON", &self.options.executable)
            .env("URLSESSION_APP_ID", "torture")
            .env(FOLDER, &self.folder)
            .env(crashes::VARIABLE, self.crash_plan());
        command
    }

    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    fn log(&self, name: &str) -> Result<fs::File> {
        let path = self.folder.join(name);
        fs::OpenOptions::new().append(true).create(true).open(path).context("a log")
    }
}

fn kill_child(app: &mut App) -> Result<()> {
    app.child.kill()?;
    app.child.wait()?;
    Ok(())
}
