//! The worker as a suite drives it: many requests at once, modes of `fetch`, detours, cookies.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tempfile::TempDir;
use urlsession_testkit::server::{Answer, Flood, Flooding, Seen, Server};

/// What a flood may cost, in KiB.
#[cfg(target_os = "linux")]
const FLOOD_COST: u64 = 32 * 1024;
/// Bytes of a flood: more than it may cost.
#[cfg(target_os = "linux")]
const FLOOD: usize = 40 * 1024 * 1024;

/// Bytes of a flood of frames; kept as what they say they would be several times as many.
#[cfg(target_os = "linux")]
const FRAMES: u64 = 12 * 1024 * 1024;
/// What such a flood may cost, in KiB.
#[cfg(target_os = "linux")]
const FRAMES_COST: u64 = 16 * 1024;

/// More than any suite has under way.
const MANY: u64 = 100;

struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    _home: TempDir,
}

impl Worker {
    fn start(options: &[&str]) -> Self {
        let home = TempDir::new().expect("a folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_urlsession-testkit"))
            .arg("worker")
            .args(options)
            .env("URLSESSION_HOME", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the worker starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, input, output, _home: home }
    }

    /// Returns the most memory that it has had so far, in KiB.
    #[cfg(target_os = "linux")]
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("the system tells the memory of a process")
    }

    fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        writeln!(input, "{line}").expect("the worker listens");
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the worker speaks");
        serde_json::from_str(&line).expect("a line of JSON")
    }

    fn ask(&mut self, request: &Value) -> Value {
        self.say(&request.to_string());
        self.hear()
    }

    /// Asks, and returns the body or the name of the error.
    fn tell(&mut self, url: String, more: Value) -> String {
        let mut request = json!({ "id": 1, "url": url });
        request
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().cloned().into_iter().flatten());
        let answer = self.ask(&request);
        assert_eq!(answer["id"], 1);
        let told = answer.get("body").or(answer.get("name")).and_then(Value::as_str);
        told.expect("a body or a name").to_owned()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The end of the input is the end of the worker.
        self.input = None;
        let ended = self.child.wait().expect("it is ours");
        assert!(ended.success() || std::thread::panicking(), "{ended}");
    }
}

#[test]
fn many_requests_are_answered_in_any_order() {
    let server = Server::start();
    server.on("/slow", Answer::ok("slow").stall_after(0));
    server.on("/fast", Answer::ok("fast").header("A", "1").header("A", "2"));
    let mut worker = Worker::start(&[]);
    worker.say(&json!({ "id": "slow", "url": server.url("/slow") }).to_string());
    for id in 0..MANY {
        let body = (id % 2 == 0).then_some("body");
        let method = body.map(|_| "PUT");
        let request = json!({
            "id": id, "url": server.url("/fast"), "method": method.unwrap_or("GET"),
            "headers": [["X-Id", id.to_string()]], "body": body,
        });
        worker.say(&request.to_string());
    }
    let answers: BTreeMap<u64, Value> = (0..MANY)
        .map(|_| worker.hear())
        .map(|answer| (answer["id"].as_u64().expect("an id"), answer))
        .collect();
    assert_eq!(answers.len() as u64, MANY);
    for answer in answers.values() {
        assert_eq!((answer["status"].as_u64(), answer["body"].as_str()), (Some(200), Some("fast")));
        let named = |field: &&Value| field[0] == "a";
        let fields: Vec<&Value> =
            answer["headers"].as_array().expect("fields").iter().filter(named).collect();
        assert_eq!(fields, [&json!(["a", "1"]), &json!(["a", "2"])]);
    }
    let put = server.requests().iter().filter(|seen| seen.method == "PUT").count();
    assert_eq!(put as u64, MANY / 2);
    let is_stalled = |request: &Seen| request.path == "/slow" && request.status.is_some();
    server.wait_until(|seen| seen.iter().any(is_stalled));
    server.release("/slow");
    assert_eq!(worker.hear()["id"], "slow");
}

#[test]
fn modes_of_fetch() {
    let server = Server::start();
    server.on("/", Answer::ok("hello").header("Cache-Control", "max-age=3600"));
    server.on("/away", Answer::redirect(302, "/"));
    let mut worker = Worker::start(&[]);
    let mut tell = |path: &str, more| worker.tell(server.url(path), more);
    assert_eq!(tell("/", json!({ "cache": "only-if-cached" })), "CannotLoadFromNetwork");
    for (mode, requests) in [
        ("default", 1),
        ("default", 1),
        ("reload", 2),
        ("no-cache", 3),
        ("force-cache", 3),
        ("no-store", 4),
        ("only-if-cached", 4),
    ] {
        assert_eq!(tell("/", json!({ "cache": mode })), "hello", "{mode}");
        assert_eq!(server.requests().len(), requests, "{mode}");
    }
    assert_eq!(tell("/", json!({ "cache": "none" })), "Unknown");
    assert_eq!(tell("/away", json!({ "redirect": "manual" })), "");
    assert_eq!(tell("/away", json!({})), "hello");
    assert_eq!(worker.tell("ftp://host/".to_owned(), json!({})), "UnsupportedURL");
    assert_eq!(worker.ask(&json!("no request"))["id"], Value::Null);
}

