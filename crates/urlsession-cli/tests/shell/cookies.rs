//! `cookies` and `-b`: what the shell keeps, and what curl and it can read of each other.

use crate::home::Home;
use rustix::process::Signal;
use std::process::Command;
use urlsession_testkit::server::{Answer, Server};

const LASTING: &str = "; Max-Age=86400";

#[test]
fn what_a_server_sets_is_kept_listed_and_forgotten() {
    let (home, server) = (Home::new(), Server::start());
    let answer = Answer::ok("x").header("Set-Cookie", &format!("id=hidden; HttpOnly{LASTING}"));
    server.on("/", answer.header("Set-Cookie", "seen=passing"));
    let url = server.url("/");
    home.out(&["get", "-q", "-o", "f", "--no-cookies", &url]);
    assert_eq!(home.out(&["cookies", "ls"]), "");
    home.out(&["get", "-q", "-o", "f", &url]);
    home.out(&["get", "-q", "-o", "f", "--no-cookies", &url]);
    assert_eq!(server.requests()[2].header("cookie"), None);
    home.out(&["get", "-q", "-o", "f", &url]);
    let sent = server.requests()[3].header("cookie").map(str::to_owned);
    assert_eq!(sent.as_deref(), Some("id=hidden; seen=passing"));
    let listed = home.out(&["cookies", "ls"]);
    assert!(listed.contains("127.0.0.1") && listed.contains("http-only"), "{listed}");
    assert!(listed.contains("id=***") && !listed.contains("hidden"), "{listed}");
    assert!(home.out(&["cookies", "ls", "--reveal"]).contains("id=hidden"));
    let json = home.json(&["cookies", "ls", "--json"]);
    assert_eq!((&json[0]["name"], &json[0]["value"]), (&"id".into(), &"***".into()));
    assert_eq!((&json[0]["schema"], &json[1]["expires"]), (&1.into(), &serde_json::Value::Null));
    assert_eq!(home.out(&["cookies", "ls", "--app", "com.other"]), "");
    assert_eq!(home.run(&["cookies", "clear", "--domain", "other.test"]).err, "0 forgotten\n");
    assert_eq!(home.run(&["cookies", "clear", "--domain", "127.0.0.1"]).err, "2 forgotten\n");
    assert_eq!(home.out(&["cookies", "ls"]), "");
}

