//! Which input met which phase, how often, and which pairs should have met and did not.

use super::launches::is_owner;
use std::fmt;
use urlsession_core::{
    Cause, Conditions, Core, Ending, Input, LaunchPlace, PeerNumber, Place, Report, SessionNumber,
    TaskRef,
};
use urlsession_protocol::{Call, SessionKey, TaskIdentifier};

/// What happens to tasks. From `Attach` on it happens to all tasks of a session, from `NetworkUp`
/// on to all.
const TASK_INPUTS: [&str; 29] = [
    "create",
    "resume",
    "suspend",
    "edit",
    "cancel",
    "cancel for data",
    "remove",
    "durable",
    "received",
    "done",
    "stopped",
    "failed for good",
    "failed",
    "retry after",
    "no network",
    "disk full",
    "asks",
    "late report",
    "ack",
    "attach",
    "detach",
    "connection ends",
    "finish",
    "invalidate",
    "network up",
    "network down",
    "tick",
    "quiesce",
    "restart",
];

/// The phases of a task; the last is that there is none.
const PLACES: [&str; 16] = [
    "suspen", "slot", "begin", "retry", "connec", "disk", "answer", "runs", "suspg", "resumg",
    "timing", "editng", "quiesc", "cancel", "done", "none",
];
const GONE: usize = 15;

/// What happens to the launching of an app.
const LAUNCH_INPUTS: [&str; 11] = [
    "attach",
    "detach",
    "connection ends",
    "ack",
    "task ends",
    "launch ends",
    "launch fails",
    "invalidate",
    "tick",
    "quiesce",
    "restart",
];

const LAUNCH_PLACES: [&str; 7] =
    ["without", "resting", "due", "runs", "released", "ended", "given up"];

/// How often every input met every phase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    tasks: [[u64; PLACES.len()]; TASK_INPUTS.len()],
    launches: [[u64; LAUNCH_PLACES.len()]; LAUNCH_INPUTS.len()],
}

impl Coverage {
    /// Adds what another world saw.
    pub fn add(&mut self, other: &Self) {
        let rows = self.tasks.iter_mut().zip(&other.tasks);
        rows.for_each(|(row, other)| row.iter_mut().zip(other).for_each(|(n, more)| *n += more));
        let rows = self.launches.iter_mut().zip(&other.launches);
        rows.for_each(|(row, other)| row.iter_mut().zip(other).for_each(|(n, more)| *n += more));
    }

    /// Returns how many pairs can meet.
    #[must_use]
    pub fn reachable(&self) -> usize {
        let tasks = pairs(&self.tasks).filter(|(input, place, _)| can_meet(*input, *place));
        let launches = pairs(&self.launches).filter(|(input, place, _)| can_launch(*input, *place));
        tasks.count() + launches.count()
    }

