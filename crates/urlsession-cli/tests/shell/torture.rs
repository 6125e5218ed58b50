//! App and daemon are killed at random moments; `cargo xtask torture` does it for longer.

use crate::home::OWN;
use urlsession_testkit::torture::{Options, POINTS, app, run};

/// The name of the test that is the app when the torturer starts it.
const APP: &str = "torture::the_app_does_its_part";

#[test]
fn nothing_is_lost_when_app_and_daemon_are_killed() {
    let options = Options {
        executable: OWN.into(),
        app: (std::env::current_exe().unwrap(), vec!["--exact".into(), APP.into()]),
        kills: 12,
        tasks: 12,
        seed: 12,
        crashes: vec![],
        power: 0,
    };
    let report = run(&options).unwrap();
    assert!(report.violations.is_empty(), "{report}");
    assert!(report.apps_killed > 0 && report.daemons_killed > 0, "{report}");
}

/// Points that the app's work does not come to; the daemon's own tests do.
const ELSEWHERE: [&str; 8] = [
    "keep.rename",
    "keep.renamed",
    "part.linked",
    "part.remove",
    "session.remove",
    "spawn",
    "spawned",
    "sweep",
];

#[test]
fn nothing_is_lost_when_the_daemon_dies_at_any_of_its_points() {
    let points = POINTS.iter().filter(|point| !ELSEWHERE.contains(point));
    let options = Options {
        executable: OWN.into(),
        app: (std::env::current_exe().unwrap(), vec!["--exact".into(), APP.into()]),
        kills: 0,
        tasks: 12,
        seed: 7,
        crashes: points.map(|point| ((*point).to_owned(), 1)).collect(),
        power: 0,
    };
    let report = run(&options).unwrap();
    assert!(report.violations.is_empty(), "{report}");
    assert_eq!(report.unreached, Vec::<String>::new(), "{report}");
}

/// Set for the test that runs where its mounts are its own.
#[cfg(target_os = "linux")]
const INSIDE: &str = "URLSESSION_TEST_MOUNTS";

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_lost_when_the_machine_loses_power() {
    if std::env::var_os(INSIDE).is_none() {
        return lose_power_with_mounts_of_its_own();
    }
    let options = Options {
        executable: OWN.into(),
        app: (std::env::current_exe().unwrap(), vec!["--exact".into(), APP.into()]),
        kills: 0,
        tasks: 12,
        seed: 3,
        crashes: vec![],
        power: 4,
    };
    let report = run(&options).unwrap();
    assert!(report.violations.is_empty(), "{report}");
    assert_eq!(report.power_losses, 4, "{report}");
}

#[cfg(target_os = "linux")]
fn lose_power_with_mounts_of_its_own() {
    use std::process::Command;
    // A loop device and a file system that is shut down are for root only, and not for every one.
    let try_it = "disk=$(mktemp) && truncate -s 4M $disk && mkfs.ext4 -q $disk && \
        unshare -m mount -o loop $disk /mnt; tried=$?; rm -f $disk; exit $tried";
    let can = Command::new("sh").args(["-c", try_it]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: this test may not mount a disk of its own, or there is no mkfs.ext4");
        return;
    }
    let name = "torture::nothing_is_lost_when_the_machine_loses_power";
    let mut inside = Command::new("unshare");
    inside.arg("-m").arg(std::env::current_exe().unwrap());
    inside.args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    assert!(inside.status().unwrap().success());
}

/// Nothing by itself: the test above starts this program again, as the app that is killed.
#[test]
fn the_app_does_its_part() {
    if std::env::var_os("URLSESSION_TORTURE").is_some() {
        app().unwrap();
    }
}
