//! Paths that lead elsewhere: planted symbolic links, names with `..`, NUL and newline, and long ones.

use crate::daemon::{Client, Home};
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use urlsession_protocol::paths::Paths;
use urlsession_testkit::server::{Answer, Server};

const SESSION: &str = r#""session":{"application":"com.example","session":"files"}"#;
const TREASURE: &str = "not yours";

/// A daemon, a client that owns a session, a server, and a file that must stay as it is.
struct Trial {
    home: Home,
    client: Client,
    server: Server,
    outside: tempfile::TempDir,
    tasks: u64,
    _daemon: crate::daemon::Daemon,
}

impl Trial {
    fn new() -> Self {
        let home = Home::new();
        let daemon = home.start();
        let server = Server::start();
        server.on("/file", Answer::pseudo_random(1, 1000));
        let mut client = Client::greet(&home.socket()).unwrap();
        let attach = format!(r#""call":"attach",{SESSION},"configuration":{{}}"#);
        client.call(1, &attach).unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("treasure"), TREASURE).unwrap();
        Self { home, client, server, outside, tasks: 0, _daemon: daemon }
    }

    fn treasure(&self) -> PathBuf {
        self.outside.path().join("treasure")
    }

    fn state(&self) -> PathBuf {
        self.home.paths().state
    }

    /// Asks for a task and returns the event that ends it.
    fn task(&mut self, details: &str, method: &str, body: &str) -> String {
        self.tasks += 1;
        let (task, url) = (self.tasks, self.server.url("/file"));
        let call = format!(
            r#""call":"create_task",{SESSION},"task":{task},"resume":true,{details},"options":{{"maximum_retries":0,"timeout_interval_for_resource":2000}},"request":{{"url":"{url}","method":"{method}"{body}}}"#
        );
        let answer = self.client.call(10 + task, &call).unwrap();
        if !answer.contains(r#""reply":"done""#) {
            return answer;
        }
        loop {
            let line = self.client.line().unwrap();
            if line.contains("did_complete") {
                return line;
            }
        }
    }

