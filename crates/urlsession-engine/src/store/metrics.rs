//! The rows of metrics: one for each task that had an attempt.

use super::{Store, StoreError, number, read, write};
use rusqlite::{OptionalExtension as _, Transaction, params};
use urlsession_core::TaskRef;
use urlsession_protocol::TaskMetrics;

impl Store {
    /// Reads the metrics of a task; `None` if it had no attempt, or is gone.
    pub(crate) fn metrics(&self, task: TaskRef) -> Result<Option<TaskMetrics>, StoreError> {
        let content = self
            .connection
            .prepare_cached("SELECT content FROM metrics WHERE session = ?1 AND task = ?2")?
            .query_row(params![task.session.0, number(task.task)], |r| r.get::<_, String>(0))
            .optional()?;
        content.as_deref().map(read).transpose()
    }
}

/// Writes the metrics of a task, unless the same turn forgets it.
pub(super) fn apply(
    to: &Transaction<'_>,
    TaskRef { session, task }: TaskRef,
    metrics: &TaskMetrics,
) -> Result<(), StoreError> {
    to.prepare_cached(
        "INSERT INTO metrics (session, task, content)
         SELECT ?1, ?2, ?3 FROM tasks WHERE session = ?1 AND task = ?2
         ON CONFLICT (session, task) DO UPDATE SET content = excluded.content",
    )?
    .execute(params![session.0, number(task), write(metrics)?])?;
    Ok(())
}
