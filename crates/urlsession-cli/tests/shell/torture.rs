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
    };
    let report = run(&options).unwrap();
    assert!(report.violations.is_empty(), "{report}");
    assert_eq!(report.unreached, Vec::<String>::new(), "{report}");
}

/// Nothing by itself: the test above starts this program again, as the app that is killed.
#[test]
fn the_app_does_its_part() {
    if std::env::var_os("URLSESSION_TORTURE").is_some() {
        app().unwrap();
    }
}