#[test]
fn detours_lead_elsewhere_and_the_jar_is_closed_unless_it_is_opened() {
    let server = Server::start_tls();
    server.on("/", Answer::ok("hello").header("Set-Cookie", "a=1; Path=/"));
    let to = format!("localhost:443:127.0.0.1:{}", server.address().port());
    let root = server.ca_pem();
    let root = root.to_str().expect("a path");
    for (jar, sent) in [(None, None), (Some("--cookie-jar"), Some("a=1"))] {
        let options = ["--cacert", root, "--connect-to", &to];
        let mut worker = Worker::start(&[&options[..], jar.as_slice()].concat());
        for _ in 0..2 {
            assert_eq!(worker.tell("https://localhost/".to_owned(), json!({})), "hello");
        }
        let seen = server.requests().pop().expect("a request");
        assert_eq!(seen.header("host"), Some("localhost"));
        assert_eq!(seen.header("cookie"), sent);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_never_ends_costs_little_memory() {
    let server = Server::start();
    server.on("/", Answer::ok("hello"));
    let mut worker = Worker::start(&["--ephemeral", "--cookie-jar"]);
    assert_eq!(worker.tell(server.url("/"), json!({})), "hello");
    let idle = worker.peak();
    let many = |line: &str| line.repeat(FLOOD / line.len());
    let chunked = |body: String| format!("Transfer-Encoding: chunked\r\n\r\n{body}");
    for (what, rest, expected) in [
        ("fields", many("A: b\r\n"), "CannotParseResponse"),
        ("cookies", many("Set-Cookie: a=b\r\n"), "CannotParseResponse"),
        ("one field", format!("A: {}", many("b")), "CannotParseResponse"),
        ("a name of a field", many("a"), "CannotParseResponse"),
        ("a chunk's extension", chunked(format!("4;{}", many("a"))), "CannotParseResponse"),
        ("a chunk's size", chunked(many("0")), "CannotParseResponse"),
        ("a trailer", chunked(format!("0\r\n{}", many("A: b\r\n"))), "CannotParseResponse"),
        ("a body", format!("\r\n{}", many("a")), "DataLengthExceedsMaximum"),
    ] {
        server.on("/flood", Answer::raw(format!("HTTP/1.1 200 OK\r\n{rest}")));
        assert_eq!(worker.tell(server.url("/flood"), json!({})), expected, "{what}");
        let cost = worker.peak().saturating_sub(idle);
        assert!(cost <= FLOOD_COST, "{what}: {cost} KiB");
    }
    assert_eq!(worker.tell(server.url("/"), json!({})), "hello");
}

/// The same over HTTP/2, where what never ends may be legal, frame by frame.
#[cfg(target_os = "linux")]
#[test]
fn frames_that_never_end_cost_little_memory() {
    let floods = Flood::all();
    std::thread::scope(|scope| {
        for some in floods.chunks(floods.len().div_ceil(2)) {
            scope.spawn(move || some.iter().for_each(drown));
        }
    });
}

#[cfg(target_os = "linux")]
fn drown(flood: &Flood) {
    let (name, server) = (flood.name, Server::start());
    let flooding = Flooding::start(flood.clone().ending_after(FRAMES));
    let root = flooding.ca_pem();
    // On a busy machine a flood takes longer than a server may be silent.
    let options = ["--ephemeral", "--timeout", "3600", "--cacert"];
    let mut worker = Worker::start(&[&options[..], &[root.to_str().expect("a path")]].concat());
    server.on("/", Answer::ok("hello"));
    assert_eq!(worker.tell(server.url("/"), json!({})), "hello");
    let idle = worker.peak();
    let told = worker.tell(flooding.url(), json!({}));
    assert!(["NetworkConnectionLost", "CannotParseResponse"].contains(&&*told), "{name}: {told}");
    let cost = worker.peak().saturating_sub(idle);
    assert!(cost <= FRAMES_COST, "{name}: {cost} KiB");
    assert_eq!(worker.tell(server.url("/"), json!({})), "hello", "{name}");
}
