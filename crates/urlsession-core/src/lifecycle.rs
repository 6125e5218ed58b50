//! What happens to a task between its creation and its completion.

use crate::core::refusal;
use crate::details::OptionalDate;
use crate::planted::CoreBug;
use crate::resume::is_usable;
use crate::task::{Phase, Stopping, Task, Wait};
use crate::turn::{ASKERS_LIMIT, Asker, Turn};
use crate::{Action, AttemptNumber, Cause, Core, Ending, Report, ResumeState, TaskRef, retry};
use std::time::Duration;
use urlsession_protocol::{Error, ErrorCode, Reply};

impl Core {
    pub(crate) fn resume(&mut self, turn: &mut Turn, key: TaskRef) {
        let Some(task) = self.tasks.get(&key) else { return };
        let now = turn.now.wall;
        let begins = task.begin.get().map_or(now, |begin| begin.max(now));
        let paused = task.details.suspended.map_or(Duration::ZERO, |since| since.until(now));
        let deadline = match task.deadline.get() {
            Some(deadline) => deadline.after(paused),
            None => begins.after(task.resource_timeout()),
        };
        let phase = match task.phase {
            Phase::Suspended => Phase::Waiting(task.wait_for_begin(now)),
            Phase::Running { .. } if self.planted.is(CoreBug::OverlappingAttempts) => {
                Phase::Waiting(Wait::Slot)
            }
            Phase::Running { attempt, stopping: Some(Stopping::Suspend) } => {
                Phase::Running { attempt, stopping: Some(Stopping::SuspendThenResume) }
            }
            Phase::Waiting(_)
            | Phase::Running { .. }
            | Phase::Canceling { .. }
            | Phase::Completed { .. } => return,
        };
        self.put(turn, key, |task| {
            task.deadline = OptionalDate::new(Some(deadline));
            if task.details.suspended.is_some() {
                task.details.suspended = None;
                task.details.trim();
            }
            task.phase = phase;
        });
        if self.tasks.get(&key).is_some_and(Task::is_malformed) {
            return self.refuse(turn, key);
        }
        self.due(turn, key);
    }

    pub(crate) fn suspend(&mut self, turn: &mut Turn, key: TaskRef) {
        let Some(task) = self.tasks.get(&key) else { return };
        let phase = match task.phase {
            Phase::Waiting(_) => Phase::Suspended,
            Phase::Running { attempt, stopping: None } => {
                turn.act(Action::Stop { task: key, attempt });
                Phase::Running { attempt, stopping: Some(Stopping::Suspend) }
            }
            Phase::Running {
                attempt,
                stopping: Some(Stopping::SuspendThenResume | Stopping::Edit | Stopping::Quiesce),
            } => Phase::Running { attempt, stopping: Some(Stopping::Suspend) },
            Phase::Suspended
            | Phase::Running { stopping: Some(Stopping::Suspend | Stopping::Timeout), .. }
            | Phase::Canceling { .. }
            | Phase::Completed { .. } => return,
        };
        let now = turn.now.wall;
        self.put(turn, key, |task| {
            task.details.suspended = Some(now);
            task.phase = phase;
        });
    }

    /// Ends a task with -999, at once or when its attempt ended.
    pub(crate) fn cancel(&mut self, turn: &mut Turn, key: TaskRef, by_user: bool) {
        let Some(task) = self.tasks.get(&key) else { return };
        match task.phase {
            Phase::Suspended | Phase::Waiting(_) => self.complete_cancelled(turn, key, by_user),
            Phase::Running { attempt, stopping } => {
                if stopping.is_none() {
                    turn.act(Action::Stop { task: key, attempt });
                }
                self.put(turn, key, |task| task.phase = Phase::Canceling { attempt, by_user });
            }
            Phase::Canceling { .. } | Phase::Completed { .. } => {}
        }
    }

    pub(crate) fn cancel_for_resume_data(&mut self, turn: &mut Turn, from: Asker, key: TaskRef) {
        if matches!(self.tasks.get(&key).map(|task| &task.phase), Some(Phase::Completed { .. })) {
            return turn.reply(from, Ok(Reply::ResumeData { resume_data: None }));
        }
        let askers = self.askers.entry(key).or_default();
        if askers.len() >= ASKERS_LIMIT {
            return turn.reply(from, Err(refusal("too many calls wait for this task")));
        }
        askers.push(from);
        self.cancel(turn, key, false);
    }

