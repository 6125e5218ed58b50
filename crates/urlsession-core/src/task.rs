//! One task as the core keeps it: compact, and a machine of phases.

use crate::details::{Details, OptionalDate};
use crate::peak::Peak;
use crate::{
    AttemptNumber, Cause, Done, Kind, Moment, SessionNumber, Stage, TaskFacts, TaskRecord,
};
use std::sync::Arc;
use std::time::Duration;
use urlsession_protocol::{EventNumber, Priority, Reason, TaskState, Timestamp};

/// Where a task is in its life.
///
/// ```text
///                 resume               slot free
/// (created) -> Suspended ----> Waiting ----------> Running ---- done, or failed for good ----+
///                ^   ^  <----  |    ^              |  |  |                                   |
///                |   | suspend |    +-- try again -+  |  +-- cancel -> Canceling -- ended ---+
///                |   |         |    |                 |                                      |
///                |   |         |    +-- resume before the stopped attempt ended              |
///                |   +---------|---- suspend: attempt stopped, ended                         v
///                +-- cancel ---+-- cancel, deadline -----------------------------------> Completed
///                                                                   last event acknowledged --> gone
/// ```
/// A task that was asked to stop stays `Running` until its attempt reports the end: no attempt
/// begins before the one before it ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Phase {
    /// Not resumed, no attempt runs.
    Suspended,
    /// Resumed, no attempt runs.
    Waiting(Wait),
    /// An attempt runs.
    Running { attempt: AttemptNumber, stopping: Option<Stopping> },
    /// Cancelled, and the attempt was asked to stop. `by_user`: through `Remove`.
    Canceling { attempt: AttemptNumber, by_user: bool },
    /// Ended; `owed` of its events, the last of them `last`, are not acknowledged.
    Completed { at: Timestamp, done: Option<Box<Done>>, last: EventNumber, owed: u8 },
}

impl Phase {
    pub(crate) fn attempt(&self) -> Option<AttemptNumber> {
        match *self {
            Self::Running { attempt, .. } | Self::Canceling { attempt, .. } => Some(attempt),
            Self::Suspended | Self::Waiting(_) | Self::Completed { .. } => None,
        }
    }
}

/// What a waiting task waits for. `due` is steady time, which does not jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A slot.
    Slot,
    /// Its begin date.
    Begin(Timestamp),
    /// The end of its retry delay; `shown` is the same moment by the wall clock. `asked`: the server
    /// named the delay.
    Retry { due: Duration, shown: Timestamp, asked: bool },
    /// The network, or the end of the delay.
    Connectivity { due: Duration },
    /// Room on the disk, looked for at the end of the delay.
    Disk { due: Duration },
    /// An answer of its app.
    Answer,
    /// An answer of its app to a server's question, until then.
    Challenge(Timestamp),
}

impl Wait {
    /// Returns the steady moment at which it ends by itself.
    pub(crate) fn due(self) -> Option<Duration> {
        match self {
            Self::Slot | Self::Begin(_) | Self::Answer | Self::Challenge(_) => None,
            Self::Retry { due, .. } | Self::Connectivity { due } | Self::Disk { due } => Some(due),
        }
    }

    /// Says whether it ends when the network returns. A server that is busy is so in every network.
    pub(crate) fn ends_with_network(self) -> bool {
        matches!(self, Self::Retry { asked: false, .. } | Self::Connectivity { .. })
    }

    fn reason(self) -> Reason {
        match self {
            Self::Slot => Reason::Slot,
            Self::Begin(at) => Reason::BeginAt(at),
            Self::Retry { shown, .. } => Reason::RetryAt(shown),
            Self::Connectivity { .. } => Reason::Connectivity,
            Self::Disk { .. } => Reason::Disk,
            Self::Answer | Self::Challenge(_) => Reason::Answer,
        }
    }

    /// Makes the wait after a failure with that cause.
    pub(crate) fn after(cause: Cause, delay: Duration, now: Moment) -> Self {
        let due = now.steady.saturating_add(delay);
        match cause {
            Cause::Permanent | Cause::Transient | Cause::Interval(_) | Cause::After(_) => {
                let asked = matches!(cause, Cause::After(delay) if !delay.is_zero());
                Self::Retry { due, shown: now.wall.after(delay), asked }
            }
            Cause::Connectivity => Self::Connectivity { due },
            Cause::Disk => Self::Disk { due },
            Cause::Answer => Self::Answer,
        }
    }
}

