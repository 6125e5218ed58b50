//! Follows tasks to their ends without polling and without missing one: first watch, then look.
//!
//! ```text
//!   watch ──> read the state ──> events, until all have ended ──> outcome
//!     ^                                  │
//!     └───── daemon gone: start it ──────┘
//! ```

use crate::clock;
use crate::exit::{self, Failure};
use crate::interrupt;
use crate::progress::Progress;
use crate::task_name::TaskName;
use crate::tracked::{Change, Tracked};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use urlsession::{Daemon, Error, ErrorCode, SessionKey, TaskIdentifier, TaskState, Watch, Watched};

/// Most portions of events that wait to be shown.
const QUEUE_LIMIT: usize = 16;
/// Most events of a portion: to hand over each alone would cost as much as to read it.
const PORTION_LIMIT: usize = 64;
/// How often countdowns and speeds are shown anew.
const TICK: Duration = Duration::from_millis(200);
/// How often in a row a daemon that goes away is started again before the shell gives up.
pub(crate) const RECONNECT_LIMIT: u32 = 5;
/// Up to so many tasks are asked for one by one; more are read from the listings of their
/// sessions, from the first to the last of them.
const SINGLE_LIMIT: usize = 32;

/// What to wait for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Until {
    /// The first end is enough.
    pub(crate) any: bool,
    /// When to give up.
    pub(crate) deadline: Option<Instant>,
}

/// Why following ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What was waited for happened.
    Ended,
    /// The time is up.
    TimedOut,
    /// This signal came.
    Signal(i32),
    /// Whoever read the output went away.
    Unheard,
}

/// What became of the followed tasks.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) stop: Stop,
    pub(crate) tasks: Vec<Tracked>,
}

impl Followed {
    pub(crate) fn ended(&self) -> impl Iterator<Item = &Tracked> {
        self.tasks.iter().filter(|task| task.ended)
    }

    pub(crate) fn unfinished(&self) -> impl Iterator<Item = &Tracked> {
        self.tasks.iter().filter(|task| !task.ended)
    }
}

enum Input {
    Events(Vec<Watched>),
    Gone(Error),
    Signal(i32),
}

/// Follows the tasks until what is waited for happens, telling `progress` all the while.
pub(crate) fn follow(
    names: &[TaskName],
    progress: &mut dyn Progress,
    until: Until,
) -> Result<Followed, Failure> {
    let (sender, inputs) = sync_channel(QUEUE_LIMIT);
    let signals = sender.clone();
    // Whoever is told once may wait for a daemon that hangs, and would not listen a second time.
    let mut is_told = false;
    interrupt::subscribe(move |signal| {
        !std::mem::replace(&mut is_told, true) && signals.send(Input::Signal(signal)).is_ok()
    })?;
    let mut follower = Follower {
        wanted: Arc::new(names.iter().cloned().collect()),
        tasks: BTreeMap::new(),
        ended: 0,
        progress,
        sender,
        inputs,
    };
    let stopped = follower.run(until);
    follower.progress.finish();
    let stop = match stopped {
        // What has ended all the same is no less done.
        Err(failure) if failure.is_broken_pipe() && follower.is_done(until) => Stop::Ended,
        Err(failure) if failure.is_broken_pipe() => Stop::Unheard,
        stopped => stopped?,
    };
    Ok(Followed { stop, tasks: follower.tasks.into_values().collect() })
}

struct Follower<'a> {
    wanted: Arc<BTreeSet<TaskName>>,
    tasks: BTreeMap<TaskName, Tracked>,
    /// How many of them have ended: there may be many, and each of their events asks.
    ended: usize,
    progress: &'a mut dyn Progress,
    sender: SyncSender<Input>,
    inputs: Receiver<Input>,
}

