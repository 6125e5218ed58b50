//! Events on their way to JavaScript: one flat object each, many of them in one text.

use crate::credential::AuthenticationChallenge;
use crate::error::TaskError;
use crate::redirection::HttpRedirection;
use napi_derive::napi;
use serde::Serialize;
use std::path::Path;
use urlsession::{Event, Header, Reason, Response, ResumeRung, TaskIdentifier, TaskState};

/// One header field.
#[napi(object)]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
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
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResponseHead {
    /// The URL that answered, after redirects.
    pub url: String,
    /// The HTTP status; none is an error.
    pub status_code: u32,
    /// `http/1.1`, `h2` or `h3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_protocol: Option<String>,
    /// What the body may be called as a file; safe, whoever named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggested_filename: Option<String>,
    /// Header fields as received.
    pub headers: Vec<HeaderField>,
}

impl From<Response> for ResponseHead {
    fn from(response: Response) -> Self {
        let fields = response.headers.iter().cloned();
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
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionEvent {
    /// Apple's name of the callback.
    #[napi(
        ts_type = "'didWriteData' | 'didSendBodyData' | 'didResumeAtOffset' | 'willBeginDelayedRequest' | 'didReceiveChallenge' | 'willPerformHTTPRedirection' | 'didChangeState' | 'didReceiveData' | 'didFinishDownloading' | 'didComplete' | 'didFinishEvents' | 'didBecomeInvalid'"
    )]
    pub name: String,
    /// The task; absent for events of the session itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_identifier: Option<i64>,
    /// Present on events that are kept until acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_number: Option<i64>,
    /// `didWriteData`: bytes since the last such event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_written: Option<i64>,
    /// `didWriteData`: bytes so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_bytes_written: Option<i64>,
    /// `didWriteData`: bytes in all; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_bytes_expected_to_write: Option<i64>,
    /// `didSendBodyData`: bytes since the last such event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_sent: Option<i64>,
    /// `didSendBodyData`: bytes so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_bytes_sent: Option<i64>,
    /// `didSendBodyData`: bytes in all; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_bytes_expected_to_send: Option<i64>,
    /// `didResumeAtOffset`: where the download goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_offset: Option<i64>,
    /// `didResumeAtOffset`: bytes in all; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_total_bytes: Option<i64>,
    /// `didResumeAtOffset`: what proved that the entity is the same.
    #[napi(ts_type = "'strongEtag' | 'lastModified' | 'restart'")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rung: Option<String>,
    /// `didChangeState`: Apple's state.
    #[napi(ts_type = "'running' | 'suspended' | 'canceling' | 'completed'")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// `didChangeState`: why the task waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `didReceiveData`, `didFinishDownloading`: the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `didReceiveData`, `didFinishDownloading`: its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<i64>,
    /// `didComplete`, `didBecomeInvalid`, `didChangeState`, `willBeginDelayedRequest`: what went
    /// wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<TaskError>,
    /// `didReceiveChallenge`: what is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<AuthenticationChallenge>,
    /// `willPerformHTTPRedirection`: where the server sends the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirection: Option<HttpRedirection>,
    /// `didComplete`: the HTTP status, if there was a response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u32>,
}

/// Events in the form that is cheapest for JavaScript: it makes many objects of one text faster than
/// it is told of each, and what few look at stays text until somebody does.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct EventBatch {
    /// A list of `SessionEvent` in JSON.
    pub events: String,
    /// For each of them the head of the final response, a `ResponseHead` in JSON.
    pub responses: Vec<Option<String>>,
    /// For each of them what `NativeSession.metrics` takes.
    pub metrics: Vec<Option<String>>,
}

