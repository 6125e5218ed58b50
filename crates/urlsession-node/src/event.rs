//! Events on their way to JavaScript: one flat object each.

use crate::credential::AuthenticationChallenge;
use crate::error::TaskError;
use crate::metrics::TaskMetrics;
use napi_derive::napi;
use std::path::Path;
use urlsession::{Delivery, Event, Header, Reason, Response, ResumeRung, TaskState};

/// One header field.
#[napi(object)]
pub struct HeaderField {
    /// The field's name.
    pub name: String,
    /// The field's value.
    pub value: String,
}

impl From<HeaderField> for Header {
    fn from(field: HeaderField) -> Self {
        Self::new(field.name, field.value)
    }
}

/// The head of a response.
#[napi(object, object_from_js = false)]
pub struct ResponseHead {
    /// The URL that answered, after redirects.
    pub url: String,
    /// The HTTP status; none is an error.
    pub status_code: u32,
    /// `http/1.1` or `h2`.
    pub network_protocol: Option<String>,
    /// What the body may be called as a file; safe, whoever named it.
    pub suggested_filename: Option<String>,
    /// Header fields as received.
    pub headers: Vec<HeaderField>,
}

impl From<Response> for ResponseHead {
    fn from(response: Response) -> Self {
        let fields = response.headers.into_iter();
        Self {
            url: response.url,
            status_code: response.status_code.into(),
            network_protocol: response.network_protocol,
            suggested_filename: response.suggested_filename.map(String::from),
            headers: fields.map(|(name, value)| HeaderField { name, value }).collect(),
        }
    }
}

/// What happened; which fields there are depends on the name.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct SessionEvent {
    /// Apple's name of the callback.
    #[napi(
        ts_type = "'didWriteData' | 'didSendBodyData' | 'didResumeAtOffset' | 'willBeginDelayedRequest' | 'didReceiveChallenge' | 'didChangeState' | 'didReceiveData' | 'didFinishDownloading' | 'didComplete' | 'didFinishEvents' | 'didBecomeInvalid'"
    )]
    pub name: String,
    /// The task; absent for events of the session itself.
    pub task_identifier: Option<i64>,
    /// Present on events that are kept until acknowledged.
    pub event_number: Option<i64>,
    /// `didWriteData`: bytes since the last such event.
    pub bytes_written: Option<i64>,
    /// `didWriteData`: bytes so far.
    pub total_bytes_written: Option<i64>,
    /// `didWriteData`: bytes in all; absent when unknown.
    pub total_bytes_expected_to_write: Option<i64>,
    /// `didSendBodyData`: bytes since the last such event.
    pub bytes_sent: Option<i64>,
    /// `didSendBodyData`: bytes so far.
    pub total_bytes_sent: Option<i64>,
    /// `didSendBodyData`: bytes in all; absent when unknown.
    pub total_bytes_expected_to_send: Option<i64>,
    /// `didResumeAtOffset`: where the download goes on.
    pub file_offset: Option<i64>,
    /// `didResumeAtOffset`: bytes in all; absent when unknown.
    pub expected_total_bytes: Option<i64>,
    /// `didResumeAtOffset`: what proved that the entity is the same.
    #[napi(ts_type = "'strongEtag' | 'lastModified' | 'restart'")]
    pub rung: Option<String>,
    /// `didChangeState`: Apple's state.
    #[napi(ts_type = "'running' | 'suspended' | 'canceling' | 'completed'")]
    pub state: Option<String>,
    /// `didChangeState`: why the task waits.
    pub reason: Option<String>,
    /// `didReceiveData`, `didFinishDownloading`: the file.
    pub path: Option<String>,
    /// `didReceiveData`, `didFinishDownloading`: its size.
    pub length: Option<i64>,
    /// `didComplete`, `didBecomeInvalid`, `didChangeState`, `willBeginDelayedRequest`: what went
    /// wrong.
    pub error: Option<TaskError>,
    /// `didReceiveChallenge`: what is asked.
    pub challenge: Option<AuthenticationChallenge>,
    /// `didComplete`: the head of the final response.
    pub response: Option<ResponseHead>,
    /// `didComplete`: what the task's requests took.
    pub metrics: Option<TaskMetrics>,
}