    fn download_to(&mut self, destination: &str) -> String {
        let path = serde_json_text(destination);
        self.task(&format!(r#""kind":"download","destination":{path}"#), "GET", "")
    }

    fn nothing_happened(&self, what: &str) {
        assert_eq!(std::fs::read_to_string(self.treasure()).unwrap(), TREASURE, "{what}");
        let names = std::fs::read_dir(self.outside.path()).unwrap().count();
        assert_eq!(names, 1, "{what}: something came into being outside");
    }
}

#[test]
fn destinations_that_are_no_paths_are_errors() {
    let mut trial = Trial::new();
    let long_name = format!("/tmp/{}", "n".repeat(4096));
    let longer_name = format!("{}/{}", trial.outside.path().display(), "n".repeat(256));
    let long_path = format!("/tmp{}/x", "/d".repeat(3000));
    let nowhere = format!("{}/missing/file", trial.outside.path().display());
    let folder = trial.outside.path().display().to_string();
    for destination in [
        "relative",
        "",
        "../x",
        "/tmp/a\0b",
        &long_name,
        &longer_name,
        &long_path,
        &nowhere,
        &folder,
        "/",
        "/..",
        "/dev/null/x",
        "/proc/x",
    ] {
        let end = trial.download_to(destination);
        let failed = end.contains(r#""error":{"code":-"#);
        assert!(failed, "{destination:.60}: {end}");
        trial.nothing_happened(destination);
    }
}

#[test]
fn odd_names_are_names() {
    let mut trial = Trial::new();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in
        ["a\nb", "a\rb", "\u{1b}[31m", "..", "...", "-rf", "a b", "\u{202e}gpj", "%2e%2e", "a\\b"]
    {
        let end = trial.download_to(at(name).to_str().unwrap());
        let whole = std::fs::read(at(name)).is_ok_and(|bytes| bytes.len() == 1000);
        assert_eq!(whole, name != "..", "{name:?}: {end}");
    }
    trial.nothing_happened("odd names");
}

#[test]
fn planted_links_are_not_followed() {
    let mut trial = Trial::new();
    let folder = tempfile::tempdir().unwrap();

    // Where the finished file goes: the link is replaced, not followed.
    let finished = folder.path().join("finished");
    symlink(trial.treasure(), &finished).unwrap();
    trial.download_to(finished.to_str().unwrap());
    trial.nothing_happened("a link at the destination");

    // Where the part file goes, whose name can be foreseen.
    let next = trial.tasks + 1;
    let part = folder.path().join(format!(".second.1-{next}.urlsession-part"));
    symlink(trial.treasure(), &part).unwrap();
    let end = trial.download_to(folder.path().join("second").to_str().unwrap());
    assert!(end.contains(r#""error":{"code":-"#), "{end}");
    trial.nothing_happened("a link at the part file");

    // The folder of a session, and a file in it.
    let next = trial.tasks + 1;
    let session = trial.state().join("files/1");
    let _ = std::fs::remove_dir_all(&session);
    symlink(trial.outside.path(), &session).unwrap();
    let end = trial.task(r#""kind":"download""#, "GET", "");
    assert!(end.contains(r#""error":{"code":-"#), "{end}");
    trial.nothing_happened("a link at the session's folder");
    std::fs::remove_file(&session).unwrap();
    std::fs::create_dir(&session).unwrap();
    symlink(trial.treasure(), session.join(format!("{}.download", next + 1))).unwrap();
    symlink(trial.treasure(), session.join(format!("{}.part", next + 1))).unwrap();
    trial.task(r#""kind":"download""#, "GET", "");
    trial.nothing_happened("links in the session's folder");
}

/// A second name of a file is as good as a link: what it names is neither written nor cut.
#[test]
fn planted_second_names_are_left_alone() {
    let mut trial = Trial::new();
    // Beside the file, because both names are of one file system.
    let folder = trial.outside.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let next = trial.tasks + 1;
    let finished = folder.join("file");
    for planted in [folder.join(format!(".file.1-{next}.urlsession-part")), finished.clone()] {
        std::fs::hard_link(trial.treasure(), &planted).unwrap();
        let end = trial.download_to(finished.to_str().unwrap());
        assert!(end.contains("did_complete"), "{end}");
        assert_eq!(std::fs::read_to_string(trial.treasure()).unwrap(), TREASURE, "{planted:?}");
        assert_eq!(std::fs::metadata(&finished).unwrap().len(), 1000, "{end}");
        std::fs::remove_file(&finished).unwrap();
        let left = std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(left, 0, "{planted:?}: its name is taken");
    }
}

#[test]
fn a_body_elsewhere_is_not_removed() {
    let mut trial = Trial::new();
    let treasure = trial.treasure();
    let up = "../".repeat(40);
    let around = format!("{}/spool/{up}{}", trial.state().display(), treasure.display());
    let link = trial.state().join("spool/link");
    symlink(&treasure, &link).unwrap();
    for path in [treasure.to_str().unwrap(), &around, link.to_str().unwrap(), "/proc/self/mem"] {
        let body =
            format!(r#","body":{{"from":"spool","path":{},"length":9}}"#, serde_json_text(path));
        trial.task(r#""kind":"upload""#, "PUT", &body);
        trial.nothing_happened(path);
    }
}

#[test]
fn links_at_the_daemons_own_files_keep_it_from_starting() {
    let own = |path: fn(&Paths) -> PathBuf, is_file: bool| (path, is_file);
    for (path, is_file) in [
        own(|paths| paths.state.clone(), false),
        own(|paths| paths.state.join("store.sqlite"), true),
        own(|paths| paths.state.join("files"), false),
        own(|paths| paths.state.join("spool"), false),
        own(|paths| paths.state.join("resume"), false),
        own(Paths::lock, true),
        own(Paths::gate, true),
        own(Paths::log, true),
    ] {
        let home = Home::new();
        let outside = tempfile::tempdir().unwrap();
        let path = path(&home.paths());
        let name = path.display();
        let parent = path.parent().unwrap();
        DirBuilder::new().mode(0o700).recursive(true).create(parent).unwrap();
        let target: PathBuf = outside.path().join("target");
        if is_file {
            std::fs::write(&target, TREASURE).unwrap();
        } else {
            std::fs::create_dir(&target).unwrap();
        }
        symlink(&target, &path).unwrap();
        let mut daemon = crate::daemon::Daemon::spawn(home.path(), "0");
        let word = daemon.word();
        assert!(word.contains("error") && word.contains("symbolic link"), "{name}: {word}");
        assert!(is_untouched(&target), "{name}");
    }
}

fn is_untouched(target: &Path) -> bool {
    match std::fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => std::fs::read_to_string(target).unwrap() == TREASURE,
    }
}

/// Writes a text as JSON does.
fn serde_json_text(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c.is_control() => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json + "\""
}
