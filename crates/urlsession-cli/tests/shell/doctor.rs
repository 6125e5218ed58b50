//! `doctor`: what it finds with and without a daemon, and what it must not touch or tell.

use crate::home::{Home, Ran, ran};
use serde_json::Value;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use urlsession_testkit::server::{Answer, Server};

/// Answers as a service manager where the daemon is a service of a user who lingers.
const SYSTEMCTL: &str = "#!/bin/sh\necho enabled\n";
const LOGINCTL: &str = "#!/bin/sh\necho \"$LINGERS\"\n";
const NOT_ENABLED: &str = "#!/bin/sh\necho disabled\nexit 1\n";

/// Asks without what the machine's own service manager and environment would say.
fn doctor(home: &Home, words: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = home.command(&["doctor"]);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.env_remove("SSL_CERT_DIR");
    command.args(words).env("PATH", home.file("bin")).env("XDG_CONFIG_HOME", home.file("config"));
    ran(command.envs(variables.iter().copied()).output().unwrap())
}

/// Returns the lines of one check.
fn lines(ran: &Ran, check: &str) -> Vec<String> {
    let of = |line: &&str| line[9..].starts_with(&format!("{check}: "));
    ran.out.lines().filter(of).map(str::to_owned).collect()
}

fn program(home: &Home, name: &str, text: &str) {
    std::fs::create_dir_all(home.file("bin")).unwrap();
    let path = home.write(&format!("bin/{name}"), text.as_bytes());
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_home_that_nothing_ever_ran_in_is_healthy_and_stays_empty() {
    let home = Home::new();
    let first = doctor(&home, &[], &[]);
    assert_eq!((first.code, first.err.as_str()), (0, ""), "{first:?}");
    for check in
        ["version", "socket", "state", "space", "store", "service", "credentials", "trust", "proxy"]
    {
        assert_eq!(lines(&first, check).len(), 1, "{check}: {first:?}");
    }
    assert!(!home.paths().state.exists() && !home.paths().runtime.exists());
    assert_eq!(home.run(&["daemon", "status"]).code, 3, "it starts no daemon");
}

#[test]
fn with_a_daemon_its_version_and_its_tasks_are_told() {
    let home = Home::new();
    let started = doctor(&home, &["--start"], &[]);
    assert_eq!(started.code, 0, "{started:?}");
    assert!(lines(&started, "version")[0].contains("and so is the daemon, process "));
    assert!(lines(&started, "store")[0].starts_with("ok       store: the daemon has it open"));
    assert_eq!(lines(&started, "tasks"), ["ok       tasks: 0 unfinished"]);
    assert_eq!(home.run(&["daemon", "status"]).code, 0);
    assert_eq!(lines(&started, "speed"), ["ok       speed: no limit"]);
    home.out(&["limit", "1M"]);
    let limited = "note     speed: all together: downloads 1.00 MiB/s, uploads 1.00 MiB/s; ";
    assert!(lines(&doctor(&home, &[], &[]), "speed")[0].starts_with(limited));

    // After it has ended, and after it was killed, every page is read, and nothing is written.
    let store = home.paths().state.join("store.sqlite");
    home.kill_daemon();
    for _ in 0..2 {
        let before = std::fs::read(&store).unwrap();
        let log = std::fs::read(store.with_extension("sqlite-wal")).ok();
        let stopped = doctor(&home, &[], &[]);
        assert_eq!(lines(&stopped, "store"), ["ok       store: whole, every page read"]);
        assert_eq!(std::fs::read(&store).unwrap(), before);
        assert_eq!(std::fs::read(store.with_extension("sqlite-wal")).ok(), log);
        home.out(&["daemon", "start"]);
        home.out(&["daemon", "stop"]);
    }
    let json: Value = serde_json::from_str(&doctor(&home, &["--json"], &[]).out).unwrap();
    assert_eq!((&json["schema"], &json["problems"]), (&1.into(), &0.into()), "{json}");
    let first = &json["checks"][0];
    assert_eq!((&first["check"], &first["level"]), (&"version".into(), &"ok".into()), "{json}");
    assert!(first["next"].is_null());
}

#[test]
fn a_damaged_store_is_a_problem_and_stays_as_it_is() {
    let home = Home::new();
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    for _ in 0..2 {
        home.out(&["get", "-q", "-o", "f", "--overwrite", &server.url("/")]);
    }
    home.out(&["daemon", "stop"]);
    let store = home.paths().state.join("store.sqlite");
    let mut bytes = std::fs::read(&store).unwrap();
    // All but the page with the head of the file and the schema.
    bytes[4096..].fill(0xa5);
    std::fs::write(&store, &bytes).unwrap();
    let sick = doctor(&home, &[], &[]);
    assert_eq!(sick.code, 1, "{sick:?}");
    assert!(lines(&sick, "store")[0].starts_with("problem  store: the store is damaged"));
    assert_eq!(std::fs::read(&store).unwrap(), bytes);
    std::fs::write(&store, "somebody else's").unwrap();
    let sick = doctor(&home, &["--json"], &[]);
    let json: Value = serde_json::from_str(&sick.out).unwrap();
    assert_eq!((sick.code, &json["problems"]), (1, &1.into()), "{json}");
}

#[test]
fn folders_that_others_can_look_into_are_problems() {
    let home = Home::new();
    home.out(&["daemon", "start"]);
    home.out(&["daemon", "stop"]);
    let paths = home.paths();
    for (folder, check) in [(&paths.state, "state"), (&paths.runtime, "socket")] {
        mode(folder, 0o755);
        let open = doctor(&home, &[], &[]);
        let line = &lines(&open, check)[0];
        assert!(open.code == 1 && line.starts_with("problem"), "{open:?}");
        assert!(line.contains("mode 755") && line.contains("chmod 700"), "{line}");
        let refused = home.run(&["ls"]);
        let command = format!("chmod 700 '{}'", folder.display());
        assert!(check == "socket" || refused.err.contains(&command), "{refused:?}");
        mode(folder, 0o700);
        assert_eq!(doctor(&home, &[], &[]).code, 0);
    }
    let started = doctor(&home, &[], &[("URLSESSION_HOME", &"/x".repeat(60))]);
    assert!(lines(&started, "socket")[0].contains("the path of the socket has"), "{started:?}");
}

#[test]
fn a_task_without_its_folder_is_a_problem() {
    let home = Home::new();
    let server = Server::start();
    server.on("/f", Answer::pseudo_random(1, 10_000_000).rate(1000));
    std::fs::create_dir(home.file("folder")).unwrap();
    let id = home.out(&["add", "-q", "-d", "folder", &server.url("/f")]);
    let well = doctor(&home, &[], &[]);
    assert_eq!(lines(&well, "tasks"), ["ok       tasks: 1 unfinished"]);
    std::fs::remove_dir_all(home.file("folder")).unwrap();
    let lost = doctor(&home, &[], &[]);
    let line = format!("problem  tasks: {} has no folder to end in", id.trim());
    assert!(lost.code == 1 && lines(&lost, "tasks")[0].starts_with(&line), "{lost:?}");
}

#[test]
fn what_a_service_does_after_a_logout_is_told() {
    let home = Home::new();
    let service = |variables: &[(&str, &str)]| lines(&doctor(&home, &[], variables), "service");
    assert!(service(&[])[0].contains("no systemctl"), "{:?}", service(&[]));
    program(&home, "systemctl", NOT_ENABLED);
    assert!(service(&[])[0].contains("urlsession daemon enable"));
    program(&home, "systemctl", SYSTEMCTL);
    program(&home, "loginctl", LOGINCTL);
    assert!(service(&[("LINGERS", "no")])[0].contains("loginctl enable-linger"));
    assert!(service(&[("LINGERS", "yes")])[0].starts_with("ok       service: transfers go on"));
    let unit = home.file("config/systemd/user");
    std::fs::create_dir_all(&unit).unwrap();
    let mark = urlsession_daemon::service::MARK;
    std::fs::write(unit.join("urlsession.service"), format!("{mark}[Unit]\n")).unwrap();
    assert!(service(&[("LINGERS", "yes")])[0].contains("writes it anew"));
}

#[test]
fn secrets_of_the_environment_are_not_told() {
    let home = Home::new();
    let variables = [
        ("https_proxy", "http://me:hunter2@proxy.example:3128"),
        ("all_proxy", "socks9://me:hunter2@proxy.example"),
    ];
    for words in [&[][..], &["--json"]] {
        let told = doctor(&home, words, &variables);
        assert_eq!(told.code, 1, "{told:?}");
        assert!(told.out.contains("https_proxy names http://proxy.example:3128"), "{told:?}");
        assert!(told.out.contains("mend or unset all_proxy"), "{told:?}");
        assert!(!told.out.contains("hunter2") && !told.err.contains("hunter2"), "{told:?}");
    }
    let distrust = doctor(&home, &[], &[("SSL_CERT_FILE", "/no/such/file")]);
    assert!(lines(&distrust, "trust")[0].starts_with("problem"), "{distrust:?}");
}
