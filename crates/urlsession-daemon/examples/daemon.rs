//! The daemon as a program of its own, for tests.

use std::process::ExitCode;
use urlsession_daemon::{Options, run};

fn main() -> ExitCode {
    match run(&Options::new(env!("CARGO_PKG_VERSION"))) {
        Ok(ended) => ended.exit_code().into(),
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "that is where a program says why it failed")]
            {
                eprintln!("daemon: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