#[test]
fn what_has_an_end_survives_the_death_of_the_daemon() {
    let (home, server) = (Home::new(), Server::start());
    let answer = Answer::ok("x").header("Set-Cookie", &format!("lasting=1{LASTING}"));
    server.on("/", answer.header("Set-Cookie", "passing=2"));
    home.out(&["get", "-q", "-o", "f", &server.url("/")]);
    home.kill_daemon();
    assert!(home.out(&["cookies", "ls"]).contains("lasting"));
    assert!(!home.out(&["cookies", "ls"]).contains("passing"));
    home.out(&["daemon", "stop"]);
    home.out(&["get", "-q", "-o", "f", &server.url("/")]);
    assert_eq!(server.requests()[1].header("cookie"), Some("lasting=1"));
    for file in home.state_files() {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
}

/// curl's file is ours, and ours is curl's.
#[test]
fn files_go_to_curl_and_come_from_it() {
    if !crate::has_curl() {
        return;
    }
    let (home, server) = (Home::new(), Server::start());
    let answer = Answer::ok("x").header("Set-Cookie", &format!("a=1; HttpOnly{LASTING}"));
    let answer = answer.header("Set-Cookie", &format!("b=2; Path=/deep{LASTING}"));
    server.on("/", answer.header("Set-Cookie", "c=3"));
    server.on("/deep/er", Answer::ok("x"));
    let (root, deep) = (server.url("/"), server.url("/deep/er"));
    curl(&home, &["-c", "curl.txt", &root]);
    let imported = home.run(&["cookies", "import", "curl.txt"]);
    assert_eq!(imported.code, 0, "{imported:?}");
    assert!(imported.err.contains("3 kept; 1 without an end, kept in memory only"), "{imported:?}");
    home.out(&["get", "-q", "-o", "f", &deep]);
    home.out(&["cookies", "export", "ours.txt"]);
    curl(&home, &["-b", "ours.txt", &deep]);
    let seen = server.requests_for("/deep/er");
    let sent = |index: usize| {
        let mut pairs: Vec<&str> = seen[index].header("cookie").unwrap().split("; ").collect();
        assert_eq!(pairs[0], "b=2", "the longest path comes first");
        pairs.sort_unstable();
        pairs.join(" ")
    };
    assert_eq!((sent(0).as_str(), sent(1).as_str()), ("a=1 b=2 c=3", "a=1 b=2 c=3"));
    let lines = |name: &str| {
        let text = std::fs::read_to_string(home.file(name)).unwrap();
        let is_one = |line: &&str| line.contains('\t');
        let mut lines: Vec<String> = text.lines().filter(is_one).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines("ours.txt"), lines("curl.txt"));
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(home.file("ours.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(home.out(&["cookies", "export", "-"]).starts_with("# Netscape HTTP Cookie File\n"));
    // A device is written to, and stays what it is.
    std::os::unix::fs::symlink("/dev/stdout", home.file("link")).unwrap();
    assert!(home.out(&["cookies", "export", "link"]).starts_with("# Netscape HTTP Cookie File\n"));
    assert!(home.file("link").is_symlink());
}

/// The host has brackets in a URL and none in a file.
#[test]
fn cookies_of_an_address_go_in_and_out() {
    let home = Home::new();
    home.write("in.txt", b"0::1\tFALSE\t/\tFALSE\t9999999999\ta\t1\n");
    let imported = home.run(&["cookies", "import", "in.txt"]);
    assert_eq!((imported.code, imported.err.as_str()), (0, "in.txt: 1 kept\n"), "{imported:?}");
    for domain in ["::1", "[::1]"] {
        let listed = home.json(&["cookies", "ls", "--json", "--domain", domain]);
        assert_eq!(listed[0]["domain"], "[::1]", "{domain}: {listed}");
        let exported = home.out(&["cookies", "export", "-", "--domain", domain]);
        assert!(exported.contains("\n::1\tFALSE\t/\tFALSE\t"), "{domain}: {exported}");
    }
    assert_eq!(home.run(&["cookies", "clear", "--domain", "::1"]).err, "1 forgotten\n");
}

#[test]
fn typed_cookies_are_all_there_are() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/", Answer::ok("x").header("Set-Cookie", "kept=1"));
    let url = server.url("/");
    home.write("cookies.txt", b"127.0.0.1\tFALSE\t/\tFALSE\t0\tfile\t1\n");
    for (words, expected) in [
        (&["-b", "a=b; c=d"][..], Some("a=b; c=d")),
        (&["-b", "a=b", "--cookie", "c=d"], Some("a=b; c=d")),
        (&["-b", ""], None),
        (&["-b", "cookies.txt"], Some("kept=1; file=1")),
        (&["-b", "cookies.txt", "-b", "kept=own; more=1"], Some("kept=1; file=1; more=1")),
        (&["-b", "kept=own"], Some("kept=own")),
    ] {
        home.out(&[&["get", "-q", "-o", "f"][..], words, &[&url]].concat());
        let sent = server.requests().pop().unwrap();
        assert_eq!(sent.header("cookie"), expected, "{words:?}");
    }
    assert_eq!(home.run(&["get", "-b", "missing.txt", &url]).code, 9);
    let both = home.run(&["get", "-b", "cookies.txt", "--no-cookies", &url]);
    assert!(both.code == 2 && both.err.contains("--no-cookies sends none"), "{both:?}");
}

#[test]
fn files_that_are_none() {
    let home = Home::new();
    home.write("text", b"this is no file of cookies\n");
    let ran = home.run(&["cookies", "import", "text"]);
    assert_eq!(ran.code, 9);
    assert!(ran.err.contains("no file of cookies"), "{ran:?}");
    let mixed = "a.test\tTRUE\t/\tFALSE\t0\tn\tv\nco.uk\tTRUE\t/\tFALSE\t0\tn\tv\n\
        a.test\tTRUE\t/\tFALSE\t1\told\tv\nwhat\n";
    let ran = home.run_with_input(&["cookies", "import", "-"], mixed);
    let told = "-: 1 kept; 2 without an end, kept in memory only; 1 had ended; 1 refused: illegal, \
        or of a public suffix; 1 illegible, the first in line 4\n";
    assert_eq!((ran.code, ran.err.as_str()), (1, told));
    let crowd: String =
        (0..190).map(|n| format!("A.Test\tTRUE\t/\tFALSE\t4000000000\tn{n}\tv\n")).collect();
    let ran = home.run_with_input(&["cookies", "import", "-"], &crowd);
    let told = "-: 180 kept; 10 for which there is no room: too many of one site, or in all\n";
    assert_eq!((ran.code, ran.err.as_str()), (1, told));
    assert_eq!(home.run(&["cookies", "import", "none"]).code, 9);
    assert_eq!(home.run(&["cookies"]).code, 2);
    assert_eq!(home.run(&["cookies", "ls", "--app", ""]).code, 2);
}

fn curl(home: &Home, words: &[&str]) {
    let mut command = Command::new("curl");
    let status = command
        .args(["-q", "-s", "-S", "--noproxy", "*", "-o", "curl.out"])
        .args(words)
        .current_dir(home.file(""))
        .status()
        .unwrap();
    assert!(status.success());
}

impl Home {
    pub(crate) fn kill_daemon(&self) {
        let pid = self.json(&["daemon", "status", "--json"])["pid"].as_i64().unwrap();
        let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }

    fn state_files(&self) -> Vec<std::path::PathBuf> {
        let state = self.file("").parent().unwrap().join("home");
        let mut folders = vec![state];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let name = entry.file_name().to_string_lossy().into_owned();
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() => folders.push(entry.path()),
                    _ if name.starts_with("store.sqlite") => files.push(entry.path()),
                    _ => {}
                }
            }
        }
        assert!(!files.is_empty());
        files
    }
}

