//! `session ls|show|finish|cancel`: the sessions of this user's applications.

use super::show::launching;
use crate::args::{SessionCommand, parse};
use crate::escape::shown;
use crate::exit::{self, Failure};
use crate::{clock, json, task_name, terminal};
use std::fmt::Write as _;
use urlsession::{Daemon, ErrorCode, SessionKey, SessionStatus, Timestamp};

/// Most sessions that are named to who asks for one that there is not.
const NAMED_LIMIT: usize = 10;

pub(crate) fn session(command: &SessionCommand) -> Result<u8, Failure> {
    let daemon = Daemon::connect(true)?;
    match command {
        SessionCommand::Ls { all, application, json } => {
            let of = application.clone().or_else(|| (!all).then(|| task_name::shell().application));
            let list: Vec<SessionStatus> = daemon.sessions(of).collect::<Result<_, _>>()?;
            if *json {
                let values: Vec<_> = list.iter().map(json::session).collect();
                terminal::print(&format!("{}\n", serde_json::Value::Array(values)))?;
            } else {
                terminal::print(&table(&list))?;
                let others = daemon.status()?.sessions.saturating_sub(list.len() as u64);
                if others > 0 && application.is_none() {
                    let what =
                        format!("{others} of other applications: urlsession session ls --all");
                    terminal::say(&what)?;
                }
            }
        }
        SessionCommand::Show { which, json } => {
            let status = find(&daemon, &which.name)?;
            terminal::print(&match json {
                true => format!("{}\n", json::session(&status)),
                false => description(&status, clock::now()),
            })?;
        }
        SessionCommand::Finish { which, quiet } => {
            let status = find(&daemon, &which.name)?;
            let end = |key: &SessionKey| daemon.finish_tasks_and_invalidate(key);
            let rest =
                "the session goes when its tasks are removed, and stays if its app comes back";
            invalidate(&daemon, &status, ("takes no new tasks", rest), end, *quiet)?;
        }
        SessionCommand::Cancel { which, quiet } => {
            let status = find(&daemon, &which.name)?;
            let ended = match unfinished(&status) {
                1 => "1 unfinished task was ended".to_owned(),
                count => format!("{count} unfinished tasks were ended"),
            };
            let end = |key: &SessionKey| daemon.invalidate_and_cancel(key);
            let rest = "the session goes when its app has taken what its tasks owe";
            invalidate(&daemon, &status, (&ended, rest), end, *quiet)?;
        }
    }
    Ok(exit::DONE)
}

/// Ends a session, and says what was done, and what becomes of a rest.
fn invalidate(
    daemon: &Daemon,
    status: &SessionStatus,
    (done, rest): (&str, &str),
    end: impl Fn(&SessionKey) -> Result<(), urlsession::Error>,
    quiet: bool,
) -> Result<(), Failure> {
    let name = shown(&status.session.to_string()).into_owned();
    end(&status.session).map_err(|error| match error.code {
        ErrorCode::BACKGROUND_SESSION_IN_USE_BY_ANOTHER_PROCESS => {
            let why = format!("{name} has an app that runs, and only that can end it");
            Failure::new(exit::UNFINISHED, why).next("end the app first, or cancel single tasks")
        }
        _ => error.into(),
    })?;
    if quiet {
        return Ok(());
    }
    let rest = match daemon.session(&status.session).ok().filter(|left| left.invalidating) {
        None => "the session is gone",
        Some(_) => rest,
    };
    Ok(terminal::say(&format!("{name}: {done}; {rest}"))?)
}

/// Finds a session by what a person calls it.
fn find(daemon: &Daemon, typed: &str) -> Result<SessionStatus, Failure> {
    // To list all of them is to count all their tasks.
    if let Ok(key) = parse::session(typed)
        && let Ok(found) = daemon.session(&key)
    {
        return Ok(found);
    }
    let all: Vec<SessionStatus> = daemon.sessions(None).collect::<Result<_, _>>()?;
    let named = all.iter().filter(|status| status.session.session.as_str() == typed);
    let named: Vec<&SessionStatus> = named.collect();
    let names = |list: &mut dyn Iterator<Item = &SessionStatus>| {
        let names = list.take(NAMED_LIMIT).map(|one| shown(&one.session.to_string()).into_owned());
        names.collect::<Vec<_>>().join(", ")
    };
    match named[..] {
        [one] => Ok(one.clone()),
        [] => {
            let failure = Failure::new(exit::NO_SUCH_TASK, format!("no such session: {typed}"));
            Err(match all.len() {
                0 => failure.next("there is none"),
                count if count > NAMED_LIMIT => failure.next(format!(
                    "there are {count}, among them {}: urlsession session ls --all",
                    names(&mut all.iter())
                )),
                _ => failure.next(format!("there are: {}", names(&mut all.iter()))),
            })
        }
        _ => {
            let why = format!("several applications have a session {typed}");
            let which = names(&mut named.iter().copied());
            Err(Failure::usage(why).next(format!("which of them: {which}")))
        }
    }
}

fn unfinished(status: &SessionStatus) -> u64 {
    status.tasks_running + status.tasks_waiting + status.tasks_suspended
}

fn table(list: &[SessionStatus]) -> String {
    let names: Vec<String> =
        list.iter().map(|status| shown(&status.session.to_string()).into_owned()).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(7);
    let mut out = String::new();
    if !list.is_empty() {
        let _ = writeln!(
            out,
            "{:<width$}  OWNER     RUNNING  WAITING  PAUSED    DONE    OWED",
            "SESSION"
        );
    }
    for (status, name) in list.iter().zip(&names) {
        let owner = if status.owned { "attached" } else { "-" };
        let _ = write!(
            out,
            "{name:<width$}  {owner:<8}  {:>7}  {:>7}  {:>6}  {:>6}  {:>6}",
            status.tasks_running,
            status.tasks_waiting,
            status.tasks_suspended,
            status.tasks_completed,
            status.events_owed,
        );
        out.push_str(if status.invalidating { "  invalidated\n" } else { "\n" });
    }
    out
}

fn description(status: &SessionStatus, now: Timestamp) -> String {
    let mut out = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<12} {}", shown(value));
    };
    row("session", status.session.session.as_str());
    row("application", status.session.application.as_str());
    row("owner", if status.owned { "attached" } else { "nobody: its app does not run" });
    row(
        "state",
        if status.invalidating { "invalidated: takes no new tasks" } else { "takes new tasks" },
    );
    let counts = format!(
        "{} running, {} waiting, {} paused, {} completed",
        status.tasks_running, status.tasks_waiting, status.tasks_suspended, status.tasks_completed
    );
    row("tasks", &counts);
    row("events", &format!("{} owed", status.events_owed));
    let mut most = format!("{} to one host", status.http_maximum_connections_per_host);
    let in_all = status.maximum_concurrent_tasks.map(|most| format!(", {most} tasks at once"));
    most.extend(in_all);
    row("connections", &most);
    if let Some(program) = &status.launch_program {
        row("launches", &program.to_string_lossy());
    }
    out.extend(status.launch.as_ref().map(|launch| launching(launch, now)));
    out
}
