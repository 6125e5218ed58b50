//! `ls`, `show`, `explain`, `pause`, `resume`, `cancel`, `rm`, `daemon`: looking and steering.

use crate::home::Home;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use urlsession_testkit::server::{Answer, Server};

#[test]
fn a_task_is_paused_resumed_cancelled_and_removed() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content").etag("\"1\"").stall_after(3));
    home.out(&["add", &server.url("/f"), "--description", "a \u{1b}[31mred one"]);
    server.wait_for_requests(1);
    let state = || home.json(&["show", "1", "--json"])["state"].clone();
    assert_eq!(state(), "running");
    assert_eq!(home.run(&["retry", "1"]).err, "1: is running already\n");
    assert_eq!(home.run(&["pause", "1"]).err, "1: paused\n");
    assert_eq!(state(), "suspended");
    assert_eq!(home.run(&["pause", "1"]).err, "1: is paused already\n");
    assert!(home.out(&["explain", "1"]).contains("urlsession resume 1"));
    for word in ["suspended", "paused"] {
        assert_eq!(home.out(&["ls", "-q", "--state", word]), "1\n", "{word}");
    }
    assert_eq!(home.out(&["ls", "-q", "--state", "running"]), "");
    assert!(home.out(&["show", "1"]).contains("a \\u{1b}[31mred one"));
    assert_eq!(home.run(&["resume", "--all"]).err, "1: goes on\n");
    server.wait_for_requests(2);
    assert_eq!(state(), "running");
    assert_eq!(home.run(&["cancel", "1"]).err, "1: cancelled\n");
    let waited = home.run(&["wait", "1"]);
    assert_eq!((waited.code, waited.err.contains("cancelled [-999]")), (11, true), "{waited:?}");
    for (word, tasks) in [("completed", "1\n"), ("failed", "1\n"), ("done", "")] {
        assert_eq!(home.out(&["ls", "-q", "--state", word]), tasks, "{word}");
    }
    assert_eq!(home.run(&["rm", "1", "7"]).code, 5);
    assert_eq!(home.out(&["ls", "-q", "--all"]), "");
    assert!(!home.file("f").exists());
}

#[test]
fn waiting_ends_when_the_time_is_up() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/slow", Answer::ok("content").stall_after(3));
    server.on("/fast", Answer::ok("content"));
    home.out(&["add", &server.url("/slow"), &server.url("/fast")]);
    let left = home.run(&["wait", "1", "--timeout", "10ms"]);
    assert!(left.code == 124 && left.err.contains("go on with: urlsession watch 1"), "{left:?}");
    let quiet = home.run(&["wait", "-q", "1", "--timeout", "10ms"]);
    assert_eq!((quiet.code, &*quiet.err), (124, ""));
    assert_eq!(home.run(&["wait", "1", "2", "--any"]).code, 0);
    server.wait_for_requests(2);
    server.release("/slow");
    assert_eq!(home.run(&["wait", "1", "2"]).code, 0);
}

#[test]
fn a_wait_is_explained() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::status_only(503).retry_after(3600));
    home.out(&["add", &server.url("/f")]);
    let mut watch = home.start(&["watch", "1"]);
    watch.wait_for("waits: ");
    watch.signal(rustix::process::Signal::INT);
    watch.end();
    let why = home.out(&["explain", "1"]);
    assert!(why.contains("1 waits: ") && why.contains("next try in "), "{why}");
    let task = &home.json(&["ls", "--json", "--state", "waiting"])[0];
    assert_eq!(task["reason"], "retry_at");
    assert!(task["until"].as_str().is_some_and(|until| until.ends_with('Z')), "{task}");
}

#[test]
fn the_daemon_is_started_looked_at_and_stopped() {
    let home = Home::new();
    let status = || home.run(&["daemon", "status", "--json"]);
    let ran = status();
    assert_eq!((ran.code, ran.out.contains("\"running\":false")), (3, true), "{ran:?}");
    home.out(&["daemon", "start"]);
    let running = home.json(&["daemon", "status", "--json"]);
    assert_eq!((&running["running"], &running["schema"]), (&true.into(), &1.into()));
    for field in ["pid", "version", "uptime", "sessions", "tasks_running", "memory"] {
        assert!(!running[field].is_null(), "{field}");
    }
    home.out(&["daemon", "logs"]);
    home.out(&["daemon", "stop"]);
    assert_eq!(status().code, 3);
    home.out(&["daemon", "stop"]);
}

