//! App and daemon are killed at random moments; `cargo xtask torture` does it for longer.

use crate::home::OWN;
use urlsession_testkit::torture::{Options, app, run};

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
    };
    let report = run(&options).unwrap();
    assert!(report.violations.is_empty(), "{report}");
    assert!(report.apps_killed > 0 && report.daemons_killed > 0, "{report}");
}

/// Nothing by itself: the test above starts this program again, as the app that is killed.
#[test]
fn the_app_does_its_part() {
    if std::env::var_os("URLSESSION_TORTURE").is_some() {
        app().unwrap();
    }
}