#[test]
fn the_jar_is_written_when_all_is_done() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x").header("Set-Cookie", "id=distinctive; Path=/; Max-Age=60"));
    server.on("/gone", Answer::ok("x").status(404).header("Set-Cookie", "late=1; Path=/"));
    home.write("source", b"sent");
    server.on("/put", Answer::sink());
    let (url, gone, put) = (server.url("/f"), server.url("/gone"), server.url("/put"));
    home.out(&["get", "-q", "-o", "-", "--cookie-jar", "jar", &url]);
    let read = || std::fs::read_to_string(home.file("jar")).unwrap();
    assert!(read().starts_with("# Netscape HTTP Cookie File\n") && read().contains("distinctive"));
    let mode = std::os::unix::fs::MetadataExt::mode(&home.file("jar").metadata().unwrap());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(home.run(&["get", "-q", "-o", "-", "--cookie-jar", "jar", &gone]).code, 8);
    assert!(read().contains("late\t1"), "also where something failed: {}", read());
    let out = home.out(&["put", "-q", "--cookie-jar", "-", "source", &put]);
    assert!(out.contains("distinctive"), "{out}");
    home.out(&["cookies", "clear"]);
    home.out(&["get", "-q", "-o", "-", "-b", "own=1", "--cookie-jar", "jar", &url]);
    assert!(read().contains("distinctive"), "also beside a typed one: {}", read());
    let ran = home.run(&["get", "-q", "-o", "-", "--cookie-jar", "none/jar", &url]);
    assert_eq!((ran.code, &*ran.out), (9, "x"), "{ran:?}");
    for words in [
        &["add", "--cookie-jar", "jar", &url][..],
        &["put", "--detach", "--cookie-jar", "jar", "source", &put],
    ] {
        let ran = home.run(words);
        assert!(ran.code == 2 && ran.err.contains("--cookie-jar"), "{ran:?}");
    }
}

#[test]
fn a_file_that_is_read_and_written_begins_empty() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x").header("Set-Cookie", "id=1; Path=/; Max-Age=3600"));
    let url = server.url("/f");
    let ran = home.run(&["get", "-q", "-o", "-", "-b", "jar", &url]);
    assert!(ran.code == 9 && ran.err.contains("-b 'NAME=VALUE'"), "{ran:?}");
    for expected in [None, Some("id=1")] {
        let words = ["get", "-q", "-o", "-", "-b", "jar", "--cookie-jar", "jar", &url];
        assert_eq!(home.out(&words), "x");
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.header("cookie"), expected);
    }
    assert!(std::fs::read_to_string(home.file("jar")).unwrap().contains("id\t1"));
}
