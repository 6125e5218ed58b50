//! The daemon as tools see it: every session's tasks, and what happens to them.

use crate::deadline::Deadline;
use crate::launch;
use crate::link::REPLY_LIMIT;
use crate::pages::{SessionPages, TaskPages};
use crate::patience::CONNECT_LIMIT;
use crate::transport::{Transport, Unreceived, Unsent, lost};
use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use urlsession_protocol::{
    ApplicationId, AuthChallengeDisposition, AuthenticationChallenge, Call, CallId, ClientMessage,
    DaemonMessage, DaemonStatus, Error, ErrorCode, Event, EventNumber, Reply, RequestEdit,
    SessionKey, SessionStatus, TaskIdentifier, TaskStatus,
};

/// How often a connection is tried before the daemon's refusal is believed.
const OPEN_ATTEMPTS: u32 = 3;
/// Most calls that are asked at once: the daemon can answer all of them while nobody reads.
const BATCH_LIMIT: usize = 512;

/// A connection that looks and commands but owns no session.
///
/// Every method waits for its answer, at most 30 s, and fails with -997 once the daemon is gone: it
/// does not reconnect. Dropping it hangs up and changes nothing else.
pub struct Daemon {
    conversation: Mutex<Conversation>,
}

impl Daemon {
    /// Connects to this user's daemon; starts it if `start` and none runs. Waits at most 30 s.
    ///
    /// # Errors
    /// -997 if there is none, or none that speaks this version's protocol.
    pub fn connect(start: bool) -> Result<Self, Error> {
        Ok(Self { conversation: Mutex::new(Conversation::open(start)?) })
    }

    /// Connects to this user's daemon, `None` if none runs. Waits at most 30 s.
    ///
    /// # Errors
    /// -997 for one that does not answer, or does not speak this version's protocol.
    pub fn running() -> Result<Option<Self>, Error> {
        let conversation = Conversation::open_running()?;
        Ok(conversation.map(|conversation| Self { conversation: Mutex::new(conversation) }))
    }

