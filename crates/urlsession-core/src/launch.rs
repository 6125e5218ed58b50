//! When the app of a session is started again: all tasks have ended or one asks something, and nobody
//! is there to be told.
//!
//! ```text
//!              wanted               its time has come                  ended well
//!   Resting -----------> Due -------------------------> Running --------------------+
//!    ^  ^                 |                              |                          v
//!    |  +-- not wanted ---+          failed              |    did not attach      Ended
//!    +---------------------------------------------------+--------------------------+
//! ```
//! A program that runs is neither stopped nor joined by a second one, however late it is.

use crate::planted::CoreBug;
use crate::session::Session;
use crate::turn::Turn;
use crate::{Action, Core, LaunchRecord, SessionNumber};
use std::collections::BTreeSet;
use std::time::Duration;
use urlsession_protocol::{LaunchState, LaunchStatus, Timestamp};

/// How long nobody must have owned a session before its app is launched: an owner that reconnects,
/// or that a person starts again, is quicker.
pub const VACANCY: Duration = Duration::from_secs(3);
/// Longest an app may take to attach, from its launch and again from the end of its command.
pub const LAUNCH_LIMIT: Duration = Duration::from_secs(60);
/// Most launches without an acknowledged event in between.
pub const MAX_LAUNCHES: u32 = 8;
/// Most launched apps at once that have not attached yet; others wait.
pub const MAX_LAUNCHING: usize = 4;
/// The second launch comes this long after the first was of no use,
const FIRST_DELAY: Duration = Duration::from_secs(60);
/// and each further one after twice as long, up to this.
const LONGEST_DELAY: Duration = Duration::from_secs(60 * 60);
/// Most characters that are kept of why a launch was of no use.
const ERROR_CHARS: usize = 400;

/// The launching of one session's app.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) record: LaunchRecord,
    pub(crate) phase: LaunchPhase,
    /// Since when nobody owns the session, by steady time.
    vacant_since: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaunchPhase {
    /// There is nothing to launch for, or there were launches enough.
    Resting,
    /// It is launched then; `shown` is the same moment by the wall clock.
    Due { at: Duration, shown: Timestamp },
    /// The program runs. It must attach by then; `None` once it did, or was late.
    Running { until: Option<Duration> },
    /// The program ended well, perhaps having started another one, which must attach by then.
    Ended { until: Duration },
}

/// The alarms of all sessions.
#[derive(Debug, Default)]
pub(crate) struct Launches {
    due: BTreeSet<(Duration, SessionNumber)>,
    /// Of launched apps that have not attached yet.
    limits: BTreeSet<(Duration, SessionNumber)>,
}

impl Launch {
    pub(crate) fn new(record: LaunchRecord) -> Self {
        Self { record, phase: LaunchPhase::Resting, vacant_since: Duration::ZERO }
    }

    /// Notes that nobody owns the session any more.
    pub(crate) fn vacate(&mut self, now: Duration) {
        self.vacant_since = now;
    }

    /// Forgets the launches so far, and says whether there were any.
    pub(crate) fn reset(&mut self) -> bool {
        let before = std::mem::take(&mut self.record);
        before != LaunchRecord::default()
    }

    /// Lets launching begin anew for a task that ended after it had been given up.
    pub(crate) fn take_heart(&mut self) {
        if self.has_given_up() {
            self.reset();
        }
    }

    pub(crate) fn has_given_up(&self) -> bool {
        self.record.attempts >= MAX_LAUNCHES
    }

    fn blame(&mut self, why: &str) {
        self.record.error = Some(why.chars().take(ERROR_CHARS).collect());
    }

    fn delay(&self) -> Duration {
        match self.record.attempts {
            0 => Duration::ZERO,
            n => FIRST_DELAY.saturating_mul(2_u32.saturating_pow(n - 1)).min(LONGEST_DELAY),
        }
    }

    pub(crate) fn status(&self) -> LaunchStatus {
        let state = match self.phase {
            LaunchPhase::Due { shown, .. } => LaunchState::Due(shown),
            LaunchPhase::Running { .. } | LaunchPhase::Ended { .. } => LaunchState::Launched,
            LaunchPhase::Resting if self.has_given_up() => LaunchState::GivenUp,
            LaunchPhase::Resting => LaunchState::Resting,
        };
        LaunchStatus { state, attempts: self.record.attempts, error: self.record.error.clone() }
    }
}

impl LaunchPhase {
    fn limit(self) -> Option<Duration> {
        match self {
            Self::Resting | Self::Due { .. } => None,
            Self::Running { until } => until,
            Self::Ended { until } => Some(until),
        }
    }
}

impl Launches {
    /// Returns how long it is until something is due.
    pub(crate) fn next(&self, now: Duration) -> Option<Duration> {
        let due = self.due.first().filter(|_| self.has_room());
        let next = due.into_iter().chain(self.limits.first()).map(|(at, _)| *at).min()?;
        Some(next.saturating_sub(now))
    }

    /// Says whether no launch is to come or under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.due.is_empty() && self.limits.is_empty()
    }

    fn has_room(&self) -> bool {
        self.limits.len() < MAX_LAUNCHING
    }
}