impl Follower<'_> {
    fn run(&mut self, until: Until) -> Result<Stop, Failure> {
        let mut lost_in_a_row = 0;
        if !self.attach(&mut lost_in_a_row, until.deadline)? {
            return Ok(Stop::TimedOut);
        }
        loop {
            if self.is_done(until) {
                return Ok(Stop::Ended);
            }
            let left = until.deadline.map(|at| at.saturating_duration_since(clock::steady()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(Stop::TimedOut);
            }
            match self.inputs.recv_timeout(left.map_or(TICK, |left| left.min(TICK))) {
                Ok(Input::Events(events)) => {
                    lost_in_a_row = 0;
                    for watched in &events {
                        self.happened(watched)?;
                    }
                }
                Ok(Input::Signal(signal)) => return Ok(Stop::Signal(signal)),
                Ok(Input::Gone(error)) => {
                    lost_in_a_row += 1;
                    if lost_in_a_row > RECONNECT_LIMIT {
                        return Err(error.into());
                    }
                    if !self.attach(&mut lost_in_a_row, until.deadline)? {
                        return Ok(Stop::TimedOut);
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.progress.tick()?,
                Err(RecvTimeoutError::Disconnected) => unreachable!("a sender is held here"),
            }
        }
    }

    fn is_done(&self, until: Until) -> bool {
        self.ended == self.tasks.len() || (until.any && self.ended > 0)
    }

    /// Says whether the daemon told in time how the tasks are.
    fn attach(
        &mut self,
        lost_in_a_row: &mut u32,
        deadline: Option<Instant>,
    ) -> Result<bool, Failure> {
        let (wanted, sender, mut lost) =
            (Arc::clone(&self.wanted), self.sender.clone(), *lost_in_a_row);
        let looked = by(deadline, move || {
            let connect = || Ok(Daemon::connect(true)?);
            let found = persist(&mut lost, connect, |daemon| look(daemon, &wanted, &sender));
            (lost, found)
        })?;
        let Some((lost, found)) = looked else { return Ok(false) };
        *lost_in_a_row = lost;
        self.compare(&found?)?;
        Ok(true)
    }

    fn compare(&mut self, found: &BTreeMap<TaskName, Tracked>) -> Result<(), Failure> {
        let mut unheard = Ok(());
        for name in self.wanted.clone().iter() {
            let told = match found.get(name) {
                Some(task) => self.found(task.clone()),
                None => self.missing(name),
            };
            match told {
                // How the others are is to be known all the same.
                Err(failure) if failure.is_broken_pipe() => unheard = Err(failure),
                told => told?,
            }
        }
        self.ended = self.tasks.values().filter(|task| task.ended).count();
        unheard?;
        self.progress.tick()?;
        Ok(())
    }

    fn found(&mut self, task: Tracked) -> Result<(), Failure> {
        match self.tasks.insert(task.name.clone(), task.clone()) {
            None => self.progress.begin(&task)?,
            Some(before) if before.ended => {}
            Some(_) if task.ended => self.progress.change(&task, &Change::Ended)?,
            Some(_) => self.progress.change(&task, &Change::State)?,
        }
        Ok(())
    }

    /// A task that was there and is not any more was removed by someone else.
    fn missing(&mut self, name: &TaskName) -> Result<(), Failure> {
        let Some(task) = self.tasks.get_mut(name) else { return Err(no_such_task(name)) };
        if task.ended {
            return Ok(());
        }
        task.ended = true;
        task.state = TaskState::Completed;
        task.error = Some(Error::new(ErrorCode::CANCELLED).because("the task was removed"));
        self.progress.change(task, &Change::Ended)?;
        Ok(())
    }

    fn happened(&mut self, watched: &Watched) -> Result<(), Failure> {
        let Some(number) = watched.task else { return Ok(()) };
        let name = TaskName::new(watched.session.clone(), number);
        let Some(task) = self.tasks.get_mut(&name) else { return Ok(()) };
        let had_ended = task.ended;
        let change = task.apply(&watched.event);
        self.ended += usize::from(task.ended && !had_ended);
        self.progress.event(&name, watched.number, &watched.event)?;
        if change != Change::Nothing {
            self.progress.change(task, &change)?;
        }
        Ok(())
    }
}

/// Does what may take as long as a daemon hangs, but waits for it until then only.
fn by<T: Send + 'static>(
    deadline: Option<Instant>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, Failure> {
    let Some(deadline) = deadline else { return Ok(Some(work())) };
    let (teller, told) = sync_channel(1);
    // Nobody listens to it any more once the time is up.
    let run = move || drop(teller.send(work()));
    std::thread::Builder::new().name("look".to_owned()).spawn(run)?;
    match told.recv_timeout(deadline.saturating_duration_since(clock::steady())) {
        Ok(done) => Ok(Some(done)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => unreachable!("it tells, or panics"),
    }
}

/// Watches, then reads how the tasks are: what happens in between is seen twice, not never.
fn look(
    daemon: &Daemon,
    wanted: &BTreeSet<TaskName>,
    to: &SyncSender<Input>,
) -> Result<BTreeMap<TaskName, Tracked>, Failure> {
    let mut sessions: Vec<&SessionKey> = wanted.iter().map(|name| &name.session).collect();
    sessions.dedup();
    let one = if let [one] = sessions[..] { Some(one.clone()) } else { None };
    forward(daemon.watch(one, false)?, to.clone())?;
    read(daemon, wanted)
}

fn read(
    daemon: &Daemon,
    wanted: &BTreeSet<TaskName>,
) -> Result<BTreeMap<TaskName, Tracked>, Failure> {
    let mut found = BTreeMap::new();
    let mut add = |status| {
        let task = Tracked::new(status);
        found.insert(task.name.clone(), task);
    };
    if wanted.len() <= SINGLE_LIMIT {
        for name in wanted {
            match daemon.task(&name.session, name.task) {
                Ok(status) => add(status),
                Err(error) if exit::code_of(&error) == exit::NO_DAEMON => {
                    return Err(error.into());
                }
                Err(_) => {}
            }
        }
        return Ok(found);
    }
    let mut first = wanted.first();
    while let Some(TaskName { session, task }) = first {
        let end = TaskName::new(session.clone(), TaskIdentifier(u64::MAX));
        let last = wanted.range(..=&end).next_back();
        for status in daemon.tasks_from(session.clone(), *task) {
            let status = status?;
            let name = TaskName::new(status.session.clone(), status.task);
            let is_last = last.is_none_or(|last| name >= *last);
            if wanted.contains(&name) {
                add(status);
            }
            if is_last {
                break;
            }
        }
        first = wanted.range((Excluded(&end), Unbounded)).next();
    }
    Ok(found)
}

/// Looks again where a daemon goes away while it is asked, as one does that goes away later. One that
/// cannot be reached at all was tried often enough.
fn persist<D, T>(
    lost_in_a_row: &mut u32,
    connect: impl Fn() -> Result<D, Failure>,
    mut look: impl FnMut(&D) -> Result<T, Failure>,
) -> Result<T, Failure> {
    loop {
        match look(&connect()?) {
            Err(failure) if failure.code == exit::NO_DAEMON && *lost_in_a_row < RECONNECT_LIMIT => {
                *lost_in_a_row += 1;
            }
            looked => return looked,
        }
    }
}

/// Makes the failure of a task that nobody knows.
pub(crate) fn no_such_task(name: &TaskName) -> Failure {
    Failure::new(exit::NO_SUCH_TASK, format!("{name}: no such task"))
        .next("see all with: urlsession ls --all")
}

/// Hands events over from a thread of their own, so that one place waits for all that can happen.
fn forward(mut watch: Watch, to: SyncSender<Input>) -> Result<(), Failure> {
    let run = move || {
        loop {
            let mut events = Vec::new();
            let gone = portion(&mut watch, &mut events).err();
            if !events.is_empty() && to.send(Input::Events(events)).is_err() {
                return;
            }
            if let Some(error) = gone {
                let _ = to.send(Input::Gone(error));
                return;
            }
        }
    };
    std::thread::Builder::new().name("events".to_owned()).spawn(run)?;
    Ok(())
}

/// Waits for an event, and takes those that came with it.
fn portion(watch: &mut Watch, events: &mut Vec<Watched>) -> Result<(), Error> {
    events.push(watch.recv()?);
    while events.len() < PORTION_LIMIT
        && let Some(event) = watch.recv_timeout(Duration::ZERO)?
    {
        events.push(event);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// how each look ends => how often is looked, and with what it ends
    #[test]
    fn a_daemon_that_goes_away_while_it_is_asked_is_not_the_last() {
        let (gone, unknown) = (exit::NO_DAEMON, exit::NO_SUCH_TASK);
        for (looks, expected) in [
            (&[exit::DONE][..], (1, exit::DONE)),
            (&[gone, gone, exit::DONE], (3, exit::DONE)),
            (&[gone, unknown], (2, unknown)),
            (&[gone; 10], (6, gone)),
        ] {
            let (mut lost, mut next) = (0, 0);
            let looked = persist(
                &mut lost,
                || Ok(()),
                |()| {
                    next += 1;
                    match looks[next - 1] {
                        exit::DONE => Ok(()),
                        code => Err(Failure::new(code, "as planned")),
                    }
                },
            );
            assert_eq!((next, looked.map_or_else(|failure| failure.code, |()| 0)), expected);
        }
        let unreachable = || Err::<(), _>(Failure::new(gone, "none can be started"));
        assert_eq!(persist(&mut 0, unreachable, |()| Ok(())).unwrap_err().code, gone);
    }

    #[test]
    fn a_daemon_that_hangs_is_not_waited_for_longer_than_until_then() {
        let (hangs, over) = std::sync::mpsc::channel::<()>();
        assert!(by(Some(clock::steady()), move || over.recv()).unwrap().is_none());
        drop(hangs);
        let later = clock::steady().checked_add(Duration::from_secs(3600));
        for deadline in [None, later] {
            assert_eq!(by(deadline, || 7).unwrap(), Some(7));
        }
    }
}