    /// Lists tasks, completed ones whose events are owed included, in the order of session and
    /// number: a session's, or all.
    pub fn tasks(&self, session: Option<SessionKey>) -> TaskPages<'_> {
        TaskPages::new(self, session)
    }

    /// Lists a session's tasks from that number on, as [`tasks`](Self::tasks) does.
    pub fn tasks_from(&self, session: SessionKey, first: TaskIdentifier) -> TaskPages<'_> {
        let before = first.0.checked_sub(1).map(TaskIdentifier);
        let after = before.map(|before| (session.clone(), before));
        let mut tasks = self.tasks(Some(session));
        tasks.after = after;
        tasks
    }

    /// Lists a session's unfinished downloads to one of these paths, or to one in its folder whose
    /// name begins so, as [`tasks`](Self::tasks) does but sooner: whoever looks for a free name need
    /// not hear of all. Some others may be among them; with more than 64 paths, all are.
    pub fn tasks_destined(&self, session: SessionKey, paths: Vec<PathBuf>) -> TaskPages<'_> {
        let mut tasks = self.tasks(Some(session));
        tasks.destined = paths;
        tasks
    }

    /// Shows one task.
    ///
    /// # Errors
    /// The daemon's for a task that is unknown, -997 without it.
    pub fn task(&self, session: &SessionKey, task: TaskIdentifier) -> Result<TaskStatus, Error> {
        self.task_as(session, task, false)
    }

    /// Shows one task, and in its response the values of cookies, which are hidden everywhere else.
    ///
    /// # Errors
    /// As [`Self::task`].
    pub fn task_with_cookies(
        &self,
        session: &SessionKey,
        task: TaskIdentifier,
    ) -> Result<TaskStatus, Error> {
        self.task_as(session, task, true)
    }

    fn task_as(
        &self,
        session: &SessionKey,
        task: TaskIdentifier,
        with_cookies: bool,
    ) -> Result<TaskStatus, Error> {
        match self.ask(Call::Task { session: session.clone(), task, with_cookies })? {
            Reply::Task { task } => Ok(*task),
            _ => Err(misunderstood()),
        }
    }

    /// Shows one session.
    ///
    /// # Errors
    /// The daemon's for a session that is unknown, -997 without it.
    pub fn session(&self, session: &SessionKey) -> Result<SessionStatus, Error> {
        match self.ask(Call::Session { session: session.clone() })? {
            Reply::Session { session } => Ok(*session),
            _ => Err(misunderstood()),
        }
    }

    /// Lists sessions in the order of application and identifier: an application's, or all.
    pub fn sessions(&self, application: Option<ApplicationId>) -> SessionPages<'_> {
        SessionPages::new(self, application)
    }

    /// Has a session that nobody owns refuse new tasks; it is gone once its tasks have ended and are
    /// removed. An app that comes back has it as before. Durable when it returns.
    ///
    /// # Errors
    /// -996 while an app owns the session, the daemon's for one that is unknown, -997 without it.
    pub fn finish_tasks_and_invalidate(&self, session: &SessionKey) -> Result<(), Error> {
        self.ask(Call::FinishTasksAndInvalidate { session: session.clone() }).map(drop)
    }

    /// Ends every task of a session that nobody owns with -999; the session takes no new ones, and is
    /// gone once its app has acknowledged their events. Cannot be taken back. Durable when it returns.
    ///
    /// # Errors
    /// As [`finish_tasks_and_invalidate`](Self::finish_tasks_and_invalidate).
    pub fn invalidate_and_cancel(&self, session: &SessionKey) -> Result<(), Error> {
        self.ask(Call::InvalidateAndCancel { session: session.clone() }).map(drop)
    }

    /// Lets a suspended task go on. Durable when it returns.
    ///
    /// # Errors
    /// The daemon's for a task that is unknown, -997 without it.
    pub fn resume(&self, session: &SessionKey, task: TaskIdentifier) -> Result<(), Error> {
        self.ask(Call::Resume { session: session.clone(), task }).map(drop)
    }

    /// Stops a task's attempt and keeps its bytes. Durable when it returns.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub fn suspend(&self, session: &SessionKey, task: TaskIdentifier) -> Result<(), Error> {
        self.ask(Call::Suspend { session: session.clone(), task }).map(drop)
    }

    /// Replaces parts of a task's request and lets it try at once, as
    /// [`Task::edit`](crate::Task::edit) does. Durable when it returns.
    ///
    /// # Errors
    /// As [`resume`](Self::resume), and for a request that is illegal.
    pub fn edit(
        &self,
        session: &SessionKey,
        task: TaskIdentifier,
        edit: RequestEdit,
    ) -> Result<(), Error> {
        self.ask(Call::Edit { session: session.clone(), task, edit: Box::new(edit) }).map(drop)
    }

    /// Answers the question that a task waits with, as [`Task::answer`](crate::Task::answer) does.
    /// Durable when it returns.
    ///
    /// # Errors
    /// As [`resume`](Self::resume), and for a question that the task did not ask.
    pub fn answer(
        &self,
        session: &SessionKey,
        task: TaskIdentifier,
        challenge: &AuthenticationChallenge,
        disposition: AuthChallengeDisposition,
    ) -> Result<(), Error> {
        let (session, question) = (session.clone(), challenge.question);
        let disposition = Box::new(crate::task::anchored(disposition)?);
        self.ask(Call::Answer { session, task, question, disposition }).map(drop)
    }

    /// Ends a task with -999, which its owner is told. Durable when it returns.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub fn cancel(&self, session: &SessionKey, task: TaskIdentifier) -> Result<(), Error> {
        self.ask(Call::Cancel { session: session.clone(), task }).map(drop)
    }

    /// Cancels a task if it is unfinished, acknowledges its events in the owner's place and forgets
    /// it, with its file unless that has a destination. Durable when it returns.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub fn remove(&self, session: &SessionKey, task: TaskIdentifier) -> Result<(), Error> {
        self.ask(Call::Remove { session: session.clone(), task }).map(drop)
    }

    /// Does what [`remove`](Self::remove) does to many tasks, which share what making it durable
    /// costs. What could not be removed, as it is forgotten already, is passed over.
    ///
    /// # Errors
    /// -997 without the daemon.
    pub fn remove_all<'a>(
        &self,
        tasks: impl IntoIterator<Item = (&'a SessionKey, TaskIdentifier)>,
    ) -> Result<(), Error> {
        self.control_all(Control::Remove, tasks).map(drop)
    }

    /// Does the same to many tasks, which share what making it durable costs. Durable when it
    /// returns what came of each, in order.
    ///
    /// # Errors
    /// -997 without the daemon.
    pub fn control_all<'a>(
        &self,
        control: Control,
        tasks: impl IntoIterator<Item = (&'a SessionKey, TaskIdentifier)>,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let calls = tasks.into_iter().map(|(session, task)| control.call(session.clone(), task));
        self.lock().ask_all(calls)
    }

    /// Follows a session's events, or all sessions', on a connection of its own; with `replay`
    /// those that are still owed come first. Events are copies and need no acknowledgement.
    ///
    /// # Errors
    /// -997 if the daemon does not run.
    pub fn watch(&self, session: Option<SessionKey>, replay: bool) -> Result<Watch, Error> {
        let mut conversation = Conversation::open(false)?;
        let mut early = VecDeque::new();
        let answered = conversation.ask(Call::Watch { session, replay }, |event| {
            early.push_back(event);
        });
        answered?;
        Ok(Watch { conversation, early })
    }

    /// Tells how the daemon is.
    ///
    /// # Errors
    /// -997 without it.
    pub fn status(&self) -> Result<DaemonStatus, Error> {
        match self.ask(Call::Status)? {
            Reply::Status(status) => Ok(status),
            _ => Err(misunderstood()),
        }
    }

    /// Stops the daemon in order: attempts end, their bytes are kept, nothing is lost. Returns once
    /// its process has ended; where the system cannot tell that, once it has hung up.
    ///
    /// # Errors
    /// -997 if it was gone before, -1001 if it does not end within 30 s.
    pub fn shutdown(self) -> Result<(), Error> {
        let process = process::open(&self.lock().transport.sender);
        self.ask(Call::Shutdown)?;
        let deadline = Deadline::after(REPLY_LIMIT);
        let mut conversation = self.lock();
        let ended = loop {
            match conversation.transport.receiver.receive(deadline) {
                Ok(_) => {}
                Err(Unreceived::Lost) => break process::wait(process, deadline),
                Err(Unreceived::TimedOut) => break false,
            }
        };
        if ended {
            return Ok(());
        }
        Err(Error::new(ErrorCode::TIMED_OUT).because("the daemon did not stop in time"))
    }

    pub(crate) fn ask(&self, call: Call) -> Result<Reply, Error> {
        self.lock().ask(call, |_| {})
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Conversation> {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daemon").finish_non_exhaustive()
    }
}

