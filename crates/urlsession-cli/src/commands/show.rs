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
use crate::waterfall::waterfall;
use crate::{advice, clock, json, measure};
use std::fmt::Write as _;
use urlsession::{
    AuthenticationMethod, Daemon, LaunchState, LaunchStatus, Reason, TaskKind, TaskMetrics,
    TaskState, TaskStatus, Timestamp,
};

pub(crate) fn show(args: &ShowArgs) -> Result<u8, Failure> {
    let daemon = Daemon::connect(true)?;
    let status = find(&daemon, &args.one.task)?;
    // No answer is that of a daemon from before there were launches.
    let launch = daemon.session(&status.session).ok().and_then(|session| session.launch);
    if args.json {
        let mut object = json::task(&status);
        object["launch"] = launch.as_ref().map(json::launch).into();
        terminal::print(&format!("{object}\n"))?;
    } else {
        let now = clock::now();
        let mut text = description(&status, now);
        text.extend(launch.map(|launch| launching(&launch, now)));
        if args.metrics {
            text.push('\n');
            // A daemon from before there were metrics has none.
            let none = TaskMetrics::default();
            let metrics = status.metrics.as_deref().unwrap_or(&none);
            text += &waterfall(metrics, terminal::width());
        }
        terminal::print(&text)?;
    }
    Ok(exit::DONE)
}

pub(crate) fn explain(args: &OneTask) -> Result<u8, Failure> {
    let status = find(&Daemon::connect(true)?, &args.task)?;
    terminal::print(&format!("{}\n", explanation(&status, clock::now())))?;
    Ok(exit::DONE)
}

/// Finds one task.
pub(super) fn find(daemon: &Daemon, name: &TaskName) -> Result<TaskStatus, Failure> {
    daemon.task(&name.session, name.task).map_err(|error| {
        if exit::code_of(&error) == exit::NO_DAEMON { error.into() } else { no_such_task(name) }
    })
}

fn explanation(status: &TaskStatus, now: Timestamp) -> String {
    let name = shown(&TaskName::new(status.session.clone(), status.task).to_string()).into_owned();
    match (status.state, status.reason) {
        (TaskState::Running, Some(reason)) => {
            let why = advice::why_waiting(reason, status.error.as_ref(), now);
            let mut text = format!("{name} waits: {why}");
            if let Some(challenge) = &status.challenge {
                let asks = super::credentials::explain_question(&name, challenge);
                let _ = write!(text, "\n  {asks}");
                let _ = write!(text, "\n  leave it at that: urlsession answer {name} --default");
            } else if reason == Reason::Answer {
                let _ = write!(text, ": urlsession edit {name} --url URL");
                let _ =
                    write!(text, "\n  with other header fields: urlsession edit {name} -H FIELD");
                let _ = write!(text, "\n  as it is: urlsession retry {name}");
            }
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
                let next = advice::after(error, Some(advice::Asked::of(status)));
                let next = next.map_or_else(String::new, |next| format!("\n  {next}"));
                format!("{name} has failed: {}{next}", exit::sentence(error))
            }
        },
    }
}

/// Says how launching the app of the task's session goes.
pub(super) fn launching(launch: &LaunchStatus, now: Timestamp) -> String {
    let what = match launch.state {
        LaunchState::Resting => "when all tasks have ended and the app is gone".to_owned(),
        LaunchState::Due(at) => format!("due in {}", measure::duration(now.until(at))),
        LaunchState::Launched => "launched, and has acknowledged nothing yet".to_owned(),
        LaunchState::GivenUp => "given up until another task has ended".to_owned(),
    };
    let mut text = format!("{:<12} {what}", "launch");
    if launch.attempts > 0 {
        let _ = write!(text, " (attempts so far: {})", launch.attempts);
    }
    if let Some(error) = &launch.error {
        let _ = write!(text, "\n{:<12} {}", "", shown(error));
    }
    text.push('\n');
    text
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
    row("state", super::list::word(&task).to_owned());
    if status.reason.is_some() {
        row("why", line::activity(&task, None, now));
    }
    if let Some(challenge) = &status.challenge {
        let refused = match challenge.previous_failure_count {
            0 => String::new(),
            count => format!("; refused so far: {count}"),
        };
        let what = match challenge.protection_space.authentication_method {
            AuthenticationMethod::ServerTrust => "whether it trusts",
            AuthenticationMethod::ClientCertificate => "for a certificate, for",
            _ => "who it is, for",
        };
        row("asks", format!("{what} {}{refused}", challenge.protection_space));
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
        if let Some(url) = advice::elsewhere(error, &status.url) {
            row("redirected", url.to_owned());
        }
    }
    if let Some(path) = &status.file {
        row("file", path.to_string_lossy().into_owned());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launching_is_told_in_words_without_the_apps_control_characters() {
        let launch = |state, attempts, error: Option<&str>| LaunchStatus {
            state,
            attempts,
            error: error.map(ToOwned::to_owned),
        };
        let now = Timestamp(1_000_000);
        let due = LaunchState::Due(Timestamp(1_120_000));
        let failed = launch(due, 2, Some("exit code 1\u{1b}[2J"));
        let told = launching(&failed, now);
        assert!(told.starts_with("launch       due in 2"), "{told}");
        assert!(told.contains("(attempts so far: 2)\n"), "{told}");
        assert!(told.contains("exit code 1") && !told.contains('\u{1b}'), "{told}");
        let none = launching(&launch(LaunchState::Resting, 0, None), now);
        assert_eq!(none, "launch       when all tasks have ended and the app is gone\n");
        assert_eq!(json::launch(&failed)["until"], "1970-01-01T00:18:40Z");
    }
}
