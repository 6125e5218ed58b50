//! The daemon's lines, read as messages: the most frequent ones without a detour.
//!
//! A tag among a message's other fields has serde collect all of them before it knows what they
//! are. Of a thousand small files that is most of what an app spends on reading.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::path::PathBuf;
use urlsession_protocol::line::{self, LineError};
use urlsession_protocol::{
    CallId, DaemonMessage, Error, Event, EventNumber, Reason, Reply, Response, SessionKey,
    TaskIdentifier, TaskMetrics, TaskState, TaskStatus,
};

/// How the daemon writes that a call succeeded and has no other answer.
const DONE: &str = r#"{"Ok":{"reply":"done"}}"#;

/// How a page of a listing begins.
const PAGE: &str = r#"{"Ok":{"reply":"tasks","#;

/// Reads a message from one line.
pub(crate) fn decode(line: &[u8]) -> Result<DaemonMessage, LineError> {
    match frequent(line) {
        Some(message) => Ok(message),
        None => line::decode(line),
    }
}

/// The fields of all frequent messages.
#[derive(Deserialize)]
struct Frequent<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
    id: Option<CallId>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    session: Option<SessionKey>,
    task: Option<TaskIdentifier>,
    number: Option<EventNumber>,
    path: Option<PathBuf>,
    length: Option<u64>,
    error: Option<Error>,
    response: Option<Response>,
    metrics: Option<Box<TaskMetrics>>,
    state: Option<TaskState>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    until: Option<&'a RawValue>,
    bytes_written: Option<u64>,
    total_bytes_written: Option<u64>,
    total_bytes_expected_to_write: Option<u64>,
}

fn frequent(line: &[u8]) -> Option<DaemonMessage> {
    if line.len() > line::LINE_LIMIT {
        return None;
    }
    let fields: Frequent<'_> = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
    match &*fields.message {
        "reply" => {
            let result = Ok(answer(fields.result?.get())?);
            Some(DaemonMessage::Reply { id: fields.id?, result })
        }
        "event" => fields.event(),
        _ => None,
    }
}

fn answer(result: &str) -> Option<Reply> {
    /// A page of a listing, apart from what says that it is one.
    #[derive(Deserialize)]
    struct Page {
        tasks: Vec<TaskStatus>,
        more: bool,
    }
    #[derive(Deserialize)]
    struct Listed {
        #[serde(rename = "Ok")]
        page: Page,
    }
    if result == DONE {
        return Some(Reply::Done);
    }
    if !result.starts_with(PAGE) {
        return None;
    }
    let Listed { page: Page { tasks, more } } = serde_json::from_str(result).ok()?;
    Some(Reply::Tasks { tasks, more })
}

