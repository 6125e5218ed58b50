//! `events`: what apps are told, as JSON, one event a line.

use crate::args::EventsArgs;
use crate::exit::{self, Failure};
use crate::follow::RECONNECT_LIMIT;
use crate::{clock, interrupt, json, terminal};
use std::collections::BTreeMap;
use std::time::Duration;
use urlsession::{Daemon, EventNumber, SessionKey, Watched};

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
    let mut told: BTreeMap<SessionKey, EventNumber> = BTreeMap::new();
    let mut lost_in_a_row = 0;
    loop {
        let mut watch = Daemon::connect(true)?.watch(session.cloned(), true)?;
        let gone = loop {
            let event = match watch.recv() {
                Ok(event) => event,
                Err(error) => break error,
            };
            if let Some(number) = event.number {
                let last = told.get(&event.session);
                if last.is_some_and(|last| number <= *last) {
                    continue;
                }
                told.insert(event.session.clone(), number);
            }
            lost_in_a_row = 0;
            print(&event)?;
        };
        lost_in_a_row += 1;
        if lost_in_a_row > RECONNECT_LIMIT {
            return Err(gone.into());
        }
    }
}

fn print(watched: &Watched) -> Result<(), Failure> {
    let Watched { session, task, number, event } = watched;
    let value = json::event(session, *task, *number, event, clock::now());
    Ok(terminal::print(&format!("{value}\n"))?)
}
