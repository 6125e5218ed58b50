//! A daemon and a shell that number processes each for itself, as where a container shares the
//! folders of its user.
#![cfg(target_os = "linux")]

use crate::home::{Home, ran};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

#[test]
fn a_daemon_is_reached_from_a_container() {
    if !can_contain() {
        return;
    }
    let home = Home::new();
    home.out(&["daemon", "start"]);
    for words in [&["ls"][..], &["daemon", "stop"]] {
        let ran = ran(contained(&home.command(words)).output().unwrap());
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
    }
}

/// Its process is the first one there, and another one here.
#[test]
fn a_daemon_in_a_container_is_stopped() {
    if !can_contain() {
        return;
    }
    let home = Home::new();
    let mut inside = Command::new("sh");
    let script = "exec 3>&1; URLSESSION_READY_FD=3 exec \"$@\"";
    let run = home.command(&["daemon", "run"]);
    inside.args(["-c", script, "sh"]).arg(run.get_program()).args(run.get_args());
    inside.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut daemon = contained(&inside).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut told).unwrap();
    assert_eq!(told, "ready\n");
    home.out(&["ls"]);
    home.out(&["daemon", "stop"]);
    assert!(daemon.wait().unwrap().success());
}

/// Returns the command as one that is the first process of a container.
fn contained(command: &Command) -> Command {
    let mut contained = Command::new("unshare");
    contained.args(["-rpf", "--mount-proc"]).arg(command.get_program()).args(command.get_args());
    contained.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    contained.stdin(Stdio::null());
    contained
}

fn can_contain() -> bool {
    let can = contained(&Command::new("true")).status().is_ok_and(|status| status.success());
    let is_prepared = std::env::var_os("CI").is_some() && rustix::process::geteuid().is_root();
    assert!(can || !is_prepared, "no right to make a namespace of processes");
    if !can {
        eprintln!("SKIPPED: no right to make a namespace of processes");
    }
    can
}
