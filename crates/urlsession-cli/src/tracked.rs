//! What is known of a followed task, kept up to date by the events that arrive.

use crate::advice::Asked;
use crate::file_name;
use crate::task_name::TaskName;
use std::path::PathBuf;
use std::time::Duration;
use urlsession::{
    Error, Event, Reason, Response, ResumeRung, TaskKind, TaskMetrics, TaskState, TaskStatus,
    Timestamp, TransactionResponse,
};

/// A followed task.
#[derive(Debug, Clone)]
pub(crate) struct Tracked {
    pub(crate) name: TaskName,
    /// What people call it: the file's name.
    pub(crate) title: String,
    pub(crate) url: String,
    /// Whether the URL is all that was asked with.
    pub(crate) is_get: bool,
    pub(crate) kind: TaskKind,
    pub(crate) created: Timestamp,
    /// When it ended, where that was before it was followed.
    pub(crate) completed: Option<Timestamp>,
    pub(crate) state: TaskState,
    pub(crate) reason: Option<Reason>,
    /// What ended the last attempt, or the task.
    pub(crate) error: Option<Error>,
    /// Body bytes moved in the direction that the task is about.
    pub(crate) done: u64,
    /// Body bytes in all; `None` is unknown.
    pub(crate) total: Option<u64>,
    pub(crate) response: Option<Response>,
    /// Where the finished file or the answer is.
    pub(crate) file: Option<PathBuf>,
    pub(crate) metrics: Option<Box<TaskMetrics>>,
    /// The task completed or is forgotten.
    pub(crate) ended: bool,
}

/// What an event changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// Nothing that is shown.
    Nothing,
    /// Bytes moved.
    Progress,
    /// The state or the reason for waiting.
    State,
    /// A download went on after an interruption.
    Resumed { offset: u64, rung: ResumeRung },
    /// The task is over.
    Ended,
}

impl Tracked {
    pub(crate) fn new(status: TaskStatus) -> Self {
        let upload = matches!(status.kind, TaskKind::Upload);
        let (done, total) = if upload {
            (status.count_of_bytes_sent, status.count_of_bytes_expected_to_send)
        } else {
            (status.count_of_bytes_received, status.count_of_bytes_expected_to_receive)
        };
        Self {
            title: title(&status),
            is_get: Asked::of(&status).is_get,
            name: TaskName::new(status.session, status.task),
            url: status.url,
            kind: status.kind,
            created: status.created,
            completed: status.completed,
            state: status.state,
            reason: status.reason,
            error: status.error,
            done,
            total,
            response: status.response,
            file: status.file,
            metrics: status.metrics,
            ended: status.state == TaskState::Completed,
        }
    }

    /// Takes in one event and says what it changed.
    pub(crate) fn apply(&mut self, event: &Event) -> Change {
        // A copy of what the state already told.
        if self.ended {
            return Change::Nothing;
        }
        let upload = matches!(self.kind, TaskKind::Upload);
        match event {
            Event::DidWriteData { total_bytes_written, total_bytes_expected_to_write, .. }
                if !upload =>
            {
                self.moved(*total_bytes_written, *total_bytes_expected_to_write)
            }
            Event::DidSendBodyData { total_bytes_sent, total_bytes_expected_to_send, .. }
                if upload =>
            {
                self.moved(*total_bytes_sent, *total_bytes_expected_to_send)
            }
            Event::DidResumeAtOffset { file_offset, expected_total_bytes, rung } => {
                self.done = *file_offset;
                self.total = expected_total_bytes.or(self.total);
                Change::Resumed { offset: *file_offset, rung: *rung }
            }
            Event::DidChangeState { state, reason, error } => {
                // The end is told by its own event, with the error.
                if *state == TaskState::Completed {
                    return Change::Nothing;
                }
                self.state = *state;
                self.reason = *reason;
                self.error = error.clone();
                Change::State
            }
            Event::DidFinishDownloading { path, length } => {
                self.file = Some(path.clone());
                self.moved(*length, Some(*length))
            }
            Event::DidReceiveData { path, length } => {
                self.file = Some(path.clone());
                // What an upload brings back says nothing of how much of it went.
                if upload { Change::Nothing } else { self.moved(*length, Some(*length)) }
            }
            Event::DidComplete { error, response, metrics } => {
                self.state = TaskState::Completed;
                self.reason = None;
                self.error = error.clone();
                self.response = response.clone().or(self.response.take());
                self.metrics.clone_from(metrics);
                self.ended = true;
                Change::Ended
            }
            Event::DidWriteData { .. }
            | Event::DidSendBodyData { .. }
            | Event::WillBeginDelayedRequest { .. }
            | Event::DidReceiveChallenge { .. }
            | Event::WillPerformHttpRedirection { .. }
            | Event::DidFinishEvents
            | Event::DidBecomeInvalid { .. } => Change::Nothing,
            _ => Change::Nothing,
        }
    }