impl From<&Delivery> for SessionEvent {
    fn from(delivery: &Delivery) -> Self {
        Self {
            task_identifier: delivery.task.map(|task| number(task.0)),
            event_number: delivery.number.map(|kept| number(kept.0)),
            ..of(&delivery.event)
        }
    }
}

/// Returns the name that JavaScript has for a state.
pub(crate) fn state_name(state: TaskState) -> &'static str {
    match state {
        TaskState::Running => "running",
        TaskState::Suspended => "suspended",
        TaskState::Canceling => "canceling",
        TaskState::Completed => "completed",
    }
}

/// Returns the name that JavaScript has for a reason to wait, and until when, where that is known.
pub(crate) fn reason_name(reason: Reason) -> (&'static str, Option<f64>) {
    match reason {
        Reason::Slot => ("slot", None),
        Reason::Connectivity => ("connectivity", None),
        Reason::RetryAt(until) => ("retry", Some(until.0 as f64)),
        Reason::BeginAt(until) => ("begin", Some(until.0 as f64)),
        Reason::Disk => ("disk", None),
        Reason::Answer => ("answer", None),
        Reason::Conditions => ("conditions", None),
    }
}

/// JavaScript's numbers are exact up to 2^53, far beyond any file.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Node knows paths as text; bytes that are none are replaced.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn of(event: &Event) -> SessionEvent {
    let named = |name: &str| SessionEvent { name: name.to_owned(), ..SessionEvent::default() };
    match event {
        Event::DidWriteData {
            bytes_written,
            total_bytes_written,
            total_bytes_expected_to_write,
        } => SessionEvent {
            bytes_written: Some(number(*bytes_written)),
            total_bytes_written: Some(number(*total_bytes_written)),
            total_bytes_expected_to_write: total_bytes_expected_to_write.map(number),
            ..named("didWriteData")
        },
        Event::DidSendBodyData { bytes_sent, total_bytes_sent, total_bytes_expected_to_send } => {
            SessionEvent {
                bytes_sent: Some(number(*bytes_sent)),
                total_bytes_sent: Some(number(*total_bytes_sent)),
                total_bytes_expected_to_send: total_bytes_expected_to_send.map(number),
                ..named("didSendBodyData")
            }
        }
        Event::DidResumeAtOffset { file_offset, expected_total_bytes, rung } => SessionEvent {
            file_offset: Some(number(*file_offset)),
            expected_total_bytes: expected_total_bytes.map(number),
            rung: Some(rung_name(*rung).to_owned()),
            ..named("didResumeAtOffset")
        },
        Event::WillBeginDelayedRequest { error } => SessionEvent {
            error: error.clone().map(TaskError::from),
            ..named("willBeginDelayedRequest")
        },
        Event::DidReceiveChallenge { challenge } => SessionEvent {
            challenge: Some(AuthenticationChallenge::from(&**challenge)),
            ..named("didReceiveChallenge")
        },
        Event::WillPerformHttpRedirection { .. } => named("willPerformHTTPRedirection"),
        Event::DidChangeState { state, reason, error } => SessionEvent {
            state: Some(state_name(*state).to_owned()),
            reason: reason.map(|reason| reason_name(reason).0.to_owned()),
            error: error.clone().map(TaskError::from),
            ..named("didChangeState")
        },
        Event::DidReceiveData { path, length } => with_file(named("didReceiveData"), path, *length),
        Event::DidFinishDownloading { path, length } => {
            with_file(named("didFinishDownloading"), path, *length)
        }
        Event::DidComplete { error, response, metrics } => SessionEvent {
            metrics: metrics.as_deref().map(TaskMetrics::from),
            error: error.clone().map(TaskError::from),
            response: response.clone().map(ResponseHead::from),
            ..named("didComplete")
        },
        Event::DidFinishEvents => named("didFinishEvents"),
        Event::DidBecomeInvalid { error } => {
            SessionEvent { error: error.clone().map(TaskError::from), ..named("didBecomeInvalid") }
        }
    }
}

fn with_file(event: SessionEvent, path: &Path, length: u64) -> SessionEvent {
    SessionEvent { path: Some(text(path)), length: Some(number(length)), ..event }
}

fn rung_name(rung: ResumeRung) -> &'static str {
    match rung {
        ResumeRung::StrongEtag => "strongEtag",
        ResumeRung::LastModified => "lastModified",
        ResumeRung::Restart => "restart",
    }
}
