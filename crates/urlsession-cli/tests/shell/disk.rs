//! The disk is full: in a mount namespace of its own, with small file systems in memory.
#![cfg(target_os = "linux")]

use crate::home::Home;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use urlsession_testkit::server::{Answer, Body, Server, sha256};

const MIB: u64 = 1 << 20;

/// How often a state is looked for; each look starts a program that asks the daemon.
const LOOKS: u32 = 600;

/// A folder that is a file system of its own, seen only by the processes started in here.
struct Small {
    /// Keeps the namespace alive; ends when its input does.
    holder: Child,
}

impl Small {
    /// Mounts over that folder, where this system lets its users do that.
    fn over(folder: &Path, bytes: u64) -> Option<Self> {
        let script =
            format!("mount -t tmpfs -o size={bytes},mode=700 tmpfs \"$0\" && echo up && exec cat");
        let mut holder = Command::new("unshare")
            .args(["-rm", "sh", "-c", &script])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut up = [0; 3];
        let said = holder.stdout.as_mut().unwrap();
        if std::io::Read::read_exact(said, &mut up).is_err() {
            let _ = holder.wait();
            eprintln!("SKIPPED: this system does not let its users mount");
            return None;
        }
        Some(Self { holder })
    }

    /// Returns where a path in there is seen from outside.
    fn seen(&self, path: &Path) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(path.strip_prefix("/").unwrap())
    }

    /// Starts the daemon in there.
    fn start_daemon(&self, home: &Home) {
        let inside = home.command(&["daemon", "start"]);
        let mut command = Command::new("nsenter");
        command
            .args(["--preserve-credentials", "-U", "-m", "-t", &self.holder.id().to_string()])
            .arg(inside.get_program())
            .args(inside.get_args());
        for (name, value) in inside.get_envs() {
            command.env(name, value.unwrap());
        }
        assert!(command.status().unwrap().success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn a_download_waits_for_room_and_goes_on_by_itself() {
    let (home, server) = (Home::new(), Server::start());
    let folder = home.file("small");
    fs::create_dir(&folder).unwrap();
    let Some(small) = Small::over(&folder, 16 * MIB) else { return };
    let filler = small.seen(&folder.join("filler"));
    fs::write(&filler, vec![1; 12 << 20]).unwrap();
    small.start_daemon(&home);
    let (known, unknown) = (body(1, 5 * MIB), body(2, 6 * MIB));
    server.on("/known", Answer::pseudo_random(1, 5 * MIB).etag("\"known\""));
    server.on("/unknown", Answer::pseudo_random(2, 6 * MIB).chunked().etag("\"unknown\""));
    // That there is no room for the one shows late, and must not while the other tries to set some aside:
    // then nothing of it could be kept. For the other that shows at once.
    let tasks = ["/unknown", "/known"].map(|path| {
        let task = home.out(&["add", "-q", "-d", "small", &server.url(path)]).trim().to_owned();
        wait_for(&home, &task, |shown| shown["reason"] == "disk");
        task
    });
    server.on("/other", Answer::ok("content"));
    home.out(&["get", &server.url("/other")]);
    assert_eq!(fs::read(home.file("other")).unwrap(), b"content", "nothing else is lost");
    fs::remove_file(filler).unwrap();
    home.out(&["wait", "--timeout", "120s", &tasks[0], &tasks[1]]);
    for (name, body) in [("known", known), ("unknown", unknown)] {
        let path = small.seen(&folder.join(name));
        assert_eq!(sha256(&fs::read(path).unwrap()), body.sha256(), "{name}");
    }
    assert_eq!(fs::read_dir(small.seen(&folder)).unwrap().count(), 2, "no part is left");
    let last = server.requests_for("/unknown").pop().unwrap();
    let range = last.header("range").expect("it goes on from the bytes it kept");
    let from: u64 = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
    assert!(from > 0, "{range}");
}

#[test]
fn a_full_state_folder_delays_what_is_asked_and_loses_nothing() {
    let (home, server) = (Home::new(), Server::start());
    let state = home.paths().state;
    fs::create_dir_all(&state).unwrap();
    let Some(small) = Small::over(&state, 2 * MIB) else { return };
    small.start_daemon(&home);
    server.on("/stalls", Answer::ok("content").stall_after(3));
    server.on("/late", Answer::ok("late"));
    home.out(&["add", &server.url("/stalls")]);
    server.wait_for_requests(1);
    let filler = small.seen(&state.join("filler"));
    assert!(fs::write(&filler, vec![1; 4 << 20]).is_err(), "it is full now");
    // The page that the log ends in has no room for this.
    let field = format!("X-Long: {}", "x".repeat(16 << 10));
    let mut late = home.start(&["add", "-H", &field, &server.url("/late")]);
    let log = small.seen(&home.paths().log());
    let tried = || fs::read_to_string(&log).unwrap().contains("a commit failed");
    assert!((0..LOOKS).any(|_| tried() || home.run(&["--version"]).code != 0));
    server.release("/stalls");
    for asked in [&["ls"][..], &["add", &server.url("/other")], &["show", "1"]] {
        let refused = home.run(asked);
        let why = "the daemon cannot write its state, and goes on once it can";
        assert!(refused.code != 0 && refused.err.contains(why), "{asked:?}: {refused:?}");
    }
    late.wait_for("urlsession doctor");
    fs::remove_file(filler).unwrap();
    let late = late.end();
    assert_eq!((late.code, late.out.as_str()), (0, "2 late\n"), "{late:?}");
    home.out(&["wait", "--timeout", "60s", "1", "2"]);
    assert_eq!(fs::read(home.file("stalls")).unwrap(), b"content");
    assert_eq!(fs::read(home.file("late")).unwrap(), b"late");

    let filler = small.seen(&state.join("filler"));
    assert!(fs::write(&filler, vec![1; 4 << 20]).is_err(), "it is full again");
    let waits = home.start(&["add", "-q", "-H", &field, &server.url("/late")]);
    assert!((0..LOOKS).any(|_| home.run(&["daemon", "status"]).code != 0));
    // It would start the next daemon.
    drop(waits);
    let stopped = home.run(&["daemon", "stop"]);
    assert!(stopped.code == 0 && stopped.err.contains("has stopped"), "{stopped:?}");
}

fn body(seed: u64, length: u64) -> Body {
    Body::PseudoRandom { seed, length }
}

fn wait_for(home: &Home, task: &str, found: impl Fn(&Value) -> bool) {
    for _ in 0..LOOKS {
        if found(&home.json(&["show", "--json", task])) {
            return;
        }
    }
    panic!("{}", home.out(&["show", "--json", task]));
}
