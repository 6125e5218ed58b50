//! `wait` and `watch`: stay until tasks are done, or leave them to the background.

use crate::args::{WaitArgs, WatchArgs};
use crate::clock;
use crate::exit::{self, Failure};
use crate::follow::{Followed, Stop, Until, follow};
use crate::progress;
use crate::task_name::TaskName;
use crate::terminal;
use urlsession::{Daemon, TaskState};

/// Most ids that a hint repeats.
const HINT_LIMIT: usize = 10;

pub(crate) fn wait(args: &WaitArgs) -> Result<u8, Failure> {
    let deadline = args.timeout.and_then(|timeout| clock::steady().checked_add(timeout));
    let until = Until { any: args.any, deadline };
    let followed = follow(&args.tasks, &mut *progress::of(args.talk), until)?;
    if followed.stop == Stop::TimedOut && !args.talk.quiet {
        say_left(&followed);
    }
    Ok(code(&followed))
}

pub(crate) fn watch(args: &WatchArgs) -> Result<u8, Failure> {
    let tasks = if args.tasks.is_empty() { unfinished()? } else { args.tasks.clone() };
    if tasks.is_empty() {
        terminal::say("nothing to watch: all tasks have ended")?;
        return Ok(exit::DONE);
    }
    let followed = follow(&tasks, &mut *progress::of(args.talk), Until::default())?;
    Ok(code(&followed))
}

/// Says how to go on with what still runs, and tells the exit code of what ended the following.
pub(crate) fn detached(followed: &Followed) -> u8 {
    say_left(followed);
    let Stop::Signal(signal) = followed.stop else { return exit::UNFINISHED };
    u8::try_from(signal).map_or(exit::SIGNALLED, |signal| exit::SIGNALLED.saturating_add(signal))
}

fn say_left(followed: &Followed) {
    let names: Vec<&TaskName> = followed.unfinished().map(|task| &task.name).collect();
    if !names.is_empty() {
        let _ = terminal::say(&hint(&names));
    }
}

fn code(followed: &Followed) -> u8 {
    match followed.stop {
        Stop::Signal(_) | Stop::Unheard => detached(followed),
        Stop::TimedOut => exit::TIMED_OUT,
        Stop::Ended => exit::code_of_all(followed.ended().map(|task| task.error.as_ref())),
    }
}

fn unfinished() -> Result<Vec<TaskName>, Failure> {
    let daemon = Daemon::connect(true)?;
    let mut names = Vec::new();
    for status in daemon.tasks(None) {
        let status = status?;
        if status.state != TaskState::Completed {
            names.push(TaskName::new(status.session, status.task));
        }
    }
    Ok(names)
}

fn hint(names: &[&TaskName]) -> String {
    let joined = |by: &str| {
        let shown: Vec<String> = names.iter().take(HINT_LIMIT).map(ToString::to_string).collect();
        shown.join(by)
    };
    if names.len() > HINT_LIMIT {
        let more = names.len() - HINT_LIMIT;
        return format!(
            "continues in the background as {} and {more} more; go on with: urlsession watch · \
             urlsession cancel --all",
            joined(", ")
        );
    }
    format!(
        "continues in the background as {}; go on with: urlsession watch {ids} · urlsession \
         cancel {ids}",
        joined(", "),
        ids = joined(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_says_how_to_go_on() {
        let names: Vec<TaskName> = (12..=30).map(|n| n.to_string().parse().unwrap()).collect();
        let all: Vec<&TaskName> = names.iter().collect();
        assert_eq!(
            hint(&all[..2]),
            "continues in the background as 12, 13; go on with: urlsession watch 12 13 · \
             urlsession cancel 12 13"
        );
        assert!(hint(&all).contains("21 and 9 more; go on with: urlsession watch ·"));
    }
}
