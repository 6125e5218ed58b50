//! Tasks and events as JSON for machines: versioned, times in RFC 3339, unknown is null, no secrets.

use crate::measure;
use crate::task_name::TaskName;
use serde_json::{Map, Value, json};
use urlsession::{
    DaemonStatus, Event, EventNumber, LaunchStatus, SessionKey, TaskIdentifier, TaskStatus,
    Timestamp,
};

/// The version of everything printed here; it grows when a field changes its meaning or goes.
pub(crate) const SCHEMA: u32 = 1;

/// Fields of a task that the protocol leaves out where they are unknown.
const OPTIONAL: [&str; 10] = [
    "destination",
    "description",
    "reason",
    "until",
    "completed",
    "response",
    "error",
    "file",
    "challenge",
    "metrics",
];
/// Response header fields whose values are credentials.
const SECRET_FIELDS: [&str; 2] = ["set-cookie", "set-cookie2"];

/// Makes the JSON object of a task.
pub(crate) fn task(status: &TaskStatus) -> Value {
    let mut object = Map::new();
    object.insert("schema".into(), json!(SCHEMA));
    let name = TaskName::new(status.session.clone(), status.task);
    object.insert("id".into(), json!(name.to_string()));
    // A path that is not UTF-8 is the only thing that cannot be spelled.
    if let Ok(Value::Object(fields)) = serde_json::to_value(status) {
        object.extend(fields);
    }
    for name in OPTIONAL {
        object.entry(name).or_insert(Value::Null);
    }
    polish(&mut object);
    Value::Object(object)
}

/// Makes the JSON object of how launching an app goes.
pub(crate) fn launch(status: &LaunchStatus) -> Value {
    let mut object = Map::new();
    if let Ok(Value::Object(fields)) = serde_json::to_value(status) {
        object.extend(fields);
    }
    for name in ["until", "error"] {
        object.entry(name).or_insert(Value::Null);
    }
    polish(&mut object);
    Value::Object(object)
}

/// Makes the JSON object of an event.
pub(crate) fn event(
    session: &SessionKey,
    task: Option<TaskIdentifier>,
    number: Option<EventNumber>,
    event: &Event,
    now: Timestamp,
) -> Value {
    let mut object = Map::new();
    object.insert("schema".into(), json!(SCHEMA));
    object.insert("time".into(), json!(measure::rfc3339(now)));
    let name = task.map(|task| TaskName::new(session.clone(), task).to_string());
    object.insert("id".into(), json!(name));
    object.insert("session".into(), json!(session));
    object.insert("task".into(), json!(task));
    object.insert("number".into(), json!(number));
    if let Ok(Value::Object(fields)) = serde_json::to_value(event) {
        object.extend(fields);
    }
    polish(&mut object);
    Value::Object(object)
}

/// Makes the JSON object of the daemon's state; `None` when none runs.
pub(crate) fn daemon(status: Option<&DaemonStatus>) -> Value {
    let mut object = Map::new();
    object.insert("schema".into(), json!(SCHEMA));
    object.insert("running".into(), json!(status.is_some()));
    if let Some(Value::Object(fields)) = status.and_then(|s| serde_json::to_value(s).ok()) {
        object.extend(fields);
    }
    Value::Object(object)
}

/// Spells times for machines and takes out what must not be printed.
fn polish(object: &mut Map<String, Value>) {
    for key in ["created", "completed", "until"] {
        if let Some(moment) = object.get_mut(key)
            && let Some(ms) = moment.as_u64()
        {
            *moment = json!(measure::rfc3339(Timestamp(ms)));
        }
    }
    if let Some(Value::Object(error)) = object.get_mut("error") {
        error.remove("resume_data");
    }
    if let Some(Value::Object(response)) = object.get_mut("response")
        && let Some(Value::Array(headers)) = response.get_mut("headers")
    {
        for header in headers {
            let secret = header[0]
                .as_str()
                .is_some_and(|name| SECRET_FIELDS.iter().any(|s| s.eq_ignore_ascii_case(name)));
            if secret {
                header[1] = json!("***");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use urlsession::{Error, ErrorCode, Response, ResumeData, Secret, TaskKind, TaskState};

    #[test]
    fn unknown_is_null_and_secrets_stay_inside() {
        let mut error = Error::new(ErrorCode::CANCELLED);
        error.resume_data = Some(ResumeData(Secret::new("opaque")));
        let status = TaskStatus {
            session: crate::task_name::shell(),
            task: TaskIdentifier(12),
            kind: TaskKind::Download { destination: None },
            url: "http://h/f".into(),
            method: "GET".into(),
            description: None,
            state: TaskState::Completed,
            reason: None,
            attempts: 1,
            count_of_bytes_received: 5,
            count_of_bytes_expected_to_receive: None,
            count_of_bytes_sent: 0,
            count_of_bytes_expected_to_send: None,
            created: Timestamp(1000),
            completed: None,
            response: Some(Response {
                suggested_filename: None,
                headers: vec![("Set-Cookie".into(), "id=opaque".into())].into(),
                ..Response::default()
            }),
            error: Some(error.clone()),
            file: None,
            metrics: None,
            challenge: None,
        };
        let value = task(&status);
        assert_eq!(value["schema"], 1);
        assert_eq!(value["id"], "12");
        assert_eq!(value["created"], "1970-01-01T00:00:01Z");
        assert!(value.get("completed").is_some_and(Value::is_null));
        assert!(value.get("reason").is_some_and(Value::is_null));
        assert!(!value.to_string().contains("opaque"));
        let complete =
            Event::DidComplete { error: Some(error), response: status.response, metrics: None };
        let value = event(&status.session, Some(status.task), None, &complete, Timestamp(0));
        assert_eq!(value["event"], "did_complete");
        assert_eq!(value["error"]["code"], -999);
        assert!(!value.to_string().contains("opaque"));
        assert_eq!(daemon(None)["running"], false);
    }
}
