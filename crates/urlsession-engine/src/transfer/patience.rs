//! How a task wants to be tried again, where it says so itself.

use std::time::Duration;
use urlsession_core::{Cause, Ending};
use urlsession_protocol::{Date, TaskOptions};

/// What a task says, from when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Patience {
    /// The pause before another attempt.
    interval: Option<Duration>,
    /// After which moment none begins.
    end: Option<Date>,
}

impl Patience {
    /// Reads what the task says whose first attempt began then.
    pub(crate) fn of(options: &TaskOptions, first: Date) -> Self {
        let all = options.timeout_interval_for_retries.map(Duration::from_millis);
        Self {
            interval: options.retry_interval.map(Duration::from_millis),
            end: all.map(|all| first.after(all)),
        }
    }

    /// Says whether another attempt may follow one that fails now, after the delay that its server
    /// asks for. How long it is otherwise is the core's secret.
    pub(super) fn allows(&self, now: Date, delay: Option<Duration>) -> bool {
        let delay = delay.into_iter().chain(self.interval).max().unwrap_or_default();
        self.end.is_none_or(|end| now.after(delay) < end)
    }

    /// Has what failed now be tried again as the task says, or not at all.
    pub(super) fn pace(&self, ending: Ending, now: Date) -> Ending {
        let Ending::Failed { error, cause, resume, progressed } = ending else { return ending };
        let cause = match cause {
            Cause::Transient | Cause::Connectivity if !self.allows(now, None) => Cause::Permanent,
            Cause::After(delay) if !self.allows(now, Some(delay)) => Cause::Permanent,
            Cause::Transient => self.interval.map_or(Cause::Transient, Cause::Interval),
            Cause::After(delay) => Cause::After(delay.max(self.interval.unwrap_or_default())),
            Cause::Permanent
            | Cause::Interval(_)
            | Cause::Connectivity
            | Cause::Disk
            | Cause::Answer => cause,
        };
        Ending::Failed { error, cause, resume, progressed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use urlsession_protocol::{Error, ErrorCode};

    /// what the task says in seconds, the cause, when it fails => what comes of it
    #[test]
    fn causes_are_paced() {
        let seconds = Duration::from_secs;
        let (after, interval) = (|s| Cause::After(seconds(s)), |s| Cause::Interval(seconds(s)));
        for (pause, all, cause, now, expected) in [
            (None, None, Cause::Transient, 900, Cause::Transient),
            (Some(3), None, Cause::Transient, 900, interval(3)),
            (Some(3), None, after(2), 0, after(3)),
            (Some(3), None, after(4), 0, after(4)),
            (Some(3), None, Cause::Disk, 0, Cause::Disk),
            (Some(3), None, Cause::Connectivity, 0, Cause::Connectivity),
            (None, Some(10), Cause::Transient, 9, Cause::Transient),
            (None, Some(10), Cause::Transient, 10, Cause::Permanent),
            (Some(3), Some(10), Cause::Transient, 6, interval(3)),
            (Some(3), Some(10), Cause::Transient, 7, Cause::Permanent),
            (None, Some(10), after(4), 5, after(4)),
            (None, Some(10), after(6), 5, Cause::Permanent),
            (None, Some(10), Cause::Connectivity, 11, Cause::Permanent),
            (None, Some(10), Cause::Disk, 11, Cause::Disk),
            (None, Some(10), Cause::Answer, 11, Cause::Answer),
        ] {
            let milliseconds = |seconds: Option<u64>| seconds.map(|seconds| seconds * 1000);
            let options = TaskOptions {
                retry_interval: milliseconds(pause),
                timeout_interval_for_retries: milliseconds(all),
                ..TaskOptions::default()
            };
            let patience = Patience::of(&options, Date(7));
            let error = Error::new(ErrorCode::TIMED_OUT);
            let failed = Ending::Failed { error, cause, resume: None, progressed: false };
            let got = patience.pace(failed, Date(7).after(seconds(now)));
            let Ending::Failed { cause: got, .. } = got else { panic!("{got:?}") };
            assert_eq!(got, expected, "{pause:?} {all:?} {cause:?} {now}");
        }
    }
}
