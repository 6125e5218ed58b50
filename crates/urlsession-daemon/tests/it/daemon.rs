//! A daemon process of a test, and a client that writes lines by hand.

use rustix::process::{Pid, Signal};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use urlsession_protocol::paths::Paths;

/// Names the variable that makes the test program a daemon.
pub(crate) const IS_DAEMON: &str = "URLSESSION_TEST_DAEMON";
pub(crate) const HELLO: &str = r#"{"message":"hello","protocol":1,"program":"test 1","pid":7}"#;
/// The file in the home with the deaths to come.
const DEATHS: &str = "deaths";
/// After this the test has failed; no test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that is `URLSESSION_HOME` of the daemons of one test.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn paths(&self) -> Paths {
        Paths::in_home(self.path())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.paths().socket()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.paths().log()).unwrap()
    }

    /// Lets the daemons that start from now on die once at that point.
    pub(crate) fn plan_death_at(&self, point: &str) {
        std::fs::write(self.path().join(DEATHS), format!("{point} 1\n")).unwrap();
    }

    /// Starts a daemon that never exits for idleness, and waits for its word.
    pub(crate) fn start(&self) -> Daemon {
        self.start_with("0")
    }

    /// Starts a daemon that must say `ready`.
    pub(crate) fn start_with(&self, idle_exit: &str) -> Daemon {
        let mut daemon = Daemon::spawn(self.path(), idle_exit);
        assert_eq!(daemon.word(), "ready\n");
        daemon
    }
}

/// A daemon process; dropping it kills it.
pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    pub(crate) fn spawn(home: &Path, idle_exit: &str) -> Self {
        Self::spawn_with(home, idle_exit, Stdio::null())
    }

    /// Spawns it with a descriptor 9 that is none of its business.
    pub(crate) fn spawn_with(home: &Path, idle_exit: &str, ninth: Stdio) -> Self {
        // The shell makes the pipe descriptor 3, which std cannot do without unsafe code. A umask of
        // nothing shows what is not private by itself.
        let child = Command::new("/bin/sh")
            .args([
                "-c",
                r#"umask 0; exec 3>&1 >/dev/null 9<&0 </dev/null
                exec "$0" --exact daemon_process --nocapture"#,
            ])
            .arg(std::env::current_exe().unwrap())
            .env(IS_DAEMON, "1")
            .env("URLSESSION_HOME", home)
            .env(urlsession_daemon::READY_VARIABLE, "3")
            .env(urlsession_daemon::IDLE_EXIT_VARIABLE, idle_exit)
            .env(urlsession_daemon::LOG_VARIABLE, "debug")
            .env("URLSESSION_CRASH_PLAN", home.join(DEATHS))
            .stdin(ninth)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self { child }
    }

    /// Reads all that the readiness pipe gives until it is closed.
    pub(crate) fn word(&mut self) -> String {
        let mut word = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut word).unwrap();
        word
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for the end and returns the exit code, `None` after a signal.
    pub(crate) fn exit_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that writes and reads lines.
pub(crate) struct Client {
    pub(crate) stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects and says nothing.
    pub(crate) fn connect(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Connects and exchanges hellos.
    pub(crate) fn greet(socket: &Path) -> std::io::Result<Self> {
        let mut client = Self::connect(socket)?;
        client.write(HELLO.as_bytes())?;
        client.write(b"\n")?;
        let answer = client.line()?;
        assert!(answer.starts_with(r#"{"message":"hello","protocol":1,"#), "{answer}");
        Ok(client)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads the next line; `UnexpectedEof` at the end.
    pub(crate) fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line),
        }
    }

    /// Reads lines until the daemon closes.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line().ok()).collect()
    }

    /// Asks, and reads until the answer.
    pub(crate) fn call(&mut self, id: u64, call: &str) -> std::io::Result<String> {
        self.write(format!("{{\"message\":\"call\",\"id\":{id},{call}}}\n").as_bytes())?;
        let answer = format!(r#"{{"message":"reply","id":{id},"#);
        loop {
            let line = self.line()?;
            if line.starts_with(&answer) {
                return Ok(line);
            }
        }
    }
}
