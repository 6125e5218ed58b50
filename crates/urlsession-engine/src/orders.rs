//! Fetches the orders that a turn needs before its commit, which may remove them.

use crate::act::Deed;
use crate::driver::Turn;
use crate::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;
use urlsession_core::{Action, Change, Core, Order, TaskRef};
use urlsession_protocol::{Call, Error, Event, SessionKey, TaskIdentifier};

/// Gives every deed the order it needs, and every error of the core the URL that failed.
pub(crate) fn complete(turn: &mut Turn, store: &Store, core: &Core) {
    let mut orders = Orders { changed: BTreeMap::new(), read: BTreeMap::new(), store };
    for change in &turn.changes {
        orders.note(change);
    }
    for change in &mut turn.changes {
        if let Some((task, error)) = error_of_change(change) {
            orders.blame(task, error);
        }
    }
    for deed in &mut turn.deeds {
        let Deed::Do { action, order } = deed else { continue };
        match action {
            Action::Start { task, .. } | Action::RemovePart { task } => *order = orders.of(*task),
            Action::Send { session, task: Some(task), event, .. }
            | Action::Publish { session, task: Some(task), event, .. } => {
                let task = task_ref(core, session, *task);
                if let (Some(task), Some(error)) = (task, error_of_event(event)) {
                    orders.blame(task, error);
                }
            }
            Action::Send { .. }
            | Action::Publish { .. }
            | Action::Stop { .. }
            | Action::Redirect { .. }
            | Action::Reply { .. }
            | Action::RemoveFile(_)
            | Action::KeepPart { .. }
            | Action::Launch { .. } => {}
        }
    }
}

/// Refuses an edit after which its task would ask with more than a request may have, what the turn has
/// decided so far included. The core cannot: it does not know what tasks ask for.
pub(crate) fn overfull(turn: &Turn, store: &Store, core: &Core, call: &Call) -> Option<Error> {
    let Call::Edit { session, task, edit } = call else { return None };
    if edit.headers.is_empty() {
        return None;
    }
    let task = task_ref(core, session, *task)?;
    let mut orders = Orders { changed: BTreeMap::new(), read: BTreeMap::new(), store };
    for change in turn.changes.iter().filter(|change| order_changed_by(change) == Some(task)) {
        orders.note(change);
    }
    orders.of(task)?.check_edit(edit).err()
}

struct Orders<'a> {
    /// Those that the commit will write.
    changed: BTreeMap<TaskRef, Arc<Order>>,
    read: BTreeMap<TaskRef, Option<Arc<Order>>>,
    store: &'a Store,
}

impl Orders<'_> {
    fn of(&mut self, task: TaskRef) -> Option<Arc<Order>> {
        if let Some(order) = self.changed.get(&task) {
            return Some(Arc::clone(order));
        }
        let read = || match self.store.order(task) {
            Ok(order) => order,
            Err(error) => {
                tracing::error!(%error, ?task, "could not read the order of a task");
                None
            }
        };
        self.read.entry(task).or_insert_with(read).clone()
    }

    /// Takes in what the commit will write.
    fn note(&mut self, change: &Change) {
        let Some(task) = order_changed_by(change) else { return };
        if let Change::CreateTask { order, .. } = change {
            self.changed.insert(task, Arc::clone(order));
            return;
        }
        let Some(mut order) = self.of(task) else { return };
        match change {
            Change::EditTask { edit, .. } => Arc::make_mut(&mut order).edit(edit),
            Change::AnswerTask { answered, .. } => Arc::make_mut(&mut order).answer(answered),
            _ => {}
        }
        self.changed.insert(task, order);
    }

    fn blame(&mut self, task: TaskRef, error: &mut Error) {
        if let (None, Some(order)) = (&error.failing_url, self.of(task)) {
            *error = error.clone().for_url(&order.request.url);
        }
    }
}

fn order_changed_by(change: &Change) -> Option<TaskRef> {
    match change {
        Change::CreateTask { task, .. }
        | Change::EditTask { task, .. }
        | Change::AnswerTask { task, .. } => Some(*task),
        Change::PutSession(_)
        | Change::RemoveSession(_)
        | Change::PutTask { .. }
        | Change::RemoveTask(_)
        | Change::AppendEvent(_)
        | Change::RemoveEvent { .. } => None,
    }
}

fn error_of_change(change: &mut Change) -> Option<(TaskRef, &mut Error)> {
    match change {
        Change::CreateTask { task, state, .. } | Change::PutTask { task, state } => {
            Some((*task, state.error.as_deref_mut()?))
        }
        Change::AppendEvent(record) => {
            let task = TaskRef { session: record.session, task: record.task };
            Some((task, error_of_event(&mut record.event)?))
        }
        Change::PutSession(_)
        | Change::RemoveSession(_)
        | Change::EditTask { .. }
        | Change::AnswerTask { .. }
        | Change::RemoveTask(_)
        | Change::RemoveEvent { .. } => None,
    }
}

fn error_of_event(event: &mut Event) -> Option<&mut Error> {
    match event {
        Event::DidComplete { error, .. }
        | Event::DidChangeState { error, .. }
        | Event::WillBeginDelayedRequest { error } => error.as_mut(),
        _ => None,
    }
}

fn task_ref(core: &Core, session: &SessionKey, task: TaskIdentifier) -> Option<TaskRef> {
    Some(TaskRef { session: core.session_number(session)?, task })
}
