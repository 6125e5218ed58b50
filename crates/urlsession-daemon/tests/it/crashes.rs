//! Deaths of the daemon at points that need a special occasion; `torture` has the others.

use crate::daemon::{Client, Daemon, Home};
use std::path::{Path, PathBuf};
use urlsession_protocol::{DaemonMessage, Event, line};
use urlsession_testkit::server::{Answer, Server};

const SESSION: &str = r#""session":{"application":"com.example","session":"files"}"#;
const BODY_BYTES: u64 = 4 * 1024 * 1024;

#[test]
fn resume_data_that_a_crash_swallows_leaves_a_cancelled_task_and_no_part() {
    for point in ["keep.rename", "keep.renamed"] {
        let home = Home::new();
        let server = Server::start();
        let answer = Answer::pseudo_random(1, BODY_BYTES).etag("\"a\"").rate(BODY_BYTES / 2);
        server.on("/file", answer);
        home.plan_death_at(point);
        let daemon = home.start();
        let mut app = attach(&home, "{}");
        create(&mut app, 1, "download", &server.url("/file"));
        while !matches!(next_event(&mut app), Event::DidWriteData { .. }) {}
        let cancel = format!(r#""call":"cancel_by_producing_resume_data",{SESSION},"task":1"#);
        assert!(app.call(3, &cancel).is_err(), "{point}: it lives");
        assert_eq!(daemon.exit_code(), None, "{point}");

        let _daemon = home.start();
        let mut app = attach(&home, "{}");
        let Event::DidComplete { error: Some(error), .. } = next_event(&mut app) else {
            panic!("{point}")
        };
        assert!(error.is_cancelled(), "{point}: {error}");
        let answer = app.call(3, &cancel).unwrap();
        assert!(answer.contains(r#""reply":"resume_data""#), "{point}: {answer}");
        app.write(ack(1).as_bytes()).unwrap();
        let tasks = app.call(4, r#""call":"tasks","limit":10"#).unwrap();
        assert!(tasks.contains(r#""tasks":[]"#), "{point}: {tasks}");
        assert_eq!(files_in(&home.paths().state.join("files")), Vec::<PathBuf>::new(), "{point}");
        // A part that was kept and that nobody was told of goes with the resume data's age.
        let kept = files_in(&home.paths().state.join("resume")).len();
        assert_eq!(kept, usize::from(point == "keep.renamed"), "{point}");
    }
}

#[test]
fn a_launch_that_a_crash_swallows_is_counted_and_comes_again() {
    for point in ["spawn", "spawned"] {
        let home = Home::new();
        let server = Server::start();
        server.on("/file", Answer::pseudo_random(1, 1000));
        home.plan_death_at(point);
        let daemon = home.start();
        let launch = r#"{"launch_command":{"program":"/bin/true","directory":"/"}}"#;
        let mut app = attach(&home, launch);
        create(&mut app, 1, "download", &server.url("/file"));
        while !matches!(next_event(&mut app), Event::DidComplete { .. }) {}
        drop(app);
        assert_eq!(daemon.exit_code(), None, "{point}");

        let _daemon = home.start();
        let mut person = Client::greet(&home.socket()).unwrap();
        let status = person.call(1, &format!(r#""call":"session",{SESSION}"#)).unwrap();
        assert!(status.contains(r#""state":"due""#), "{point}: {status}");
        assert!(status.contains(r#""attempts":1"#), "{point}: {status}");
        assert!(status.contains(r#""events_owed":2"#), "{point}: {status}");
    }
}

#[test]
fn a_name_that_was_taken_before_a_crash_is_not_taken_twice() {
    // Below 64 KiB nothing is recorded before the end; above, only what has a validator.
    for length in [1000, 300_000] {
        for point in ["part.linked", "part.renamed", "part.published"] {
            for etag in [None, Some("\"a\"")] {
                take_a_name_and_die(point, length, etag);
            }
        }
    }
}

fn take_a_name_and_die(point: &str, length: u64, etag: Option<&str>) {
    let home = Home::new();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start();
    let named = Answer::pseudo_random(1, length);
    let named = etag.into_iter().fold(named, Answer::etag);
    // Somebody else's file is neither taken nor touched.
    let other = folder.path().join("report");
    std::fs::write(&other, "mine").unwrap();
    server.on("/file", named.header("Content-Disposition", "attachment; filename=report"));
    home.plan_death_at(point);
    let daemon = home.start();
    let mut app = attach(&home, "{}");
    let (url, path) = (server.url("/file"), folder.path().join("own").display().to_string());
    let details = format!(
        r#""kind":"download","destination":"{path}","options":{{"suggested_filename":"take_free"}}"#
    );
    let call = format!(
        r#""call":"create_task",{SESSION},"task":1,"resume":true,{details},"request":{{"url":"{url}","method":"GET"}}"#
    );
    let _ = app.call(2, &call);
    assert_eq!(daemon.exit_code(), None);

    let _daemon = home.start();
    let mut app = attach(&home, "{}");
    loop {
        match next_event(&mut app) {
            Event::DidComplete { error, .. } => break assert_eq!(error, None),
            Event::DidFinishDownloading { path, .. } => {
                assert_eq!(path, folder.path().join("report.1"));
                assert_eq!(std::fs::metadata(path).unwrap().len(), length);
            }
            _ => {}
        }
    }
    let mut left = files_in(folder.path());
    left.sort();
    assert_eq!(
        left,
        [other.clone(), folder.path().join("report.1")],
        "{point}, {length}, {etag:?}"
    );
    assert_eq!(std::fs::read(other).unwrap(), b"mine");
}

#[test]
fn a_session_that_ended_in_a_crash_has_ended() {
    let home = Home::new();
    let server = Server::start();
    server.on("/file", Answer::pseudo_random(1, 1000));
    home.plan_death_at("session.remove");
    let daemon = home.start();
    let mut app = attach(&home, "{}");
    create(&mut app, 1, "download", &server.url("/file"));
    while !matches!(next_event(&mut app), Event::DidComplete { .. }) {}
    app.write(format!("{}{}", ack(1), ack(2)).as_bytes()).unwrap();
    // The answer may come, and the end of the session with it.
    let _ = app.call(3, &format!(r#""call":"finish_tasks_and_invalidate",{SESSION}"#));
    assert_eq!(daemon.exit_code(), None);

    let _daemon = home.start();
    let mut app = Client::greet(&home.socket()).unwrap();
    let attached = app.call(1, &attach_call("{}")).unwrap();
    assert!(attached.contains(r#""next_task":1"#), "{attached}");
    assert_eq!(files_in(&home.paths().state.join("files")), Vec::<PathBuf>::new());
}

#[test]
fn a_body_that_is_cut_off_and_a_crash_are_one_more_try() {
    let home = Home::new();
    let server = Server::start();
    server.on("/data", Answer::pseudo_random(1, 100_000).drop_after(50_000).times(1));
    home.plan_death_at("part.remove");
    let daemon = home.start();
    let mut app = attach(&home, "{}");
    create(&mut app, 1, "data", &server.url("/data"));
    assert_eq!(daemon.exit_code(), None);

    let _daemon = home.start();
    let mut app = attach(&home, "{}");
    let mut ends = 0;
    while ends == 0 {
        match next_event(&mut app) {
            Event::DidReceiveData { length, path } => {
                assert_eq!(length, 100_000);
                assert_eq!(std::fs::metadata(path).unwrap().len(), length);
            }
            Event::DidComplete { error, .. } => {
                assert_eq!(error, None);
                ends += 1;
            }
            _ => {}
        }
    }
    app.write(format!("{}{}", ack(1), ack(2)).as_bytes()).unwrap();
    app.call(5, r#""call":"status""#).unwrap();
    assert_eq!(files_in(&home.paths().state.join("files")), Vec::<PathBuf>::new());
}

#[test]
fn a_sweep_that_is_cut_short_is_done_by_the_next_daemon() {
    let home = Home::new();
    drop(home.start());
    let folder = home.paths().state.join("files/7");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["1.download", "2.part"] {
        std::fs::write(folder.join(name), "left behind").unwrap();
    }
    home.plan_death_at("sweep");
    let mut daemon = Daemon::spawn(home.path(), "0");
    assert_eq!(daemon.word(), "", "it was to die before it was ready");
    assert_eq!(daemon.exit_code(), None);
    let _daemon = home.start();
    assert_eq!(files_in(&home.paths().state.join("files")), Vec::<PathBuf>::new());
}

fn attach(home: &Home, configuration: &str) -> Client {
    let mut app = Client::greet(&home.socket()).unwrap();
    let attached = app.call(1, &attach_call(configuration)).unwrap();
    assert!(attached.contains("attached"), "{attached}");
    app
}

fn attach_call(configuration: &str) -> String {
    format!(r#""call":"attach",{SESSION},"configuration":{configuration},"wait":true"#)
}

/// Asks for a task; the daemon may die before it answers.
fn create(app: &mut Client, task: u64, kind: &str, url: &str) {
    let call = format!(
        r#""call":"create_task",{SESSION},"task":{task},"kind":"{kind}","resume":true,"request":{{"url":"{url}","method":"GET"}}"#
    );
    let _ = app.call(2, &call);
}

fn ack(number: u64) -> String {
    format!("{{\"message\":\"ack\",{SESSION},\"number\":{number}}}\n")
}

fn next_event(app: &mut Client) -> Event {
    loop {
        let text = app.line().unwrap();
        if let Ok(DaemonMessage::Event { event, .. }) = line::decode(text.as_bytes()) {
            return event;
        }
    }
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}
