//! What an app is told: the callbacks of Apple's delegates as values.

use crate::{
    AuthenticationChallenge, Error, HttpRedirection, Reason, Response, TaskMetrics, TaskState,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Numbers the events of one session that are kept until acknowledged; from 1, never reused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EventNumber(pub u64);

/// How a download went on after an interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResumeRung {
    /// The entity is the same by its strong ETag.
    StrongEtag,
    /// The entity is the same by its Last-Modified date.
    LastModified,
    /// It began again at byte 0.
    Restart,
}

/// One callback. Kept events (see [`Event::is_kept`]) survive everything until acknowledged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A download's file grew. Not kept; the last value wins.
    DidWriteData {
        /// Bytes since the last such event.
        bytes_written: u64,
        /// Bytes so far.
        total_bytes_written: u64,
        /// Bytes in all; `None` is unknown.
        total_bytes_expected_to_write: Option<u64>,
    },
    /// A request body moved on. Not kept; the last value wins.
    DidSendBodyData {
        /// Bytes since the last such event.
        bytes_sent: u64,
        /// Bytes so far.
        total_bytes_sent: u64,
        /// Bytes in all; `None` is unknown.
        total_bytes_expected_to_send: Option<u64>,
    },
    /// A download went on, or began again, after an interruption. Not kept.
    DidResumeAtOffset {
        /// The offset it goes on from, 0 when nothing could be reused.
        file_offset: u64,
        /// Bytes in all; `None` is unknown.
        expected_total_bytes: Option<u64>,
        /// What proved that the entity is the same.
        rung: ResumeRung,
    },
    /// The server answered with one of [`TaskOptions::recoverable_statuses`]: the task waits for
    /// `Task::edit`. Apple's `willBeginDelayedRequest` in shape. Not kept, but told to every new
    /// owner as long as the task waits.
    ///
    /// [`TaskOptions::recoverable_statuses`]: crate::TaskOptions::recoverable_statuses
    WillBeginDelayedRequest {
        /// What the server said: it has the status and the URL.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
    },
    /// A server or a proxy wants a credential or a certificate and the task has none that it takes, or
    /// the server shows one that the platform does not trust: the task waits for
    /// `Task::answer`. Told only to owners that said that they answer. Not kept, but told to every
    /// new owner as long as the task waits.
    DidReceiveChallenge {
        /// What is asked.
        challenge: Box<AuthenticationChallenge>,
    },
    /// The server redirects: the attempt waits for `Task::redirect`. Told only to owners that said
    /// that they answer. Not kept, but told to every new owner as long as the attempt waits.
    WillPerformHttpRedirection {
        /// Where from, and where to.
        redirection: Box<HttpRedirection>,
    },
    /// The task's state or waiting reason changed. Not kept, sent to watchers only.
    DidChangeState {
        /// Apple's state.
        state: TaskState,
        /// Why it waits, where it does.
        #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// What ended the last attempt, where it waits to try again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
    },
    /// The whole response body of a data or upload task is in a file. Kept.
    DidReceiveData {
        /// The file; it is removed when the event is acknowledged.
        path: PathBuf,
        /// Its size in bytes.
        length: u64,
    },
    /// A download's file is whole, synced and in place. Kept.
    DidFinishDownloading {
        /// The file; without a destination it is removed when the event is acknowledged.
        path: PathBuf,
        /// Its size in bytes.
        length: u64,
    },
    /// The task ended. Kept; the last event of its task, and exactly one per task.
    DidComplete {
        /// `None` when it succeeded, whatever the HTTP status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
        /// The head of the final response, if there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response: Option<Response>,
        /// What its requests took: Apple's `didFinishCollectingMetrics`, which comes right before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metrics: Option<Box<TaskMetrics>>,
    },
    /// All events that waited when the session was attached have been sent; where none waited, it does
    /// not come. Not kept.
    DidFinishEvents,
    /// The session is gone: its last event. Not kept.
    DidBecomeInvalid {
        /// `None` after an explicit invalidation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
    },
}

impl Event {
    /// Says whether the event is kept on disk until it is acknowledged.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        match self {
            Self::DidReceiveData { .. }
            | Self::DidFinishDownloading { .. }
            | Self::DidComplete { .. } => true,
            Self::DidWriteData { .. }
            | Self::DidSendBodyData { .. }
            | Self::DidResumeAtOffset { .. }
            | Self::WillBeginDelayedRequest { .. }
            | Self::DidReceiveChallenge { .. }
            | Self::WillPerformHttpRedirection { .. }
            | Self::DidChangeState { .. }
            | Self::DidFinishEvents
            | Self::DidBecomeInvalid { .. } => false,
        }
    }
}
