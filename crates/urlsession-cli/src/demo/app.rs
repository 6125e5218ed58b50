//! The app of the story: what any program that links the crate `urlsession` looks like.

use crate::args::DemoAppArgs;
use crate::exit::{self, Failure};
use crate::terminal;
use std::time::Duration;
use urlsession::{DownloadOptions, Event, Session, SessionConfiguration};

/// The app's own name for its session; the next process of the app finds it by this.
pub(super) const SESSION: &str = "episodes";
/// The app's id.
pub(super) const APPLICATION: &str = "urlsession.demo";
/// Longest wait for an answer or an event that is owed.
const EVENT_LIMIT: Duration = Duration::from_secs(10);

/// Starts a download and waits for its events until it is killed; or takes delivery.
pub(crate) fn app(args: &DemoAppArgs) -> Result<u8, Failure> {
    let mut configuration = SessionConfiguration::background(SESSION);
    configuration.application = Some(APPLICATION.to_owned());
    let session = Session::new(configuration)?;
    if args.collect {
        return collect(session);
    }
    let options = DownloadOptions {
        destination: Some(args.destination.clone()),
        ..DownloadOptions::default()
    };
    let task = session.download_task_with(&args.url, options)?;
    task.resume()?;
    // The story looks at the task over another connection, which may be quicker.
    session.synced(EVENT_LIMIT)?;
    terminal::print(&format!("{}\n", task.task_identifier()))?;
    for delivery in session.events() {
        if let Event::DidComplete { .. } = delivery.event {
            break;
        }
    }
    Ok(exit::DONE)
}

/// Prints the events that are owed, one a line, until there are no more.
fn collect(session: Session) -> Result<u8, Failure> {
    let mut events = session.events();
    let mut last = false;
    while !last {
        let Ok(delivery) = events.recv_timeout(EVENT_LIMIT) else { break };
        last = delivery.event == Event::DidFinishEvents;
        // The file was told before it was finished; bytes are no news to a late app.
        let name = match delivery.event {
            Event::DidFinishDownloading { .. } => "did_finish_downloading",
            Event::DidComplete { error: None, .. } => "did_complete",
            Event::DidComplete { error: Some(error), .. } => &error.to_string(),
            Event::DidFinishEvents => "did_finish_events",
            _ => continue,
        };
        terminal::print(&format!("{name}\n"))?;
    }
    drop(events);
    session.detach();
    Ok(exit::DONE)
}
