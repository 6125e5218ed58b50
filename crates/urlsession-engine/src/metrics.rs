//! The metrics of tasks: kept in the store beside the tasks, and never by the core.
//!
//! ```text
//!   attempt ──collects──> Durable, Ended ──> Turn::metrics ──commit──> the store's row of the task
//!                                                 └──────────────┬─────────────┘
//!                                                 DidComplete on its way to an app
//! ```

use crate::act::Deed;
use crate::attempts::{Moves, Running};
use crate::driver::{Driver, Turn};
use crate::store::Store;
use std::collections::BTreeMap;
use urlsession_core::{Action, AttemptNumber, Core, Stage, TaskRef, TaskView};
use urlsession_protocol::{Date, DateInterval, Event, TaskMetrics, Timestamp};

impl<H: Moves> Driver<H> {
    /// Writes down with the turn what an attempt that runs has taken so far.
    pub(crate) fn note_metrics(&self, turn: &mut Turn, task: TaskRef, attempt: AttemptNumber) {
        if let Some(running) = self.attempts.running(task, attempt) {
            turn.metrics.insert(task, running.metrics());
        }
    }

    /// Returns the metrics of a task, which its attempt may still be collecting.
    pub(crate) fn metrics_of(&self, view: &TaskView, now: Timestamp) -> Option<TaskMetrics> {
        let found = match self.attempts.of(view.task) {
            Some(running) => Some(running.metrics()),
            None => stored(&self.store, view.task),
        };
        found.map(|metrics| metrics.during(interval(view, now)))
    }

    /// Puts the metrics into an event that ends a task.
    pub(crate) fn attach_metrics(&self, task: TaskRef, event: &mut Event) {
        attach(&BTreeMap::new(), &self.store, &self.core, task, event);
    }
}

impl Running {
    fn metrics(&self) -> TaskMetrics {
        let mut metrics = self.earlier.clone();
        metrics.append(self.collector.snapshot());
        metrics
    }
}

/// Puts the metrics into the events of a turn that end tasks.
pub(crate) fn complete(turn: &mut Turn, store: &Store, core: &Core) {
    for deed in &mut turn.deeds {
        let Deed::Do { action, .. } = deed else { continue };
        if let Action::Send { session, task: Some(task), event, .. }
        | Action::Publish { session, task: Some(task), event, .. } = action
            && let Some(session) = core.session_number(session)
        {
            let task = TaskRef { session, task: *task };
            attach(&turn.metrics, store, core, task, event);
        }
    }
}

/// Reads what the earlier attempts of a task took.
pub(crate) fn earlier(store: &Store, task: TaskRef, attempt: AttemptNumber) -> TaskMetrics {
    // The first attempt is the first that writes any.
    match attempt {
        AttemptNumber(1) => TaskMetrics::default(),
        _ => stored(store, task).unwrap_or_default(),
    }
}

fn attach(
    fresh: &BTreeMap<TaskRef, TaskMetrics>,
    store: &Store,
    core: &Core,
    task: TaskRef,
    event: &mut Event,
) {
    let Event::DidComplete { metrics, .. } = event else { return };
    // A task that is gone in the same turn has nobody left who would want to know.
    let Some(view) = core.task(task) else { return };
    let found = fresh.get(&task).cloned().or_else(|| stored(store, task));
    let interval = interval(&view, view.facts.created);
    *metrics = Some(Box::new(found.unwrap_or_default().during(interval)));
}

fn interval(view: &TaskView, otherwise: Timestamp) -> DateInterval {
    let end = match view.record.stage {
        Stage::Completed { at, .. } => at,
        Stage::Suspended
        | Stage::Active
        | Stage::Sending
        | Stage::Asking
        | Stage::Challenged
        | Stage::Canceling => otherwise,
    };
    DateInterval { start: Date::from(view.facts.created), end: Date::from(end) }
}

fn stored(store: &Store, task: TaskRef) -> Option<TaskMetrics> {
    store.metrics(task).unwrap_or_else(|error| {
        tracing::error!(%error, ?task, "could not read the metrics of a task");
        None
    })
}
