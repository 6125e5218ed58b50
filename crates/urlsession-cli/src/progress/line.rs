//! One line about one task, as text: pure, so that it can be tested.

use crate::advice;
use crate::escape::{shortened, shown};
use crate::exit;
use crate::measure;
use crate::tracked::Tracked;
use std::time::Duration;
use urlsession::{TaskState, Timestamp};

const BAR_WIDTH: usize = 20;
const TITLE_WIDTH: usize = 28;
const SHORT_TITLE_WIDTH: usize = 12;

/// Draws the running task: name, percent, bar, amount, and speed or what it waits for.
pub(crate) fn running(task: &Tracked, speed: Option<f64>, now: Timestamp, width: usize) -> String {
    let title = format!("{} {}", task.name, shown(&task.title));
    let percent = percent(task);
    let shown_percent = percent.map_or_else(|| "  ?".to_owned(), |p| format!("{p:>3}"));
    let (amount, activity) = (amount(task), activity(task, speed, now));
    // Where there is little room the bar goes first, then the end of the name: they say least.
    let layouts = [(TITLE_WIDTH, true), (TITLE_WIDTH, false), (SHORT_TITLE_WIDTH, false)];
    let mut line = String::new();
    for (room, with_bar) in layouts {
        let bar = if with_bar { format!("{} ", bar(percent)) } else { String::new() };
        let title = shortened(&title, room);
        line = format!("{title:<room$} {shown_percent} % {bar}{amount}  {activity}");
        if line.chars().count() <= width {
            break;
        }
    }
    line.chars().take(width).collect()
}

/// Draws the sum of several tasks.
pub(crate) fn total<'a>(tasks: impl Iterator<Item = &'a Tracked>, speed: Option<f64>) -> String {
    let (mut all, mut ended, mut bytes) = (0_u64, 0_u64, 0_u64);
    for task in tasks {
        all += 1;
        ended += u64::from(task.ended);
        bytes = bytes.saturating_add(task.done);
    }
    let speed = speed.map_or_else(String::new, |s| format!("  {}", measure::rate(s)));
    format!("{ended} of {all} tasks ended, {}{speed}", measure::size(bytes))
}

/// Tells how a task ended: one line, and one more with advice where there is some.
pub(crate) fn ended(task: &Tracked, took: Duration) -> Vec<String> {
    let title = format!("{} {}", task.name, shown(&task.title));
    let Some(error) = &task.error else {
        let amount = measure::size(task.done);
        let place = match task.destination() {
            Some(path) => format!(", saved as {}", shown(&path.to_string_lossy())),
            None => String::new(),
        };
        return vec![format!("{title}: done, {amount} in {}{place}", measure::duration(took))];
    };
    let mut lines = vec![if error.is_cancelled() {
        format!("{title}: cancelled [-999]")
    } else {
        format!("{title}: failed: {}", exit::sentence(error))
    }];
    let elsewhere = advice::elsewhere(error, &task.url).map(shown);
    lines.extend(elsewhere.map(|url| format!("  at {url}, where it was redirected to")));
    lines.extend(advice::after(error, Some(task.asked())).map(|next| format!("  {next}")));
    lines
}

/// Says what the task does at the moment: why it waits, or its speed and time left.
pub(crate) fn activity(task: &Tracked, speed: Option<f64>, now: Timestamp) -> String {
    match (task.state, task.reason) {
        (TaskState::Suspended, _) => "paused".to_owned(),
        (TaskState::Canceling, _) => "is being cancelled".to_owned(),
        (_, Some(reason)) => {
            format!("waits: {}", advice::why_waiting(reason, task.error.as_ref(), now))
        }
        _ => match speed {
            None => String::new(),
            Some(speed) if speed < 1.0 => "stalled: nothing moves at the moment".to_owned(),
            Some(speed) => match task.total.map(|total| total.saturating_sub(task.done)) {
                None => measure::rate(speed),
                Some(left) => {
                    let left = Duration::try_from_secs_f64(left as f64 / speed).unwrap_or_default();
                    format!("{}  {} left", measure::rate(speed), measure::duration(left))
                }
            },
        },
    }
}

