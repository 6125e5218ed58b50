//! What is remembered only as long as the process: what tasks that are there may still ask for.
//!
//! Nobody reads it after an end of the process, so what only a start would need is not kept. What
//! servers want remembered is on disk besides, where there is a place for that.

use super::shared::Shared;
use super::{Row, Rows};
use crate::cookies::Kept;
use crate::credentials::Written;
use crate::strict::Known;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use urlsession_core::{Change, Order, TaskRef};
use urlsession_protocol::{ApplicationId, CookieIdentity, ProtectionSpace, TaskMetrics};

/// As many rows as there are tasks, cookies, credentials and known hosts.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    tasks: BTreeMap<TaskRef, Remembered>,
    cookies: BTreeMap<ApplicationId, BTreeMap<CookieIdentity, Kept>>,
    credentials: BTreeMap<ApplicationId, BTreeMap<ProtectionSpace, Written>>,
    known_hosts: BTreeMap<ApplicationId, BTreeMap<String, Known>>,
    shared: Option<Shared>,
}

#[derive(Debug)]
struct Remembered {
    order: Arc<Order>,
    metrics: Option<Box<TaskMetrics>>,
}

impl Memory {
    /// Remembers cookies and known hosts in that file, too.
    pub(super) fn new(shared: Option<PathBuf>) -> Self {
        Self { shared: shared.map(Shared::new), ..Self::default() }
    }

    /// Takes over what one turn changes.
    pub(super) fn keep(
        &mut self,
        changes: &[Change],
        rows: &Rows,
        metrics: &BTreeMap<TaskRef, TaskMetrics>,
    ) {
        for change in changes {
            self.apply(change);
        }
        for (task, metrics) in metrics {
            if let Some(remembered) = self.tasks.get_mut(task) {
                remembered.metrics = Some(Box::new(metrics.clone()));
            }
        }
        for row in &rows.cookies {
            keep(&mut self.cookies, row);
        }
        for row in &rows.credentials {
            keep(&mut self.credentials, row);
        }
        for row in &rows.known_hosts {
            keep(&mut self.known_hosts, row);
        }
        if let Some(shared) = &self.shared {
            shared.write(rows);
        }
    }

    pub(super) fn order(&self, task: TaskRef) -> Option<Arc<Order>> {
        self.tasks.get(&task).map(|remembered| Arc::clone(&remembered.order))
    }

    pub(super) fn metrics(&self, task: TaskRef) -> Option<TaskMetrics> {
        self.tasks.get(&task)?.metrics.as_deref().cloned()
    }

    pub(super) fn cookies(&self, application: &ApplicationId) -> Vec<Kept> {
        let shared = self.shared.as_ref().and_then(|shared| shared.cookies(application));
        let own = || self.cookies.get(application).into_iter().flat_map(BTreeMap::values).cloned();
        shared.unwrap_or_else(|| own().collect())
    }

    pub(super) fn known_hosts(&self, application: &ApplicationId) -> Vec<(String, Known)> {
        let shared = self.shared.as_ref().and_then(|shared| shared.known_hosts(application));
        let own = || self.known_hosts.get(application).into_iter().flatten();
        shared.unwrap_or_else(|| own().map(|(host, known)| (host.clone(), *known)).collect())
    }

    pub(super) fn credentials(
        &self,
        application: &ApplicationId,
    ) -> Vec<(ProtectionSpace, Written)> {
        let rows = self.credentials.get(application).into_iter().flatten();
        rows.map(|(space, written)| (space.clone(), written.clone())).collect()
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::CreateTask { task, order, .. } => {
                let order = Arc::clone(order);
                self.tasks.insert(*task, Remembered { order, metrics: None });
            }
            Change::EditTask { task, edit, .. } => self.change(*task, |order| order.edit(edit)),
            Change::AnswerTask { task, answered } => {
                self.change(*task, |order| order.answer(answered));
            }
            Change::RemoveTask(task) => drop(self.tasks.remove(task)),
            // The core has them.
            Change::PutSession(_)
            | Change::RemoveSession(_)
            | Change::PutTask { .. }
            | Change::AppendEvent(_)
            | Change::RemoveEvent { .. } => {}
        }
    }

    fn change(&mut self, task: TaskRef, change: impl FnOnce(&mut Order)) {
        if let Some(remembered) = self.tasks.get_mut(&task) {
            change(Arc::make_mut(&mut remembered.order));
        }
    }
}

/// Takes over what a row says of its application.
fn keep<Name: Clone + Ord, Kept: Clone>(
    all: &mut BTreeMap<ApplicationId, BTreeMap<Name, Kept>>,
    row: &Row<Name, Kept>,
) {
    let Row { application, name, kept } = row;
    let of_application = all.entry(application.clone()).or_default();
    match kept {
        Some(kept) => drop(of_application.insert(name.clone(), kept.clone())),
        None => drop(of_application.remove(name)),
    }
}