    /// Returns how long it took, if it ends now or has ended.
    pub(crate) fn took(&self, now: Timestamp) -> Duration {
        self.created.until(self.completed.unwrap_or(now))
    }

    /// Returns what advice about it goes by.
    pub(crate) fn asked(&self) -> Asked<'_> {
        let is_download = matches!(self.kind, TaskKind::Download { .. });
        Asked { url: &self.url, is_get: self.is_get, is_download }
    }

    /// Returns the file that the user asked for, where there is one; the server may have named it.
    pub(crate) fn destination(&self) -> Option<&std::path::Path> {
        match &self.kind {
            TaskKind::Download { destination } => {
                let asked = destination.as_deref()?;
                Some(self.file.as_deref().unwrap_or(asked))
            }
            TaskKind::Upload | TaskKind::Data => None,
        }
    }

    /// Returns the responses that another request answered, in order, and what they came over.
    pub(crate) fn passed(&self) -> impl Iterator<Item = (&TransactionResponse, Option<&str>)> {
        let all = self.metrics.iter().flat_map(|metrics| &metrics.transaction_metrics);
        let heads = all
            .filter_map(|one| Some((one.response.as_ref()?, one.network_protocol_name.as_deref())));
        heads.filter(|(response, _)| !response.headers.is_empty())
    }

    fn moved(&mut self, done: u64, total: Option<u64>) -> Change {
        self.done = done;
        self.total = total.or(self.total);
        // Bytes that move prove that it does not wait, whatever arrived first.
        if self.state == TaskState::Running {
            self.reason = None;
        }
        Change::Progress
    }
}

fn title(status: &TaskStatus) -> String {
    match &status.kind {
        TaskKind::Download { destination: Some(path) } => file_name::title(path),
        _ => urlsession::FileName::of_url(&status.url).to_string(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use urlsession::{ErrorCode, TaskIdentifier};

    /// Makes a download of 200 MiB to `/tmp/disk.iso` that has moved nothing.
    pub(crate) fn download(number: u64) -> Tracked {
        Tracked {
            name: TaskName::new(crate::task_name::shell(), TaskIdentifier(number)),
            title: "disk.iso".into(),
            url: "http://h/disk.iso".into(),
            is_get: true,
            kind: TaskKind::Download { destination: Some("/tmp/disk.iso".into()) },
            created: Timestamp(0),
            completed: None,
            state: TaskState::Running,
            reason: None,
            error: None,
            done: 0,
            total: Some(200 << 20),
            response: None,
            file: None,
            metrics: None,
            ended: false,
        }
    }

    #[test]
    fn events_change_what_is_known() {
        let mut task = download(1);
        let wrote = |total| Event::DidWriteData {
            bytes_written: 1,
            total_bytes_written: total,
            total_bytes_expected_to_write: None,
        };
        task.reason = Some(Reason::Slot);
        assert_eq!(task.apply(&wrote(7)), Change::Progress);
        assert_eq!((task.done, task.total, task.reason), (7, Some(200 << 20), None));
        let lost = Error::new(ErrorCode::NETWORK_CONNECTION_LOST);
        let waits = Event::DidChangeState {
            state: TaskState::Running,
            reason: Some(Reason::RetryAt(Timestamp(5))),
            error: Some(lost.clone()),
        };
        assert_eq!(task.apply(&waits), Change::State);
        assert_eq!(task.error, Some(lost));
        let resumed = Event::DidResumeAtOffset {
            file_offset: 5,
            expected_total_bytes: None,
            rung: ResumeRung::StrongEtag,
        };
        assert!(matches!(task.apply(&resumed), Change::Resumed { offset: 5, .. }));
        let complete = Event::DidComplete { error: None, response: None, metrics: None };
        assert_eq!(task.apply(&complete), Change::Ended);
        assert_eq!((task.ended, task.error.clone()), (true, None));
        assert_eq!(task.apply(&complete), Change::Nothing, "told twice, shown once");
    }

    /// kind => what is done, of how much, once an answer of 5 bytes came for 100 that went
    #[test]
    fn an_answer_counts_for_who_asked_for_it() {
        let sent = Event::DidSendBodyData {
            bytes_sent: 100,
            total_bytes_sent: 100,
            total_bytes_expected_to_send: Some(100),
        };
        let came = Event::DidReceiveData { path: "/tmp/answer".into(), length: 5 };
        for (kind, expected) in
            [(TaskKind::Data, (5, Some(5))), (TaskKind::Upload, (100, Some(100)))]
        {
            let mut task = Tracked { kind: kind.clone(), total: None, ..download(1) };
            task.apply(&sent);
            task.apply(&came);
            assert_eq!((task.done, task.total), expected, "{kind:?}");
            assert_eq!(task.file.as_deref(), Some(std::path::Path::new("/tmp/answer")));
        }
    }
}
