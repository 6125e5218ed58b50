//! The metrics of tasks: with the task while it is unfinished, with its result afterwards.

use super::{Database, StoreError, number, read, write};
use rusqlite::{OptionalExtension as _, Transaction, params};
use urlsession_core::TaskRef;
use urlsession_protocol::TaskMetrics;

impl Database {
    /// Reads the metrics of a task; `None` if it had no attempt, or is gone.
    pub(super) fn metrics(&self, task: TaskRef) -> Result<Option<TaskMetrics>, StoreError> {
        let result = match self.results.get(&task) {
            Some(number) => self
                .connection
                .prepare_cached("SELECT metrics FROM results WHERE number = ?1")?
                .query_row([number], |r| r.get::<_, Option<String>>(0))
                .optional()?
                .flatten(),
            None => None,
        };
        if let Some(content) = result {
            return read(&content).map(Some);
        }
        let content = self
            .connection
            .prepare_cached("SELECT metrics FROM tasks WHERE session = ?1 AND task = ?2")?
            .query_row(params![task.session.0, number(task.task)], |r| {
                r.get::<_, Option<String>>(0)
            })
            .optional()?
            .flatten();
        content.as_deref().map(read).transpose()
    }
}

/// Writes the metrics of an unfinished task, unless the same turn forgets it.
pub(super) fn apply(
    to: &Transaction<'_>,
    TaskRef { session, task }: TaskRef,
    metrics: &TaskMetrics,
) -> Result<(), StoreError> {
    to.prepare_cached("UPDATE tasks SET metrics = ?3 WHERE session = ?1 AND task = ?2")?
        .execute(params![session.0, number(task), write(metrics)?])?;
    Ok(())
}