    /// Returns the pairs that can meet and never did, and those that cannot and did.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let wrong = |can: bool, count| can != (count > 0);
        let word = |count| if count == 0 { "never met" } else { "cannot meet, and met" };
        let tasks = pairs(&self.tasks).filter(|(i, p, count)| wrong(can_meet(*i, *p), *count));
        let tasks = tasks.map(|(i, p, n)| format!("{} {} {}", TASK_INPUTS[i], word(n), PLACES[p]));
        let launches = pairs(&self.launches);
        let launches = launches.filter(|(i, p, count)| wrong(can_launch(*i, *p), *count));
        let launches = launches.map(|(i, p, n)| {
            format!("{} {} launch {}", LAUNCH_INPUTS[i], word(n), LAUNCH_PLACES[p])
        });
        tasks.chain(launches).collect()
    }

    /// Looks at an input before the core sees it.
    pub(super) fn input(&mut self, core: &Core, input: &Input) {
        match input {
            Input::Call { peer, call, .. } => self.call(core, *peer, call),
            Input::Ack { peer, session, number } => {
                let Some(session) = core.session_number(session) else { return };
                let task = core.owed(session).find(|(owed, ..)| owed == number);
                self.task(core, "ack", Some(session), task.map(|(_, task, _)| task));
                if is_owner(core, session, *peer) {
                    self.launch(core, "ack", session);
                }
            }
            Input::Disconnected { peer } => {
                for session in core.sessions().filter(|session| is_owner(core, *session, *peer)) {
                    self.all(core, "connection ends", Some(session));
                    self.launch(core, "connection ends", session);
                }
            }
            Input::Report { task, attempt, report } => {
                let own = core.attempt(*task) == Some(*attempt);
                let name = if own { report_name(report) } else { "late report" };
                self.task(core, name, Some(task.session), Some(task.task));
                if own && matches!(report, Report::Ended(_)) {
                    self.launch(core, "task ends", task.session);
                }
            }
            Input::LaunchEnded { session, result } => {
                let name = if result.is_ok() { "launch ends" } else { "launch fails" };
                self.launch(core, name, *session);
            }
            Input::Conditions(Conditions { network }) => {
                self.all(core, if *network { "network up" } else { "network down" }, None);
            }
            Input::Tick => self.everything(core, "tick"),
            Input::Quiesce => self.everything(core, "quiesce"),
        }
    }

    /// The daemon dies.
    pub(super) fn restart(&mut self, core: &Core) {
        self.everything(core, "restart");
    }

    fn call(&mut self, core: &Core, peer: PeerNumber, call: &Call) {
        let (name, session, task) = match call {
            Call::CreateTask { session, new } => ("create", session, new.task),
            Call::Resume { session, task } => ("resume", session, *task),
            Call::Suspend { session, task } => ("suspend", session, *task),
            Call::Edit { session, task, .. } => ("edit", session, *task),
            // For a task that waits it is as good as an edit.
            Call::Answer { session, task, .. } => ("edit", session, *task),
            Call::Cancel { session, task } => ("cancel", session, *task),
            Call::CancelByProducingResumeData { session, task } => {
                ("cancel for data", session, *task)
            }
            Call::Remove { session, task } => ("remove", session, *task),
            Call::Attach { session, .. } => return self.session(core, "attach", session, None),
            Call::Detach { session } => return self.session(core, "detach", session, Some(peer)),
            Call::FinishTasksAndInvalidate { session } => {
                return self.session(core, "finish", session, Some(peer));
            }
            Call::InvalidateAndCancel { session } => {
                return self.session(core, "invalidate", session, Some(peer));
            }
            _ => return,
        };
        self.task(core, name, core.session_number(session), Some(task));
    }

    /// Something happens to a session; if only its owner can do it, the peer must be that.
    fn session(
        &mut self,
        core: &Core,
        name: &str,
        session: &SessionKey,
        owner: Option<PeerNumber>,
    ) {
        let Some(session) = core.session_number(session) else { return };
        if owner.is_none_or(|peer| is_owner(core, session, peer)) {
            self.all(core, name, Some(session));
            self.launch(core, if name == "finish" { "invalidate" } else { name }, session);
        }
    }

    fn everything(&mut self, core: &Core, name: &str) {
        self.all(core, name, None);
        for session in core.sessions() {
            self.launch(core, name, session);
        }
    }

    fn all(&mut self, core: &Core, name: &str, session: Option<SessionNumber>) {
        let row = &mut self.tasks[row(&TASK_INPUTS, name)];
        core.places(session).for_each(|(_, place)| row[place as usize] += 1);
    }

    fn task(
        &mut self,
        core: &Core,
        name: &str,
        session: Option<SessionNumber>,
        task: Option<TaskIdentifier>,
    ) {
        let task = session.zip(task).map(|(session, task)| TaskRef { session, task });
        let place = task.and_then(|task| core.place(task)).map_or(GONE, |place| place as usize);
        self.tasks[row(&TASK_INPUTS, name)][place] += 1;
    }

    fn launch(&mut self, core: &Core, name: &str, session: SessionNumber) {
        if let Some(place) = core.launch_place(session) {
            self.launches[row(&LAUNCH_INPUTS, name)][place as usize] += 1;
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16}", "tasks")?;
        PLACES.iter().try_for_each(|place| write!(f, "{place:>7}"))?;
        writeln!(f)?;
        for (input, row) in self.tasks.iter().enumerate() {
            line(f, TASK_INPUTS[input], row, 7, |place| can_meet(input, place))?;
        }
        write!(f, "\n{:<16}", "launches")?;
        LAUNCH_PLACES.iter().try_for_each(|place| write!(f, "{place:>9}"))?;
        writeln!(f)?;
        for (input, row) in self.launches.iter().enumerate() {
            line(f, LAUNCH_INPUTS[input], row, 9, |place| can_launch(input, place))?;
        }
        Ok(())
    }
}