/// What [`Daemon::control_all`] does to every task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// [`Daemon::suspend`].
    Suspend,
    /// [`Daemon::resume`].
    Resume,
    /// [`Daemon::edit`] with an edit that replaces nothing: a waiting task tries at once.
    Retry,
    /// [`Daemon::cancel`].
    Cancel,
    /// [`Daemon::remove`].
    Remove,
}

impl Control {
    fn call(self, session: SessionKey, task: TaskIdentifier) -> Call {
        match self {
            Self::Suspend => Call::Suspend { session, task },
            Self::Resume => Call::Resume { session, task },
            Self::Retry => Call::Edit { session, task, edit: Box::default() },
            Self::Cancel => Call::Cancel { session, task },
            Self::Remove => Call::Remove { session, task },
        }
    }
}

/// The copy of an event that a watcher sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// The session.
    pub session: SessionKey,
    /// The task; `None` for events of the session itself.
    pub task: Option<TaskIdentifier>,
    /// Present on kept events.
    pub number: Option<EventNumber>,
    /// What happened.
    pub event: Event,
}

/// Follows events: a blocking iterator that ends after an error, -997 when the daemon is gone.
///
/// Dropping it stops watching.
pub struct Watch {
    conversation: Conversation,
    early: VecDeque<Watched>,
}

