//! Launching a real program, and the engine that does it.

use super::stage::{App, Stage, download, key, stage};
use crate::inbox::Message;
use crate::launch::{Heritage, Launcher};
use std::collections::BTreeMap;
use std::path::Path;
use tokio::runtime::Handle;
use urlsession_core::SessionNumber;
use urlsession_protocol::{
    Call, LaunchCommand, LaunchState, LaunchStatus, Reply, SessionConfiguration,
};

/// What the daemon had before it changed that for itself.
const HERITAGE: Heritage = Heritage { umask: 0o027, open_files: Some(77) };

#[tokio::test]
async fn an_app_has_what_the_starter_of_the_daemon_gave_it() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(launch(shell("(umask; ulimit -Sn) > said", folder.path())).await, Ok(()));
    assert_eq!(std::fs::read_to_string(folder.path().join("said")).unwrap(), "0027\n77\n");
}

#[tokio::test]
async fn an_app_is_launched_without_a_shell_in_a_clean_environment() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    // The test's own environment has more than that: cargo's.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let mut command =
        shell("env > \"$1\"; pwd >> \"$1\"; kill -0 -$$ && echo leads >> \"$1\"", &folder);
    command.arguments.extend(["sh".to_owned(), "a file; $(touch never)".to_owned()]);
    command.environment = vec![
        ("MODE".to_owned(), "background".to_owned()),
        ("URLSESSION_LAUNCH_SESSION".to_owned(), "another".to_owned()),
    ];
    assert_eq!(launch(command).await, Ok(()));
    let said = std::fs::read_to_string(folder.join("a file; $(touch never)")).unwrap();
    assert!(!folder.join("never").exists());
    let variables: BTreeMap<&str, &str> =
        said.lines().filter_map(|line| line.split_once('=')).collect();
    for (name, value) in [
        ("MODE", "background"),
        ("URLSESSION_LAUNCH_SESSION", "session"),
        ("URLSESSION_LAUNCH_HANDLER", "Session-1-1"),
        ("URLSESSION_APP_ID", "com.example.app"),
    ] {
        assert_eq!(variables.get(name), Some(&value), "{said}");
    }
    assert!(!variables.keys().any(|name| name.starts_with("CARGO")), "{said}");
    assert!(said.lines().any(|line| Path::new(line) == folder), "{said}");
    assert!(said.ends_with("leads\n"), "it leads a process group of its own: {said}");
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = |program: &str, directory: &Path| LaunchCommand {
        program: program.into(),
        ..shell("", directory)
    };
    for (command, sentence) in [
        (shell("exit 3", folder.path()), "/bin/sh ended with exit code 3"),
        (shell("kill -9 $$", folder.path()), "signal: 9"),
        (missing("/no/such/program", folder.path()), "cannot start /no/such/program"),
        (missing("/bin/sh", Path::new("/no/such/folder")), "/no/such/folder is not there"),
    ] {
        let error = launch(command).await.unwrap_err();
        assert!(error.contains(sentence), "{error}");
    }
}

#[tokio::test]
async fn the_engine_launches_who_is_owed_something() {
    let mut stage = stage().await;
    let (pipe, command) = told(&stage);
    let mut app = own(&stage, command).await;
    app.create(download(1)).await;
    stage.hand().await.done(b"bytes");
    drop(app);
    // Opening the pipe takes until the app is there: no launch, no end of this test.
    let said = tokio::task::spawn_blocking(move || std::fs::read_to_string(pipe)).await.unwrap();
    assert!(said.unwrap().starts_with("session Session-"));
    let mut watcher = stage.connect();
    let launch = LaunchStatus { state: LaunchState::Launched, attempts: 1, error: None };
    assert_eq!(status(&mut watcher).await, Some(launch));
}

#[tokio::test]
async fn a_launch_is_derived_by_the_next_engine() {
    let mut stage = stage().await;
    let (pipe, command) = told(&stage);
    let mut app = own(&stage, command).await;
    app.create(download(1)).await;
    stage.hand().await.done(b"bytes");
    app.kept().await;
    let stage = stage.restart().await;
    let mut idle = stage.engine().idle();
    assert!(!*idle.wait_for(|idle| !idle).await.unwrap());
    let said = tokio::task::spawn_blocking(move || std::fs::read_to_string(pipe)).await.unwrap();
    assert!(said.unwrap().starts_with("session Session-"));
}

/// Makes a pipe and the command that writes into it.
fn told(stage: &Stage) -> (std::path::PathBuf, LaunchCommand) {
    let pipe = stage.engine().state().parent().unwrap().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let script = "echo $URLSESSION_LAUNCH_SESSION $URLSESSION_LAUNCH_HANDLER > pipe";
    let command = shell(script, pipe.parent().unwrap());
    (pipe, command)
}

async fn own(stage: &Stage, command: LaunchCommand) -> App {
    let mut app = stage.connect();
    let configuration =
        SessionConfiguration { launch_command: Some(command), ..SessionConfiguration::default() };
    app.call(Call::Attach {
        session: key(),
        configuration: Box::new(configuration),
        wait: true,
        owner: None,
    })
    .await
    .unwrap();
    app
}

async fn status(app: &mut App) -> Option<LaunchStatus> {
    match app.call(Call::Session { session: key() }).await {
        Ok(Reply::Session { session }) => session.launch,
        other => panic!("{other:?}"),
    }
}

async fn launch(command: LaunchCommand) -> Result<(), String> {
    let (sender, inbox) = crate::inbox::channel();
    let launcher = Launcher::new(Handle::current(), sender, Some(HERITAGE));
    launcher.launch(SessionNumber(1), key(), "Session-1-1".to_owned(), command);
    match tokio::task::spawn_blocking(move || inbox.wait(None).unwrap()).await.unwrap() {
        Message::LaunchEnded { session: SessionNumber(1), result } => result,
        other => panic!("{other:?}"),
    }
}

fn shell(script: &str, directory: &Path) -> LaunchCommand {
    LaunchCommand {
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        directory: directory.to_owned(),
        environment: Vec::new(),
    }
}
