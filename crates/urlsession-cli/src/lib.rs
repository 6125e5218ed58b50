//! What the executable `urlsession` is made of: downloads and uploads from the shell, and the daemon
//! itself.

mod advice;
mod after;
mod args;
mod bare_url;
mod clock;
mod commands;
mod condition;
mod config;
mod data;
mod demo;
mod escape;
mod exit;
mod file_name;
mod follow;
mod form;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod glob;
mod hand_over;
mod input;
mod interrupt;
mod json;
mod known_hosts;
mod list;
mod measure;
mod netrc;
mod netscape;
mod plan;
mod progress;
mod public_key;
#[cfg(test)]
mod sample;
mod set_cookie;
mod task_name;
mod terminal;
mod tracked;
mod user_info;
mod waterfall;
mod write_out;
mod zone;

use std::process::ExitCode;

/// Returns all that can be typed, as completions and man pages need it.
#[must_use]
pub fn command() -> clap::Command {
    args::command()
}

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    interrupt::outlive_file_sizes();
    let arguments = args::with_default_command(std::env::args_os());
    let code = args::words::parts(arguments).and_then(|parts| {
        let parts = parts.into_iter().map(args::parse);
        commands::run_all(parts.collect())
    });
    ExitCode::from(code.unwrap_or_else(|failure| failure.tell()))
}
