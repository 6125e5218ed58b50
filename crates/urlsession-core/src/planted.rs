//! Bugs that can be planted to try the simulator; none outside its feature.

/// A bug of the core that the simulator must catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "planted-bugs"),
    expect(dead_code, unreachable_pub, reason = "the bugs exist only for the simulator")
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
    /// Running attempts are not counted.
    NoSlotLimit,
    /// A completed task forgets to append its terminal event when it was cancelled at once.
    SilentCancel,
    /// A failed task completes twice.
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