#[test]
fn what_is_unknown_has_its_exit_code() {
    let home = Home::new();
    for words in [&["show", "9"][..], &["explain", "a/b/9"], &["watch", "9"], &["cancel", "9"]] {
        let ran = home.run(words);
        assert_eq!((ran.code, ran.err.contains("9: no such task")), (5, true), "{ran:?}");
    }
    assert_eq!(home.run(&["watch"]).code, 0);
    assert!(home.out(&["completion", "bash"]).contains("urlsession"));
    let mut lonely = home.command(&["ls"]);
    let ran =
        lonely.env("URLSESSION_DAEMON", "/nonexistent").env("URLSESSION_HOME", home.file("x"));
    assert_eq!(ran.output().unwrap().status.code(), Some(6));
}

#[test]
fn a_task_whose_url_expired_goes_on_with_another() {
    let (home, server) = (Home::new(), Server::start());
    let whole = || Answer::pseudo_random(5, 3_000_000).etag("\"1\"");
    server.on("/old", whole().drop_after(2_900_000).times(1).then(Answer::status_only(403)));
    server.on("/new", whole());
    let old = server.url("/old");
    home.out(&["add", &old, "-o", "f", "--recoverable", "401,403", "-H", "X-Kept: 1"]);
    let mut watch = home.start(&["watch", "1"]);
    watch.wait_for("the server answered 403");
    watch.signal(rustix::process::Signal::INT);
    watch.end();
    let why = home.out(&["explain", "1"]);
    assert!(why.contains("the server answered 403; give a new URL"), "{why}");
    assert!(why.contains("urlsession edit 1 --url URL"), "{why}");
    let task = home.json(&["show", "1", "--json"]);
    assert_eq!((&task["reason"], &task["state"]), (&"answer".into(), &"running".into()));
    let asked = server.requests().len();
    assert_eq!(home.run(&["retry", "1"]).err, "1: tries again\n");
    server.wait_for_requests(asked + 1);
    home.run(&["daemon", "stop"]);
    let ran =
        home.run(&["edit", "1", "--url", &server.url("/new"), "-H", "Authorization: Bearer fresh"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, "1: edited\n"), "{ran:?}");
    assert_eq!(home.run(&["wait", "1"]).code, 0);
    assert_eq!(std::fs::metadata(home.file("f")).unwrap().len(), 3_000_000);
    let last = server.requests().pop().unwrap();
    assert!(last.header("range").is_some_and(|range| range != "bytes=0-"), "{last:?}");
    assert_eq!(last.header("authorization"), Some("Bearer fresh"));
    assert_eq!(last.header("x-kept"), Some("1"));
    for (words, code, text) in [
        (&["edit", "1", "--url", "http://h/"][..], 1, "urlsession: 1: the task has ended; only"),
        (&["edit", "9", "--url", "http://h/"], 5, "no such task"),
        (&["edit", "1", "--url", "nonsense"], 2, "[-1002]"),
        (&["retry", "1"], 0, "is done already"),
    ] {
        let ran = home.run(words);
        assert!(ran.code == code && ran.err.contains(text), "{words:?}: {ran:?}");
    }
}

#[test]
fn many_tasks_are_listed_and_steered_in_portions() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content").stall_after(3));
    let tasks = 1201;
    let list: String = (1..=tasks).map(|n| format!("{}\n  out={n}\n", server.url("/f"))).collect();
    let ids: String = (1..=tasks).map(|n| format!("{n}\n")).collect();
    assert_eq!(home.run_with_input(&["add", "-q", "-j", "1", "-i", "-"], &list).out, ids);
    assert_eq!(home.out(&["ls", "-q"]), ids);
    let listed = home.json(&["ls", "--json"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(tasks));
    assert_eq!(listed[tasks - 1]["id"], tasks.to_string());
    let table = home.out(&["ls"]);
    assert_eq!(table.lines().filter(|line| line.contains("STATE")).count(), 1);
    assert_eq!(table.lines().count(), tasks + 1);
    for (words, done) in [(["pause", "--all"], "paused"), (["rm", "--all"], "removed")] {
        let said: String = (1..=tasks).map(|n| format!("{n}: {done}\n")).collect();
        assert_eq!(home.run(&words).err, said);
    }
    assert_eq!(home.out(&["ls", "--json"]), "[]\n");
}

#[test]
fn a_daemon_that_does_not_answer_is_not_taken_for_none() {
    let home = Home::new();
    let runtime = home.paths().runtime;
    std::fs::create_dir_all(&runtime).unwrap();
    std::fs::set_permissions(&runtime, Permissions::from_mode(0o700)).unwrap();
    let listener = UnixListener::bind(home.paths().socket()).unwrap();
    // It ends with the test program.
    std::thread::spawn(move || listener.incoming().for_each(drop));
    for words in [["daemon", "stop"], ["daemon", "status"]] {
        let ran = home.run(&words);
        assert_eq!(ran.code, 6, "{ran:?}");
        assert!(ran.err.contains("[-997]") && !ran.err.contains("not run"), "{ran:?}");
    }
}
