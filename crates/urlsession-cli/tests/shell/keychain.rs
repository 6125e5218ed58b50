//! Kept passwords and the system's keychain: a real one, GNOME's, on a bus of its own.

use crate::home::Home;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use urlsession_testkit::server::{Answer, Server};

const PASSWORD: &str = "pAssw0rd-Gk5";
/// What must be installed.
const NEEDED: [&str; 3] = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon"];
/// Opens the keychain itself.
const LOGIN: &[u8] = b"login";

/// A bus, and on it a keychain that is unlocked. Both end with it.
struct Keychain {
    folder: TempDir,
    address: String,
    bus: Option<Child>,
    keychain: Option<Child>,
}

impl Keychain {
    /// Starts both; `None`, said loudly, where they are not installed.
    fn start() -> Option<Self> {
        let is_missing = |name: &&str| Command::new(name).arg("--version").output().is_err();
        if let Some(missing) = NEEDED.into_iter().find(is_missing) {
            return none(&format!("{missing} is not installed"));
        }
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("bus.conf");
        std::fs::write(&configuration, bus(&folder)).unwrap();
        let mut bus = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", configuration.display()))
            .args(["--print-address", "--nofork", "--nosyslog"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let mut keychain = Self { folder, address, bus: Some(bus), keychain: None };
        match keychain.open() {
            true => Some(keychain),
            false => none("the keychain does not come up"),
        }
    }

    /// Starts the keychain and waits until it is on the bus; says whether it came.
    fn open(&mut self) -> bool {
        let mut keychain = Command::new("gnome-keyring-daemon")
            .args(["--unlock", "--components=secrets", "--foreground"])
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("XDG_DATA_HOME", self.folder.path().join("data"))
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        keychain.stdin.take().unwrap().write_all(LOGIN).unwrap();
        self.keychain = Some(keychain);
        let is_there = || {
            Command::new("dbus-send")
                .args(["--session", "--print-reply", "--reply-timeout=1000"])
                .args(["--dest=org.freedesktop.secrets"])
                .args(["/org/freedesktop/secrets", "org.freedesktop.DBus.Peer.Ping"])
                .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
                .output()
                .unwrap()
                .status
                .success()
        };
        // Nothing tells when it is; each look takes a few milliseconds.
        (0..2000).any(|_| is_there())
    }

    fn close(&mut self) {
        end(self.keychain.take());
    }
}

impl Drop for Keychain {
    fn drop(&mut self) {
        self.close();
        end(self.bus.take());
    }
}

/// Says loudly why there is none.
fn none(why: &str) -> Option<Keychain> {
    assert!(std::env::var_os("URLSESSION_REQUIRE_PEERS").is_none(), "{why}");
    eprintln!("SKIPPED: {why}");
    None
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn bus(folder: &TempDir) -> String {
    format!(
        "<busconfig><type>session</type><listen>unix:dir={}</listen><policy context='default'>\
         <allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/>\
         <allow own='*'/></policy></busconfig>",
        folder.path().display()
    )
}

/// Says whether the password is anywhere in the store as it is.
fn is_bare(home: &Home) -> bool {
    let files = std::fs::read_dir(home.paths().state).unwrap().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().unwrap().is_file());
    let has =
        |bytes: Vec<u8>| bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
    files.into_iter().any(|entry| has(std::fs::read(entry.path()).unwrap()))
}

#[test]
fn passwords_are_sealed_where_there_is_a_keychain() {
    let Some(mut keychain) = Keychain::start() else { return };
    let server = Server::start();
    let guarded = || {
        let refusal = Answer::ok("who?").status(401);
        let refusal = refusal.header("WWW-Authenticate", "Basic realm=\"the house\"").times(1);
        refusal.then(Answer::ok("in"))
    };
    let url = server.url("/f");
    let mut home = Home::new();
    let is_let_in = |home: &Home| {
        server.on("/f", guarded());
        home.run(&["get", "-q", "-o", "-", "--no-fail", &url]).out == "in"
    };

    // Without a keychain it is as it was typed, and said so.
    let set = home.run_with_input(&["credentials", "set", &url, "me"], PASSWORD);
    assert!(set.err.contains("in plain text") && is_bare(&home), "{}", set.err);
    assert!(home.out(&["credentials", "ls"]).contains("in plain text"));
    home.kill_daemon();

    // Once there is one, it is sealed, and good for the same.
    home.variable("URLSESSION_KEYCHAIN", "on");
    home.variable("DBUS_SESSION_BUS_ADDRESS", &keychain.address.clone());
    assert!(is_let_in(&home));
    assert!(home.out(&["credentials", "ls"]).contains("permanent, sealed"));
    home.out(&["daemon", "stop"]);
    assert!(!is_bare(&home), "what was in plain text is overwritten");
    assert!(is_let_in(&home), "the key outlives the daemon");
    let set = home.run_with_input(&["credentials", "set", &url, "me"], &format!("{PASSWORD}2"));
    assert!(set.err.contains("sealed by your keychain"), "{}", set.err);
    assert!(!is_bare(&home));

    // Without it, nobody is shown it, and nothing is lost.
    home.kill_daemon();
    keychain.close();
    assert!(!is_let_in(&home));
    assert_eq!(home.json(&["credentials", "ls", "--json"])[0]["seal"], "locked");
    home.kill_daemon();
    assert!(keychain.open());
    assert!(is_let_in(&home));
    assert_eq!(home.run(&["credentials", "rm", &url]).err, "1 forgotten\n");
}
