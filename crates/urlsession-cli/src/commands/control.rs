//! `pause`, `resume`, `cancel` and `rm`: one call a task, all of them tried, the worst told.

use super::show::find;
use crate::args::{EditArgs, Selection};
use crate::exit::{self, Failure};
use crate::follow::no_such_task;
use crate::plan;
use crate::task_name::{self, TaskName};
use crate::terminal;
use urlsession::{Control, Daemon, Error, TaskState, TaskStatus};

/// Most tasks that are asked for and told together: no more of them are in memory.
const PORTION: usize = 8192;

pub(crate) fn pause(selection: &Selection) -> Result<u8, Failure> {
    each(selection, "paused", |found| found.state == TaskState::Running, Control::Suspend)
}

pub(crate) fn resume(selection: &Selection) -> Result<u8, Failure> {
    each(selection, "goes on", |found| found.state == TaskState::Suspended, Control::Resume)
}

pub(crate) fn retry(selection: &Selection) -> Result<u8, Failure> {
    each(selection, "tries again", Found::waits, Control::Retry)
}

pub(crate) fn edit(args: &EditArgs) -> Result<u8, Failure> {
    let name = &args.task;
    let edit = plan::of_edit(args)?;
    let daemon = Daemon::connect(true)?;
    if find(&daemon, name)?.state == TaskState::Completed {
        let message = format!("{name}: the task has ended; only unfinished ones can be edited");
        return Err(Failure::new(exit::SOME_FAILED, message));
    }
    daemon.edit(&name.session, name.task, edit)?;
    if !args.quiet {
        terminal::say(&format!("{name}: edited"))?;
    }
    Ok(exit::DONE)
}

pub(crate) fn cancel(selection: &Selection) -> Result<u8, Failure> {
    each(selection, "cancelled", |found| found.state != TaskState::Completed, Control::Cancel)
}

pub(crate) fn rm(selection: &Selection) -> Result<u8, Failure> {
    each(selection, "removed", |_| true, Control::Remove)
}

/// A selected task.
struct Found {
    name: TaskName,
    state: TaskState,
    /// Whether nothing keeps it from moving bytes.
    moves: bool,
}

impl Found {
    fn waits(&self) -> bool {
        self.state == TaskState::Running && !self.moves
    }
}

impl From<TaskStatus> for Found {
    fn from(status: TaskStatus) -> Self {
        let name = TaskName::new(status.session, status.task);
        Self { name, state: status.state, moves: status.reason.is_none() }
    }
}

/// Does something to every selected task for which it makes sense.
fn each(
    selection: &Selection,
    done: &str,
    sensible: impl Fn(&Found) -> bool,
    control: Control,
) -> Result<u8, Failure> {
    let daemon = Daemon::connect(true)?;
    let mut code = exit::DONE;
    let mut found: Box<dyn Iterator<Item = Result<Found, Failure>>> = if selection.all {
        let all = daemon.tasks(Some(task_name::shell()));
        Box::new(all.map(|status| Ok(Found::from(status?))))
    } else {
        let (selected, worst) = select(&daemon, &selection.tasks)?;
        code = worst;
        Box::new(selected.into_iter().map(Ok))
    };
    loop {
        let (mut names, mut seen) = (Vec::new(), 0);
        for found in found.by_ref().take(PORTION) {
            let found = found?;
            seen += 1;
            if sensible(&found) {
                names.push(found.name);
            } else if !selection.all && !selection.quiet {
                let state = super::list::state_word(found.state);
                terminal::say(&format!("{}: is {state} already", found.name))?;
            }
        }
        if seen == 0 {
            return Ok(code);
        }
        let tasks = names.iter().map(|name| (&name.session, name.task));
        let results = daemon.control_all(control, tasks)?;
        let talk = if selection.quiet { None } else { Some(done) };
        if !tell(&names, results, talk)? {
            code = exit::SOME_FAILED;
        }
    }
}

/// Says what came of each task, and whether all went well.
fn tell(
    names: &[TaskName],
    results: Vec<Result<(), Error>>,
    done: Option<&str>,
) -> Result<bool, Failure> {
    let mut is_well = true;
    for (name, result) in names.iter().zip(results) {
        match (result, done) {
            (Ok(()), Some(done)) => terminal::say(&format!("{name}: {done}"))?,
            (Ok(()), None) => {}
            (Err(error), _) => {
                terminal::say(&format!("{name}: {}", exit::sentence(&error)))?;
                is_well = false;
            }
        }
    }
    Ok(is_well)
}

/// Finds the selected tasks; those that are missing are told and make the exit code.
fn select(daemon: &Daemon, tasks: &[TaskName]) -> Result<(Vec<Found>, u8), Failure> {
    let mut found = Vec::new();
    let mut code = exit::DONE;
    for name in tasks {
        match daemon.task(&name.session, name.task) {
            Ok(status) => found.push(Found::from(status)),
            Err(error) if exit::code_of(&error) == exit::NO_DAEMON => return Err(error.into()),
            Err(_) => {
                terminal::say(&no_such_task(name).message)?;
                code = exit::NO_SUCH_TASK;
            }
        }
    }
    Ok((found, code))
}
