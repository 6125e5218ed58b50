//! How a followed task is shown: as bars on a terminal, as plain lines elsewhere, as JSON, not at all.

mod bars;
mod events;
pub(crate) mod line;
mod plain;
mod speed;

use crate::args::Talk;
use crate::task_name::TaskName;
use crate::tracked::{Change, Tracked};
use std::io;
use urlsession::{Event, EventNumber};

/// Shows followed tasks. Errors are those of the output.
pub(crate) trait Progress {
    /// A task is followed from here on; it may have ended already.
    fn begin(&mut self, task: &Tracked) -> io::Result<()>;

    /// A task changed.
    fn change(&mut self, task: &Tracked, change: &Change) -> io::Result<()>;

    /// An event arrived, before the change that it made is told.
    fn event(&mut self, _: &TaskName, _: Option<EventNumber>, _: &Event) -> io::Result<()> {
        Ok(())
    }

    /// Some time passed: countdowns and speeds are due.
    fn tick(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Nothing more is followed: leaves the screen clean.
    fn finish(&mut self) {}
}

/// Chooses how to show.
pub(crate) fn of(talk: Talk) -> Box<dyn Progress> {
    if talk.json {
        Box::new(events::JsonLines::new(io::stdout()))
    } else if talk.quiet || (talk.no_progress_meter && !talk.verbose) {
        Box::new(plain::ErrorsOnly)
    } else if !indicatif::ProgressDrawTarget::stderr().is_hidden() {
        // A terminal that cannot go back in a line (TERM=dumb) gets lines, as a file does.
        Box::new(bars::Bars::new(talk.verbose))
    } else {
        Box::new(plain::PlainLines::new(talk.verbose))
    }
}
