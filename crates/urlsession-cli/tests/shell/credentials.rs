//! `credentials` and `answer`, and that no secret is told where nobody needs it.

use crate::home::Home;
use std::path::Path;
use urlsession_testkit::server::{Answer, Server};

const PASSWORD: &str = "pAssw0rd-Jx7";
const BEARER: &str = "bEarer-Kq3";
const COOKIE: &str = "cOokie-Wz9";
const IN_URL: &str = "uRlpass-Vd5";
const PROXY: &str = "pRoxypass-Tn2";

fn guarded() -> Answer {
    Answer::ok("who?").status(401).header("WWW-Authenticate", "Basic realm=\"the house\"")
}

#[test]
fn what_is_kept_lets_in_survives_and_is_forgotten() {
    let (home, server) = (Home::new(), Server::start());
    let url = server.url("/f");
    let ran = home.run_with_input(&["credentials", "set", &url, "me"], &format!("{PASSWORD}\n"));
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    assert!(ran.err.contains("plain text"), "{}", ran.err);
    // What should have said it has failed: the one that is kept stays.
    let none = home.run(&["credentials", "set", &url, "nobody"]);
    assert!(none.code == 2 && none.err.contains("is missing"), "{none:?}");
    home.kill_daemon();
    let listed = home.out(&["credentials", "ls"]);
    let host = server.url("").replace("http://", "");
    assert_eq!(listed, format!("me for http://{host} (permanent, in plain text)\n"));
    let json = home.json(&["credentials", "ls", "--json"]);
    assert_eq!((&json[0]["user"], &json[0]["schema"]), (&"me".into(), &1.into()));
    assert!(!json.to_string().contains(PASSWORD));
    server.on("/f", guarded().times(1).then(Answer::ok("in")));
    home.out(&["get", "-q", "-o", "f", &url]);
    assert!(server.requests()[1].header("authorization").is_some());
    assert_eq!(home.run(&["credentials", "rm", &url]).err, "1 forgotten\n");
    assert_eq!(home.out(&["credentials", "ls"]), "");
    assert_eq!(home.run(&["credentials", "rm"]).code, 2);
    assert_ne!(home.run_with_input(&["credentials", "set", "nonsense", "me"], "x\n").code, 0);
}

/// Names of all files below a folder.
fn names(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        all.push_str(&format!("{}\n", entry.path().display()));
        if entry.file_type().unwrap().is_dir() {
            all.push_str(&names(&entry.path()));
        }
    }
    all
}

/// Everything that a person, a script, a log or another client can see of tasks with secrets.
#[test]
fn no_secret_is_told_where_nobody_needs_it() {
    let (home, server) = (Home::new(), Server::start());
    for path in ["/f", "/g", "/h", "/p"] {
        let refusal = guarded().header("Set-Cookie", &format!("set={COOKIE}; Max-Age=86400"));
        server.on(path, refusal);
    }
    let in_url = server.url("/h").replace("http://", &format!("http://me:{IN_URL}@"));
    let proxy = server.url("").replace("http://", &format!("http://me:{PROXY}@"));
    let user = format!("me:{PASSWORD}");
    let bearer = format!("Authorization: Bearer {BEARER}");
    let cookie = format!("sent={COOKIE}");
    let mut told = String::new();
    for words in [
        vec!["get", "-v", "--recoverable", "401", "-u", &user, &server.url("/f")],
        vec!["get", "-v", "-H", &bearer, "-b", &cookie, &server.url("/g")],
        vec!["get", "-v", &in_url],
        vec!["get", "-v", "--proxy", &proxy, "http://there.example/p"],
        vec!["get", "-v", &in_url.replace("/h", ":bad/")],
        vec!["edit", "3", "-u", &user],
        vec!["cookies", "ls"],
        vec!["cookies", "ls", "--json"],
    ] {
        let words: Vec<&str> = match words[1..].contains(&"--recoverable") {
            true => std::iter::once("add").chain(words[2..].iter().copied()).collect(),
            false => words,
        };
        let ran = home.command(&words).env("URLSESSION_LOG", "trace").output().unwrap();
        told.push_str(&String::from_utf8_lossy(&ran.stdout));
        told.push_str(&String::from_utf8_lossy(&ran.stderr));
    }
    let set = ["credentials", "set", &server.url("/"), "me"];
    let ran = home.run_with_input(&set, &format!("{PASSWORD}\n"));
    told.push_str(&ran.err);
    for words in [
        &["ls"][..],
        &["ls", "--json"],
        &["credentials", "ls"],
        &["credentials", "ls", "--json"],
        &["daemon", "status"],
        &["daemon", "logs"],
    ] {
        let ran = home.run(words);
        told.push_str(&format!("{}{}", ran.out, ran.err));
    }
    for task in ["1", "2", "3", "4"] {
        for words in [&["show", task][..], &["show", "--json", task], &["explain", task]] {
            let ran = home.run(words);
            told.push_str(&format!("{}{}", ran.out, ran.err));
        }
    }
    told.push_str(&names(&home.file("..")));
    assert!(server.requests().len() >= 4, "the secrets were used");
    assert!(told.contains("401") && told.contains("127.0.0.1"), "{told}");
    // What Basic makes of them.
    let encoded = ["cEFzc3cwcmQ", "B3c3N3MHJkLUp4N", "dVJscGFzcy", "cFJveHlwYXNz"];
    for secret in [PASSWORD, BEARER, COOKIE, IN_URL, PROXY].iter().chain(&encoded) {
        let line = told.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is told");
    }
}
