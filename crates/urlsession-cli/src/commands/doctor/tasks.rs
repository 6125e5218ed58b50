//! Tasks that will not end as they are: those that wait for somebody, for long, or for a folder.

use super::finding::Finding;
use crate::advice;
use crate::task_name::TaskName;
use crate::{clock, measure};
use std::time::Duration;
use urlsession::{Daemon, Error, Reason, SpeedLimits, TaskKind, TaskState, TaskStatus, Timestamp};

/// Most tasks that are looked at.
const TASKS_LIMIT: usize = 10_000;
/// Most findings that are told one by one.
const TOLD_LIMIT: usize = 20;
/// Who waits as long as this is named.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// Looks at the tasks of a daemon that can be asked; `is_in_use` says that one lives.
pub(super) fn check(daemon: Option<&Daemon>, is_in_use: bool) -> Vec<Finding> {
    let Some(daemon) = daemon else {
        if is_in_use {
            return vec![Finding::note("tasks", "not looked at: the daemon cannot be reached")];
        }
        let what = "not looked at: the daemon does not run";
        return vec![Finding::note("tasks", what).next("urlsession doctor --start")];
    };
    match look(daemon) {
        Ok(findings) => findings,
        Err(error) => vec![Finding::problem("tasks", crate::exit::sentence(&error))],
    }
}

fn look(daemon: &Daemon) -> Result<Vec<Finding>, Error> {
    let now = clock::now();
    let (mut looked, mut unfinished) = (0_usize, 0_usize);
    let mut findings = Vec::new();
    for task in daemon.tasks(None).take(TASKS_LIMIT) {
        let task = task?;
        looked += 1;
        unfinished += usize::from(task.state != TaskState::Completed);
        findings.extend(judge(&task, now));
    }
    let untold = findings.len().saturating_sub(TOLD_LIMIT);
    findings.truncate(TOLD_LIMIT);
    if untold > 0 {
        let what = format!("{untold} more like these");
        findings.push(Finding::note("tasks", what).next("urlsession ls --all"));
    }
    let what = match looked {
        TASKS_LIMIT => format!("{unfinished} unfinished among the first {looked}"),
        _ => format!("{unfinished} unfinished"),
    };
    findings.push(Finding::ok("tasks", what));
    // A daemon from before there were limits has none.
    findings.extend(daemon.speed_limits().ok().map(speed));
    Ok(findings)
}

/// Says what holds all transfers back.
fn speed(limits: SpeedLimits) -> Finding {
    if limits == SpeedLimits::default() {
        return Finding::ok("speed", "no limit");
    }
    let words = super::super::limit::words;
    let what = format!(
        "all together: downloads {}, uploads {}",
        words(limits.download),
        words(limits.upload)
    );
    Finding::note("speed", what).next("urlsession limit none")
}

fn judge(task: &TaskStatus, now: Timestamp) -> Option<Finding> {
    let name = TaskName::new(task.session.clone(), task.task);
    if task.state == TaskState::Completed {
        return None;
    }
    if let TaskKind::Download { destination: Some(path) } = &task.kind
        && let Some(folder) = path.parent().filter(|folder| !folder.is_dir())
    {
        let what = format!("{name} has no folder to end in: {}", folder.display());
        let next = format!("make it again, or: urlsession cancel {name}");
        return Some(Finding::problem("tasks", what).next(next));
    }
    let reason = task.reason?;
    let is_long = task.created.until(now) > LONG;
    let is_told = match reason {
        // Nothing moves until somebody does something.
        Reason::Answer | Reason::Disk => true,
        Reason::BeginAt(_) => false,
        Reason::Slot | Reason::Connectivity | Reason::RetryAt(_) | Reason::Conditions => is_long,
        _ => is_long,
    };
    let age = measure::duration(task.created.until(now));
    let why = advice::why_waiting(reason, task.error.as_ref(), now);
    let what = format!("{name}, {age} old, waits: {why}");
    let next = format!("urlsession explain {name}");
    is_told.then(|| Finding::note("tasks", what).next(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_somebody_or_for_long_is_named() {
        let now = Timestamp(10 * 24 * 60 * 60 * 1000);
        let yesterday = Timestamp(now.0 - 25 * 60 * 60 * 1000);
        let later = Timestamp(now.0 + 1000);
        for (state, reason, created, expected) in [
            (TaskState::Running, None, Timestamp(0), None),
            (TaskState::Suspended, None, Timestamp(0), None),
            (TaskState::Completed, None, Timestamp(0), None),
            (TaskState::Running, Some(Reason::Answer), now, Some("note")),
            (TaskState::Running, Some(Reason::Disk), now, Some("note")),
            (TaskState::Running, Some(Reason::BeginAt(later)), Timestamp(0), None),
            (TaskState::Running, Some(Reason::RetryAt(later)), now, None),
            (TaskState::Running, Some(Reason::RetryAt(later)), yesterday, Some("note")),
            (TaskState::Running, Some(Reason::Slot), yesterday, Some("note")),
        ] {
            let found = judge(&task(state, reason, created), now).map(|finding| finding.line());
            let is_as_expected = match (&found, expected) {
                (Some(line), Some(word)) => line.starts_with(word) && line.contains("explain 12"),
                (None, None) => true,
                _ => false,
            };
            assert!(is_as_expected, "{reason:?}: {found:?}");
        }
        let destination = Some("/no/such/folder/f".into());
        let lost = TaskStatus {
            kind: TaskKind::Download { destination },
            ..task(TaskState::Suspended, None, now)
        };
        let line = judge(&lost, now).unwrap().line();
        assert!(line.starts_with("problem  tasks: 12 has no folder"), "{line}");
    }

    fn task(state: TaskState, reason: Option<Reason>, created: Timestamp) -> TaskStatus {
        TaskStatus { state, reason, created, ..crate::sample::task() }
    }
}
