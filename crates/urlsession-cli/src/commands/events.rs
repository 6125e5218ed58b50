//! `events`: what apps are told, as JSON, one event a line.

use crate::args::EventsArgs;
use crate::exit::{self, Failure};
use crate::follow::RECONNECT_LIMIT;
use crate::{clock, interrupt, json, terminal};
use std::collections::BTreeMap;
use std::time::Duration;
use urlsession::{Daemon, Event, EventNumber, SessionKey, Watched};

/// Longest wait for an owed event: it may have been acknowledged since they were counted.
const OWED_LIMIT: Duration = Duration::from_secs(1);

pub(crate) fn events(args: &EventsArgs) -> Result<u8, Failure> {
    if args.follow {
        return follow(args.session.as_ref());
    }
    let daemon = Daemon::connect(true)?;
    let owed = daemon.status()?.events_owed;
    // All sessions are watched, because the daemon counts those of all.
    let mut watch = daemon.watch(None, true)?;
    let mut seen = 0;
    while seen < owed {
        let Some(event) = watch.recv_timeout(OWED_LIMIT)? else { break };
        if event.number.is_none() {
            continue;
        }
        seen += 1;
        if args.session.as_ref().is_none_or(|only| *only == event.session) {
            print(&event)?;
        }
    }
    Ok(exit::DONE)
}

/// Goes on with the next daemon where one goes, and leaves out what that tells again.
fn follow(session: Option<&SessionKey>) -> Result<u8, Failure> {
    // Every line is written whole, so that the process may end between any two.
    interrupt::subscribe(|signal| {
        let code = exit::SIGNALLED.saturating_add(u8::try_from(signal).unwrap_or(0));
        std::process::exit(code.into());
    })?;
    let mut told = Told::default();
    let mut lost_in_a_row = 0;
    loop {
        let mut watch = Daemon::connect(true)?.watch(session.cloned(), true)?;
        let gone = loop {
            match watch.recv() {
                Ok(event) if told.is_new(&event) => {
                    lost_in_a_row = 0;
                    print(&event)?;
                }
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        lost_in_a_row += 1;
        if lost_in_a_row > RECONNECT_LIMIT {
            return Err(gone.into());
        }
    }
}

/// The last event of each session that was printed.
#[derive(Default)]
struct Told(BTreeMap<SessionKey, EventNumber>);

impl Told {
    /// Notes the event, and says whether it had not been printed yet.
    fn is_new(&mut self, watched: &Watched) -> bool {
        let Watched { session, number, event, .. } = watched;
        if matches!(event, Event::DidBecomeInvalid { .. }) {
            // The next session of that name counts from the beginning.
            self.0.remove(session);
        }
        let Some(number) = number else { return true };
        let is_new = self.0.get(session).is_none_or(|last| number > last);
        if is_new {
            self.0.insert(session.clone(), *number);
        }
        is_new
    }
}

fn print(watched: &Watched) -> Result<(), Failure> {
    let Watched { session, task, number, event } = watched;
    let value = json::event(session, *task, *number, event, clock::now());
    Ok(terminal::print(&format!("{value}\n"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_printed_is_known_until_its_session_ends() {
        let mut told = Told::default();
        let mut is_new = |number: Option<u64>, event: Event| {
            let session = crate::task_name::shell();
            let number = number.map(EventNumber);
            told.is_new(&Watched { session, task: None, number, event })
        };
        let file = || Event::DidFinishDownloading { path: "/f".into(), length: 1 };
        assert!(is_new(Some(1), file()));
        assert!(is_new(Some(2), file()));
        assert!(!is_new(Some(1), file()), "told by the next daemon");
        assert!(is_new(None, Event::DidFinishEvents), "not kept, so not told twice");
        assert!(is_new(Some(3), file()));
        assert!(is_new(None, Event::DidBecomeInvalid { error: None }));
        assert!(is_new(Some(1), file()), "of the next session");
    }
}