    /// Looks whether a date or a delay of a task has come.
    pub(crate) fn due(&mut self, turn: &mut Turn, key: TaskRef) {
        let Some(task) = self.tasks.get(&key) else { return };
        if task.is_late(turn.now.wall) && !self.planted.is(CoreBug::NoDeadline) {
            return self.time_out(turn, key);
        }
        let Phase::Waiting(wait) = task.phase else { return };
        let over = match wait {
            Wait::Slot | Wait::Answer => false,
            Wait::Begin(at) => at <= turn.now.wall,
            Wait::Challenge(until) if until <= turn.now.wall => return self.decline(turn, key),
            Wait::Challenge(_) => false,
            Wait::Retry { due, .. } | Wait::Connectivity { due } | Wait::Disk { due } => {
                due <= turn.now.steady
            }
        };
        let forgotten = matches!(wait, Wait::Disk { .. }) && self.planted.is(CoreBug::DiskForever);
        if over && !forgotten {
            self.change(turn, key, |task| task.phase = Phase::Waiting(Wait::Slot));
        }
    }

    /// Ends a task whose deadline passed, at once or when its attempt ended.
    pub(crate) fn time_out(&mut self, turn: &mut Turn, key: TaskRef) {
        match self.tasks.get(&key).map(|task| &task.phase) {
            Some(&Phase::Running { attempt, stopping }) => {
                if stopping.is_none() {
                    turn.act(Action::Stop { task: key, attempt });
                }
                let stopping = Some(Stopping::Timeout);
                self.change(turn, key, |task| task.phase = Phase::Running { attempt, stopping });
            }
            Some(Phase::Waiting(_)) => {
                let last = self.tasks.get(&key).and_then(|task| task.details.error.as_deref());
                let error = timed_out(last);
                self.fail(turn, key, error);
            }
            Some(Phase::Suspended | Phase::Canceling { .. } | Phase::Completed { .. }) | None => {}
        }
    }

    /// Completes a task that was refused at its creation with the error it has since then.
    pub(crate) fn refuse(&mut self, turn: &mut Turn, key: TaskRef) {
        let error = self.tasks.get_mut(&key).and_then(|task| task.details.error.take());
        if let Some(error) = error {
            self.fail(turn, key, *error);
        }
    }

    pub(crate) fn quiesce(&mut self, turn: &mut Turn) {
        self.quiescing = true;
        turn.launching.extend(self.sessions.keys().copied());
        for (key, attempt) in self.running() {
            let stops = self
                .tasks
                .get(&key)
                .is_some_and(|task| task.phase == Phase::Running { attempt, stopping: None });
            if stops {
                turn.act(Action::Stop { task: key, attempt });
                let stopping = Some(Stopping::Quiesce);
                self.change(turn, key, |task| task.phase = Phase::Running { attempt, stopping });
            }
        }
    }

    pub(crate) fn report(
        &mut self,
        turn: &mut Turn,
        key: TaskRef,
        attempt: AttemptNumber,
        report: Report,
    ) {
        let Some(running) = self.tasks.get(&key).and_then(Task::attempt) else { return };
        if running != attempt && !self.planted.is(CoreBug::StaleReports) {
            return;
        }
        let eager = self.planted.is(CoreBug::EagerJournal);
        if matches!(report, Report::Ended(_)) {
            self.redirections.remove(&key);
        }
        match report {
            Report::Durable(state) => self.put(turn, key, |task| {
                task.record_part(state);
                if eager && let Some(resume) = &mut task.details.resume {
                    resume.durable_bytes += 4096;
                }
            }),
            Report::Redirected(redirection) => self.redirected(turn, key, attempt, redirection),
            Report::Received => self.change(turn, key, |task| task.is_received = true),
            Report::Ended(Ending::Done(done)) => self.complete(turn, key, Ok(done)),
            Report::Ended(Ending::Stopped { resume }) => {
                self.put(turn, key, |task| task.leave_part(resume));
                self.stopped(turn, key);
            }
            Report::Ended(Ending::Failed { error, cause, resume, progressed }) => {
                self.put(turn, key, |task| task.leave_part(resume));
                self.failed(turn, key, error, cause, progressed);
            }
            Report::Ended(Ending::Challenged { challenge, resume }) => {
                self.challenged(turn, key, *challenge, resume);
            }
        }
    }

    /// The attempt ended without success or failure.
    pub(crate) fn stopped(&mut self, turn: &mut Turn, key: TaskRef) {
        match self.tasks.get(&key).map(|task| &task.phase) {
            Some(&Phase::Canceling { by_user, .. }) => self.complete_cancelled(turn, key, by_user),
            Some(&Phase::Running { stopping, .. }) => match stopping {
                Some(Stopping::Suspend) => {
                    self.put(turn, key, |task| task.phase = Phase::Suspended);
                }
                Some(Stopping::SuspendThenResume | Stopping::Edit | Stopping::Quiesce) => {
                    self.put(turn, key, |task| task.phase = Phase::Waiting(Wait::Slot));
                }
                Some(Stopping::Timeout) => self.fail(turn, key, timed_out(None)),
                // Nobody asked for it. A delay keeps a confused transfer from spinning.
                None => self.try_again(turn, key, Cause::Transient, false),
            },
            Some(Phase::Suspended | Phase::Waiting(_) | Phase::Completed { .. }) | None => {}
        }
    }