impl Core {
    /// Looks again whether the app of a session is needed.
    pub(crate) fn consider_launch(&mut self, turn: &Turn, number: SessionNumber) {
        let wanted = self.wants_launch(number);
        let Some(session) = self.sessions.get(&number) else { return };
        let launch = &session.launch;
        let phase = match (launch.phase, wanted) {
            (LaunchPhase::Resting, true)
                if !launch.has_given_up() || self.planted.is(CoreBug::LaunchesForever) =>
            {
                let now = turn.now.steady;
                let at = now.saturating_add(self.launch_delay(launch)).max(self.vacant(launch));
                LaunchPhase::Due { at, shown: turn.now.wall.after(at.saturating_sub(now)) }
            }
            (LaunchPhase::Due { .. } | LaunchPhase::Ended { .. }, false) => LaunchPhase::Resting,
            (LaunchPhase::Running { .. }, false) => LaunchPhase::Running { until: None },
            _ => return,
        };
        self.put_launch(number, phase);
    }

    /// Launches the apps whose time has come.
    pub(crate) fn launch_due(&mut self, turn: &mut Turn) {
        while self.launches.has_room()
            && let Some((at, number)) = self.launches.due.first().copied()
            && at <= turn.now.steady
        {
            self.launch(turn, number);
        }
    }

    /// The program that was launched for a session has ended, or could not be started.
    pub(crate) fn launch_ended(
        &mut self,
        turn: &mut Turn,
        number: SessionNumber,
        result: Result<(), String>,
    ) {
        let wanted = self.wants_launch(number);
        if self.planted.is(CoreBug::LaunchRunsForever) {
            return;
        }
        let Some(session) = self.sessions.get_mut(&number) else { return };
        let LaunchPhase::Running { until } = session.launch.phase else { return };
        let phase = match result {
            Ok(()) if until.is_some() => {
                LaunchPhase::Ended { until: turn.now.steady.saturating_add(LAUNCH_LIMIT) }
            }
            Ok(()) => LaunchPhase::Resting,
            Err(why) => {
                if wanted {
                    session.launch.blame(&why);
                    turn.sessions.insert(number);
                }
                LaunchPhase::Resting
            }
        };
        self.put_launch(number, phase);
        turn.launching.insert(number);
    }

    /// Ends the patience with apps that did not attach in time.
    pub(crate) fn end_launch_limits(&mut self, turn: &mut Turn) {
        while let Some((at, number)) = self.launches.limits.first().copied()
            && at <= turn.now.steady
        {
            let session = self.sessions.get_mut(&number).expect("a limit has its session");
            let limit = LAUNCH_LIMIT.as_secs();
            let (phase, why) = match session.launch.phase {
                LaunchPhase::Running { .. } if !self.planted.is(CoreBug::TwoLaunches) => (
                    LaunchPhase::Running { until: None },
                    format!("the command runs and has not attached within {limit} s"),
                ),
                _ => (
                    LaunchPhase::Resting,
                    format!("the command ended, and nobody attached within {limit} s"),
                ),
            };
            session.launch.blame(&why);
            turn.sessions.insert(number);
            turn.launching.insert(number);
            self.put_launch(number, phase);
        }
    }

    /// Drops the alarms of a session that is gone.
    pub(crate) fn forget_launch(&mut self, number: SessionNumber, launch: &Launch) {
        self.drop_alarms(number, launch.phase);
    }

    fn launch_delay(&self, launch: &Launch) -> Duration {
        if self.planted.is(CoreBug::NoLaunchDelay) { Duration::ZERO } else { launch.delay() }
    }

    /// Returns when nobody will have owned the session for long enough.
    fn vacant(&self, launch: &Launch) -> Duration {
        let patience = if self.planted.is(CoreBug::NoVacancy) { Duration::ZERO } else { VACANCY };
        launch.vacant_since.saturating_add(patience)
    }

    fn wants_launch(&self, number: SessionNumber) -> bool {
        let has_ended = |session: &Session| {
            let busy = self.index.is_busy(number) && !self.planted.is(CoreBug::LaunchesBusy);
            !session.outbox.owed.is_empty() && !busy
        };
        self.sessions.get(&number).is_some_and(|session| {
            session.configuration.launch_command.is_some()
                && (session.owner.is_none() || self.planted.is(CoreBug::LaunchesOwned))
                && (has_ended(session) || self.asking(number).next().is_some())
                && !self.quiescing
        })
    }

    fn launch(&mut self, turn: &mut Turn, number: SessionNumber) {
        let until = Some(turn.now.steady.saturating_add(LAUNCH_LIMIT));
        self.put_launch(number, LaunchPhase::Running { until });
        let session = self.sessions.get_mut(&number).expect("what is due has its session");
        session.launch.record.attempts += 1;
        if !self.planted.is(CoreBug::LaunchNotCounted) {
            turn.sessions.insert(number);
        }
        let command = session.configuration.launch_command.clone();
        turn.act(Action::Launch {
            session: number,
            key: session.key.clone(),
            // No session is launched twice in a second.
            handler: format!("Session-{}-{}", turn.now.wall.0 / 1000, number.0),
            command: Box::new(command.expect("only a session with a command is due")),
        });
    }

    fn put_launch(&mut self, number: SessionNumber, phase: LaunchPhase) {
        let Some(session) = self.sessions.get_mut(&number) else { return };
        let before = std::mem::replace(&mut session.launch.phase, phase);
        self.drop_alarms(number, before);
        if let LaunchPhase::Due { at, .. } = phase {
            self.launches.due.insert((at, number));
        }
        if let Some(until) = phase.limit() {
            self.launches.limits.insert((until, number));
        }
    }

    fn drop_alarms(&mut self, number: SessionNumber, phase: LaunchPhase) {
        if let LaunchPhase::Due { at, .. } = phase {
            self.launches.due.remove(&(at, number));
        }
        if let Some(until) = phase.limit() {
            self.launches.limits.remove(&(until, number));
        }
    }
}