impl Watch {
    /// Waits for the next event, however long it takes.
    ///
    /// # Errors
    /// -997 when the daemon is gone.
    pub fn recv(&mut self) -> Result<Watched, Error> {
        self.receive(Deadline::never()).map(|event| event.expect("never is no deadline"))
    }

    /// Waits for the next event, at most that long; `Ok(None)` when the time is up. Without time it
    /// returns what came together with the one before, and asks nobody.
    ///
    /// # Errors
    /// -997 when the daemon is gone.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Watched>, Error> {
        self.receive(Deadline::after(timeout))
    }

    fn receive(&mut self, deadline: Deadline) -> Result<Option<Watched>, Error> {
        if let Some(event) = self.early.pop_front() {
            return Ok(Some(event));
        }
        loop {
            match self.conversation.transport.receiver.receive(deadline) {
                Ok(DaemonMessage::Event { session, task, number, event }) => {
                    return Ok(Some(Watched { session, task, number, event }));
                }
                Ok(DaemonMessage::Goodbye { reason }) => return Err(goodbye(&reason)),
                Ok(DaemonMessage::Hello(_) | DaemonMessage::Reply { .. }) => {}
                Err(Unreceived::TimedOut) => return Ok(None),
                Err(Unreceived::Lost) => return Err(lost("the daemon is gone")),
            }
        }
    }
}

impl Iterator for Watch {
    type Item = Watched;

