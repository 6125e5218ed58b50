//! What only the simulator sees: exactly where every task and every launch is.

use crate::launch::LaunchPhase;
use crate::task::{Phase, Stopping, Task, Wait};
use crate::{AttemptNumber, Core, SessionNumber, TaskRef};

/// Where a task is: its phase and what that phase is about, without the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Place {
    /// Not resumed.
    Suspended,
    /// Waits for a slot,
    Slot,
    /// for its begin date,
    Begin,
    /// for its next try,
    Retry,
    /// for the network,
    Connectivity,
    /// for room on the disk,
    Disk,
    /// for its app.
    Answer,
    /// Runs,
    Running,
    /// is stopped because it was suspended,
    Suspending,
    /// then resumed,
    Resuming,
    /// or is late,
    TimingOut,
    /// or was edited,
    Editing,
    /// or because the engine stops.
    Quiescing,
    /// Cancelled, and its attempt still runs.
    Canceling,
    /// Ended.
    Completed,
}

/// Where the launching of a session's app is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum LaunchPlace {
    /// The session has no command.
    Without,
    /// There is nothing to launch for.
    Resting,
    /// Its time is known.
    Due,
    /// The program runs and must attach.
    Running,
    /// The program runs, and is not waited for: it attached, or was late.
    Released,
    /// The program ended well; somebody must attach.
    Ended,
    /// There were launches enough.
    GivenUp,
}

impl Core {
    /// Returns where all tasks are, or those of one session.
    pub fn places(
        &self,
        session: Option<SessionNumber>,
    ) -> impl Iterator<Item = (TaskRef, Place)> + '_ {
        let places = self.tasks.iter().map(|(key, task)| (*key, place(task)));
        places.filter(move |(key, _)| session.is_none_or(|session| key.session == session))
    }

    /// Returns where a task is.
    #[must_use]
    pub fn place(&self, task: TaskRef) -> Option<Place> {
        self.tasks.get(&task).map(place)
    }

    /// Returns the attempt that runs for a task.
    #[must_use]
    pub fn attempt(&self, task: TaskRef) -> Option<AttemptNumber> {
        self.tasks.get(&task)?.attempt()
    }

    /// Returns the host whose slot a task takes or wants. After an edit it is the one before until
    /// the attempt has ended.
    #[must_use]
    pub fn slot_host(&self, task: TaskRef) -> Option<&str> {
        self.tasks.get(&task).map(|task| &*task.host)
    }

    /// Returns where the launching of a session's app is.
    #[must_use]
    pub fn launch_place(&self, session: SessionNumber) -> Option<LaunchPlace> {
        let session = self.sessions.get(&session)?;
        Some(match session.launch.phase {
            LaunchPhase::Due { .. } => LaunchPlace::Due,
            LaunchPhase::Running { until: Some(_) } => LaunchPlace::Running,
            LaunchPhase::Running { until: None } => LaunchPlace::Released,
            LaunchPhase::Ended { .. } => LaunchPlace::Ended,
            LaunchPhase::Resting if session.launch.has_given_up() => LaunchPlace::GivenUp,
            LaunchPhase::Resting if session.configuration.launch_command.is_none() => {
                LaunchPlace::Without
            }
            LaunchPhase::Resting => LaunchPlace::Resting,
        })
    }

    /// Returns the sessions that are known.
    pub fn sessions(&self) -> impl Iterator<Item = SessionNumber> + '_ {
        self.sessions.keys().copied()
    }
}

fn place(task: &Task) -> Place {
    match &task.phase {
        Phase::Suspended => Place::Suspended,
        Phase::Waiting(wait) => match wait {
            Wait::Slot => Place::Slot,
            Wait::Begin(_) => Place::Begin,
            Wait::Retry { .. } => Place::Retry,
            Wait::Connectivity { .. } => Place::Connectivity,
            Wait::Disk { .. } => Place::Disk,
            Wait::Answer | Wait::Challenge(_) => Place::Answer,
        },
        Phase::Running { stopping, .. } => match stopping {
            None => Place::Running,
            Some(Stopping::Suspend) => Place::Suspending,
            Some(Stopping::SuspendThenResume) => Place::Resuming,
            Some(Stopping::Timeout) => Place::TimingOut,
            Some(Stopping::Edit) => Place::Editing,
            Some(Stopping::Quiesce) => Place::Quiescing,
        },
        Phase::Canceling { .. } => Place::Canceling,
        Phase::Completed { .. } => Place::Completed,
    }
}
