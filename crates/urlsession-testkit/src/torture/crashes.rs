//! Deaths of the daemon at planned points: between a commit and what follows it, between a sync and
//! a rename, and so on.

use super::{FAILURES_LIMIT, House, Strikes};
use crate::dice::Dice;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// Names, for the daemon, the file with the deaths to come.
pub(super) const VARIABLE: &str = "URLSESSION_CRASH_PLAN";

/// Stands for every point in a plan.
pub const ANYWHERE: &str = "*";

/// Where engine and daemon can die; they call them by these names.
pub const POINTS: [&str; 32] = [
    "daemon.accepted",
    "daemon.bound",
    "daemon.closed",
    "daemon.closing",
    "daemon.locked",
    "daemon.opened",
    "daemon.ready",
    "file.remove",
    "file.removed",
    "keep.rename",
    "keep.renamed",
    "part.created",
    "part.linked",
    "part.published",
    "part.remove",
    "part.rename",
    "part.renamed",
    "part.sync",
    "part.synced",
    "reply",
    "restored",
    "send",
    "session.remove",
    "spawn",
    "spawned",
    "start",
    "stop",
    "stopped",
    "store.commit",
    "store.committed",
    "store.migrate",
    "sweep",
];

/// Points that only an orderly end comes to.
const ORDERLY: [&str; 2] = ["stop", "daemon.clos"];

/// Most looks at the app while the daemon dies, per death.
const LOOKS_LIMIT: u32 = 30;
/// How often the app must have nothing left to do before the deaths that are left are given up.
const ENDS_LIMIT: u32 = 12;
const PAUSE: Duration = Duration::from_millis(100);

impl House<'_> {
    /// Lets the daemon die at its points until the plan is empty, or has nothing that happens.
    pub(super) fn crash(&self, dice: &mut Dice) -> Result<Strikes> {
        let all = u32::try_from(self.options.crashes.len())?;
        let mut strikes = Strikes::default();
        let lines = self.options.crashes.iter().map(|(point, count)| format!("{point} {count}\n"));
        fs::write(self.crash_plan(), lines.collect::<String>()).context("the plan of deaths")?;
        let looks = LOOKS_LIMIT * all;
        let mut app = self.start_app()?;
        let mut ends = 0;
        for look in 0..looks {
            strikes.crashes = all - u32::try_from(self.deaths_left().len())?;
            if strikes.crashes == all || ends >= ENDS_LIMIT {
                break;
            }
            // A plan that is stuck must not keep the work from coming.
            self.allow_share(strikes.crashes.max(look * all / looks), all)?;
            match app.ended.recv_timeout(PAUSE) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => {
                    let done = app.child.wait()?.success();
                    ends += u32::from(done);
                    strikes.failures += u32::from(!done);
                    let limit = FAILURES_LIMIT * all;
                    ensure!(
                        strikes.failures <= limit,
                        "the app gave up {} times",
                        strikes.failures
                    );
                    app = self.start_app()?;
                }
            }
            let often = if ends == 0 { 6 } else { 2 };
            let orderly =
                self.deaths_left().iter().any(|death| ORDERLY.iter().any(|p| death.starts_with(p)));
            if orderly && dice.below(often) == 0 && self.signal_daemon(true)? {
                strikes.daemon += 1;
            }
        }
        strikes.unreached = self.deaths_left();
        strikes.crashes = all - u32::try_from(strikes.unreached.len())?;
        fs::remove_file(self.crash_plan())?;
        self.allow_share(1, 1)?;
        // The daemon that lives has read the plan: it must not die of it any more.
        self.kill_daemon()?;
        self.drain(app, strikes)
    }

    pub(super) fn crash_plan(&self) -> PathBuf {
        self.folder.join("deaths")
    }

    fn deaths_left(&self) -> Vec<String> {
        let text = fs::read_to_string(self.crash_plan()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::POINTS;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn the_points_are_those_of_engine_and_daemon() {
        let mut found = BTreeSet::new();
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut folders =
            ["urlsession-engine/src", "urlsession-daemon/src"].map(|f| crates.join(f)).to_vec();
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let names = text.split("crash::point(\"").skip(1);
                found.extend(names.map(|rest| rest.split('"').next().unwrap().to_owned()));
            }
        }
        assert_eq!(found, POINTS.iter().map(|name| (*name).to_owned()).collect());
    }
}
