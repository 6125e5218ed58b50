//! Tasks and events as JSON for machines: versioned, times in RFC 3339, unknown is null, no secrets.

use crate::measure;
use crate::task_name::TaskName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use urlsession::{
    DaemonStatus, Event, EventNumber, LaunchStatus, SessionKey, SessionStatus, TaskIdentifier,
    TaskStatus, Timestamp,
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

/// Makes the JSON object of a session.
pub(crate) fn session(status: &SessionStatus) -> Value {
    let mut object = Map::new();
    object.insert("schema".into(), json!(SCHEMA));
    object.insert("id".into(), json!(status.session.to_string()));
    // A path that is not UTF-8 is the only thing that cannot be spelled.
    if let Ok(Value::Object(fields)) = serde_json::to_value(status) {
        object.extend(fields);
    }
    object.insert("launch".into(), status.launch.as_ref().map_or(Value::Null, launch));
    for name in ["maximum_concurrent_tasks", "launch_program"] {
        object.entry(name).or_insert(Value::Null);
    }
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
    for name in optional(event) {
        object.entry(*name).or_insert(Value::Null);
    }
    polish(&mut object);
    Value::Object(object)
}

/// Makes the JSON object of what a server answered.
pub(crate) fn answer(task: &TaskName, bytes: &[u8], now: Timestamp) -> Value {
    let text = std::str::from_utf8(bytes).ok();
    json!({
        "schema": SCHEMA,
        "time": measure::rfc3339(now),
        "id": task.to_string(),
        "session": task.session,
        "task": task.task,
        "number": null,
        "event": "answer",
        "text": text,
        "base64": text.is_none().then(|| STANDARD.encode(bytes)),
    })
}

/// Returns the fields of an event that the protocol leaves out where they are unknown.
fn optional(event: &Event) -> &'static [&'static str] {
    match event {
        Event::DidChangeState { .. } => &["reason", "until", "error"],
        Event::DidComplete { .. } => &["error", "response", "metrics"],
        Event::DidBecomeInvalid { .. } | Event::WillBeginDelayedRequest { .. } => &["error"],
        Event::DidWriteData { .. }
        | Event::DidSendBodyData { .. }
        | Event::DidResumeAtOffset { .. }
        | Event::DidFinishDownloading { .. }
        | Event::DidReceiveData { .. }
        | Event::DidReceiveChallenge { .. }
        | Event::WillPerformHttpRedirection { .. }
        | Event::DidFinishEvents => &[],
        _ => &[],
    }
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
    spell_times(object);
    if let Some(Value::Object(challenge)) = object.get_mut("challenge") {
        spell_times(challenge);
    }
    if let Some(Value::Object(error)) = object.get_mut("error") {
        error.remove("resume_data");
    }
    object.get_mut("response").into_iter().for_each(hide_fields);
    let transactions = object
        .get_mut("metrics")
        .and_then(|metrics| metrics.get_mut("transaction_metrics").and_then(Value::as_array_mut));
    let responses = transactions.into_iter().flatten().filter_map(|one| one.get_mut("response"));
    responses.for_each(hide_fields);
}

fn spell_times(object: &mut Map<String, Value>) {
    for key in ["created", "completed", "until"] {
        if let Some(moment) = object.get_mut(key)
            && let Some(ms) = moment.as_u64()
        {
            *moment = json!(measure::rfc3339(Timestamp(ms)));
        }
    }
}

