//! `daemon`: be the background process, start it, stop it, look at it.

use crate::args::{DaemonArgs, DaemonCommand, RunArgs};
use crate::escape::shown;
use crate::exit::{self, Failure};
use crate::{json, measure, terminal};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::time::Duration;
use urlsession::{Daemon, DaemonStatus, Paths};

/// How much of the log's end is printed.
const LOG_TAIL: u64 = 64 * 1024;
/// How often a followed log is looked at.
const LOG_PAUSE: Duration = Duration::from_millis(250);

pub(crate) fn daemon(arguments: &DaemonArgs) -> Result<u8, Failure> {
    let Some(command) = &arguments.command else { return run(&arguments.run) };
    match command {
        DaemonCommand::Run(arguments) => run(arguments),
        DaemonCommand::Enable { force } => super::service::enable(*force),
        DaemonCommand::Disable { force } => super::service::disable(*force),
        DaemonCommand::Start => {
            let status = Daemon::connect(true)?.status()?;
            terminal::say(&format!("the daemon runs as process {}", status.pid))?;
            Ok(exit::DONE)
        }
        DaemonCommand::Stop => {
            let Some(daemon) = Daemon::running()? else {
                terminal::say("the daemon does not run")?;
                return Ok(exit::DONE);
            };
            daemon.shutdown()?;
            terminal::say("the daemon has stopped; transfers go on when it starts again")?;
            Ok(exit::DONE)
        }
        DaemonCommand::Status { json } => status(*json),
        DaemonCommand::Logs { follow } => logs(*follow),
    }
}

fn run(arguments: &RunArgs) -> Result<u8, Failure> {
    let mut options = urlsession_daemon::Options::new(env!("CARGO_PKG_VERSION"));
    options.simulate.clone_from(&arguments.simulate);
    match urlsession_daemon::run(&options) {
        Ok(ended) => Ok(ended.exit_code()),
        Err(error) => Err(Failure::new(exit::NO_DAEMON, format!("{error:#}"))),
    }
}

fn status(as_json: bool) -> Result<u8, Failure> {
    let status = Daemon::running()?.map(|daemon| daemon.status()).transpose()?;
    if as_json {
        terminal::print(&format!("{}\n", json::daemon(status.as_ref())))?;
    } else {
        terminal::print(&description(status.as_ref()))?;
    }
    Ok(if status.is_some() { exit::DONE } else { exit::UNFINISHED })
}

fn description(status: Option<&DaemonStatus>) -> String {
    let Some(status) = status else {
        return "the daemon does not run; it starts at the next use\n".to_owned();
    };
    let memory = status.memory.map_or_else(|| "unknown".to_owned(), measure::size);
    format!(
        "pid       {}\nversion   {}\nuptime    {}\nsessions  {}\ntasks     {} running, {} waiting, \
         {} paused, {} completed\nevents    {} owed\nclients   {}\nmemory    {memory}\n",
        status.pid,
        shown(&status.version),
        measure::duration(Duration::from_millis(status.uptime)),
        status.sessions,
        status.tasks_running,
        status.tasks_waiting,
        status.tasks_suspended,
        status.tasks_completed,
        status.events_owed,
        status.clients,
    )
}

/// Prints the end of the log, escaped line by line; with `follow` what is added, too.
fn logs(follow: bool) -> Result<u8, Failure> {
    let path = Paths::from_env()?.log();
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            terminal::say("there is no log yet")?;
            return Ok(exit::DONE);
        }
        Err(error) => return Err(Failure::file(&path, &error)),
    };
    let length = file.metadata()?.len();
    let mut offset = length.saturating_sub(LOG_TAIL);
    let mut first_line_is_cut = offset > 0;
    let mut rest = Vec::new();
    loop {
        // A log that is shorter than what was read began anew.
        if path.metadata().is_ok_and(|now| now.len() < offset) {
            file = File::open(&path)?;
            offset = 0;
        }
        file.seek(SeekFrom::Start(offset))?;
        offset += file.read_to_end(&mut rest)? as u64;
        let complete = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = rest.drain(..complete).collect();
        let text = String::from_utf8_lossy(&lines);
        let skipped = usize::from(std::mem::take(&mut first_line_is_cut));
        let shown: String =
            text.lines().skip(skipped).map(|line| format!("{}\n", shown(line))).collect();
        terminal::print(&shown)?;
        if !follow {
            return Ok(exit::DONE);
        }
        std::thread::sleep(LOG_PAUSE);
    }
}
