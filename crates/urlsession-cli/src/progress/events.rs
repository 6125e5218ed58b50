//! Events as JSON, one a line, on standard output.

use super::Progress;
use crate::clock;
use crate::json;
use crate::task_name::TaskName;
use crate::tracked::{Change, Tracked};
use std::io::{self, Write};
use urlsession::{Event, EventNumber};

/// Prints every event of the followed tasks.
pub(super) struct JsonLines<W> {
    out: W,
    ended: std::collections::BTreeSet<TaskName>,
}

impl<W: Write> JsonLines<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, ended: std::collections::BTreeSet::new() }
    }

    /// Tells the end of a task that was learnt without its event; a reader waits for it.
    fn end(&mut self, task: &Tracked) -> io::Result<()> {
        let event = Event::DidComplete {
            error: task.error.clone(),
            response: task.response.clone(),
            metrics: task.metrics.clone(),
        };
        self.event(&task.name, None, &event)
    }
}

impl<W: Write> Progress for JsonLines<W> {
    fn begin(&mut self, task: &Tracked) -> io::Result<()> {
        // Its events were told before it was followed.
        if task.ended { self.end(task) } else { Ok(()) }
    }

    fn change(&mut self, task: &Tracked, change: &Change) -> io::Result<()> {
        // A daemon that died, or somebody who removed the task, told nobody.
        if *change == Change::Ended { self.end(task) } else { Ok(()) }
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
        self.out.write_all(format!("{value}\n").as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracked::tests::download;

    #[test]
    fn every_end_is_told_once() {
        let complete = Event::DidComplete { error: None, response: None, metrics: None };
        let [heard, asked, both, early] = [1, 2, 3, 4].map(download);
        let mut lines = JsonLines::new(Vec::new());
        for task in [&heard, &asked, &both] {
            lines.begin(task).unwrap();
        }
        lines.event(&heard.name, None, &complete).unwrap();
        lines.change(&heard, &Change::Ended).unwrap();
        // As after a daemon that died between its record and its word.
        lines.change(&asked, &Change::Ended).unwrap();
        lines.change(&both, &Change::Ended).unwrap();
        lines.event(&both.name, None, &complete).unwrap();
        lines.begin(&Tracked { ended: true, ..early }).unwrap();
        let told = String::from_utf8(lines.out).unwrap();
        let ids = told.lines().map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["event"], "did_complete");
            value["id"].as_str().unwrap().to_owned()
        });
        assert_eq!(ids.collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    }
}
