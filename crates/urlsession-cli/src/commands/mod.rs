//! What each command does: one function a command, which returns the exit code.

mod control;
mod cookies;
mod credentials;
mod daemon;
mod events;
mod list;
mod service;
mod show;
mod transfer;
mod wait;

use crate::args::{Cli, Command};
use crate::demo;
use crate::exit::{self, Failure};
use crate::terminal;
use clap::CommandFactory as _;

/// Does what was asked for.
pub(crate) fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Get(args) => transfer::get(&args),
        Command::Add(args) => transfer::add(&args),
        Command::Put(args) => transfer::put(&args),
        Command::Ls(args) => list::ls(&args),
        Command::Show(args) => show::show(&args),
        Command::Explain(args) => show::explain(&args),
        Command::Wait(args) => wait::wait(&args),
        Command::Watch(args) => wait::watch(&args),
        Command::Events(args) => events::events(&args),
        Command::Pause(selection) => control::pause(&selection),
        Command::Resume(selection) => control::resume(&selection),
        Command::Edit(args) => control::edit(&args),
        Command::Answer(args) => credentials::answer(&args),
        Command::Retry(selection) => control::retry(&selection),
        Command::Cancel(selection) => control::cancel(&selection),
        Command::Rm(selection) => control::rm(&selection),
        Command::Cookies(args) => cookies::cookies(&args.command),
        Command::Credentials(args) => credentials::credentials(&args.command),
        Command::Daemon(args) => daemon::daemon(&args),
        Command::Demo(args) => demo::demo(&args),
        Command::DemoApp(args) => demo::app(&args),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "urlsession", &mut script);
            terminal::print(&String::from_utf8_lossy(&script))?;
            Ok(exit::DONE)
        }
    }
}
