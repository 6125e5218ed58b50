//! Secrets at work, and everything that another client, a log, a list or a folder tells meanwhile.

use crate::home::Home;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use urlsession_testkit::proxy::{Proxy, Way};
use urlsession_testkit::server::{Answer, Demands, Pkcs12, Server};

const BEARER: &str = "bEarer-Kq31";
const PASSWORD: &str = "pAssw0rd-Jx71";
const IN_URL: &str = "uRlpass-Vd51";
const PROXY: &str = "pRoxypass-Tn21";
const PASSPHRASE: &str = "pHrase-Rb81";
const COOKIE: &str = "cOokie-Wz91";
const ALL: [&str; 6] = [BEARER, PASSWORD, IN_URL, PROXY, PASSPHRASE, COOKIE];
/// Tasks that are made.
const TASKS: usize = 6;

#[test]
fn nobody_else_is_told() {
    let demands = Demands { certificate: true, ..Demands::default() };
    let (home, server) = (Home::new(), Server::start());
    let (private, proxy) = (Server::start_tls_demanding(demands), Proxy::start(Way::Http));
    proxy.demand("user", PROXY);
    let file =
        || Answer::ok("content").header("Set-Cookie", &format!("set={COOKIE}; Max-Age=9999"));
    server.on("/f", file().etag("\"tag\"").stall_after(3));
    let digest = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256";
    server.on("/digest", file().status(401).header("WWW-Authenticate", digest));
    server.on("/gone", file().status(404));
    private.on("/", file());
    let start = home.command(&["daemon", "start"]).env("URLSESSION_LOG", "trace").status();
    assert!(start.unwrap().success());
    home.out(&["add", "-q", &server.url("/gone")]);
    let mut watcher = Watcher::start(&home);

    let (url, gone, authority) = (server.url("/f"), server.url("/gone"), private.ca_pem());
    let in_url = server.url("/digest").replace("http://", &format!("http://me:{IN_URL}@"));
    let through = proxy.url(&format!("user:{PROXY}@"));
    let identity = private.client_p12(Pkcs12::Modern, PASSPHRASE);
    let identity = format!("{}:{PASSPHRASE}", identity.display());
    let (field, cookie) = (format!("Authorization: Bearer {BEARER}"), format!("sent={COOKIE}"));
    let user = format!("me:{PASSWORD}");
    for words in [
        &["add", "-q", "-H", &field, "-b", &cookie, &url][..],
        &["add", "-q", &in_url],
        &["add", "-q", "--anyauth", "-u", &user, &server.url("/digest")],
        &["add", "-q", "--proxy", &through, &gone],
        &[
            "add",
            "-q",
            "--cacert",
            authority.to_str().unwrap(),
            "--cert",
            &identity,
            &private.url("/"),
        ],
    ] {
        home.out(words);
    }
    server.wait_for_requests(7);
    home.out(&["pause", "2"]);
    home.out(&["edit", "2", "-H", &field, "-u", &user]);
    let mut told = String::new();
    for words in [&["ls", "--all", "--json"][..], &["show", "2"], &["explain", "2"]] {
        told.push_str(&home.out(words));
    }
    home.out(&["cancel", "2"]);
    told.push_str(&watcher.listen(TASKS));
    for task in ["1", "2", "3", "4", "5", "6"] {
        for words in [&["show", task][..], &["show", task, "--json"], &["show", task, "--metrics"]]
        {
            told.push_str(&home.out(words));
        }
    }
    told.push_str(&home.out(&["events"]));
    told.push_str(&home.out(&["events", "--json"]));
    told.push_str(&home.out(&["daemon", "status", "--json"]));
    told.push_str(&home.out(&["daemon", "logs"]));
    told.push_str(&seen_in(&home.paths().state.join("..")));
    told.push_str(&seen_by_everybody(&home));
    check(&told);
    assert!(proxy.seen().len() > 1 && !private.requests().is_empty(), "the secrets were used");
}

#[track_caller]
fn check(told: &str) {
    for what in ["did_complete", "401", "DEBUG", "transaction_metrics", "store"] {
        assert!(told.contains(what), "nothing tells of “{what}”: {told}");
    }
    // What Basic makes of them, wherever they begin.
    let encoded = ["dVJscGFzcy1WZD", "wUm94eXBhc3Mt", "dXNlcjpwUm94", "cEFzc3cwcmQt"];
    for secret in ALL.iter().chain(&encoded) {
        let line = told.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is told");
    }
}

/// What the system tells every user of the daemon's process, as `ps` shows it.
fn seen_by_everybody(home: &Home) -> String {
    let record = std::fs::read_to_string(home.paths().lock()).unwrap();
    let process = Path::new("/proc").join(record.lines().next().unwrap());
    let told = |name: &str| std::fs::read(process.join(name)).unwrap_or_default();
    let words = String::from_utf8(told("cmdline")).unwrap();
    if cfg!(target_os = "linux") {
        assert!(words.ends_with("daemon\0run\0"), "{words:?}");
    }
    format!("{words}{}\n", String::from_utf8_lossy(&told("comm")))
}

/// Names of all files below a folder, which are their user's alone.
fn seen_in(folder: &Path) -> String {
    let mut names = String::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, about) = (entry.path(), entry.metadata().unwrap());
        assert_eq!(about.permissions().mode() & 0o077, 0, "{} is open to others", path.display());
        names.push_str(&format!("{}\n", path.display()));
        if about.is_dir() {
            names.push_str(&seen_in(&path));
        }
    }
    names
}

/// A second client, which looks at whatever clients can look at.
struct Watcher {
    stream: BufReader<UnixStream>,
    session: String,
    heard: String,
}

impl Watcher {
    fn start(home: &Home) -> Self {
        let session = home.json(&["ls", "--all", "--json"])[0]["session"].to_string();
        let stream = UnixStream::connect(home.paths().socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut watcher = Self { stream: BufReader::new(stream), session, heard: String::new() };
        watcher.say(r#"{"message":"hello","protocol":1,"program":"watcher 1","pid":7}"#);
        let session = watcher.session.clone();
        watcher.call(1, &format!(r#""call":"watch","session":{session}"#));
        watcher
    }

    /// Hears of so many ends, then asks for everything that can be asked.
    fn listen(&mut self, ends: usize) -> String {
        while self.heard.matches("did_complete").count() < ends - 1 {
            self.hear();
        }
        let session = self.session.clone();
        self.call(2, r#""call":"status""#);
        self.call(3, &format!(r#""call":"session","session":{session}"#));
        self.call(4, r#""call":"tasks","limit":100"#);
        for task in 1..=TASKS as u64 {
            self.call(10 + task, &format!(r#""call":"task","session":{session},"task":{task}"#));
        }
        self.heard.clone()
    }

    fn call(&mut self, id: u64, call: &str) {
        self.say(&format!(r#"{{"message":"call","id":{id},{call}}}"#));
        let reply = format!(r#"{{"message":"reply","id":{id},"#);
        while !self.hear().starts_with(&reply) {}
    }

    fn say(&mut self, line: &str) {
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the daemon hung up: {}", self.heard);
        self.heard.push_str(&line);
        line
    }
}
