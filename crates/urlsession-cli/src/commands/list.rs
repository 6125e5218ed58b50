//! `ls`: what is going on, one line a task.

use crate::args::{ListArgs, StateFilter};
use crate::clock;
use crate::escape::{shortened, shown};
use crate::exit::{self, Failure};
use crate::json;
use crate::measure;
use crate::progress::line;
use crate::task_name;
use crate::terminal;
use crate::tracked::Tracked;
use std::fmt::Write as _;
use urlsession::{Daemon, TaskState, TaskStatus, Timestamp};

const NAME_WIDTH: usize = 32;

pub(crate) fn ls(args: &ListArgs) -> Result<u8, Failure> {
    let daemon = Daemon::connect(true)?;
    let session = (!args.all).then(task_name::shell);
    let mut tasks = Vec::new();
    for status in daemon.tasks(session) {
        let status = status?;
        if args.state.is_none_or(|state| matches(state, &status)) {
            tasks.push(status);
        }
    }
    let mut out = String::new();
    if args.json {
        let values: Vec<_> = tasks.iter().map(json::task).collect();
        let _ = writeln!(out, "{}", serde_json::Value::Array(values));
    } else if args.quiet {
        for status in tasks {
            let name = Tracked::new(status).name;
            let _ = writeln!(out, "{}", shown(&name.to_string()));
        }
    } else {
        out = table(tasks, clock::now());
    }
    terminal::print(&out)?;
    Ok(exit::DONE)
}

/// Returns the word for a state.
pub(crate) fn state_word(state: TaskState) -> &'static str {
    match state {
        TaskState::Running => "running",
        TaskState::Suspended => "paused",
        TaskState::Canceling => "canceling",
        TaskState::Completed => "done",
    }
}

fn matches(filter: StateFilter, status: &TaskStatus) -> bool {
    match filter {
        StateFilter::Running => status.state == TaskState::Running && status.reason.is_none(),
        StateFilter::Waiting => status.state == TaskState::Running && status.reason.is_some(),
        StateFilter::Suspended => status.state == TaskState::Suspended,
        StateFilter::Canceling => status.state == TaskState::Canceling,
        StateFilter::Completed => status.state == TaskState::Completed,
        StateFilter::Failed => status.state == TaskState::Completed && status.error.is_some(),
    }
}

fn table(tasks: Vec<TaskStatus>, now: Timestamp) -> String {
    let tasks: Vec<Tracked> = tasks.into_iter().map(Tracked::new).collect();
    if tasks.is_empty() {
        return String::new();
    }
    let names: Vec<String> =
        tasks.iter().map(|task| shown(&task.name.to_string()).into_owned()).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(2);
    let mut out = format!("{:>width$}  STATE        %  DONE/SIZE              NAME\n", "ID");
    for (task, name) in tasks.iter().zip(&names) {
        let percent = line::percent(task).map_or_else(|| "-".to_owned(), |p| p.to_string());
        let title = shown(&task.title);
        let _ = write!(
            out,
            "{name:>width$}  {:<9} {percent:>4}  {:<21}  {}",
            word(task),
            line::amount(task),
            shortened(&title, NAME_WIDTH),
        );
        match (&task.error, task.reason) {
            (Some(error), None) if task.ended => {
                let _ = write!(out, "  {}", exit::sentence(error));
            }
            (_, Some(_)) => {
                let _ = write!(out, "  {}", line::activity(task, None, now));
            }
            _ => {}
        }
        out.push('\n');
    }
    out
}

fn word(task: &Tracked) -> &'static str {
    match (task.state, &task.error) {
        (TaskState::Running, _) if task.reason.is_some() => "waiting",
        (TaskState::Completed, Some(error)) if error.is_cancelled() => "cancelled",
        (TaskState::Completed, Some(_)) => "failed",
        (state, _) => state_word(state),
    }
}

/// Spells how long ago something was.
pub(crate) fn ago(moment: Timestamp, now: Timestamp) -> String {
    format!("{} ({} ago)", measure::local(moment, now), measure::duration(moment.until(now)))
}
