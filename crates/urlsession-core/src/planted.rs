//! Bugs that can be planted to try the simulator; none outside its feature.

/// A bug of the core that the simulator must catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "planted-bugs"),
    expect(unreachable_pub, reason = "the bugs exist only for the simulator")
)]
pub enum CoreBug {
    /// A session has a second owner beside a live one.
    TwoOwners,
    /// The end of an owner's connection does not free its session.
    LostLease,
    /// The end of a connection cancels the session's tasks.
    DeadClientCancels,
    /// A resumed task starts while its stopped attempt still runs.
    OverlappingAttempts,
    /// A report of an older attempt counts.
    StaleReports,
    /// The limits of a session's configuration are not applied.
    NoSessionLimits,
    /// A cancelled task has no terminal event.
    SilentCancel,
    /// A task has two terminal events.
    CompletesTwice,
    /// Recorded bytes run ahead of what was synced.
    EagerJournal,
    /// A task vanishes with the first acknowledged event.
    EarlyForget,
    /// A task that was created before is created again.
    CreateTwice,
    /// A restart leaves cancelling tasks as they are.
    CancelingForever,
    /// What was acknowledged is not removed from the store.
    AckNotDurable,
    /// A task whose deadline passed is not looked at.
    NoDeadline,
    /// A new owner is not told what was owed.
    NoReplay,
    /// A task that found the disk full is never tried again.
    DiskForever,
    /// An owner is taken for the last one, whoever it is.
    SameOwner,
    /// An app is launched although somebody owns its session.
    LaunchesOwned,
    /// An app is launched while a task of its session is not done.
    LaunchesBusy,
    /// A program that is late is joined by a second one.
    TwoLaunches,
    /// A launch is not counted durably.
    LaunchNotCounted,
    /// An app that fails is launched for ever.
    LaunchesForever,
    /// An app that fails is launched again at once.
    NoLaunchDelay,
    /// An app is launched in the moment its session loses its owner.
    NoVacancy,
    /// A crash takes the launches that were to come with it.
    LaunchLost,
    /// A program that ended counts as running.
    LaunchRunsForever,
    /// An edit changes what the core knows, and not the store.
    EditNotDurable,
    /// A task that was edited stays with the host it had.
    EditKeepsHost,
    /// After a restart a task does not wait for its answer any more.
    AnswerForgotten,
    /// A new owner is not asked what the one before was asked.
    NotAsked,
    /// Attempts begin while the engine stops.
    StartsWhileStopping,
    /// The body that was spooled for a task stays when the task is over.
    SpoolStays,
    /// What must not be sent twice is, after a pause.
    PauseSendsAgain,
}

/// Which bug is planted; none, and no cost, without the feature.
#[derive(Debug, Clone, Default)]
pub(crate) struct Planted {
    #[cfg(feature = "planted-bugs")]
    pub(crate) bug: Option<CoreBug>,
}

impl Planted {
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn is(&self, bug: CoreBug) -> bool {
        self.bug == Some(bug)
    }

    #[cfg(not(feature = "planted-bugs"))]
    #[expect(clippy::unused_self, reason = "the same form as with the feature")]
    pub(crate) const fn is(&self, _: CoreBug) -> bool {
        false
    }
}
