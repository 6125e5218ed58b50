//! What a command is started in and what happens around it: signals, folders, names, a daemon that
//! dies.

use crate::home::{Home, OWN, ran};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, Stdio};
use urlsession_testkit::server::{Answer, Server};

#[cfg(target_os = "linux")]
#[test]
fn a_closed_terminal_leaves_the_transfer_to_the_background() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content").stall_after(3));
    // Whoever runs the tests may ignore it.
    let child = hung_up(&home, &["env", "--default-signal=HUP"], &server);
    let ran = ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 129, "{ran:?}");
    assert!(ran.err.contains("continues in the background as 1; go on with: "), "{ran:?}");
    server.release("/f");
    assert_eq!(home.run(&["wait", "1"]).code, 0);
}

/// As nohup starts programs.
#[cfg(target_os = "linux")]
#[test]
fn a_hang_up_that_is_ignored_stays_ignored() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content").stall_after(3));
    let child = hung_up(&home, &["env", "--ignore-signal=HUP"], &server);
    server.release("/f");
    let ran = ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(std::fs::read(home.file("f")).unwrap(), b"content");
}

/// What the starter's shell may, a daemon may as well, and each wrong is told of who met it.
#[test]
fn limits_of_the_starter_are_told() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/long", Answer::pseudo_random(1, 1_000_000));
    server.on("/short", Answer::ok("content"));
    let (long, short) = (server.url("/long"), server.url("/short"));
    for (limit, words, code, text) in [
        ("ulimit -n 50", &["get", &*short][..], 6, "allows 50 open files, and the daemon needs"),
        ("ulimit -f 500", &["get", &long], 9, "too large"),
        ("true", &["get", &long, "-o", "part"], 9, "too large"),
        ("true", &["get", &short], 0, ""),
        ("true", &["daemon", "stop"], 0, ""),
        ("true", &["get", &long], 0, ""),
        ("ulimit -f 1", &["get", "--data", "a", "-o", "answer", &long], 9, "too large"),
    ] {
        let own = home.command(words);
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{limit} && exec \"$0\" \"$@\"")).arg(OWN);
        command.args(own.get_args()).current_dir(home.file(""));
        command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = ran(command.output().unwrap());
        assert!(ran.code == code && ran.err.contains(text), "{limit}: {words:?}: {ran:?}");
    }
    assert_eq!(std::fs::metadata(home.file("long")).unwrap().len(), 1_000_000);
    let left: Vec<_> = std::fs::read_dir(home.file("")).unwrap().flatten().collect();
    let is_hidden =
        |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with('.');
    assert!(!left.iter().any(is_hidden), "{left:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_is_gone_is_missed_only_where_it_is_meant() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content"));
    let (url, file) = (server.url("/f"), home.file("f"));
    for (place, code) in [(file.to_str().unwrap(), 0), ("f", 9)] {
        let own = home.command(&["get", "-q", "-o", place, &url]);
        let mut command = Command::new("sh");
        command.arg("-c").arg("mkdir -p gone && cd gone && rmdir ../gone && exec \"$0\" \"$@\"");
        command.arg(OWN).args(own.get_args()).current_dir(home.file(""));
        command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = ran(command.output().unwrap());
        assert_eq!(ran.code, code, "{place}: {ran:?}");
    }
    assert_eq!(std::fs::read(file).unwrap(), b"content");
}

/// Downloads by way of another program, and sends SIGHUP once that has begun.
#[cfg(target_os = "linux")]
fn hung_up(home: &Home, by_way_of: &[&str], server: &Server) -> Child {
    let own = home.command(&["get", &server.url("/f")]);
    let mut command = Command::new(by_way_of[0]);
    command.args(&by_way_of[1..]).arg(OWN).args(own.get_args());
    let set = own.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.envs(set).current_dir(home.file("")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    talk.read_line(&mut line).unwrap();
    assert!(line.contains("1 f"), "{line}");
    server.wait_for_requests(1);
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    child.stderr = Some(talk.into_inner());
    child
}

/// As editors and logs of builds have them: nothing can be drawn over, and everything is said.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_cannot_go_back_gets_lines() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content"));
    let typed = format!("'{OWN}' '{}'; '{OWN}' '{}'", server.url("/f"), server.url("/gone"));
    for term in ["dumb", ""] {
        let Some(seen) = on_terminal(&home, &typed, term) else { return };
        assert!(seen.contains(": done, 7 B in ") && seen.contains(": failed: "), "{term}: {seen}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_last_line_of_bars_is_a_line() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content"));
    let (one, gone) = (server.url("/f"), server.url("/gone"));
    for url in [one, gone] {
        let typed = format!("'{OWN}' '{url}'");
        let Some(seen) = on_terminal(&home, &typed, "xterm") else { return };
        let visible = console::strip_ansi_codes(&seen).into_owned();
        let last = visible.trim_end_matches(['\r', '\n']);
        assert!(!last.ends_with(' ') && last.len() < visible.len(), "{url}: {seen:?}");
    }
}

