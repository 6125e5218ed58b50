//! Events as JSON, one a line, on standard output.

use super::Progress;
use crate::clock;
use crate::json;
use crate::task_name::TaskName;
use crate::terminal;
use crate::tracked::{Change, Tracked};
use std::io;
use urlsession::{Event, EventNumber};

/// Prints every event of the followed tasks.
#[derive(Default)]
pub(super) struct JsonLines {
    ended: std::collections::BTreeSet<TaskName>,
}

impl Progress for JsonLines {
    fn begin(&mut self, task: &Tracked) -> io::Result<()> {
        if !task.ended {
            return Ok(());
        }
        // Its events were told before it was followed; a reader waits for this one.
        let event = Event::DidComplete {
            error: task.error.clone(),
            response: task.response.clone(),
            metrics: task.metrics.clone(),
        };
        self.event(&task.name, None, &event)
    }

    fn change(&mut self, _: &Tracked, _: &Change) -> io::Result<()> {
        Ok(())
    }

    fn event(
        &mut self,
        task: &TaskName,
        number: Option<EventNumber>,
        event: &Event,
    ) -> io::Result<()> {
        // A copy after a reconnect is no second end.
        if self.ended.contains(task) {
            return Ok(());
        }
        if matches!(event, Event::DidComplete { .. }) {
            self.ended.insert(task.clone());
        }
        let value = json::event(&task.session, Some(task.task), number, event, clock::now());
        terminal::print(&format!("{value}\n"))
    }
}
