//! Apps in processes of their own, and how they and daemons are killed.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use urlsession::{Daemon, Session, SessionConfiguration};

/// Kills a process as nobody can prevent.
pub(crate) fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lives");
}

/// An app in a process of its own.
pub(crate) struct App(Child);

impl App {
    pub(crate) fn start(name: &str, url: &str) -> Self {
        let own = std::env::current_exe().expect("this executable has a path");
        let app = Command::new(own)
            .args(["app", name])
            .env("TEST_URL", url)
            .stdout(Stdio::piped())
            .spawn();
        Self(app.expect("an app starts"))
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let out = self.0.stdout.as_mut().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("the app tells");
        line.trim_end().to_owned()
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("it lives");
        self.0.wait().expect("it is gone");
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An app whose file is called as the daemon's is would start itself, and that one the next.
pub(crate) fn an_app_is_no_daemon() {
    let own = std::env::current_exe().expect("this executable has a path");
    let status = Command::new(own)
        .args(["app", "taken for the daemon"])
        .env("URLSESSION_READY_FD", "3")
        .status();
    assert!(status.expect("an app starts").success());
    assert!(Daemon::running().expect("it can be told").is_none(), "it started a daemon");
}

pub(crate) fn app_taken_for_the_daemon() {
    let error = Session::new(SessionConfiguration::background("s")).expect_err("it is no daemon");
    assert!(error.to_string().contains("was started as the daemon"), "{error}");
}
