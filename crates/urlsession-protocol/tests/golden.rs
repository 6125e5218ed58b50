//! Every kind of message, byte for byte as it is on the wire: `tests/golden/*.json`.
//!
//! The messages are those of `samples`; `URLSESSION_BLESS=1 cargo test -p urlsession-protocol` writes the
//! files. A change of a file is a change of the protocol.
#![cfg(test)]

mod samples;

use samples::*;
use serde::{Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use urlsession_protocol::line::{LINE_LIMIT, decode, encode};
use urlsession_protocol::*;

#[test]
fn messages_are_as_they_were() {
    let mut expected: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for message in client_messages() {
        expected.insert(name("client", &message), check(&message));
    }
    for message in daemon_messages() {
        expected.insert(name("daemon", &message), check(&message));
    }
    if std::env::var_os("URLSESSION_BLESS").is_some() {
        for (name, line) in &expected {
            std::fs::write(golden().join(name), line).unwrap();
        }
    }
    let found: BTreeMap<String, Vec<u8>> = std::fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (file_name(&path), std::fs::read(path).unwrap()))
        .collect();
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected), "one golden file per kind of message");
    for (name, line) in expected {
        assert_eq!(text(&found[&name]), text(&line), "{name}");
    }
}

#[test]
fn every_kind_has_a_golden_file() {
    let found: BTreeSet<String> =
        std::fs::read_dir(golden()).unwrap().map(|e| file_name(&e.unwrap().path())).collect();
    let kinds = [
        ("client", variants::<ClientMessage>(r#"{"message":"?"}"#), "call"),
        ("client.call", variants::<Call>(r#"{"call":"?"}"#), ""),
        ("daemon", variants::<DaemonMessage>(r#"{"message":"?"}"#), "event reply"),
        ("daemon.event", variants::<Event>(r#"{"event":"?"}"#), ""),
        ("daemon.reply", variants::<Reply>(r#"{"reply":"?"}"#), ""),
    ];
    for (prefix, variants, nested) in kinds {
        assert!(variants.len() > 1, "{prefix}: {variants:?}");
        for variant in variants {
            let file = format!("{prefix}.{variant}.json");
            assert!(found.contains(&file) || nested.split(' ').any(|n| n == variant), "{file}");
        }
    }
}

/// Fields that a newer side adds must not disturb an older one.
#[test]
fn unknown_fields_are_ignored_everywhere() {
    for message in client_messages() {
        assert_eq!(decode::<ClientMessage>(&with_unknown_fields(&message)).unwrap(), message);
    }
    for message in daemon_messages() {
        assert_eq!(decode::<DaemonMessage>(&with_unknown_fields(&message)).unwrap(), message);
    }
}

#[test]
fn what_a_client_may_leave_out() {
    let line = br#"{"message":"call","id":3,"call":"create_task",
        "session":{"application":"com.example","session":"files"},"task":1,"kind":"download",
        "request":{"url":"http://example.com/","method":"GET"}}"#;
    let new = NewTask {
        task: TaskIdentifier(1),
        kind: TaskKind::Download { destination: None },
        request: Request::new("http://example.com").unwrap(),
        options: TaskOptions::default(),
        resume: false,
        resume_data: None,
    };
    let call = Call::CreateTask { session: key(), new: Box::new(new) };
    assert_eq!(decode::<ClientMessage>(line).unwrap(), ClientMessage::Call { id: CallId(3), call });
    let line = br#"{"message":"call","id":4,"call":"attach",
        "session":{"application":"com.example","session":"files"},"configuration":{}}"#;
    let call = Call::Attach {
        session: key(),
        configuration: Box::new(SessionConfiguration::default()),
        wait: false,
        owner: None,
    };
    assert_eq!(decode::<ClientMessage>(line).unwrap(), ClientMessage::Call { id: CallId(4), call });
}

#[test]
fn identifiers_are_checked_on_the_way_in() {
    let too_long = "x".repeat(256);
    for identifier in ["", "a\\nb", "\\u0000", too_long.as_str()] {
        let line = format!(
            r#"{{"message":"ack","session":{{"application":"a","session":"{identifier}"}},"number":1}}"#
        );
        assert!(decode::<ClientMessage>(line.as_bytes()).is_err(), "{identifier}");
    }
}

/// Encodes the message and checks that the line means the same again.
fn check<M: Serialize + DeserializeOwned + PartialEq + Debug>(message: &M) -> Vec<u8> {
    let line = encode(message).unwrap();
    assert!(line.len() <= LINE_LIMIT);
    let decoded: M = decode(&line).unwrap_or_else(|error| panic!("{error}: {}", text(&line)));
    assert_eq!(&decoded, message, "{}", text(&line));
    assert_eq!(text(&encode(&decoded).unwrap()), text(&line));
    line
}

/// Names a message's file after its kind, such as `client.call.attach.json`.
fn name<M: Serialize>(side: &str, message: &M) -> String {
    let value = serde_json::to_value(message).unwrap();
    let kind = value["message"].as_str().unwrap();
    let detail = match kind {
        "call" => value["call"].as_str(),
        "event" => value["event"].as_str(),
        "reply" => Some(value["result"]["Ok"]["reply"].as_str().unwrap_or("error")),
        _ => None,
    };
    let name: Vec<&str> = [side, kind].into_iter().chain(detail).chain(["json"]).collect();
    name.join(".")
}

/// Asks serde for the names of an enum's variants: it lists them when it meets an unknown one.
fn variants<M: DeserializeOwned + Debug>(unknown: &str) -> Vec<String> {
    let error = decode::<M>(unknown.as_bytes()).unwrap_err().to_string();
    let (_, expected) = error.split_once("expected ").unwrap();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Adds a field to every object of the message that has named fields.
fn with_unknown_fields<M: Serialize>(message: &M) -> Vec<u8> {
    fn add(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.values_mut().for_each(add);
                if !fields.contains_key("Ok") && !fields.contains_key("Err") {
                    fields.insert("from_the_future".into(), serde_json::json!({"a": [1, null]}));
                }
            }
            serde_json::Value::Array(values) => values.iter_mut().for_each(add),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(message).unwrap();
    add(&mut value);
    serde_json::to_vec(&value).unwrap()
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
