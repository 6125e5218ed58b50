//! What clients say most often, read without a detour.
//!
//! A tag among a message's other fields has serde collect all of them before it knows what they
//! are: half of what a daemon spends on reading a thousand small tasks.

use crate::line::{self, LINE_LIMIT, LineError};
use crate::{
    Call, CallId, ClientMessage, EventNumber, NewTask, Request, ResumeData, SessionKey,
    TaskIdentifier, TaskKind, TaskOptions,
};
use serde::Deserialize;
use std::borrow::Cow;
use std::path::PathBuf;

/// Reads a message from one line.
pub(super) fn decode(line: &[u8]) -> Result<ClientMessage, LineError> {
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
    call: Option<Cow<'a, str>>,
    session: SessionKey,
    task: Option<TaskIdentifier>,
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    destination: Option<PathBuf>,
    request: Option<Request>,
    #[serde(default)]
    options: TaskOptions,
    #[serde(default)]
    resume: bool,
    resume_data: Option<ResumeData>,
    number: Option<EventNumber>,
    through: Option<EventNumber>,
}

fn frequent(line: &[u8]) -> Option<ClientMessage> {
    if line.len() > LINE_LIMIT {
        return None;
    }
    let fields: Frequent<'_> = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
    match &*fields.message {
        "ack" => {
            let Frequent { session, number, through, .. } = fields;
            Some(ClientMessage::Ack { session, number: number?, through })
        }
        "call" => Some(ClientMessage::Call { id: fields.id?, call: fields.call()? }),
        _ => None,
    }
}

impl Frequent<'_> {
    fn call(self) -> Option<Call> {
        let (session, task) = (self.session, self.task?);
        match &*self.call? {
            "create_task" => {
                let kind = match &*self.kind? {
                    "download" => TaskKind::Download { destination: self.destination },
                    "upload" => TaskKind::Upload,
                    "data" => TaskKind::Data,
                    _ => return None,
                };
                let (options, resume, resume_data) = (self.options, self.resume, self.resume_data);
                let request = self.request?;
                let new = NewTask { task, kind, request, options, resume, resume_data };
                Some(Call::CreateTask { session, new: Box::new(new) })
            }
            "remove" => Some(Call::Remove { session, task }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ApplicationId, SessionIdentifier};

    #[test]
    fn frequent_messages_are_read_as_serde_reads_them() {
        let kinds = [
            TaskKind::Download { destination: Some("/ä \"b\"".into()) },
            TaskKind::Download { destination: None },
            TaskKind::Upload,
            TaskKind::Data,
        ];
        let created = kinds.map(|kind| {
            let new = NewTask {
                task: TaskIdentifier(u64::MAX),
                kind,
                request: Request::new("http://me:secret@host/a?b").unwrap(),
                options: TaskOptions { limit_rate: Some(7), ..TaskOptions::default() },
                resume: true,
                resume_data: None,
            };
            call(Call::CreateTask { session: session(), new: Box::new(new) })
        });
        let removed = call(Call::Remove { session: session(), task: TaskIdentifier(2) });
        let ack = |through| {
            let number = EventNumber(1);
            ClientMessage::Ack { session: session(), number, through }
        };
        let others = [removed, ack(None), ack(Some(EventNumber(9)))];
        for message in created.into_iter().chain(others) {
            assert_eq!(frequent(&line::encode(&message).unwrap()), Some(message));
        }
    }

    #[test]
    fn other_messages_are_left_to_serde() {
        for message in [
            call(Call::Status),
            call(Call::Detach { session: session() }),
            call(Call::Cancel { session: session(), task: TaskIdentifier(2) }),
        ] {
            let line = line::encode(&message).unwrap();
            assert_eq!(frequent(&line), None, "{message:?}");
            assert_eq!(decode(&line).unwrap(), message);
        }
    }

    /// Of fields that nobody knows, serde looks at more than it needs to.
    #[test]
    fn what_serde_reads_is_read_alike() {
        urlsession_testkit::mutation::play(&[("line", |bytes| {
            if let Ok(message) = line::decode::<ClientMessage>(bytes) {
                assert_eq!(decode(bytes).ok(), Some(message));
            }
        })]);
    }

    fn call(call: Call) -> ClientMessage {
        ClientMessage::Call { id: CallId(3), call }
    }

    fn session() -> SessionKey {
        SessionKey {
            application: ApplicationId::new("a").unwrap(),
            session: SessionIdentifier::new("s").unwrap(),
        }
    }
}
