//! `answer`: a person answers what a server asks the app of a task, which does not run any more.

use crate::home::Home;
use std::process::{Command, Stdio};
use urlsession::{Event, Session, SessionConfiguration};
use urlsession_testkit::server::{Answer, Certificate, Demands, Server};

/// The name of the test that is the app when another test starts it.
const APP: &str = "answers::the_app_is_asked_and_leaves";
/// What the app asks for.
const URL: &str = "URLSESSION_TEST_ASKED_URL";
/// Its trusted roots.
const ROOTS: &str = "URLSESSION_TEST_ASKED_ROOTS";

#[test]
fn the_app_is_asked_and_leaves() {
    let Ok(url) = std::env::var(URL) else { return };
    let mut configuration = SessionConfiguration::background("asks");
    configuration.application = Some("app".into());
    configuration.answers_challenges = true;
    configuration.ca_certificates.extend(std::env::var_os(ROOTS).map(Into::into));
    let session = Session::new(configuration).unwrap();
    let mut events = session.events();
    session.data_task(url, None).unwrap().resume().unwrap();
    let asked = |event: Event| matches!(event, Event::DidReceiveChallenge { .. });
    assert!(std::iter::from_fn(|| events.recv()).any(|delivery| asked(delivery.event)));
}

/// Lets the app be asked; returns the home that its task waits in.
fn asked(server: &Server, trusts: bool) -> Home {
    let home = Home::new();
    let shell = home.command(&[]);
    let mut app = Command::new(std::env::current_exe().unwrap());
    app.args(["--exact", APP]).env(URL, server.url("/")).stdin(Stdio::null());
    app.envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if trusts {
        app.env(ROOTS, server.ca_pem());
    }
    let output = app.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    home
}

fn guarded() -> Server {
    let server = Server::start();
    let who = Answer::ok("who?").status(401).header("WWW-Authenticate", "Basic realm=r");
    server.on("/", who.times(2).then(Answer::ok("in")));
    server
}

/// what a person types => how the task ends
#[test]
fn a_server_that_asks_is_answered_at_a_shell() {
    for (words, code, status) in [
        (&["-u", "me:pw"][..], 0, Some(200)),
        (&["--default"], 0, Some(401)),
        (&["--reject"], 0, Some(401)),
        (&["--cancel"], 11, None),
    ] {
        let server = guarded();
        let home = asked(&server, false);
        let why = home.out(&["explain", "app/asks/1"]);
        assert!(why.contains("wants a credential: urlsession answer app/asks/1 -u"), "{why}");
        assert_eq!(home.run(&["answer", "app/asks/1", "--trust"]).code, 2);
        // What it was asked outlives the daemon.
        home.kill_daemon();
        let answer = [&["answer", "app/asks/1"], words].concat();
        let ran = home.run(&answer);
        assert_eq!((ran.code, ran.err.as_str()), (0, "app/asks/1: answered\n"), "{words:?}");
        assert_eq!(home.run(&["wait", "app/asks/1", "--timeout", "60s"]).code, code, "{words:?}");
        let task = home.json(&["show", "app/asks/1", "--json"]);
        let shown = task["response"]["status_code"].as_u64();
        assert_eq!(shown, status, "{words:?}: {task}");
        let authorization = server.requests().pop().unwrap().header("authorization").is_some();
        assert_eq!(authorization, status == Some(200), "{words:?}");
        assert_eq!(home.run(&answer).code, 2, "it asks for nothing any more");
    }
}

#[test]
fn a_server_is_trusted_at_a_shell() {
    let server = Server::start_tls_with(Certificate::SelfSigned);
    server.on("/", Answer::ok("in"));
    let home = asked(&server, false);
    let why = home.out(&["explain", "app/asks/1"]);
    assert!(why.contains("is not trusted, no trusted authority signed the certificate"), "{why}");
    let task = home.json(&["show", "app/asks/1", "--json"]);
    assert_eq!(task["challenge"]["server_trust"].as_array().map(Vec::len), Some(1), "{task}");
    assert_eq!(home.run(&["answer", "app/asks/1", "-u", "me:pw"]).code, 2);
    home.out(&["answer", "app/asks/1", "--trust"]);
    assert_eq!(home.run(&["wait", "app/asks/1", "--timeout", "60s"]).code, 0);
    let other = asked(&server, false);
    other.out(&["answer", "app/asks/1", "--default"]);
    assert_eq!(other.run(&["wait", "app/asks/1", "--timeout", "60s"]).code, 10);
}

#[test]
fn a_certificate_is_shown_from_a_shell() {
    let demands = Demands { certificate: true, ..Demands::default() };
    let server = Server::start_tls_demanding(demands);
    server.on("/", Answer::ok("in"));
    let home = asked(&server, true);
    let why = home.out(&["explain", "app/asks/1"]);
    assert!(why.contains("wants a certificate: urlsession answer app/asks/1 --cert"), "{why}");
    let pem = server.client_pem();
    home.out(&["answer", "app/asks/1", "--cert", pem.to_str().unwrap()]);
    assert_eq!(home.run(&["wait", "app/asks/1", "--timeout", "60s"]).code, 0);
}
