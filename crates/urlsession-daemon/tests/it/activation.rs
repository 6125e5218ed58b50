//! How a daemon comes to life, once per user.

use crate::daemon::{Client, Daemon, Home};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use std::fs::{File, Permissions};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;

/// Where below the home the daemon lives, what it says, and what was done to the home before.
type Spoiled<'a> = (&'a str, &'a str, fn(&Home));

const ALREADY_RUNNING: Option<i32> = Some(75);

#[test]
fn nobody_else_can_look_in() {
    let home = Home::new();
    let _daemon = home.start();
    let paths = home.paths();
    let mode = |path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in [&paths.runtime, &paths.state] {
        assert_eq!(mode(folder.clone()), 0o700, "{}", folder.display());
    }
    for file in [paths.socket(), paths.lock(), paths.gate(), paths.log()] {
        assert_eq!(mode(file.clone()), 0o600, "{}", file.display());
    }
}

#[test]
fn a_second_daemon_leaves_the_first_alone() {
    let home = Home::new();
    let mut first = home.start();
    let mut client = Client::greet(&home.socket()).unwrap();
    assert_eq!(home.start().exit_code(), ALREADY_RUNNING);
    client.call(1, r#""call":"status""#).unwrap();
    assert!(first.lives());
}

#[test]
fn of_many_started_at_once_one_lives_and_all_are_ready() {
    let home = Home::new();
    let mut daemons: Vec<_> = (0..8).map(|_| Daemon::spawn(home.path(), "0")).collect();
    for daemon in &mut daemons {
        assert_eq!(daemon.word(), "ready\n");
        Client::greet(&home.socket()).unwrap();
    }
    let record = std::fs::read_to_string(home.paths().lock()).unwrap();
    let pid = record.lines().next().unwrap();
    for mut daemon in daemons {
        if daemon.id().to_string() == pid {
            assert!(daemon.lives());
        } else {
            assert_eq!(daemon.exit_code(), ALREADY_RUNNING);
        }
    }
}

#[test]
fn what_its_starter_had_open_is_let_go() {
    let home = Home::new();
    let path = home.path().join("lock of a script");
    let file = File::create(&path).unwrap();
    flock(&file, FlockOperation::LockExclusive).unwrap();
    let mut daemon = Daemon::spawn_with(home.path(), "0", file.into());
    assert_eq!(daemon.word(), "ready\n");
    let again = flock(File::open(&path).unwrap(), FlockOperation::NonBlockingLockExclusive);
    assert_eq!(again, Ok(()), "the daemon holds the lock");
}

#[test]
fn a_dead_daemons_socket_is_replaced() {
    let home = Home::new();
    let daemon = home.start();
    daemon.signal(Signal::KILL);
    assert_eq!(daemon.exit_code(), None);
    assert!(home.socket().exists());
    let _daemon = home.start();
    Client::greet(&home.socket()).unwrap();
}

#[test]
fn a_daemon_killed_while_it_starts_leaves_nothing_in_the_way() {
    let home = Home::new();
    for steps in 0..20 {
        let mut killed = Daemon::spawn(home.path(), "0");
        // Looking at a file spreads the moments of death without waiting for any.
        for _ in 0..steps * 200 {
            let _ = home.paths().lock().exists();
        }
        killed.signal(Signal::KILL);
        assert!(matches!(killed.word().as_str(), "" | "ready\n"));
        let daemon = home.start();
        Client::greet(&home.socket()).unwrap();
        daemon.signal(Signal::KILL);
        assert_eq!(daemon.exit_code(), None);
    }
}

#[test]
fn a_daemon_whose_socket_was_removed_comes_back() {
    let home = Home::new();
    let mut daemon = home.start();
    // As when the user's last login ends.
    std::fs::remove_dir_all(home.paths().runtime).unwrap();
    assert_eq!(home.start().exit_code(), ALREADY_RUNNING);
    Client::greet(&home.socket()).unwrap();
    assert!(daemon.lives());
}

#[test]
fn what_keeps_a_daemon_from_living_is_told() {
    let long = "x".repeat(100);
    let spoiled: [Spoiled<'_>; 4] = [
        ("", "mode 755", |home| {
            std::fs::create_dir(home.paths().runtime).unwrap();
            std::fs::set_permissions(home.paths().runtime, Permissions::from_mode(0o755)).unwrap();
        }),
        ("", "symbolic link", |home| {
            std::os::unix::fs::symlink("/tmp", home.paths().state).unwrap();
        }),
        ("", "is no socket", |home| {
            std::fs::create_dir(home.paths().runtime).unwrap();
            std::fs::set_permissions(home.paths().runtime, Permissions::from_mode(0o700)).unwrap();
            std::fs::write(home.socket(), "precious").unwrap();
        }),
        (&long, "URLSESSION_HOME", |_| {}),
    ];
    for (below, sentence, spoil) in spoiled {
        let home = Home::new();
        spoil(&home);
        let mut daemon = Daemon::spawn(&home.path().join(below), "0");
        let word = daemon.word();
        assert!(word.starts_with("error: ") && word.contains(sentence), "{word}");
        assert_eq!(word.lines().count(), 1, "{word}");
        assert_eq!(daemon.exit_code(), Some(1));
    }
}

#[test]
fn another_runtime_folder_is_told() {
    let home = Home::new();
    let _daemon = home.start();
    // A record as if the daemon had been started with another XDG_RUNTIME_DIR.
    let record = std::fs::read_to_string(home.paths().lock()).unwrap();
    let pid = record.lines().next().unwrap();
    std::fs::write(home.paths().lock(), format!("{pid}\n/elsewhere/daemon.socket\n")).unwrap();
    std::fs::remove_file(home.socket()).unwrap();
    let mut second = Daemon::spawn(home.path(), "0");
    assert!(second.word().contains("listens at /elsewhere/daemon.socket"));
}

#[test]
fn a_socket_of_somebody_else_is_not_taken_for_a_daemon() {
    // Bound by a process that does not hold the lock: the lock decides.
    let home = Home::new();
    home.start().signal(Signal::KILL);
    let _ = std::fs::remove_file(home.socket());
    let _squatter = UnixListener::bind(home.socket()).unwrap();
    let _daemon = home.start();
    Client::greet(&home.socket()).unwrap();
    assert!(std::fs::metadata(home.socket()).unwrap().file_type().is_socket());
}
