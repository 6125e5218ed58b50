//! `session`: what a person sees of apps' sessions, and ends of those that are left behind.

use crate::home::{Going, Home};
use serde_json::Value;
use urlsession_testkit::server::{Answer, Server};

/// The session of the demo's app, which owns it until it is killed.
const APP: &str = "urlsession.demo/episodes";

/// Starts an app with one download that does not end.
fn app(home: &Home, server: &Server) -> Going {
    server.on("/slow", Answer::pseudo_random(1, 10_000_000).etag("\"a\"").rate(1000));
    let file = home.file("episode").display().to_string();
    let app = home.start(&["demo-app", &server.url("/slow"), &file]);
    while of_app(home).is_none_or(|session| session["tasks_running"] != 1) {
        assert!(app.goes_on());
    }
    app
}

/// Returns what is listed of the app's session.
fn of_app(home: &Home) -> Option<Value> {
    let list = home.json(&["session", "ls", "--all", "--json"]);
    list.as_array().unwrap().iter().find(|session| session["id"] == APP).cloned()
}

fn kill(home: &Home, app: Going) {
    app.signal(rustix::process::Signal::KILL);
    app.end();
    while of_app(home).is_some_and(|session| session["owned"] == true) {}
}

#[test]
fn sessions_are_listed_and_shown() {
    let (home, server) = (Home::new(), Server::start());
    assert_eq!(home.out(&["session", "ls"]), "");
    let app = app(&home, &server);
    server.on("/", Answer::ok("x"));
    assert_eq!(home.run(&["get", "-q", "-o", "x", &server.url("/")]).code, 0);

    let own = home.run(&["session", "ls"]);
    assert!(own.code == 0 && own.out.contains("urlsession/shell") && !own.out.contains(APP));
    assert_eq!(own.err, "1 of other applications: urlsession session ls --all\n");
    let all = home.run(&["session", "ls", "--all"]);
    let line = all.out.lines().find(|line| line.starts_with(APP)).unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells, [APP, "attached", "1", "0", "0", "0", "0"], "{all:?}");
    let of_one = home.json(&["session", "ls", "--app", "urlsession.demo", "--json"]);
    assert_eq!((of_one[0]["id"].as_str(), &of_one[1]), (Some(APP), &Value::Null));
    assert_eq!(of_one[0]["schema"], 1);

    let shown = home.out(&["session", "show", APP]);
    for words in ["owner        attached", "1 running", "6 to one host", "takes new tasks"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let shown = home.json(&["session", "show", "episodes", "--json"]);
    assert_eq!((&shown["id"], &shown["launch"]), (&Value::from(APP), &Value::Null));

    kill(&home, app);
    assert!(home.out(&["session", "show", APP]).contains("nobody"));
    let unknown = home.run(&["session", "show", "nothing"]);
    assert_eq!(unknown.code, 5, "{unknown:?}");
    for words in ["no such session: nothing", APP, "urlsession/shell"] {
        assert!(unknown.err.contains(words), "{words}: {unknown:?}");
    }
}

#[test]
fn a_session_that_is_left_behind_is_cancelled() {
    let (home, server) = (Home::new(), Server::start());
    let first = app(&home, &server);
    let refused = home.run(&["session", "cancel", APP]);
    assert!(refused.code == 3 && refused.err.contains("has an app that runs"), "{refused:?}");
    assert_eq!(of_app(&home).unwrap()["invalidating"], false);
    kill(&home, first);

    let cancelled = home.run(&["session", "cancel", APP]);
    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    assert!(cancelled.err.contains("1 unfinished task was ended"), "{cancelled:?}");
    assert!(cancelled.err.contains("when its app has taken"), "{cancelled:?}");
    assert_eq!(of_app(&home).unwrap()["invalidating"], true);
    assert_eq!(home.run(&["wait", "-q", &format!("{APP}/1")]).code, 11);
    // The app comes back, is told, and the session is gone.
    let collected = home.out(&["demo-app", "--collect", "-", "-"]);
    assert!(collected.contains("cancelled"), "{collected}");
    assert_eq!(of_app(&home), None);
    assert_eq!(home.run(&["session", "cancel", APP]).code, 5);
}

#[test]
fn a_session_that_is_finished_lets_its_tasks_end() {
    let (home, server) = (Home::new(), Server::start());
    let app = app(&home, &server);
    kill(&home, app);
    let finished = home.run(&["session", "finish", "episodes"]);
    assert!(finished.code == 0 && finished.err.contains("takes no new tasks"), "{finished:?}");
    let session = of_app(&home).unwrap();
    assert_eq!((&session["invalidating"], &session["tasks_running"]), (&true.into(), &1.into()));
    assert!(finished.err.contains("stays if its app comes back"), "{finished:?}");
    assert_eq!(home.run(&["rm", "-q", &format!("{APP}/1")]).code, 0);
    assert_eq!(of_app(&home), None);
    // One without tasks is gone at once.
    let late = home.start(&["demo-app", "--collect", "-", "-"]);
    while of_app(&home).is_none() {
        assert!(late.goes_on());
    }
    kill(&home, late);
    let gone = home.run(&["session", "finish", APP]);
    assert!(gone.err.contains("the session is gone"), "{gone:?}");
    assert_eq!(home.run(&["session", "finish", "-q", APP]).code, 5);
}
