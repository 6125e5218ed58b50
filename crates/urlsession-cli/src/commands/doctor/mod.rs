//! `doctor`: looks at everything that transfers need, one line a thing, and changes nothing.

mod finding;
mod places;
mod system;
mod tasks;

use crate::args::DoctorArgs;
use crate::escape::shown;
use crate::exit::{self, Failure};
use crate::json::SCHEMA;
use crate::terminal;
use finding::{Finding, Level};
use serde_json::json;
use urlsession::{Daemon, DaemonStatus, Error, Paths};
use urlsession_daemon::checkup;

/// This program's version, which is also that of the daemons it starts.
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn doctor(args: &DoctorArgs) -> Result<u8, Failure> {
    let paths = Paths::from_env()
        .map_err(|error| Failure::new(exit::FILE, error).next("HOME says where the folders are"))?;
    let asked = Daemon::connect(args.start).and_then(|daemon| Ok((daemon.status()?, daemon)));
    let store = checkup::check_store(&paths).map_err(|error| format!("{error:#}"));
    let is_in_use = matches!(store, Ok(checkup::Store::InUse));
    let status = asked.as_ref().map(|(status, _)| status);
    let mut findings = vec![version(VERSION, status, is_in_use, args.start)];
    findings.extend(places::check(&paths, &store));
    let daemon = asked.as_ref().ok().map(|(_, daemon)| daemon);
    findings.extend(system::check(&paths, daemon, status.ok().map(|status| status.pid)));
    findings.extend(tasks::check(daemon, is_in_use));
    tell(&findings, args.json)
}

/// Says which program and which daemon these are.
fn version(
    own: &str,
    daemon: Result<&DaemonStatus, &Error>,
    is_in_use: bool,
    was_started: bool,
) -> Finding {
    let name = "version";
    match daemon {
        Ok(status) if status.version == own => {
            Finding::ok(name, format!("{own}, and so is the daemon, process {}", status.pid))
        }
        Ok(status) => {
            let theirs = shown(&status.version);
            Finding::note(name, format!("this program is {own}, and the running daemon {theirs}"))
                .next("urlsession daemon stop; the next use starts this one, and transfers go on")
        }
        Err(error) if is_in_use || was_started => {
            let what = match is_in_use {
                true => "a daemon lives and cannot be reached",
                false => "the daemon does not start",
            };
            Finding::problem(name, format!("{what}: {}", exit::sentence(error)))
                .next("urlsession daemon logs")
        }
        Err(_) => Finding::ok(name, format!("{own}; the daemon starts at the next use")),
    }
}

/// Prints the findings; says by the exit code whether one of them is a problem.
fn tell(findings: &[Finding], as_json: bool) -> Result<u8, Failure> {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (problems, notes) = (count(Level::Problem), count(Level::Note));
    if as_json {
        let checks: Vec<_> = findings.iter().map(Finding::json).collect();
        let object = json!({
            "schema": SCHEMA,
            "problems": problems,
            "notes": notes,
            "checks": checks,
        });
        terminal::print(&format!("{object}\n"))?;
    } else {
        terminal::print(&findings.iter().map(Finding::line).collect::<String>())?;
    }
    Ok(if problems == 0 { exit::DONE } else { exit::SOME_FAILED })
}

#[cfg(test)]
mod tests {
    use super::*;
    use urlsession::ErrorCode;

    #[test]
    fn an_older_daemon_is_named_with_what_to_do() {
        let status = |version: &str| DaemonStatus {
            pid: 12,
            version: version.to_owned(),
            protocol: 1,
            uptime: 0,
            sessions: 0,
            tasks_running: 0,
            tasks_waiting: 0,
            tasks_suspended: 0,
            tasks_completed: 0,
            events_owed: 0,
            clients: 0,
            memory: None,
        };
        let lost = Error::new(ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED);
        for (daemon, in_use, started, line) in [
            (Ok(&status("2.0")), true, false, "ok       version: 2.0, and so is the daemon"),
            (Ok(&status("1.0")), true, false, "note     version: this program is 2.0, and the"),
            (Err(&lost), false, false, "ok       version: 2.0; the daemon starts"),
            (Err(&lost), true, false, "problem  version: a daemon lives and cannot"),
            (Err(&lost), false, true, "problem  version: the daemon does not start"),
        ] {
            let told = version("2.0", daemon, in_use, started).line();
            assert!(told.starts_with(line), "{told}");
        }
        let told = version("2.0", Ok(&status("1.0")), true, false).line();
        assert!(told.contains("urlsession daemon stop"), "{told}");
    }
}
