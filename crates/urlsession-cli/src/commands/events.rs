//! `events`: what apps are told, as JSON, one event a line.

use crate::args::EventsArgs;
use crate::exit::{self, Failure};
use crate::{clock, interrupt, json, terminal};
use std::time::Duration;
use urlsession::{Daemon, SessionKey, Watch, Watched};

/// Longest wait for an owed event: it may have been acknowledged since they were counted.
const OWED_LIMIT: Duration = Duration::from_secs(1);

pub(crate) fn events(args: &EventsArgs) -> Result<u8, Failure> {
    let daemon = Daemon::connect(true)?;
    if args.follow {
        let watch = daemon.watch(args.session.clone(), true)?;
        return follow(watch);
    }
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
        print(&event, args.session.as_ref())?;
    }
    Ok(exit::DONE)
}

fn follow(mut watch: Watch) -> Result<u8, Failure> {
    // Every line is written whole, so that the process may end between any two.
    interrupt::subscribe(|signal| {
        let code = exit::SIGNALLED.saturating_add(u8::try_from(signal).unwrap_or(0));
        std::process::exit(code.into());
    })?;
    loop {
        let event = watch.recv()?;
        print(&event, None)?;
    }
}

fn print(watched: &Watched, only: Option<&SessionKey>) -> Result<(), Failure> {
    let Watched { session, task, number, event } = watched;
    if only.is_none_or(|only| only == session) {
        let value = json::event(session, *task, *number, event, clock::now());
        terminal::print(&format!("{value}\n"))?;
    }
    Ok(())
}
