//! A daemon with nothing to do is not woken: not by a timer, not by anything.

use crate::daemon::{Client, Daemon, Home};
use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

/// How long a daemon is listened to at a time. A slow machine wakes nobody more often.
const WINDOW: Duration = Duration::from_secs(1);
/// Windows in a row in which nothing may happen.
const QUIET_WINDOWS: u32 = 3;
/// Windows after which it counts as restless: threads that are kept for more work go before.
const WINDOWS: u32 = 60;
const SESSION: &str = r#""session":{"application":"com.example","session":"idle"}"#;

/// What the client does first, and whether a thread may wait with an end.
const TABLE: &[(&str, &[&str], bool)] = &[
    ("nothing to do", &[], false),
    ("a session without tasks", &[ATTACH], false),
    (
        "a paused task",
        &[ATTACH, r#""call":"create_task",SESSION,"task":1,"kind":"data","resume":false,REQUEST"#],
        false,
    ),
    // The date is in the year 2096.
    (
        "a task that waits for its date",
        &[
            ATTACH,
            r#""call":"create_task",SESSION,"task":1,"kind":"data","resume":true,"options":{"earliest_begin_date":4000000000000},REQUEST"#,
        ],
        true,
    ),
    (
        "a task that waits for an hour to try again",
        &[
            ATTACH,
            r#""call":"create_task",SESSION,"task":1,"kind":"data","resume":true,"options":{"retry_statuses":[503]},REQUEST"#,
        ],
        true,
    ),
];
const ATTACH: &str = r#""call":"attach",SESSION,"configuration":{}"#;

#[test]
fn a_daemon_that_waits_sleeps() {
    let server = urlsession_testkit::server::Server::start();
    server.on("/", urlsession_testkit::server::Answer::status_only(503).retry_after(3600));
    let request = format!(r#""request":{{"url":"{}","method":"GET"}}"#, server.url("/"));
    let (server, request) = (&server, &request);
    std::thread::scope(|scope| {
        for (what, calls, has_a_date) in TABLE {
            scope.spawn(move || {
                let home = Home::new();
                let daemon = home.start();
                let mut client = ask(what, calls, &home, request);
                if what.contains("try again") {
                    server.wait_for_requests(1);
                }
                falls_asleep(what, &daemon, &mut client);
                if !has_a_date {
                    has_no_timer(what, &daemon);
                }
            });
        }
    });
}

fn ask(what: &str, calls: &[&str], home: &Home, request: &str) -> Client {
    let mut client = Client::greet(&home.socket()).unwrap();
    for (id, call) in (1..).zip(calls) {
        let call = call.replace("SESSION", SESSION).replace("REQUEST", request);
        let answer = client.call(id, &call).unwrap();
        assert!(answer.contains(r#""Ok""#), "{what}: {answer}");
    }
    client
}

/// Listens until there were enough quiet windows in a row.
fn falls_asleep(what: &str, daemon: &Daemon, client: &mut Client) {
    client.stream.get_ref().set_read_timeout(Some(WINDOW)).unwrap();
    let mut quiet = 0;
    for _ in 0..WINDOWS {
        let before = switches(daemon);
        match client.line() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            said => drop(said.unwrap()),
        }
        quiet = if switches(daemon) == before { quiet + 1 } else { 0 };
        if quiet == QUIET_WINDOWS {
            return;
        }
    }
    panic!("{what}: something wakes it: {:?}", threads(daemon, "comm"));
}

/// Returns how often each thread gave its processor away; one that sleeps does not.
fn switches(daemon: &Daemon) -> Vec<String> {
    let statuses = threads(daemon, "status");
    let line = |status: String| {
        let found = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"));
        found.map(str::to_owned)
    };
    statuses.into_iter().filter_map(line).collect()
}

/// Panics if a thread sleeps until a moment, and not until something happens.
fn has_no_timer(what: &str, daemon: &Daemon) {
    for call in threads(daemon, "syscall") {
        let words: Vec<&str> = call.split_whitespace().collect();
        let endless = match words[..] {
            // futex, whose fourth argument is the end of the wait.
            ["202", _, _, _, end, ..] => end == "0x0",
            // epoll_wait and epoll_pwait: -1 is none.
            ["232" | "281", _, _, _, end, ..] => end.ends_with("ffffffff"),
            // poll and ppoll.
            ["7", _, _, end, ..] => end.ends_with("ffffffff"),
            ["271", _, _, end, ..] => end == "0x0",
            // Reads and waits have no end.
            _ => true,
        };
        assert!(endless, "{what}: a thread sleeps with an end: {call}");
    }
}

/// Reads that file of every thread but the first, which is the test program's own and counts time.
fn threads(daemon: &Daemon, file: &str) -> Vec<String> {
    let first = daemon.id().to_string();
    let tasks = fs::read_dir(format!("/proc/{first}/task")).unwrap().map(Result::unwrap);
    let paths = tasks.filter(|task| *task.file_name() != *first).map(|task| task.path().join(file));
    // A thread may end meanwhile.
    paths.filter_map(|path| fs::read_to_string(path).ok()).collect()
}
