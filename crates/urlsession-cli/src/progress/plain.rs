//! Plain lines for logs and pipes: start, every tenth, every new reason to wait, end.

use super::{Progress, line};
use crate::clock;
use crate::measure;
use crate::task_name::TaskName;
use crate::terminal;
use crate::tracked::{Change, Tracked};
use std::collections::BTreeMap;
use std::io;
use urlsession::{ResumeRung, Timestamp};

/// How many percent lie between two lines.
const STEP: u64 = 10;

/// Writes plain lines to stderr.
pub(super) struct PlainLines {
    verbose: bool,
    last: BTreeMap<TaskName, Last>,
}

/// What was last said about a task.
#[derive(Default)]
struct Last {
    step: u64,
    activity: String,
    attempt_error: Option<i32>,
}

impl PlainLines {
    pub(super) fn new(verbose: bool) -> Self {
        Self { verbose, last: BTreeMap::new() }
    }

    /// Says the lines that are due about a task that begins to be followed.
    fn first(&mut self, task: &Tracked, now: Timestamp) -> Vec<String> {
        let step = line::percent(task).unwrap_or(0) / STEP;
        self.last.insert(task.name.clone(), Last { step, ..Last::default() });
        if task.ended {
            return line::ended(task, task.took(now));
        }
        let mut lines = vec![match task.done {
            0 => format!("{}: started", label(task)),
            _ => format!("{}: {}", label(task), line::amount(task)),
        }];
        lines.extend(self.next(task, &Change::State, now));
        lines
    }

    /// Says the lines that are due after a change.
    fn next(&mut self, task: &Tracked, change: &Change, now: Timestamp) -> Vec<String> {
        let last = self.last.entry(task.name.clone()).or_default();
        match change {
            Change::Nothing => vec![],
            Change::Progress => {
                let step = line::percent(task).unwrap_or(0) / STEP;
                // The hundredth percent is told by the end.
                if step <= last.step || step * STEP >= 100 {
                    return vec![];
                }
                last.step = step;
                let total = measure::size(task.total.unwrap_or(task.done));
                vec![format!("{}: {} % of {total}", label(task), step * STEP)]
            }
            Change::State => {
                let activity = line::activity(task, None, now);
                // The countdown makes every text a new one; the cause does not change with it.
                let error = task.error.as_ref().map(|e| e.code.0);
                let known = if error.is_some() {
                    last.attempt_error == error
                } else {
                    last.activity == activity
                };
                (last.attempt_error, last.activity) = (error, activity.clone());
                if known || activity.is_empty() {
                    return vec![];
                }
                vec![format!("{}: {activity}", label(task))]
            }
            Change::Resumed { offset, rung } => {
                last.step = line::percent(task).unwrap_or(0) / STEP;
                if !self.verbose && *rung != ResumeRung::Restart {
                    return vec![];
                }
                vec![format!("{}: {}", label(task), resumed(*offset, *rung))]
            }
            Change::Ended => line::ended(task, task.took(now)),
        }
    }
}

impl Progress for PlainLines {
    fn begin(&mut self, task: &Tracked) -> io::Result<()> {
        self.first(task, clock::now()).iter().try_for_each(|line| terminal::say(line))
    }

    fn change(&mut self, task: &Tracked, change: &Change) -> io::Result<()> {
        self.next(task, change, clock::now()).iter().try_for_each(|line| terminal::say(line))
    }
}

/// Says only what failed.
pub(super) struct ErrorsOnly;

impl Progress for ErrorsOnly {
    fn begin(&mut self, task: &Tracked) -> io::Result<()> {
        if task.ended { self.change(task, &Change::Ended) } else { Ok(()) }
    }

    fn change(&mut self, task: &Tracked, change: &Change) -> io::Result<()> {
        if *change != Change::Ended || task.error.is_none() {
            return Ok(());
        }
        let took = task.took(clock::now());
        line::ended(task, took).iter().try_for_each(|line| terminal::say(line))
    }
}

/// Says from where a download goes on, and what proved that it may.
pub(super) fn resumed(offset: u64, rung: ResumeRung) -> String {
    let proof = match rung {
        ResumeRung::StrongEtag => "the same by its ETag",
        ResumeRung::LastModified => "the same by its date",
        ResumeRung::Restart => return "begins again: the server cannot go on".to_owned(),
        _ => "the same",
    };
    format!("goes on at {}, {proof}", measure::size(offset))
}

fn label(task: &Tracked) -> String {
    format!("{} {}", task.name, crate::escape::shown(&task.title))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracked::tests::download;
    use urlsession::{Error, ErrorCode, Event, Reason, TaskState};

    #[test]
    fn what_ended_earlier_took_no_longer_since() {
        let (mut lines, now) = (PlainLines::new(false), Timestamp(3_600_000));
        let ended = Tracked { ended: true, completed: Some(Timestamp(8_000)), ..download(1) };
        let said = lines.first(&ended, now);
        assert_eq!(said, ["1 disk.iso: done, 0 B in 8.0 s, saved as /tmp/disk.iso"]);
        // As after a daemon that died with its word.
        assert_eq!(lines.next(&ended, &Change::Ended, now), said);
    }

    #[test]
    fn a_log_gets_a_line_per_tenth() {
        let mut lines = PlainLines::new(true);
        let mut task = download(12);
        let now = Timestamp(8_000);
        let mut said = lines.first(&task, now);
        let wrote = |percent: u64| Event::DidWriteData {
            bytes_written: 1,
            total_bytes_written: (200 << 20) * percent / 100,
            total_bytes_expected_to_write: Some(200 << 20),
        };
        let retry = |at| Event::DidChangeState {
            state: TaskState::Running,
            reason: Some(Reason::RetryAt(Timestamp(at))),
            error: Some(Error::new(ErrorCode::NETWORK_CONNECTION_LOST)),
        };
        let events = [
            wrote(1),
            wrote(9),
            wrote(11),
            wrote(12),
            wrote(37),
            retry(9_000),
            retry(12_000),
            Event::DidResumeAtOffset {
                file_offset: 70 << 20,
                expected_total_bytes: None,
                rung: ResumeRung::StrongEtag,
            },
            wrote(36),
            wrote(100),
            Event::DidComplete { error: None, response: None, metrics: None },
        ];
        for event in &events {
            let change = task.apply(event);
            said.extend(lines.next(&task, &change, now));
        }
        assert_eq!(
            said,
            [
                "12 disk.iso: started",
                "12 disk.iso: 10 % of 200 MiB",
                "12 disk.iso: 30 % of 200 MiB",
                "12 disk.iso: waits: The network connection was lost.; next try in 1.0 s",
                "12 disk.iso: goes on at 70.0 MiB, the same by its ETag",
                "12 disk.iso: done, 200 MiB in 8.0 s, saved as /tmp/disk.iso",
            ]
        );
    }
}
