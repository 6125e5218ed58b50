//! `show` and `explain`: all there is to know about one task, and why it waits.

use super::list::ago;
use crate::args::{OneTask, ShowArgs};
use crate::escape::shown;
use crate::exit::{self, Failure};
use crate::follow::no_such_task;
use crate::progress::line;
use crate::task_name::TaskName;
use crate::terminal;
use crate::tracked::Tracked;
use crate::{advice, clock, json, measure};
use std::fmt::Write as _;
use urlsession::{Daemon, TaskKind, TaskState, TaskStatus, Timestamp};

pub(crate) fn show(args: &ShowArgs) -> Result<u8, Failure> {
    let status = find(&args.one.task)?;
    if args.json {
        terminal::print(&format!("{}\n", json::task(&status)))?;
    } else {
        terminal::print(&description(&status, clock::now()))?;
    }
    Ok(exit::DONE)
}

pub(crate) fn explain(args: &OneTask) -> Result<u8, Failure> {
    let status = find(&args.task)?;
    terminal::print(&format!("{}\n", explanation(&status, clock::now())))?;
    Ok(exit::DONE)
}

fn find(name: &TaskName) -> Result<TaskStatus, Failure> {
    Daemon::connect(true)?.task(&name.session, name.task).map_err(|error| {
        if exit::code_of(&error) == exit::NO_DAEMON { error.into() } else { no_such_task(name) }
    })
}

fn explanation(status: &TaskStatus, now: Timestamp) -> String {
    let name = shown(&TaskName::new(status.session.clone(), status.task).to_string()).into_owned();
    match (status.state, status.reason) {
        (TaskState::Running, Some(reason)) => {
            let why = advice::why_waiting(reason, status.error.as_ref(), now);
            let mut text = format!("{name} waits: {why}");
            let _ = write!(text, "\n  attempts so far: {}", status.attempts);
            if let Some(error) = &status.error {
                let next = advice::after(error, None).filter(|_| error.status_code.is_none());
                let next = next.filter(|next| next != "try again later");
                text.extend(next.map(|next| format!("\n  {next}")));
            }
            text
        }
        (TaskState::Running, None) => format!("{name} does not wait: it moves bytes"),
        (TaskState::Suspended, _) => {
            format!("{name} is paused; let it go on with: urlsession resume {name}")
        }
        (TaskState::Canceling, _) => format!("{name} is being cancelled"),
        (TaskState::Completed, _) => match &status.error {
            None => format!("{name} is done"),
            Some(error) => {
                let next = advice::after(error, Some(&status.url));
                let next = next.map_or_else(String::new, |next| format!("\n  {next}"));
                format!("{name} has failed: {}{next}", exit::sentence(error))
            }
        },
    }
}

fn description(status: &TaskStatus, now: Timestamp) -> String {
    let mut out = String::new();
    let mut row = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<12} {}", shown(&value));
    };
    let task = Tracked::new(status.clone());
    row("id", task.name.to_string());
    row("url", status.url.clone());
    row("method", status.method.clone());
    let kind = match &status.kind {
        TaskKind::Download { .. } => "download",
        TaskKind::Upload => "upload",
        TaskKind::Data => "data",
    };
    row("kind", kind.to_owned());
    if let TaskKind::Download { destination: Some(path) } = &status.kind {
        row("destination", path.to_string_lossy().into_owned());
    }
    if let Some(text) = &status.description {
        row("description", text.clone());
    }
    row("state", super::list::state_word(status.state).to_owned());
    if status.reason.is_some() {
        row("why", line::activity(&task, None, now));
    }
    row("attempts", status.attempts.to_string());
    let (received, sent) = (status.count_of_bytes_received, status.count_of_bytes_sent);
    let of = |total: Option<u64>| total.map_or_else(String::new, |t| format!(" of {t}"));
    let expected = of(status.count_of_bytes_expected_to_receive);
    row("received", format!("{received}{expected} bytes ({})", measure::size(received)));
    let expected = of(status.count_of_bytes_expected_to_send);
    row("sent", format!("{sent}{expected} bytes ({})", measure::size(sent)));
    row("created", ago(status.created, now));
    if let Some(moment) = status.completed {
        row("completed", ago(moment, now));
    }
    if let Some(response) = &status.response {
        row("status", response.status_code.to_string());
        if let Some(protocol) = &response.network_protocol {
            row("protocol", protocol.clone());
        }
        if response.url != status.url {
            row("from", response.url.clone());
        }
    }
    if let Some(error) = &status.error {
        row("error", exit::sentence(error));
    }
    if let Some(path) = &status.file {
        row("file", path.to_string_lossy().into_owned());
    }
    out
}