/// Why a running attempt was asked to stop, and so what the task becomes when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopping {
    /// Suspended: it stays so.
    Suspend,
    /// Suspended, then resumed: it waits for a slot.
    SuspendThenResume,
    /// Its deadline passed: it completes with -1001.
    Timeout,
    /// Its request was replaced: it waits for a slot.
    Edit,
    /// The engine stops: it waits for the next start.
    Quiesce,
}

/// A task. What only the transfer needs (the order) is not here.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    pub(crate) phase: Phase,
    /// Interned: all tasks for one host share it.
    pub(crate) host: Arc<str>,
    pub(crate) created: Timestamp,
    pub(crate) begin: OptionalDate,
    pub(crate) deadline: OptionalDate,
    /// In milliseconds, as the store has it.
    resource_timeout: u64,
    pub(crate) details: Details,
    pub(crate) attempts: u32,
    pub(crate) failures: u32,
    pub(crate) maximum_retries: Option<u32>,
    pub(crate) kind: Kind,
    pub(crate) priority: Priority,
    pub(crate) no_unsafe_retry: bool,
    /// No network is on its way, whatever its host.
    pub(crate) stays_here: bool,
    pub(crate) owns_file: bool,
    /// Its attempt has all bytes and takes no slot any more.
    pub(crate) is_received: bool,
}

/// What the outside sees of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outside {
    pub(crate) state: TaskState,
    pub(crate) reason: Option<Reason>,
}

impl Task {
    /// Makes a task of what the store has. An active one waits: after a restart no attempt runs.
    pub(crate) fn new(facts: TaskFacts, record: TaskRecord, host: Arc<str>) -> Self {
        let mut details = Details::default();
        if facts.spool.is_some()
            || record.resume.is_some()
            || record.error.is_some()
            || record.question.is_some()
            || record.suspended.is_some()
            || record.received.is_some()
        {
            details.spool = facts.spool.map(Into::into);
            details.peak = record.resume.as_deref().map(Peak::of).map(Box::new);
            details.resume = record.resume;
            details.error = record.error;
            details.question = record.question;
            details.suspended = record.suspended;
            details.received = record.received;
        }
        let phase = match record.stage {
            Stage::Suspended => Phase::Suspended,
            Stage::Active | Stage::Sending => Phase::Waiting(Wait::Slot),
            Stage::Asking => Phase::Waiting(Wait::Answer),
            Stage::Challenged => Phase::Waiting(match &details.question {
                Some(question) => Wait::Challenge(question.challenge.until),
                None => Wait::Slot,
            }),
            // No attempt has number 0, so nothing can report for it.
            Stage::Canceling => Phase::Canceling { attempt: AttemptNumber(0), by_user: false },
            Stage::Completed { at, done } => {
                Phase::Completed { at, done, last: EventNumber(0), owed: 0 }
            }
        };
        Self {
            phase,
            host,
            created: facts.created,
            begin: OptionalDate::new(facts.begin),
            deadline: OptionalDate::new(record.deadline),
            resource_timeout: u64::try_from(facts.resource_timeout.as_millis()).unwrap_or(u64::MAX),
            details,
            attempts: record.attempts,
            failures: record.failures,
            maximum_retries: facts.maximum_retries,
            kind: facts.kind,
            priority: facts.priority,
            no_unsafe_retry: facts.no_unsafe_retry,
            stays_here: facts.stays_here,
            owns_file: facts.owns_file,
            is_received: false,
        }
    }

    /// Returns what never changes of it.
    pub(crate) fn facts(&self) -> TaskFacts {
        TaskFacts {
            kind: self.kind,
            host: self.details.next_host.as_ref().unwrap_or(&self.host).to_string(),
            priority: self.priority,
            created: self.created,
            begin: self.begin.get(),
            resource_timeout: self.resource_timeout(),
            maximum_retries: self.maximum_retries,
            no_unsafe_retry: self.no_unsafe_retry,
            stays_here: self.stays_here,
            owns_file: self.owns_file,
            spool: self.details.spool.as_deref().map(Into::into),
        }
    }

    /// Returns how long it may take from its first resume, or a later begin date, to its completion.
    pub(crate) fn resource_timeout(&self) -> Duration {
        Duration::from_millis(self.resource_timeout)
    }

