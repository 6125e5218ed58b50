//! What each command does: one function a command, which returns the exit code.

mod add;
mod control;
mod cookies;
mod credentials;
mod daemon;
#[cfg(unix)]
mod doctor;
mod events;
mod hsts;
mod limit;
mod list;
mod service;
mod session;
mod show;
mod transfer;
mod wait;

use crate::args::{self, Command, GetArgs, Talk};
use crate::demo;
use crate::exit::{self, Failure};
use crate::terminal;

/// Does what was asked for, one part after the other. A part that fails ends none but itself, unless
/// --fail-early is given; a signal, or a reader who went away, ends all of them.
pub(crate) fn run_all(mut parts: Vec<Command>) -> Result<u8, Failure> {
    let fails_early = share(&mut parts);
    let number = parts.len();
    if number > 1 && parts.iter().all(|part| matches!(part, Command::Add(_))) {
        let all = parts.into_iter().filter_map(|part| match part {
            Command::Add(args) => Some(*args),
            _ => None,
        });
        return add::add(&all.collect::<Vec<_>>());
    }
    let mut common = exit::DONE;
    for (at, part) in parts.into_iter().enumerate() {
        if number == 1 {
            return run(part);
        }
        let code = run(part).unwrap_or_else(|failure| failure.tell());
        let left = number - at - 1;
        let is_left = matches!(code, exit::UNFINISHED | exit::TIMED_OUT..);
        if is_left || (code != exit::DONE && fails_early) {
            if left > 0 {
                terminal::say(&format!("not begun: what stands behind --next, {left} in all"))?;
            }
            return Ok(code);
        }
        common = joined(common, code);
    }
    Ok(common)
}

/// Returns the exit code of two parts: their common cause, or that causes differ.
fn joined(common: u8, code: u8) -> u8 {
    match common {
        _ if code == exit::DONE => common,
        exit::DONE => code,
        common if common == code => code,
        _ => exit::SOME_FAILED,
    }
}

/// Has the options that are for all parts in each of them, and URLs counted on; says whether they end
/// with the first that fails.
fn share(parts: &mut [Command]) -> bool {
    let gets = || {
        parts.iter().filter_map(|part| match part {
            Command::Get(args) | Command::Add(args) => Some(args),
            _ => None,
        })
    };
    let any = |is_typed: fn(&GetArgs) -> bool| gets().any(|args| is_typed(args));
    let talk = Talk {
        quiet: any(|args| args.talk.quiet),
        verbose: any(|args| args.talk.verbose),
        json: any(|args| args.talk.json),
        no_progress_meter: any(|args| args.talk.no_progress_meter),
    };
    let fail_early = any(|args| args.fail_early);
    let mut urls = 0;
    for part in parts {
        if let Command::Get(args) | Command::Add(args) = part {
            args.talk = talk;
            args.fail_early = fail_early;
            args.first_number = urls;
            urls += args.urls.len();
        }
    }
    fail_early
}

/// Does what was asked for.
fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Get(args) => transfer::get(*args),
        Command::Add(args) => add::add(&[*args]),
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
        Command::Hsts(args) => hsts::hsts(&args.command),
        Command::Credentials(args) => credentials::credentials(&args.command),
        Command::Session(args) => session::session(&args.command),
        Command::Limit(args) => limit::limit(&args),
        Command::Daemon(args) => daemon::daemon(&args),
        #[cfg(unix)]
        Command::Doctor(args) => doctor::doctor(&args),
        #[cfg(not(unix))]
        Command::Doctor(_) => {
            Err(Failure::new(exit::NO_DAEMON, "the daemon does not run on this system yet"))
        }
        Command::Demo(args) => demo::demo(&args),
        Command::DemoApp(args) => demo::app(&args),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut args::command(), "urlsession", &mut script);
            terminal::print(&String::from_utf8_lossy(&script))?;
            Ok(exit::DONE)
        }
    }
}