    fn failed(
        &mut self,
        turn: &mut Turn,
        key: TaskRef,
        error: Error,
        cause: Cause,
        progressed: bool,
    ) {
        let Some(task) = self.tasks.get(&key) else { return };
        let is_spent =
            retry::is_spent(task, cause, progressed) && !self.planted.is(CoreBug::PauseSendsAgain);
        match task.phase {
            Phase::Running {
                stopping: None | Some(Stopping::SuspendThenResume | Stopping::Quiesce),
                ..
            } => {
                self.put(turn, key, |task| task.details.error = Some(Box::new(error)));
                self.try_again(turn, key, cause, progressed);
            }
            Phase::Running { stopping: Some(Stopping::Suspend), .. } => {
                if cause == Cause::Permanent || is_spent {
                    return self.fail(turn, key, error);
                }
                self.put(turn, key, |task| {
                    task.details.error = Some(Box::new(error));
                    task.phase = Phase::Suspended;
                });
            }
            Phase::Running { stopping: Some(Stopping::Edit), .. } if is_spent => {
                self.fail(turn, key, error);
            }
            Phase::Running { stopping: Some(Stopping::Timeout | Stopping::Edit), .. }
            | Phase::Canceling { .. }
            | Phase::Suspended
            | Phase::Waiting(_)
            | Phase::Completed { .. } => self.stopped(turn, key),
        }
    }

    /// Lets a task wait for its next attempt, or ends it with the error it has.
    fn try_again(&mut self, turn: &mut Turn, key: TaskRef, cause: Cause, progressed: bool) {
        let session = self.sessions.get(&key.session);
        let may_wait = session.is_none_or(|session| session.configuration.waits_for_connectivity);
        let Some(task) = self.tasks.get_mut(&key) else { return };
        let cut_off = retry::is_cut_off(task, cause, self.network);
        let waits = cut_off && may_wait;
        let cause = if waits { Cause::Connectivity } else { cause };
        let Some(delay) = retry::count(task, cause, progressed, waits, &mut self.random) else {
            let error = task.details.error.take().map_or_else(stopped_unasked, |error| *error);
            return self.fail(turn, key, if cut_off && !waits { offline(error) } else { error });
        };
        let wait = Wait::after(cause, delay, turn.now);
        self.put(turn, key, |task| task.phase = Phase::Waiting(wait));
        if wait == Wait::Answer {
            self.question_came(turn, key);
        }
        self.due(turn, key);
    }

    pub(crate) fn fail(&mut self, turn: &mut Turn, key: TaskRef, error: Error) {
        self.complete(turn, key, Err(error));
    }

    /// Hands the bytes of a cancelled download to whoever asked for resume data, if there is
    /// something to go on from; says whether it did.
    pub(crate) fn hand_over_part(
        &mut self,
        turn: &mut Turn,
        key: TaskRef,
        resume: Option<ResumeState>,
    ) -> bool {
        let mut askers = self.askers.remove(&key).unwrap_or_default().into_iter();
        let mut kept = false;
        if let Some(resume) = resume.filter(is_usable)
            && let Some(first) = askers.next()
        {
            turn.act(Action::KeepPart { task: key, resume, peer: first.peer, id: first.id });
            kept = true;
        }
        for asker in askers {
            turn.reply(asker, Ok(Reply::ResumeData { resume_data: None }));
        }
        kept
    }
}

/// Says that the time of a task is up, and what it has waited after.
fn timed_out(last: Option<&Error>) -> Error {
    let why = "its whole time is up, with all waiting and trying again";
    let why = match last {
        Some(last) => {
            format!("{why}; the last try: {}", last.detail.as_ref().unwrap_or(&last.message))
        }
        None => why.to_owned(),
    };
    Error::new(ErrorCode::TIMED_OUT).because(why)
}

/// Says of what failed without a network that this was the reason.
fn offline(error: Error) -> Error {
    let Error { code, message, .. } = Error::new(ErrorCode::NOT_CONNECTED_TO_INTERNET);
    let detail = error.detail.or(Some(error.message));
    Error { code, message, detail, ..error }
}

fn stopped_unasked() -> Error {
    Error::new(ErrorCode::UNKNOWN).because("the transfer stopped without a reason")
}