impl Frequent<'_> {
    fn event(self) -> Option<DaemonMessage> {
        let event = match &*self.event? {
            "did_write_data" => Event::DidWriteData {
                bytes_written: self.bytes_written?,
                total_bytes_written: self.total_bytes_written?,
                total_bytes_expected_to_write: self.total_bytes_expected_to_write,
            },
            "did_change_state" if self.until.is_none() => Event::DidChangeState {
                state: self.state?,
                reason: match self.reason.as_deref() {
                    None => None,
                    Some("slot") => Some(Reason::Slot),
                    Some(_) => return None,
                },
                error: self.error,
            },
            "did_receive_data" => Event::DidReceiveData { path: self.path?, length: self.length? },
            "did_finish_downloading" => {
                Event::DidFinishDownloading { path: self.path?, length: self.length? }
            }
            "did_complete" => Event::DidComplete {
                error: self.error,
                response: self.response,
                metrics: self.metrics,
            },
            _ => return None,
        };
        let (task, number) = (self.task, self.number);
        Some(DaemonMessage::Event { session: self.session?, task, number, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use urlsession_protocol::{
        ApplicationId, ErrorCode, ResourceFetchType, SessionIdentifier, Timestamp,
    };

    #[test]
    fn frequent_messages_are_read_as_serde_reads_them() {
        let error = Error::new(ErrorCode::CANCELLED).because("an “escape”\n");
        let events = [
            Event::DidWriteData {
                bytes_written: 1,
                total_bytes_written: 2,
                total_bytes_expected_to_write: None,
            },
            state(None, None),
            state(Some(Reason::Slot), Some(error.clone())),
            Event::DidReceiveData { path: "/a \"b\"".into(), length: 3 },
            Event::DidFinishDownloading { path: "/ä".into(), length: u64::MAX },
            Event::DidComplete { error: Some(error), response: None, metrics: None },
            Event::DidComplete {
                error: None,
                response: Some(response()),
                metrics: Some(Box::default()),
            },
        ];
        for event in events {
            let message = told(event);
            assert_eq!(frequent(&line::encode(&message).unwrap()), Some(message));
        }
        let done = DaemonMessage::Reply { id: CallId(7), result: Ok(Reply::Done) };
        assert_eq!(frequent(&line::encode(&done).unwrap()), Some(done));
        for more in [false, true] {
            let page = Reply::Tasks { tasks: vec![status(), status()], more };
            let message = DaemonMessage::Reply { id: CallId(7), result: Ok(page) };
            assert_eq!(frequent(&line::encode(&message).unwrap()), Some(message));
        }
    }

    #[test]
    fn other_messages_are_left_to_serde() {
        let refused = Err(Error::new(ErrorCode::UNKNOWN));
        for message in [
            DaemonMessage::Goodbye { reason: "r".to_owned() },
            DaemonMessage::Reply { id: CallId(1), result: refused },
            DaemonMessage::Reply {
                id: CallId(1),
                result: Ok(Reply::ResumeData { resume_data: None }),
            },
            told(Event::DidFinishEvents),
            told(state(Some(Reason::Disk), None)),
            told(state(Some(Reason::RetryAt(Timestamp(7))), None)),
            told(Event::WillBeginDelayedRequest { error: None }),
            told(Event::DidBecomeInvalid { error: Some(Error::new(ErrorCode::CANCELLED)) }),
        ] {
            let line = line::encode(&message).unwrap();
            assert_eq!(frequent(&line), None, "{message:?}");
            assert_eq!(decode(&line).unwrap(), message);
        }
    }

    #[test]
    fn what_is_no_message_is_none_either_way() {
        for line in [
            "",
            "{}",
            r#"{"message":"event","event":"did_complete"}"#,
            r#"{"message":"event","event":"did_finish_downloading","session":{"application":"a","session":"s"}}"#,
            r#"{"message":"reply","result":{"Ok":{"reply":"done"}}}"#,
        ] {
            assert!(decode(line.as_bytes()).is_err(), "{line}");
        }
        assert!(decode(b"\xff").is_err());
    }

    /// Of fields that nobody knows, serde looks at more than it needs to.
    #[test]
    fn what_serde_reads_is_read_alike() {
        urlsession_testkit::mutation::play(&[("line", |bytes| {
            if let Ok(message) = line::decode::<DaemonMessage>(bytes) {
                assert_eq!(decode(bytes).ok(), Some(message));
            }
        })]);
    }

    fn status() -> TaskStatus {
        let text = r#"{"session":{"application":"a","session":"s"},"task":4,"kind":"download",
            "destination":"/a","url":"http://a/","method":"GET","state":"running","reason":"slot",
            "attempts":1,"count_of_bytes_received":2,"count_of_bytes_expected_to_receive":null,
            "count_of_bytes_sent":0,"count_of_bytes_expected_to_send":null,"created":9}"#;
        serde_json::from_str(text).unwrap()
    }

    fn state(reason: Option<Reason>, error: Option<Error>) -> Event {
        Event::DidChangeState { state: TaskState::Running, reason, error }
    }

    fn told(event: Event) -> DaemonMessage {
        let session = SessionKey {
            application: ApplicationId::new("a").unwrap(),
            session: SessionIdentifier::new("s").unwrap(),
        };
        let (task, number) = (Some(TaskIdentifier(4)), Some(EventNumber(5)));
        DaemonMessage::Event { session, task, number, event }
    }

    fn response() -> Response {
        Response {
            url: "http://127.0.0.1/".to_owned(),
            status_code: 200,
            headers: vec![("A".to_owned(), "b".to_owned())].into(),
            network_protocol: Some("h2".to_owned()),
            resource_fetch_type: ResourceFetchType::LocalCache,
            suggested_filename: None,
        }
    }
}