/// Types something on a terminal and returns what is seen there; nothing where there are none.
#[cfg(target_os = "linux")]
fn on_terminal(home: &Home, typed: &str, term: &str) -> Option<String> {
    let command = home.command(&[]);
    let mut terminal = Command::new("script");
    terminal.args(["-qec", typed, "/dev/null"]).env("TERM", term).stdin(Stdio::null());
    let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let Ok(output) = terminal.envs(set).current_dir(home.file("")).output() else {
        eprintln!("skipped: there is no script(1), which makes terminals");
        return None;
    };
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn events_go_on_with_the_next_daemon_and_are_told_once() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content"));
    home.out(&["add", &server.url("/f")]);
    assert_eq!(home.run(&["wait", "1"]).code, 0);
    let mut command = home.command(&["events", "--follow"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut until_the_end_of = |id: &str| {
        let mut seen: Vec<Value> = Vec::new();
        loop {
            let event: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            let is_last = event["event"] == "did_complete" && event["id"] == id;
            seen.push(event);
            if is_last {
                return seen;
            }
        }
    };
    until_the_end_of("1");
    kill_process(daemon_of(&home), Signal::KILL).unwrap();
    home.out(&["add", &server.url("/f")]);
    let later = until_the_end_of("2");
    let again: Vec<_> = later.iter().filter(|event| event["id"] == "1").collect();
    assert!(again.is_empty(), "{again:?}");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// As where its disk does not answer.
#[test]
fn a_daemon_that_hangs_is_waited_for_no_longer_than_said() {
    let home = Home::new();
    home.out(&["daemon", "start"]);
    let daemon = daemon_of(&home);
    kill_process(daemon, Signal::STOP).unwrap();
    let ran = home.run(&["wait", "--timeout", "1", "1"]);
    kill_process(daemon, Signal::CONT).unwrap();
    assert_eq!(ran.code, 124, "{ran:?}");
}

fn daemon_of(home: &Home) -> Pid {
    let pid = home.json(&["daemon", "status", "--json"])["pid"].as_i64().unwrap();
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}

#[test]
fn a_relative_home_is_the_same_for_the_daemon() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content"));
    let run = |words: &[&str]| {
        let mut command = home.command(words);
        for name in ["URLSESSION_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"] {
            command.env_remove(name);
        }
        // So that it does not meet the daemon of whoever runs the test.
        command.env("HOME", "relative").env("XDG_RUNTIME_DIR", home.file("run"));
        ran(command.output().unwrap())
    };
    let got = run(&["get", &server.url("/f")]);
    let is_there = home.file("relative/.local/state/urlsession/store.sqlite").exists();
    run(&["daemon", "stop"]);
    assert_eq!(got.code, 0, "{got:?}");
    assert!(is_there);
}

#[test]
fn a_wrong_entry_of_a_list_is_named_by_its_line() {
    let (home, server) = (Home::new(), Server::start());
    let url = server.url("/f");
    for (wrong, expected) in [
        ("htp:/slip", "list, line 3: htp:/slip: unsupported URL"),
        ("http://h\n  checksum=md5=x", "list, line 4: a digest of this type"),
        ("http://h\n  header=secret", "list, line 3: a header field is"),
        ("http://h\n  out=no/such", "list, line 3: Cannot create file"),
    ] {
        home.write("list", format!("{url}\n# note\n{wrong}\n{url}\n").as_bytes());
        let ran = home.run(&["add", "-i", "list"]);
        assert!(matches!(ran.code, 2 | 9), "{ran:?}");
        assert!(ran.err.starts_with(&format!("urlsession: {expected}")), "{ran:?}");
        assert!(!ran.err.contains("secret"), "{ran:?}");
    }
    assert_eq!(home.out(&["ls", "-q"]), "", "all of a list, or nothing");
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_is_told_of_each_and_does_not_stop_the_others() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content"));
    let url = server.url("/f");
    let (gone, there) = (home.file("gone/x"), home.file("there"));
    let format = format!("%output{{{}}}x", gone.display());
    let ran =
        home.run(&["-q", "-w", &format, "-o", there.to_str().unwrap(), &url, &url, "-o", "-"]);
    assert_eq!((ran.code, ran.out.as_str()), (9, "content"), "{ran:?}");
    assert_eq!(ran.err.matches("gone/x: No such file").count(), 2, "{ran:?}");
    let full = home.run(&["-q", "-o", "/dev/full", &url, &url]);
    assert_eq!(full.code, 9, "{full:?}");
    for id in ["3", "4"] {
        let hint = format!("what came is kept, see: urlsession show {id}; ");
        assert!(full.err.contains(&hint), "{full:?}");
    }
    assert_eq!(home.out(&["ls", "-q"]), "3\n4\n");
    let jar = home.run(&["-q", "--cookie-jar", "gone/jar", "-o", "-", &url]);
    assert!(jar.err.ends_with("gone/jar: No such file or directory (os error 2)\n"), "{jar:?}");
}

#[test]
fn what_cannot_be_a_file_is_refused_before_anything_is_asked() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content"));
    home.write("file", b"old");
    let url = server.url("/f");
    let odd = OsStr::from_bytes(b"\xff");
    for (option, value, expected) in [
        ("-o", OsStr::new("new/"), "does not end with ‘/’"),
        ("-o", OsStr::new("file/"), "does not end with ‘/’"),
        ("-d", OsStr::new("file"), "file: no folder"),
        ("-o", odd, "the path is not UTF-8"),
        ("-d", odd, "the path is not UTF-8"),
    ] {
        let ran = ran(home.command(&[&url, option]).arg(value).output().unwrap());
        assert_eq!(ran.code, 9, "{ran:?}");
        assert!(ran.err.contains(expected), "{ran:?}");
        assert!(ran.err.contains("[-3000]"), "{ran:?}");
    }
    assert_eq!(server.requests().len(), 0);
}
