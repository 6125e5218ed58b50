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
use urlsession::{Daemon, Error, TaskState, TaskStatus, Timestamp};

const NAME_WIDTH: usize = 32;

/// Most tasks that are listed together: no more of them are in memory.
const PORTION: usize = 500;

pub(crate) fn ls(args: &ListArgs) -> Result<u8, Failure> {
    let daemon = Daemon::connect(true)?;
    let session = (!args.all).then(task_name::shell);
    let is_wanted = |status: &TaskStatus| args.state.is_none_or(|state| matches(state, status));
    let mut found = daemon.tasks(session).filter(|found| found.as_ref().map_or(true, &is_wanted));
    let mut listing = Listing::default();
    loop {
        let portion: Vec<_> = found.by_ref().take(PORTION).collect::<Result<_, _>>()?;
        let is_last = portion.len() < PORTION;
        let out = if args.json {
            listing.json(&portion, is_last)
        } else if args.quiet {
            let names = portion.into_iter().map(|status| Tracked::new(status).name.to_string());
            names.map(|name| format!("{}\n", shown(&name))).collect()
        } else {
            listing.table(portion, clock::now())
        };
        terminal::print(&out)?;
        if is_last {
            return Ok(exit::DONE);
        }
    }
}

/// What has been listed so far.
#[derive(Debug, Default)]
struct Listing {
    has_begun: bool,
    /// Of the names; it grows only.
    width: usize,
}

impl Listing {
    /// Spells a part of one array.
    fn json(&mut self, tasks: &[TaskStatus], is_last: bool) -> String {
        let mut out = String::new();
        for task in tasks {
            out.push(if std::mem::replace(&mut self.has_begun, true) { ',' } else { '[' });
            let _ = write!(out, "{}", json::task(task));
        }
        if is_last {
            out.push_str(if self.has_begun { "]\n" } else { "[]\n" });
        }
        out
    }

    fn table(&mut self, tasks: Vec<TaskStatus>, now: Timestamp) -> String {
        let tasks: Vec<Tracked> = tasks.into_iter().map(Tracked::new).collect();
        let names: Vec<String> =
            tasks.iter().map(|task| shown(&task.name.to_string()).into_owned()).collect();
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let width = self.width.max(longest).max(2);
        self.width = width;
        let mut out = String::new();
        if !tasks.is_empty() && !std::mem::replace(&mut self.has_begun, true) {
            let _ = writeln!(out, "{:>width$}  STATE        %  DONE/SIZE              NAME", "ID");
        }
        for (task, name) in tasks.iter().zip(&names) {
            let _ = writeln!(out, "{name:>width$}  {}", line(task, now));
        }
        out
    }
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
        StateFilter::Done => status.state == TaskState::Completed && status.error.is_none(),
        StateFilter::Failed => status.state == TaskState::Completed && status.error.is_some(),
        StateFilter::Cancelled => {
            status.state == TaskState::Completed
                && status.error.as_ref().is_some_and(Error::is_cancelled)
        }
    }
}

/// Spells a task without its name.
fn line(task: &Tracked, now: Timestamp) -> String {
    let percent = line::percent(task).map_or_else(|| "-".to_owned(), |p| p.to_string());
    let title = shown(&task.title);
    let mut out = format!(
        "{:<9} {percent:>4}  {:<21}  {}",
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
    out
}

/// Names the state of a task: Apple's, with waiting told from running and failed from done.
pub(crate) fn word(task: &Tracked) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;
    use urlsession::{ErrorCode, Reason};

    #[test]
    fn what_is_listed_is_found_by_its_word() {
        let failed = Some(Error::new(ErrorCode::NETWORK_CONNECTION_LOST));
        let cancelled = Some(Error::new(ErrorCode::CANCELLED));
        for (state, reason, error, expected) in [
            (TaskState::Running, None, None, "running"),
            (TaskState::Running, Some(Reason::Slot), None, "waiting"),
            (TaskState::Suspended, None, None, "paused"),
            (TaskState::Canceling, None, None, "canceling"),
            (TaskState::Completed, None, None, "done"),
            (TaskState::Completed, None, failed, "failed"),
            (TaskState::Completed, None, cancelled, "cancelled"),
        ] {
            let status = TaskStatus { state, reason, error, ..crate::sample::task() };
            let filter = StateFilter::from_str(expected, false).unwrap();
            assert!(matches(filter, &status), "{expected}");
            assert_eq!(word(&Tracked::new(status)), expected);
        }
    }
}