    /// Ends a change: without an attempt the task goes to its next host, and details that say
    /// nothing take no memory. Returns the host that it left.
    pub(crate) fn settle_details(&mut self) -> Option<Arc<str>> {
        let mut left = None;
        if self.phase.attempt().is_none() && self.details.next_host.is_some() {
            let next = self.details.next_host.take();
            left = next.map(|host| std::mem::replace(&mut self.host, host));
        }
        self.details.trim();
        left
    }

    /// Returns what must be durable of it.
    pub(crate) fn record(&self) -> TaskRecord {
        TaskRecord {
            stage: self.stage(),
            attempts: self.attempts,
            failures: self.failures,
            deadline: self.deadline.get(),
            suspended: self.details.suspended,
            retry_at: match self.phase {
                Phase::Waiting(Wait::Retry { shown, asked: true, .. }) => Some(shown),
                _ => None,
            },
            resume: self.details.resume.clone(),
            error: self.details.error.clone(),
            question: self.details.question.clone(),
            received: self.details.received,
        }
    }

    fn stage(&self) -> Stage {
        match &self.phase {
            // Also one that is being suspended: its server may get all of it before it stops.
            Phase::Running { .. } if self.no_unsafe_retry => Stage::Sending,
            Phase::Suspended | Phase::Running { stopping: Some(Stopping::Suspend), .. } => {
                Stage::Suspended
            }
            Phase::Waiting(Wait::Answer) => Stage::Asking,
            Phase::Waiting(Wait::Challenge(_)) => Stage::Challenged,
            Phase::Waiting(_) | Phase::Running { .. } => Stage::Active,
            Phase::Canceling { .. } => Stage::Canceling,
            Phase::Completed { at, done, .. } => Stage::Completed { at: *at, done: done.clone() },
        }
    }

    /// Returns what the outside sees.
    pub(crate) fn outside(&self) -> Outside {
        let (state, reason) = match &self.phase {
            Phase::Suspended | Phase::Running { stopping: Some(Stopping::Suspend), .. } => {
                (TaskState::Suspended, None)
            }
            Phase::Waiting(wait) => (TaskState::Running, Some(wait.reason())),
            Phase::Running { stopping: Some(Stopping::SuspendThenResume), .. } => {
                (TaskState::Running, Some(Reason::Slot))
            }
            Phase::Running { .. } => (TaskState::Running, None),
            Phase::Canceling { .. } => (TaskState::Canceling, None),
            Phase::Completed { .. } => (TaskState::Completed, None),
        };
        Outside { state, reason }
    }

    /// Returns what it waits for after a resume.
    pub(crate) fn wait_for_begin(&self, now: Timestamp) -> Wait {
        match self.begin.get() {
            Some(at) if at > now => Wait::Begin(at),
            Some(_) | None => Wait::Slot,
        }
    }

    /// Says whether it was refused at its creation: the error is there before any attempt, and
    /// completes the task once it is resumed.
    pub(crate) fn is_malformed(&self) -> bool {
        self.attempts == 0 && self.details.error.is_some()
    }

    /// Says whether its deadline passed. A suspended task is not subject to timeouts (Apple's
    /// `URLSessionTask.suspend()`), and one that is being stopped ends anyway.
    pub(crate) fn is_late(&self, now: Timestamp) -> bool {
        self.armed_deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Returns the deadline, where it applies.
    pub(crate) fn armed_deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Waiting(_)
            | Phase::Running {
                stopping: None | Some(Stopping::SuspendThenResume | Stopping::Edit),
                ..
            } => self.deadline.get(),
            Phase::Suspended
            | Phase::Running { .. }
            | Phase::Canceling { .. }
            | Phase::Completed { .. } => None,
        }
    }

    /// Returns the attempt that runs.
    pub(crate) fn attempt(&self) -> Option<AttemptNumber> {
        self.phase.attempt()
    }

    /// Says whether it will move or end by itself: neither suspended nor completed.
    pub(crate) fn is_busy(&self) -> bool {
        !matches!(self.phase, Phase::Suspended | Phase::Completed { .. })
    }

    /// Returns the lane its attempts run in.
    pub(crate) fn lane(&self, session: SessionNumber) -> (SessionNumber, Arc<str>) {
        (session, Arc::clone(&self.host))
    }
}
