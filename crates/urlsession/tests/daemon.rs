//! The client against the real daemon, with apps and daemons that are killed.
//!
//! This executable plays all parts: the test runner; with the arguments `daemon run` the daemon, as
//! the client starts it; with `app NAME` an app that a scenario starts in order to kill it.
#![expect(clippy::print_stdout, reason = "the runner reports")]

#[cfg(unix)]
#[path = "daemon/app.rs"]
mod app;
#[cfg(unix)]
#[path = "daemon/cases.rs"]
mod cases;
#[cfg(unix)]
#[path = "daemon/decisions.rs"]
mod decisions;
#[cfg(unix)]
#[path = "daemon/scenarios.rs"]
mod scenarios;

fn main() {
    #[cfg(unix)]
    runner::main();
}

#[cfg(unix)]
mod runner {
    use super::scenarios::{APPS, SCENARIOS};
    use std::process::{Command, Stdio};

    pub(super) fn main() {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let code = match words[..] {
            ["daemon", "run"] => daemon(),
            ["scenario", name] => play(&SCENARIOS, name),
            ["app", name] => play(&APPS, name),
            _ => run_all(&words),
        };
        std::process::exit(i32::from(code));
    }

    fn daemon() -> u8 {
        match urlsession_daemon::run(&urlsession_daemon::Options::new("test")) {
            Ok(ended) => ended.exit_code(),
            Err(_) => 1,
        }
    }

    fn play(parts: &[(&str, fn())], name: &str) -> u8 {
        let (_, part) = parts.iter().find(|(part, _)| *part == name).expect("there is such a part");
        part();
        0
    }

    /// Runs each scenario in a process and a home of its own.
    fn run_all(words: &[&str]) -> u8 {
        if words.contains(&"--list") {
            SCENARIOS.iter().for_each(|(name, _)| println!("{name}: test"));
            return 0;
        }
        let filter = words.iter().find(|word| !word.starts_with('-')).copied().unwrap_or_default();
        let mut failed = 0;
        for (name, _) in SCENARIOS.iter().filter(|(name, _)| name.contains(filter)) {
            let home = tempfile::tempdir().expect("a temporary folder");
            let own = std::env::current_exe().expect("this executable has a path");
            let output = Command::new(&own)
                .args(["scenario", name])
                .env("URLSESSION_HOME", home.path())
                .env("URLSESSION_DAEMON", &own)
                .env("URLSESSION_APP_ID", "test")
                .env("URLSESSION_IDLE_EXIT", "5")
                .stdin(Stdio::null())
                .output()
                .expect("a scenario starts");
            let passed = output.status.success();
            println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
            if !passed {
                failed += 1;
                println!("{}", String::from_utf8_lossy(&output.stderr));
                let log = home.path().join("state/daemon.log");
                println!("{}", std::fs::read_to_string(log).unwrap_or_default());
            }
        }
        u8::from(failed > 0)
    }
}
