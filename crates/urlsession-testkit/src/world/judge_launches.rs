//! Looks at the launching of apps: never joined, never in the way, never too often.

use super::launches::is_busy;
use super::{Verdict, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use urlsession_core::{
    Core, LaunchRecord, MAX_LAUNCHES, Place, SessionNumber, SessionRecord, VACANCY,
};
use urlsession_protocol::SessionKey;

/// The shortest time from the first launch of an app that fails to the second,
const FIRST_DELAY: Duration = Duration::from_secs(60);
/// which doubles up to this.
const LONGEST_DELAY: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Default)]
pub(super) struct LaunchJudge {
    /// Programs that run, for all that this life of the daemon was told.
    running: BTreeSet<SessionNumber>,
    /// When an app was launched last.
    last: BTreeMap<SessionNumber, u64>,
    /// When a session lost its owner.
    vacant: BTreeMap<SessionKey, u64>,
    /// When the daemon began.
    began: u64,
}

impl LaunchJudge {
    pub(super) fn vacated<'a>(&mut self, keys: impl IntoIterator<Item = &'a SessionKey>, at: u64) {
        self.vacant.extend(keys.into_iter().map(|key| (key.clone(), at)));
    }

    pub(super) fn ended(&mut self, session: SessionNumber) {
        self.running.remove(&session);
    }

    pub(super) fn crashed(&mut self, time: u64) {
        self.running.clear();
        self.vacant.clear();
        self.began = time;
    }

    pub(super) fn forget(&mut self, session: SessionNumber) {
        self.last.remove(&session);
    }

    /// A launch is decided: nobody is there, and nothing is left to wait for.
    pub(super) fn decided(
        &self,
        core: &Core,
        session: SessionNumber,
        key: &SessionKey,
        time: u64,
    ) -> Verdict {
        let busy = core.places(Some(session)).find(|(_, place)| is_busy(*place));
        let asks = core.places(Some(session)).any(|(_, place)| place == Place::Answer);
        ensure(busy.is_none() || asks, || {
            format!("the app of {key} is launched before {busy:?} ended")
        })?;
        let since = self.vacant.get(key).copied().unwrap_or(self.began);
        let patient = time - since >= milliseconds(VACANCY);
        ensure(patient, || format!("the app of {key} is launched at once"))
    }

    /// A session is written: its launches count up one by one, and ever more slowly.
    pub(super) fn counted(
        &mut self,
        before: Option<&LaunchRecord>,
        record: &SessionRecord,
        time: u64,
    ) -> Verdict {
        let (key, now) = (&record.key, record.launch.attempts);
        let before = before.map_or(0, |before| before.attempts);
        ensure(now <= MAX_LAUNCHES, || format!("the app of {key} is launched for ever"))?;
        if now <= before {
            return Ok(());
        }
        ensure(now == before + 1, || format!("{key} was launched {before}, then {now} times"))?;
        let last = self.last.insert(record.number, time);
        let delay = FIRST_DELAY.saturating_mul(1 << before.saturating_sub(1)).min(LONGEST_DELAY);
        let late = last.is_none_or(|last| before == 0 || time - last >= milliseconds(delay));
        ensure(late, || format!("the app of {key} is launched again too soon"))
    }

    /// A program is started. Without a record somebody came meanwhile.
    pub(super) fn acted(
        &mut self,
        session: SessionNumber,
        key: &SessionKey,
        record: Option<&SessionRecord>,
    ) -> Verdict {
        let alone = self.running.insert(session);
        ensure(alone, || format!("the app of {key} is launched while it runs"))?;
        let counted = record.is_none_or(|record| record.launch.attempts > 0);
        ensure(counted, || format!("a launch of the app of {key} is not in the store"))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