impl EventBatch {
    /// Adds an event.
    pub(crate) fn push(
        &mut self,
        task: Option<TaskIdentifier>,
        event_number: Option<i64>,
        mut event: Event,
    ) -> serde_json::Result<()> {
        let (response, metrics) = match &mut event {
            Event::DidComplete { response, metrics, .. } => (response.take(), metrics.take()),
            _ => (None, None),
        };
        let event = SessionEvent {
            task_identifier: task.map(|task| number(task.0)),
            event_number,
            status_code: response.as_ref().map(|response| response.status_code.into()),
            ..of(event)
        };
        self.events.push(if self.metrics.is_empty() { '[' } else { ',' });
        self.events.push_str(&serde_json::to_string(&event)?);
        self.responses.push(text_of(response.map(ResponseHead::from).as_ref())?);
        self.metrics.push(text_of(metrics.as_ref())?);
        Ok(())
    }

    /// Returns what to hand over; nothing of nothing.
    pub(crate) fn complete(mut self) -> Option<Self> {
        self.events.push(']');
        (!self.metrics.is_empty()).then_some(self)
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
        _ => ("unknown", None),
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

fn of(event: Event) -> SessionEvent {
    let named = |name: &str| SessionEvent { name: name.to_owned(), ..SessionEvent::default() };
    let error = |error: Option<urlsession::Error>| error.map(TaskError::from);
    match event {
        Event::DidWriteData {
            bytes_written,
            total_bytes_written,
            total_bytes_expected_to_write,
        } => SessionEvent {
            bytes_written: Some(number(bytes_written)),
            total_bytes_written: Some(number(total_bytes_written)),
            total_bytes_expected_to_write: total_bytes_expected_to_write.map(number),
            ..named("didWriteData")
        },
        Event::DidSendBodyData { bytes_sent, total_bytes_sent, total_bytes_expected_to_send } => {
            SessionEvent {
                bytes_sent: Some(number(bytes_sent)),
                total_bytes_sent: Some(number(total_bytes_sent)),
                total_bytes_expected_to_send: total_bytes_expected_to_send.map(number),
                ..named("didSendBodyData")
            }
        }
        Event::DidResumeAtOffset { file_offset, expected_total_bytes, rung } => SessionEvent {
            file_offset: Some(number(file_offset)),
            expected_total_bytes: expected_total_bytes.map(number),
            rung: Some(rung_name(rung).to_owned()),
            ..named("didResumeAtOffset")
        },
        Event::WillBeginDelayedRequest { error: cause } => {
            SessionEvent { error: error(cause), ..named("willBeginDelayedRequest") }
        }
        Event::DidReceiveChallenge { challenge } => SessionEvent {
            challenge: Some(AuthenticationChallenge::from(&*challenge)),
            ..named("didReceiveChallenge")
        },
        Event::WillPerformHttpRedirection { redirection } => SessionEvent {
            redirection: Some((*redirection).into()),
            ..named("willPerformHTTPRedirection")
        },
        Event::DidChangeState { state, reason, error: cause } => SessionEvent {
            state: Some(state_name(state).to_owned()),
            reason: reason.map(|reason| reason_name(reason).0.to_owned()),
            error: error(cause),
            ..named("didChangeState")
        },
        Event::DidReceiveData { path, length } => with_file(named("didReceiveData"), &path, length),
        Event::DidFinishDownloading { path, length } => {
            with_file(named("didFinishDownloading"), &path, length)
        }
        Event::DidComplete { error: cause, .. } => {
            SessionEvent { error: error(cause), ..named("didComplete") }
        }
        Event::DidFinishEvents => named("didFinishEvents"),
        Event::DidBecomeInvalid { error: cause } => {
            SessionEvent { error: error(cause), ..named("didBecomeInvalid") }
        }
        _ => named("unknown"),
    }
}

fn text_of(part: Option<&impl Serialize>) -> serde_json::Result<Option<String>> {
    part.map(serde_json::to_string).transpose()
}

fn with_file(event: SessionEvent, path: &Path, length: u64) -> SessionEvent {
    SessionEvent { path: Some(text(path)), length: Some(number(length)), ..event }
}

fn rung_name(rung: ResumeRung) -> &'static str {
    match rung {
        ResumeRung::StrongEtag => "strongEtag",
        ResumeRung::LastModified => "lastModified",
        ResumeRung::Restart => "restart",
        _ => "unknown",
    }
}
