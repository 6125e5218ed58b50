//! `daemon enable` and `daemon disable`, with a systemctl that notes what it is told.

use crate::home::{Home, OWN, Ran, ran};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// Notes its words; refuses those that the file `refuses` has.
const SYSTEMCTL: &str = "#!/bin/sh\n\
    echo \"$*\" >> \"$(dirname \"$0\")/told\"\n\
    if grep -qsx -- \"$2\" \"$(dirname \"$0\")/refuses\"; then echo 'no bus' >&2; exit 1; fi\n";

/// A user's home with a service manager of a kind.
struct Machine(Home);

impl Machine {
    fn with_systemctl() -> Self {
        let machine = Self(Home::new());
        let program = machine.0.write("systemctl", SYSTEMCTL.as_bytes());
        std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).unwrap();
        machine
    }

    fn run(&self, words: &[&str]) -> Ran {
        let path = format!("{}:/usr/bin:/bin", self.0.file("").display());
        ran(self.command(words).env("PATH", path).output().unwrap())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.0.command(words);
        command.env("XDG_CONFIG_HOME", self.0.file("config"));
        command
    }

    fn unit(&self) -> PathBuf {
        self.0.file("config/systemd/user/urlsession.service")
    }

    /// Takes what systemctl was told.
    fn told(&self) -> Vec<String> {
        let path = self.0.file("told");
        let told = std::fs::read_to_string(&path).unwrap_or_default();
        let _ = std::fs::remove_file(path);
        told.lines().map(str::to_owned).collect()
    }
}

#[test]
fn it_is_enabled_once_and_again_and_disabled() {
    let machine = Machine::with_systemctl();
    let first = machine.run(&["daemon", "enable"]);
    assert_eq!(first.code, 0, "{first:?}");
    let unit = std::fs::read_to_string(machine.unit()).unwrap();
    assert!(unit.contains(&format!("ExecStart=\"{OWN}\" daemon\n")), "{unit}");
    assert!(unit.contains("URLSESSION_HOME="), "{unit}");
    assert!(unit.contains("NoNewPrivileges=yes"), "{unit}");
    let steps = ["daemon-reload", "enable urlsession.service", "start urlsession.service"];
    let steps = steps.map(|step| format!("--user {step}"));
    assert_eq!(machine.told(), steps);
    let again = machine.run(&["daemon", "enable"]);
    assert!(again.code == 0 && again.err.contains("is up to date"), "{again:?}");
    assert_eq!(machine.told(), steps);
    let gone = machine.run(&["daemon", "disable"]);
    assert_eq!((gone.code, machine.unit().exists()), (0, false), "{gone:?}");
    let disable = ["--user disable --now urlsession.service", "--user daemon-reload"];
    assert_eq!(machine.told(), disable);
    let gone = machine.run(&["daemon", "disable"]);
    assert!(gone.code == 0 && gone.err.contains("is no service"), "{gone:?}");
    assert!(machine.told().is_empty());
}

#[test]
fn a_daemon_that_runs_makes_room_for_the_service() {
    let machine = Machine::with_systemctl();
    assert_eq!(machine.run(&["daemon", "start"]).code, 0);
    assert_eq!(machine.run(&["daemon", "enable"]).code, 0);
    assert_eq!(machine.run(&["daemon", "status"]).code, 3, "it has stopped");
}

#[test]
fn what_the_unit_starts_is_the_daemon() {
    let home = Home::new();
    let unit = urlsession_daemon::service::UNIT;
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/urlsession "));
    let service = home.start(&start.unwrap().split(' ').collect::<Vec<_>>());
    while home.run(&["daemon", "status"]).code != 0 {
        assert!(service.goes_on(), "it is the daemon until it is stopped");
    }
    assert_eq!(home.run(&["daemon", "stop"]).code, 0);
    assert_eq!(service.end().code, 0);
}

#[test]
fn what_others_wrote_stays() {
    let machine = Machine::with_systemctl();
    std::fs::create_dir_all(machine.unit().parent().unwrap()).unwrap();
    std::fs::write(machine.unit(), "[Service]\n").unwrap();
    for verb in ["enable", "disable"] {
        let refused = machine.run(&["daemon", verb]);
        assert_eq!(refused.code, 9);
        assert!(refused.err.contains("--force"), "{refused:?}");
        assert!(machine.told().is_empty());
    }
    assert_eq!(std::fs::read_to_string(machine.unit()).unwrap(), "[Service]\n");
    // A link is not followed.
    let elsewhere = machine.0.write("elsewhere", b"theirs");
    std::fs::remove_file(machine.unit()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, machine.unit()).unwrap();
    assert_eq!(machine.run(&["daemon", "enable"]).code, 9);
    assert_eq!(machine.run(&["daemon", "enable", "--force"]).code, 0);
    assert_eq!(std::fs::read(elsewhere).unwrap(), b"theirs");
    assert!(machine.unit().symlink_metadata().unwrap().is_file());
}

#[test]
fn without_systemd_it_says_what_to_do() {
    let machine = Machine(Home::new());
    let nowhere = machine.0.file("nowhere");
    let without =
        ran(machine.command(&["daemon", "enable"]).env("PATH", nowhere).output().unwrap());
    assert_eq!(without.code, 3);
    for words in ["wrote ", "no systemctl", "systemctl --user enable --now urlsession.service"] {
        assert!(without.err.contains(words), "{words}: {without:?}");
    }
    let machine = Machine::with_systemctl();
    machine.0.write("refuses", b"enable\n");
    let refused = machine.run(&["daemon", "enable"]);
    assert_eq!(refused.code, 3);
    assert!(refused.err.contains("no bus"), "{refused:?}");
}

#[test]
fn systemd_takes_the_unit() {
    let machine = Machine::with_systemctl();
    assert_eq!(machine.run(&["daemon", "enable"]).code, 0);
    let mut verify = Command::new("systemd-analyze");
    let Ok(output) = verify.args(["verify", "--user"]).arg(machine.unit()).output() else {
        eprintln!("SKIPPED: there is no systemd-analyze");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // It looks at all units of the machine, of which it has a lot to say.
    let ours: Vec<_> = said.lines().filter(|line| line.contains("urlsession")).collect();
    assert_eq!(ours, Vec::<&str>::new());
}
