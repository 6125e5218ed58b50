//! Another user of the machine: gets in nowhere, and sees nothing.
#![cfg(target_os = "linux")]

use crate::daemon::{Client, Home};
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use urlsession_protocol::{DaemonMessage, Event, line};
use urlsession_testkit::server::{Answer, Server};

const SESSION: &str = r#""session":{"application":"com.example","session":"files"}"#;
/// The user `nobody` of most systems.
const NOBODY: u32 = 65534;
/// Prints what whoever listens at the socket says, without a word of its own.
const LISTEN: &str = "require('net').connect(process.argv[1]).pipe(process.stdout)";

#[test]
fn another_user_is_turned_away_and_told_why() {
    if !can_be_another("node") {
        return;
    }
    let home = Home::new();
    let _daemon = home.start();
    let socket = home.socket();
    let knock = || as_nobody(&["node", "-e", LISTEN, socket.to_str().unwrap()]);
    let kept_out = knock();
    assert!(!kept_out.status.success() && kept_out.stdout.is_empty(), "{kept_out:?}");
    // Were every mode wrong, the daemon itself still looks who it is.
    for path in [home.path(), socket.parent().unwrap()] {
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
    let told = String::from_utf8(knock().stdout).unwrap();
    let own = rustix::process::geteuid().as_raw();
    assert!(told.starts_with(r#"{"message":"goodbye","#), "{told}");
    assert!(told.contains(&format!("user {NOBODY} is not user {own}")), "{told}");
    assert!(home.log().contains("refused a client"), "{}", home.log());
    Client::greet(&socket).unwrap().call(1, r#""call":"status""#).unwrap();
}

#[test]
fn nothing_that_is_kept_can_be_read_by_others() {
    let (home, server) = (Home::new(), Server::start());
    let outside = tempfile::tempdir().unwrap();
    // The daemon of a test is started with a umask of nothing.
    let _daemon = home.start();
    server.on("/whole", Answer::pseudo_random(1, 1000));
    server.on("/part", Answer::pseudo_random(2, 1 << 20).etag("\"2\"").stall_after(300_000));
    let mut app = Client::greet(&home.socket()).unwrap();
    app.call(1, &format!(r#""call":"attach",{SESSION},"configuration":{{}}"#)).unwrap();
    let destination = outside.path().join("file");
    let kinds = [
        (r#""kind":"download""#.to_owned(), "/whole"),
        (format!(r#""kind":"download","destination":"{}""#, destination.display()), "/whole"),
        (r#""kind":"data""#.to_owned(), "/whole"),
        (r#""kind":"download""#.to_owned(), "/part"),
    ];
    for (number, (kind, path)) in kinds.iter().enumerate() {
        let (task, url) = (number + 1, server.url(path));
        let call = format!(
            r#""call":"create_task",{SESSION},"task":{task},"resume":true,{kind},"request":{{"url":"{url}","method":"GET"}}"#
        );
        // Who waits for an answer passes over the events before it.
        let line = format!("{{\"message\":\"call\",\"id\":{},{call}}}\n", 10 + task);
        app.write(line.as_bytes()).unwrap();
    }
    let mut ended = 0;
    while ended < 3 {
        let text = app.line().unwrap();
        if let Ok(DaemonMessage::Event { event, .. }) = line::decode(text.as_bytes()) {
            ended += u32::from(matches!(event, Event::DidComplete { error: None, .. }));
        }
    }
    // What has begun is there soon; each look asks the daemon something.
    let part = home.paths().state.join("files/1/4.part");
    while !part.exists() {
        app.call(20, r#""call":"status""#).unwrap();
    }
    let seen = below(home.path());
    for expected in ["store.sqlite", "daemon.socket", "1.download", "3.body", "4.part"] {
        assert!(seen.iter().any(|path| path.ends_with(expected)), "{expected}: {seen:?}");
    }
    for path in seen.iter().chain([&destination]) {
        let about = std::fs::symlink_metadata(path).unwrap();
        let most = if about.is_dir() { 0o700 } else { 0o600 };
        // What the test itself wrote into its home is not the daemon's.
        let is_ours = path != &home.path().join("deaths");
        assert!(!is_ours || about.mode() & 0o7777 == most, "{path:?}: {:o}", about.mode());
    }
    if can_be_another("cat") {
        for path in &seen {
            let read = as_nobody(&["cat", path.to_str().unwrap()]);
            assert!(!read.status.success(), "{path:?}");
        }
    }
}

/// Says whether this test may run a program as another user.
fn can_be_another(program: &str) -> bool {
    let works = as_nobody_if_possible(&["sh", "-c", &format!("command -v {program}")]);
    if works.is_some_and(|output| output.status.success()) {
        return true;
    }
    eprintln!("SKIPPED: this test may not be another user, or there is no setpriv or {program}");
    false
}

fn as_nobody(words: &[&str]) -> Output {
    as_nobody_if_possible(words).unwrap()
}

fn as_nobody_if_possible(words: &[&str]) -> Option<Output> {
    let nobody = NOBODY.to_string();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]).args(words);
    command.current_dir("/").output().ok()
}

/// Lists the folder and all below it.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}