/// Spells the bytes moved, and of how many.
pub(crate) fn amount(task: &Tracked) -> String {
    match task.total {
        Some(total) => format!("{}/{}", measure::size(task.done), measure::size(total)),
        None => measure::size(task.done),
    }
}

/// Returns the whole percent done, rounded down; `None` where the size is unknown.
pub(crate) fn percent(task: &Tracked) -> Option<u64> {
    let percent = u128::from(task.done) * 100 / u128::from(task.total.filter(|t| *t > 0)?);
    Some(u64::try_from(percent.min(100)).unwrap_or(100))
}

fn bar(percent: Option<u64>) -> String {
    let filled = usize::try_from(percent.unwrap_or(0)).unwrap_or(0) * BAR_WIDTH / 100;
    format!("[{}{}]", "=".repeat(filled), " ".repeat(BAR_WIDTH - filled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracked::tests::download;
    use urlsession::{Error, ErrorCode, Reason};

    #[test]
    fn a_running_task_is_one_line() {
        let mut task = download(12);
        task.done = 50 << 20;
        let line = running(&task, Some(25.0 * 1048576.0), Timestamp(0), 200);
        assert_eq!(
            line,
            "12 disk.iso                   25 % [=====               ] 50.0 MiB/200 MiB  25.0 MiB/s  6.0 s left"
        );
        let narrow = |width| running(&task, Some(25.0 * 1048576.0), Timestamp(0), width);
        assert_eq!(
            narrow(80),
            "12 disk.iso                   25 % 50.0 MiB/200 MiB  25.0 MiB/s  6.0 s left"
        );
        assert_eq!(narrow(60), "12 disk.iso   25 % 50.0 MiB/200 MiB  25.0 MiB/s  6.0 s left");
        let stalled = running(&task, Some(0.0), Timestamp(0), 100);
        assert!(stalled.ends_with("50.0 MiB/200 MiB  stalled: nothing moves at the moment"));
        task.total = None;
        task.reason = Some(Reason::RetryAt(Timestamp(4_000)));
        assert_eq!(
            running(&task, None, Timestamp(0), 200),
            "12 disk.iso                    ? % [                    ] 50.0 MiB  waits: next try in 4.0 s"
        );
        task.title = "x\x1b[31m\u{202e}".into();
        assert!(!running(&task, None, Timestamp(0), 200).contains(['\x1b', '\u{202e}']));
        assert_eq!(running(&task, None, Timestamp(0), 10).chars().count(), 10);
    }

    #[test]
    fn an_end_says_what_why_and_what_next() {
        let mut task = download(12);
        task.done = 200 << 20;
        let took = Duration::from_secs(8);
        assert_eq!(
            ended(&task, took),
            ["12 disk.iso: done, 200 MiB in 8.0 s, saved as /tmp/disk.iso"]
        );
        let mut refused = Error::new(ErrorCode::BAD_SERVER_RESPONSE);
        refused.status_code = Some(404);
        task.error = Some(refused);
        assert_eq!(
            ended(&task, took),
            [
                "12 disk.iso: failed: There was a bad response from the server. [-1011]",
                "  check the URL"
            ]
        );
        task.error = Some(Error::new(ErrorCode::CANCELLED));
        assert_eq!(ended(&task, took), ["12 disk.iso: cancelled [-999]"]);
    }

    #[test]
    fn percents_are_whole_and_bounded() {
        let mut task = download(1);
        for (done, total, expected) in [
            (0, Some(100), Some(0)),
            (99, Some(100), Some(99)),
            (199, Some(200), Some(99)),
            (300, Some(200), Some(100)),
            (u64::MAX, Some(u64::MAX), Some(100)),
            (5, Some(0), None),
            (5, None, None),
        ] {
            (task.done, task.total) = (done, total);
            assert_eq!(percent(&task), expected);
        }
    }
}
