//! How a daemon ends, and that nobody is lost when it does.

use crate::daemon::{Client, Daemon, Home};
use rustix::process::Signal;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_signal_is_an_orderly_stop() {
    for signal in [Signal::TERM, Signal::INT] {
        let home = Home::new();
        let daemon = home.start();
        let mut client = Client::greet(&home.socket()).unwrap();
        daemon.signal(signal);
        assert_eq!(daemon.exit_code(), Some(0));
        assert!(!home.socket().exists());
        assert!(client.rest().len() <= 1);
        let log = home.log();
        assert!(log.contains("started") && log.contains("stopped"), "{log}");
    }
}

#[test]
fn a_hang_up_is_ignored() {
    let home = Home::new();
    let mut daemon = home.start();
    daemon.signal(Signal::HUP);
    Client::greet(&home.socket()).unwrap().call(1, r#""call":"status""#).unwrap();
    assert!(daemon.lives());
}

/// What is removed => who is there first sees it, or a hang-up tells
#[test]
fn a_daemon_whose_state_is_gone_makes_room_for_the_next() {
    let state = |home: &Home| home.paths().state;
    let remove: [fn(&Home) -> std::io::Result<()>; 4] = [
        |home| std::fs::remove_dir_all(home.paths().state),
        |home| std::fs::remove_file(home.paths().state.join("store.sqlite")),
        |home| std::fs::rename(home.paths().state, home.path().join("moved")),
        // A backup is put in its place.
        |home| {
            let (state, old) = (home.paths().state, home.path().join("old"));
            std::fs::create_dir(&old)?;
            std::fs::set_permissions(&old, Permissions::from_mode(0o700))?;
            for name in ["daemon.lock", "store.sqlite"] {
                std::fs::copy(state.join(name), old.join(name))?;
            }
            std::fs::remove_dir_all(&state)?;
            std::fs::rename(old, state)
        },
    ];
    for (case, remove) in remove.iter().enumerate() {
        for is_told in [false, true] {
            let home = Home::new();
            let daemon = home.start();
            let mut app = Client::greet(&home.socket()).unwrap();
            app.call(1, r#""call":"status""#).unwrap();
            remove(&home).unwrap();
            match is_told {
                true => daemon.signal(Signal::HUP),
                false => assert!(Client::greet(&home.socket()).is_err(), "{case}"),
            }
            assert_eq!(daemon.exit_code(), Some(0), "{case}");
            assert!(app.rest().len() <= 1, "{case}");
            let _next = home.start();
            assert!(state(&home).join("store.sqlite").exists(), "{case}");
            Client::greet(&home.socket()).unwrap().call(1, r#""call":"status""#).unwrap();
        }
    }
}

#[test]
fn a_client_can_ask_for_the_end() {
    let home = Home::new();
    let daemon = home.start();
    let mut client = Client::greet(&home.socket()).unwrap();
    let answer = client.call(1, r#""call":"shutdown""#).unwrap();
    assert!(answer.contains(r#""Ok""#), "{answer}");
    assert_eq!(daemon.exit_code(), Some(0));
    assert!(!home.socket().exists());
}

/// An app may be killed once its task is in the socket, and the daemon be stopped before it has read it.
#[test]
fn what_is_in_the_socket_when_a_daemon_stops_is_kept() {
    const TASKS: usize = 400;
    const SESSION: &str = r#""session":{"application":"com.example","session":"files"}"#;
    let home = Home::new();
    let daemon = home.start();
    let mut app = Client::greet(&home.socket()).unwrap();
    let attached = app.call(0, &format!(r#""call":"attach",{SESSION},"configuration":{{}}"#));
    assert!(attached.unwrap().contains("attached"));
    daemon.signal(Signal::STOP);
    let create = |number: usize| {
        format!(
            r#"{{"message":"call","id":{number},"call":"create_task",{SESSION},"task":{number},"kind":"download","request":{{"url":"http://127.0.0.1/","method":"GET"}}}}"#
        )
    };
    let lines: String = (1..=TASKS).map(|number| create(number) + "\n").collect();
    app.write(lines.as_bytes()).unwrap();
    drop(app);
    daemon.signal(Signal::TERM);
    daemon.signal(Signal::CONT);
    assert_eq!(daemon.exit_code(), Some(0));

    let _daemon = home.start();
    let mut client = Client::greet(&home.socket()).unwrap();
    let status = client.call(1, &format!(r#""call":"session",{SESSION}"#)).unwrap();
    assert!(status.contains(&format!(r#""tasks":{TASKS},"#)), "{status}");
}

#[test]
fn an_idle_daemon_ends_by_itself() {
    let home = Home::new();
    assert_eq!(home.start_with("0.001").exit_code(), Some(0));
    let log = home.log();
    assert!(log.contains(r#"stopping why="idle""#), "{log}");
}

#[test]
fn a_client_keeps_a_daemon_awake() {
    let home = Home::new();
    let daemon = home.start_with("0.05");
    let Ok(mut client) = Client::greet(&home.socket()) else { return };
    for number in 0..1000 {
        client.call(number, r#""call":"status""#).unwrap();
    }
    drop(client);
    assert_eq!(daemon.exit_code(), Some(0));
}

/// A client that meets a daemon on its way out is served, or sees that it must start another one.
#[test]
fn nobody_is_lost_when_a_daemon_goes() {
    const ROUNDS: usize = 50;
    let home = Home::new();
    let mut daemons = Vec::new();
    for number in 0..ROUNDS {
        let mut tries = 0;
        loop {
            let served = Client::greet(&home.socket())
                .and_then(|mut client| client.call(1, r#""call":"status""#));
            if served.is_ok() {
                break;
            }
            tries += 1;
            assert!(tries < 100, "round {number}");
            let mut daemon = Daemon::spawn(home.path(), "0.003");
            assert_eq!(daemon.word(), "ready\n");
            daemons.push(daemon);
        }
    }
    for daemon in daemons {
        assert!(matches!(daemon.exit_code(), Some(0 | 75)));
    }
}