fn hide_fields(response: &mut Value) {
    let fields = response.get_mut("headers").and_then(Value::as_array_mut);
    for field in fields.into_iter().flatten() {
        let secret = field[0]
            .as_str()
            .is_some_and(|name| SECRET_FIELDS.iter().any(|s| s.eq_ignore_ascii_case(name)));
        if secret {
            field[1] = json!("***");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use urlsession::{
        AuthenticationChallenge, Error, ErrorCode, HeaderFields, ProtectionSpace, Response,
        ResumeData, ResumeRung, Secret, TaskMetrics, TaskState, TransactionMetrics,
        TransactionResponse,
    };

    #[test]
    fn unknown_is_null_and_secrets_stay_inside() {
        let mut error = Error::new(ErrorCode::CANCELLED);
        error.resume_data = Some(ResumeData(Secret::new("opaque")));
        let headers = HeaderFields::from(vec![("Set-Cookie".into(), "id=opaque".into())]);
        let response = TransactionResponse { headers: headers.clone(), status_code: 302 };
        let mut metrics = TaskMetrics::default();
        metrics.push(TransactionMetrics { response: Some(response), ..Default::default() });
        let metrics = Some(Box::new(metrics));
        let status = TaskStatus {
            state: TaskState::Completed,
            response: Some(Response { suggested_filename: None, headers, ..Response::default() }),
            error: Some(error.clone()),
            metrics: metrics.clone(),
            ..crate::sample::task()
        };
        let value = task(&status);
        assert_eq!(value["schema"], 1);
        assert_eq!(value["id"], "12");
        assert_eq!(value["created"], "1970-01-01T00:00:01Z");
        assert!(value.get("completed").is_some_and(Value::is_null));
        assert!(value.get("reason").is_some_and(Value::is_null));
        assert!(!value.to_string().contains("opaque"));
        let complete =
            Event::DidComplete { error: Some(error), response: status.response, metrics };
        let value = event(&status.session, Some(status.task), None, &complete, Timestamp(0));
        assert_eq!(value["event"], "did_complete");
        assert_eq!(value["error"]["code"], -999);
        assert!(!value.to_string().contains("opaque"));
        let changed =
            Event::DidChangeState { state: TaskState::Running, reason: None, error: None };
        let value = event(&status.session, Some(status.task), None, &changed, Timestamp(0));
        for name in ["reason", "until", "error"] {
            assert!(value.get(name).is_some_and(Value::is_null), "{name}: {value}");
        }
        assert_eq!(daemon(None)["running"], false);
    }

    #[test]
    fn a_question_says_until_when_as_everything_does() {
        let challenge = AuthenticationChallenge {
            question: 1,
            protection_space: ProtectionSpace::of_url("http://h/").unwrap(),
            previous_failure_count: 0,
            proposed_user: None,
            server_trust: Vec::new(),
            reason: None,
            until: Timestamp(1000),
        };
        let asks = Event::DidReceiveChallenge { challenge: Box::new(challenge.clone()) };
        let status = TaskStatus { challenge: Some(Box::new(challenge)), ..crate::sample::task() };
        let session = &status.session;
        for value in [task(&status), event(session, Some(status.task), None, &asks, Timestamp(0))] {
            assert_eq!(value["challenge"]["until"], "1970-01-01T00:00:01Z", "{value}");
        }
    }

    #[test]
    fn every_field_is_documented() {
        let document = include_str!("../../../docs/json.md");
        let check = |value: &Value| {
            for name in value.as_object().into_iter().flat_map(Map::keys) {
                assert!(document.contains(&format!("`{name}`")), "{name} is not in docs/json.md");
            }
        };
        let error = Error::new(ErrorCode::CANCELLED);
        let response = Response { network_protocol: Some("h2".into()), ..Response::default() };
        let status = TaskStatus {
            response: Some(response.clone()),
            error: Some(error.clone()),
            metrics: Some(Box::default()),
            ..crate::sample::task()
        };
        let told = task(&status);
        for value in [&told, &told["response"], &told["error"], &told["metrics"]] {
            check(value);
        }
        check(&daemon(Some(&busy())));
        check(&session(&owned(&status.session)));
        let complete = Event::DidComplete {
            error: Some(error),
            response: Some(response),
            metrics: Some(Box::default()),
        };
        for told in others().into_iter().chain([complete]) {
            let value = event(&status.session, Some(status.task), None, &told, Timestamp(0));
            let name = format!("`{}`", value["event"].as_str().unwrap());
            assert!(document.contains(&name), "{name} is not in docs/json.md");
            check(&value);
        }
        let name = TaskName::new(status.session.clone(), status.task);
        let (text, other) =
            (answer(&name, b"a", Timestamp(0)), answer(&name, b"\xff", Timestamp(0)));
        check(&text);
        assert_eq!((&text["text"], &text["base64"]), (&"a".into(), &Value::Null));
        assert_eq!((&other["text"], &other["base64"]), (&Value::Null, &"/w==".into()));
    }

    fn others() -> [Event; 9] {
        let (path, length) = (std::path::PathBuf::from("/f"), 1);
        [
            Event::DidWriteData {
                bytes_written: 1,
                total_bytes_written: 1,
                total_bytes_expected_to_write: None,
            },
            Event::DidSendBodyData {
                bytes_sent: 1,
                total_bytes_sent: 1,
                total_bytes_expected_to_send: None,
            },
            Event::DidResumeAtOffset {
                file_offset: 1,
                expected_total_bytes: None,
                rung: ResumeRung::Restart,
            },
            Event::DidChangeState { state: TaskState::Running, reason: None, error: None },
            Event::WillBeginDelayedRequest { error: None },
            Event::DidReceiveData { path: path.clone(), length },
            Event::DidFinishDownloading { path, length },
            Event::DidFinishEvents,
            Event::DidBecomeInvalid { error: None },
        ]
    }

    fn busy() -> DaemonStatus {
        DaemonStatus {
            pid: 1,
            version: "1".into(),
            protocol: 1,
            uptime: 1,
            sessions: 1,
            tasks_running: 1,
            tasks_waiting: 1,
            tasks_suspended: 1,
            tasks_completed: 1,
            events_owed: 1,
            clients: 1,
            memory: Some(1),
        }
    }

    fn owned(session: &SessionKey) -> SessionStatus {
        SessionStatus {
            session: session.clone(),
            owned: true,
            invalidating: false,
            tasks: 1,
            tasks_running: 1,
            tasks_waiting: 1,
            tasks_suspended: 1,
            tasks_completed: 1,
            events_owed: 1,
            http_maximum_connections_per_host: 1,
            maximum_concurrent_tasks: None,
            launch_program: None,
            launch: None,
        }
    }
}
