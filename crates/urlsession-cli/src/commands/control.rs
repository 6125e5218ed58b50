//! `pause`, `resume`, `cancel` and `rm`: one call a task, all of them tried, the worst told.

use super::crowd;
use crate::args::{EditArgs, Selection};
use crate::exit::{self, Failure};
use crate::follow::no_such_task;
use crate::plan;
use crate::task_name::{self, TaskName};
use crate::terminal;
use urlsession::{Daemon, Error, RequestEdit, TaskState, TaskStatus};

pub(crate) fn pause(selection: &Selection) -> Result<u8, Failure> {
    let act = |daemon: &Daemon, name: &TaskName| daemon.suspend(&name.session, name.task);
    each(selection, "paused", |state| state == TaskState::Running, act)
}

pub(crate) fn resume(selection: &Selection) -> Result<u8, Failure> {
    let act = |daemon: &Daemon, name: &TaskName| daemon.resume(&name.session, name.task);
    each(selection, "goes on", |state| state == TaskState::Suspended, act)
}

pub(crate) fn retry(selection: &Selection) -> Result<u8, Failure> {
    let act = |daemon: &Daemon, name: &TaskName| {
        daemon.edit(&name.session, name.task, RequestEdit::default())
    };
    each(selection, "tries again", |state| state == TaskState::Running, act)
}

pub(crate) fn edit(args: &EditArgs) -> Result<u8, Failure> {
    let name = &args.task;
    let edit = plan::of_edit(args)?;
    let daemon = Daemon::connect(true)?;
    if let Err(error) = daemon.task(&name.session, name.task) {
        let lost = exit::code_of(&error) == exit::NO_DAEMON;
        return Err(if lost { error.into() } else { no_such_task(name) });
    }
    daemon.edit(&name.session, name.task, edit)?;
    if !args.quiet {
        terminal::say(&format!("{name}: edited"))?;
    }
    Ok(exit::DONE)
}

pub(crate) fn cancel(selection: &Selection) -> Result<u8, Failure> {
    let act = |daemon: &Daemon, name: &TaskName| daemon.cancel(&name.session, name.task);
    each(selection, "cancelled", |state| state != TaskState::Completed, act)
}

pub(crate) fn rm(selection: &Selection) -> Result<u8, Failure> {
    let act = |daemon: &Daemon, name: &TaskName| daemon.remove(&name.session, name.task);
    each(selection, "removed", |_| true, act)
}

/// Does something to every selected task for which it makes sense.
fn each(
    selection: &Selection,
    done: &str,
    sensible: impl Fn(TaskState) -> bool,
    act: impl Fn(&Daemon, &TaskName) -> Result<(), Error> + Sync,
) -> Result<u8, Failure> {
    let (found, mut code) = select(&Daemon::connect(true)?, selection)?;
    let mut names = Vec::with_capacity(found.len());
    for status in found {
        let name = TaskName::new(status.session, status.task);
        if sensible(status.state) {
            names.push(name);
        } else if !selection.all && !selection.quiet {
            let state = super::list::state_word(status.state);
            terminal::say(&format!("{name}: is {state} already"))?;
        }
    }
    let results = crowd::each(&names, act)?;
    for (name, result) in names.iter().zip(results) {
        match result {
            Ok(()) if selection.quiet => {}
            Ok(()) => terminal::say(&format!("{name}: {done}"))?,
            Err(error) if exit::code_of(&error) == exit::NO_DAEMON => return Err(error.into()),
            Err(error) => {
                terminal::say(&format!("{name}: {}", exit::sentence(&error)))?;
                code = exit::SOME_FAILED;
            }
        }
    }
    Ok(code)
}

/// Finds the selected tasks; those that are missing are told and make the exit code.
fn select(daemon: &Daemon, selection: &Selection) -> Result<(Vec<TaskStatus>, u8), Failure> {
    if selection.all {
        let all: Result<Vec<_>, Error> = daemon.tasks(Some(task_name::shell())).collect();
        return Ok((all?, exit::DONE));
    }
    let mut found = Vec::new();
    let mut code = exit::DONE;
    for name in &selection.tasks {
        match daemon.task(&name.session, name.task) {
            Ok(status) => found.push(status),
            Err(error) if exit::code_of(&error) == exit::NO_DAEMON => return Err(error.into()),
            Err(_) => {
                terminal::say(&no_such_task(name).message)?;
                code = exit::NO_SUCH_TASK;
            }
        }
    }
    Ok((found, code))
}