    fn next(&mut self) -> Option<Watched> {
        self.recv().ok()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// A connection on which each question waits for its answer.
struct Conversation {
    transport: Transport,
    next_call: u64,
}

impl Conversation {
    fn open(start: bool) -> Result<Self, Error> {
        let opened = match start {
            true => Self::greet(|deadline| launch::connect(deadline).map(Some)),
            false => Self::open_running(),
        };
        opened?.ok_or_else(|| lost("no daemon is running"))
    }

    fn open_running() -> Result<Option<Self>, Error> {
        Self::greet(|_| launch::connect_to_running())
    }

    fn greet(
        connect: impl Fn(Deadline) -> Result<Option<Transport>, Error>,
    ) -> Result<Option<Self>, Error> {
        let deadline = Deadline::after(CONNECT_LIMIT);
        let mut attempt = 1;
        loop {
            let greeted = connect(deadline).and_then(|transport| {
                let Some(mut transport) = transport else { return Ok(None) };
                transport.greet(deadline)?;
                Ok(Some(Self { transport, next_call: 0 }))
            });
            // A daemon that is dying may still take a connection and then hang up.
            match greeted {
                Err(_) if attempt < OPEN_ATTEMPTS && !deadline.is_over() => attempt += 1,
                opened => return opened,
            }
        }
    }

    /// Asks many times at once and waits for all answers, whatever they are.
    fn ask_all(
        &mut self,
        mut calls: impl Iterator<Item = Call>,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let mut results = Vec::new();
        loop {
            let first = self.next_call;
            let message = |call| {
                let id = CallId(self.next_call);
                self.next_call += 1;
                ClientMessage::Call { id, call }
            };
            let batch: Vec<_> = calls.by_ref().take(BATCH_LIMIT).map(message).collect();
            if batch.is_empty() {
                return Ok(results);
            }
            match self.transport.sender.send_all(&batch) {
                Ok(()) => {}
                Err(Unsent::Illegal(error)) => return Err(error),
                Err(Unsent::Lost) => return Err(lost("the daemon is gone")),
            }
            results.extend(self.answers(first, batch.len())?);
        }
    }

    /// Waits for the answers to so many calls, and returns them in the order of the calls.
    fn answers(&mut self, first: u64, count: usize) -> Result<Vec<Result<(), Error>>, Error> {
        let mut answers: Vec<Option<Result<(), Error>>> = vec![None; count];
        let mut left = count;
        let deadline = Deadline::after(REPLY_LIMIT);
        while left > 0 {
            match self.transport.receiver.receive(deadline) {
                Ok(DaemonMessage::Reply { id, result }) => {
                    let at = id.0.checked_sub(first).and_then(|at| usize::try_from(at).ok());
                    if let Some(answer @ None) = at.and_then(|at| answers.get_mut(at)) {
                        *answer = Some(result.map(drop));
                        left -= 1;
                    }
                }
                Ok(DaemonMessage::Goodbye { reason }) => return Err(goodbye(&reason)),
                Ok(DaemonMessage::Hello(_) | DaemonMessage::Event { .. }) => {}
                Err(Unreceived::Lost) => return Err(lost("the daemon is gone")),
                Err(Unreceived::TimedOut) => return Err(lost("the daemon did not answer in time")),
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Asks and waits for the answer; events that come before it are handed over.
    fn ask(&mut self, call: Call, mut event: impl FnMut(Watched)) -> Result<Reply, Error> {
        let id = CallId(self.next_call);
        self.next_call += 1;
        match self.transport.sender.send(&ClientMessage::Call { id, call }) {
            Ok(()) => {}
            Err(Unsent::Illegal(error)) => return Err(error),
            Err(Unsent::Lost) => return Err(lost("the daemon is gone")),
        }
        let deadline = Deadline::after(REPLY_LIMIT);
        loop {
            match self.transport.receiver.receive(deadline) {
                Ok(DaemonMessage::Reply { id: answered, result }) if answered == id => {
                    return result;
                }
                Ok(DaemonMessage::Event { session, task, number, event: happened }) => {
                    event(Watched { session, task, number, event: happened });
                }
                Ok(DaemonMessage::Goodbye { reason }) => return Err(goodbye(&reason)),
                Ok(DaemonMessage::Hello(_) | DaemonMessage::Reply { .. }) => {}
                Err(Unreceived::Lost) => return Err(lost("the daemon is gone")),
                Err(Unreceived::TimedOut) => {
                    return Err(lost("the daemon did not answer in time"));
                }
            }
        }
    }
}

fn goodbye(reason: &str) -> Error {
    lost(format!("the daemon said: {reason}"))
}

pub(crate) fn misunderstood() -> Error {
    lost("the daemon gave an answer to another question")
}

#[cfg(target_os = "linux")]
mod process {
    use crate::deadline::Deadline;
    use crate::transport::Sender;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    use std::os::fd::OwnedFd;

    /// Holds on to the daemon's process, so that its end can be waited for.
    pub(super) fn open(daemon: &Sender) -> Option<OwnedFd> {
        let pid = daemon.process().and_then(|pid| Pid::from_raw(pid.cast_signed()))?;
        pidfd_open(pid, PidfdFlags::empty()).ok()
    }

    /// Waits for the end of the process; says whether it came in time.
    pub(super) fn wait(process: Option<OwnedFd>, deadline: Deadline) -> bool {
        let Some(process) = process else { return true };
        loop {
            let timeout = deadline.remaining().and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut [PollFd::new(&process, PollFlags::IN)], timeout.as_ref()) {
                Ok(ready) => return ready > 0,
                Err(Errno::INTR) => {}
                Err(_) => return true,
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod process {
    use crate::deadline::Deadline;
    use crate::transport::Sender;

    pub(super) fn open(_: &Sender) {}

    pub(super) fn wait((): (), _: Deadline) -> bool {
        true
    }
}