fn line(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    row: &[u64],
    width: usize,
    can: impl Fn(usize) -> bool,
) -> fmt::Result {
    write!(f, "{name:<16}")?;
    for (place, count) in row.iter().enumerate() {
        let text = if !can(place) && *count == 0 { "·".to_owned() } else { short(*count) };
        write!(f, "{text:>width$}")?;
    }
    writeln!(f)
}

fn short(count: u64) -> String {
    match count {
        0..100_000 => count.to_string(),
        100_000..10_000_000 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

fn pairs<const P: usize>(table: &[[u64; P]]) -> impl Iterator<Item = (usize, usize, u64)> + '_ {
    table.iter().enumerate().flat_map(|(input, row)| {
        row.iter().enumerate().map(move |(place, count)| (input, place, *count))
    })
}

fn row(names: &[&str], name: &str) -> usize {
    names.iter().position(|known| *known == name).expect("every input has its row")
}

/// An attempt reports only while one runs, an acknowledged event is one of an ended task, and what
/// happens to all tasks happens to those there are.
fn can_meet(input: usize, place: usize) -> bool {
    let runs = (Place::Running as usize..=Place::Canceling as usize).contains(&place);
    match TASK_INPUTS[input] {
        "durable" | "received" | "done" | "stopped" | "failed for good" | "failed"
        | "retry after" | "no network" | "disk full" | "asks" => runs,
        "create" | "resume" | "suspend" | "edit" | "cancel" | "cancel for data" | "remove"
        | "late report" => true,
        "ack" => place == GONE || place == Place::Completed as usize,
        _ => place != GONE,
    }
}

/// What takes an owner cannot meet a launch that is waited for. A task can end there: another asks.
fn can_launch(input: usize, place: usize) -> bool {
    let awaited = [LaunchPlace::Due, LaunchPlace::Running, LaunchPlace::Ended]
        .iter()
        .any(|awaited| *awaited as usize == place);
    let runs =
        [LaunchPlace::Running, LaunchPlace::Released].iter().any(|runs| *runs as usize == place);
    match LAUNCH_INPUTS[input] {
        "detach" | "connection ends" | "ack" | "invalidate" => !awaited,
        "launch ends" | "launch fails" => runs,
        _ => true,
    }
}

fn report_name(report: &Report) -> &'static str {
    match report {
        Report::Durable(_) => "durable",
        Report::Received => "received",
        // It changes as little of a task.
        Report::Redirected(_) => "durable",
        Report::Ended(Ending::Done(_)) => "done",
        Report::Ended(Ending::Stopped { .. }) => "stopped",
        Report::Ended(Ending::Challenged { .. }) => "asks",
        Report::Ended(Ending::Failed { cause, .. }) => match cause {
            Cause::Permanent => "failed for good",
            Cause::Transient | Cause::Interval(_) => "failed",
            Cause::After(_) => "retry after",
            Cause::Connectivity => "no network",
            Cause::Disk => "disk full",
            Cause::Answer => "asks",
        },
    }
}
