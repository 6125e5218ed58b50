//! Points at which a test lets the process die; no code at all in a release build without the
//! feature `crash-points`.
//!
//! The variable `URLSESSION_CRASH_PLAN` names a file of deaths to come, one line each: a point, or
//! `*` for any, and how many times it must have been reached in this process. The line is taken
//! out of the file before its death, so that every one happens once.

/// A point that a process may not survive: what comes after it has not happened.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(any(debug_assertions, feature = "crash-points"))]
    planned::reach(name);
    #[cfg(not(any(debug_assertions, feature = "crash-points")))]
    let _ = name;
}

/// Ends the process as `kill -9` does, where there is that.
pub(crate) fn die() -> ! {
    #[cfg(unix)]
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}

#[cfg(any(debug_assertions, feature = "crash-points"))]
mod planned {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::{LazyLock, Mutex, PoisonError};

    /// Names the file with the plan.
    const VARIABLE: &str = "URLSESSION_CRASH_PLAN";
    /// Stands for every point.
    const ANY: &str = "*";

    static PLAN: LazyLock<Option<Mutex<Plan>>> =
        LazyLock::new(|| Some(Mutex::new(Plan::read(std::env::var_os(VARIABLE)?.into())?)));

    struct Plan {
        path: PathBuf,
        deaths: Vec<(String, u32)>,
        reached: BTreeMap<&'static str, u32>,
    }

    pub(super) fn reach(name: &'static str) {
        let Some(plan) = &*PLAN else { return };
        // Held while dying: nobody else takes a line.
        let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
        let here = plan.count(name);
        let any = plan.count(ANY);
        let due = plan.deaths.iter().position(|(point, count)| {
            (point == name && *count == here) || (point == ANY && *count == any)
        });
        if let Some(due) = due {
            plan.deaths.remove(due);
            plan.write();
            super::die();
        }
    }

    impl Plan {
        fn read(path: PathBuf) -> Option<Self> {
            let text = std::fs::read_to_string(&path).ok()?;
            let deaths = text.lines().filter_map(|line| {
                let (point, count) = line.split_once(' ')?;
                Some((point.to_owned(), count.parse().ok()?))
            });
            Some(Self { deaths: deaths.collect(), path, reached: BTreeMap::new() })
        }

        fn count(&mut self, name: &'static str) -> u32 {
            let reached = self.reached.entry(name).or_default();
            *reached += 1;
            *reached
        }

        fn write(&self) {
            let lines = self.deaths.iter().map(|(point, count)| format!("{point} {count}\n"));
            let aside = self.path.with_extension("new");
            let written = std::fs::write(&aside, lines.collect::<String>());
            // Without a file nothing dies any more, which the test that planned it sees.
            let _ = written.and_then(|()| std::fs::rename(&aside, &self.path));
        }
    }
}
