//! Looks at everything and says which promise was broken.

use super::judge_launches::LaunchJudge;
use super::network::Network;
use super::store::Store;
use super::{Verdict, ensure};
use std::collections::{BTreeMap, BTreeSet};
use urlsession_core::{
    Action, Change, Core, Input, MAX_RUNNING, PeerNumber, Place, SessionNumber, Stage, Step,
    TaskRef,
};
use urlsession_protocol::{
    AuthChallengeDisposition, Call, CallId, Event, EventNumber, Reply, SessionKey, TaskIdentifier,
};

/// What every session of a world is limited to.
pub(super) const PER_HOST: u32 = 2;
pub(super) const AT_ONCE: u32 = 3;

/// In every so manieth turn it is looked whether owners were asked.
const ASKED_EVERY: u64 = 16;

#[derive(Debug, Default)]
pub(super) struct Judge {
    owners: BTreeMap<SessionKey, PeerNumber>,
    calls: BTreeMap<(PeerNumber, CallId), (Option<TaskRef>, Call)>,
    /// How the tasks are described: by who created them.
    descriptions: BTreeMap<TaskRef, Option<String>>,
    cancelled: BTreeSet<TaskRef>,
    pub(super) removed: BTreeSet<TaskRef>,
    pub(super) accepted: BTreeSet<TaskRef>,
    /// Tasks that have or had a terminal event in the store.
    ended: BTreeSet<TaskRef>,
    /// Tasks whose terminal event an app handled.
    pub(super) heard: BTreeSet<TaskRef>,
    handled: BTreeSet<(SessionNumber, EventNumber)>,
    /// Sessions that are over; what is still on its way of them says nothing any more.
    over: BTreeSet<SessionNumber>,
    launches: LaunchJudge,
    /// Who was asked last for the answer of a task.
    asked: BTreeMap<TaskRef, PeerNumber>,
    pub(super) accepted_count: u64,
    pub(super) heard_count: u64,
}

impl Judge {
    /// Looks at an input before the core sees it.
    pub(super) fn input(&mut self, core: &Core, input: &Input, time: u64) {
        match input {
            Input::Call { peer, id, call } => {
                self.call(core, call, *peer, time);
                let task = target(core, call);
                self.calls.insert((*peer, *id), (task, call.clone()));
            }
            Input::Disconnected { peer } => {
                let left = self.owners.iter().filter(|(_, owner)| *owner == peer);
                self.launches.vacated(left.map(|(key, _)| key), time);
                self.owners.retain(|_, owner| owner != peer);
            }
            Input::LaunchEnded { session, .. } => self.launches.ended(*session),
            Input::Ack { .. }
            | Input::Report { .. }
            | Input::Conditions(_)
            | Input::Tick
            | Input::Quiesce => {}
        }
    }

    fn call(&mut self, core: &Core, call: &Call, peer: PeerNumber, time: u64) {
        match call {
            Call::Detach { session } => {
                if self.owners.get(session) == Some(&peer) {
                    self.launches.vacated([session], time);
                }
                self.owners.retain(|key, owner| key != session || *owner != peer);
            }
            Call::Cancel { .. } | Call::CancelByProducingResumeData { .. } => {
                self.cancelled.extend(target(core, call));
            }
            Call::Answer { disposition, .. }
                if **disposition == AuthChallengeDisposition::CancelAuthenticationChallenge =>
            {
                self.cancelled.extend(target(core, call));
            }
            Call::Remove { .. } => {
                self.cancelled.extend(target(core, call));
                self.removed.extend(target(core, call));
            }
            Call::InvalidateAndCancel { session } => {
                let tasks = core.tasks_after(Some(session), None, usize::MAX);
                self.cancelled.extend(tasks.iter().map(|view| view.task));
            }
            _ => {}
        }
    }

    /// Looks at a decision as it is made.
    pub(super) fn decided(&mut self, core: &Core, step: &Step, time: u64) -> Verdict {
        for action in &step.actions {
            match action {
                Action::Launch { session, key, .. } => {
                    let alone = !self.owners.contains_key(key);
                    ensure(alone, || format!("the app of {key} is there, and launched"))?;
                    self.launches.decided(core, *session, key, time)?;
                }
                Action::Send { session, event: Event::DidBecomeInvalid { .. }, .. } => {
                    self.owners.remove(session);
                }
                Action::Reply { peer, id, result: Ok(Reply::Attached { .. }) } => {
                    let Some((_, Call::Attach { session, .. })) = self.calls.get(&(*peer, *id))
                    else {
                        return Err("a session was granted to nobody".to_owned());
                    };
                    let before = self.owners.insert(session.clone(), *peer);
                    let alone = before.is_none_or(|before| before == *peer);
                    ensure(alone, || format!("{session} has two owners"))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Looks at a change as it is committed.
    pub(super) fn change(
        &mut self,
        change: &Change,
        store: &Store,
        network: &Network,
        time: u64,
    ) -> Verdict {
        if let Change::CreateTask { task, order, .. } = change {
            self.descriptions.insert(*task, order.options.description.clone());
        }
        match change {
            Change::CreateTask { task, state, .. } | Change::PutTask { task, state } => {
                let Some(resume) = &state.resume else { return Ok(()) };
                let synced = network.synced(resume.inode).unwrap_or_default();
                ensure(resume.durable_bytes <= synced, || {
                    format!("{task:?}: {} bytes recorded, {synced} synced", resume.durable_bytes)
                })
            }
            Change::AppendEvent(record) => {
                let task = TaskRef { session: record.session, task: record.task };
                match &record.event {
                    Event::DidComplete { error, .. } => {
                        let once = self.ended.insert(task);
                        ensure(once, || format!("{task:?} ended twice"))?;
                        let cancelled = error.as_ref().is_some_and(|error| error.is_cancelled());
                        let asked = !cancelled || self.cancelled.contains(&task);
                        ensure(asked, || format!("nobody cancelled {task:?}"))
                    }
                    Event::DidFinishDownloading { path, .. }
                    | Event::DidReceiveData { path, .. } => ensure(network.has_file(path), || {
                        format!("the file of {task:?} is not in place")
                    }),
                    _ => Err(format!("{:?} is not a kept event", record.event)),
                }
            }
            Change::RemoveTask(task) => {
                let told = self.heard.contains(task) || self.removed.contains(task);
                ensure(told, || format!("{task:?} was forgotten before anybody heard its end"))
            }
            Change::RemoveSession(session) => self.forget(*session),
            Change::PutSession(record) => {
                let before = store.sessions.get(&record.number);
                self.launches.counted(before.map(|before| &before.launch), record, time)
            }
            Change::EditTask { task, facts, edit } => {
                let host = facts.host.split(':').next().unwrap_or_default();
                let moved = edit.url.as_ref().is_none_or(|url| url.contains(host));
                ensure(moved, || format!("{task:?} was sent elsewhere and stays"))
            }
            Change::AnswerTask { .. } | Change::RemoveEvent { .. } => Ok(()),
        }
    }

    /// Looks at an action just before it is done: what it shows must be in the store.
    pub(super) fn action(
        &mut self,
        action: &Action,
        core: &Core,
        store: &Store,
        network: &Network,
    ) -> Verdict {
        match action {
            Action::Start { task, .. } => {
                self.asked.remove(task);
                start(*task, core, store, network)
            }
            Action::Launch { session, key, .. } => {
                let record = store.sessions.get(session).filter(|_| !self.owners.contains_key(key));
                self.launches.acted(*session, key, record)
            }
            Action::Send {
                peer,
                session,
                task,
                event: Event::WillBeginDelayedRequest { .. } | Event::DidReceiveChallenge { .. },
                ..
            } => {
                let task = store.number(session).zip(*task);
                let task = task.map(|(session, task)| TaskRef { session, task });
                self.asked.extend(task.map(|task| (task, *peer)));
                Ok(())
            }
            Action::Reply { peer, id, result: Ok(reply) } => self.reply((*peer, *id), reply, store),
            Action::Send { session, number: Some(number), .. }
            | Action::Publish { session, number: Some(number), .. } => {
                let kept = store
                    .number(session)
                    .is_some_and(|session| store.events.contains_key(&(session, *number)));
                ensure(kept, || format!("event {} of {session} is not in the store", number.0))
            }
            Action::RemovePart { task } | Action::KeepPart { task, .. } => {
                let completed =
                    matches!(store.stage(*task), Some(Stage::Completed { done: None, .. }));
                let idle = !network.is_running(*task);
                ensure(completed && idle, || format!("the part of {task:?} is still needed"))
            }
            Action::RemoveFile(path) => {
                let owed = store.events.values().any(|record| match &record.event {
                    Event::DidFinishDownloading { path: owed, .. }
                    | Event::DidReceiveData { path: owed, .. } => owed == path,
                    _ => false,
                });
                ensure(!owed, || format!("{} is still owed", path.display()))
            }
            Action::Reply { result: Err(_), .. }
            | Action::Send { number: None, .. }
            | Action::Publish { number: None, .. }
            | Action::Redirect { .. }
            | Action::Stop { .. } => Ok(()),
        }
    }

    fn reply(&self, call: (PeerNumber, CallId), reply: &Reply, store: &Store) -> Verdict {
        let Some((task, call)) = self.calls.get(&call) else {
            return Err("a call that nobody made was answered".to_owned());
        };
        let durable = match (call, task) {
            (Call::CreateTask { session, new }, Some(_)) => {
                let session = store.number(session).and_then(|number| store.sessions.get(&number));
                session.is_some_and(|session| new.task < session.next_task)
            }
            (Call::Cancel { .. }, Some(task)) => matches!(
                store.stage(*task),
                None | Some(Stage::Canceling | Stage::Completed { .. })
            ),
            (Call::Edit { edit, .. }, Some(task)) => {
                store.stage(*task).is_none() || store.has_edit(*task, edit)
            }
            (Call::Remove { .. }, Some(task)) => store.stage(*task).is_none(),
            (Call::Attach { session, .. }, _) => store.number(session).is_some(),
            _ => true,
        };
        ensure(durable, || format!("{reply:?} to {call:?} is not in the store"))
    }

    /// An app was told that its task is accepted.
    pub(super) fn accepted(&mut self, peer: PeerNumber, id: CallId) -> Verdict {
        let Some((Some(task), Call::CreateTask { new, .. })) = self.calls.get(&(peer, id)) else {
            return Ok(());
        };
        self.accepted.insert(*task);
        self.accepted_count += 1;
        let own = self.descriptions.get(task) == Some(&new.options.description);
        ensure(own, || format!("{task:?} is another owner's"))
    }

    /// An app handles an event, maybe not for the first time.
    pub(super) fn handled(
        &mut self,
        session: SessionNumber,
        number: EventNumber,
        task: TaskIdentifier,
        event: &Event,
        network: &Network,
    ) -> Verdict {
        if self.over.contains(&session) || !self.handled.insert((session, number)) {
            return Ok(());
        }
        let task = TaskRef { session, task };
        ensure(!self.heard.contains(&task), || format!("{task:?} spoke after its end"))?;
        match event {
            Event::DidComplete { .. } => {
                self.heard.insert(task);
                self.heard_count += 1;
                Ok(())
            }
            Event::DidFinishDownloading { path, .. } | Event::DidReceiveData { path, .. } => {
                let there = network.has_file(path) || self.removed.contains(&task);
                ensure(there, || format!("the file of {task:?} is gone before its event"))
            }
            _ => Ok(()),
        }
    }

    /// A turn is over: whoever must answer for a task has been asked.
    pub(super) fn acted(&self, core: &Core, turns: u64) -> Verdict {
        if !turns.is_multiple_of(ASKED_EVERY) {
            return Ok(());
        }
        let mut asking = core.places(None).filter(|(_, place)| *place == Place::Answer);
        let unasked = asking.find(|(task, _)| {
            let owner = core.owner(task.session);
            owner.is_some_and(|owner| self.asked.get(task) != Some(&owner))
        });
        ensure(unasked.is_none(), || format!("{unasked:?} waits, and its owner was not asked"))
    }

    /// What nobody needs was removed: files that are still to be handed over are needed.
    pub(super) fn swept(store: &Store, network: &Network) -> Verdict {
        let gone = |event: &Event| match event {
            Event::DidFinishDownloading { path, .. } | Event::DidReceiveData { path, .. } => {
                !network.has_file(path)
            }
            _ => false,
        };
        let lost = store.events.values().find(|record| gone(&record.event));
        ensure(lost.is_none(), || format!("{lost:?} is owed, and its file was removed"))
    }

    /// The daemon is gone, and with it every ownership.
    pub(super) fn crashed(&mut self, time: u64) {
        self.owners.clear();
        self.over.clear();
        self.asked.clear();
        self.launches.crashed(time);
    }

    /// The session is over. Its number may come again after a restart, for another session.
    fn forget(&mut self, session: SessionNumber) -> Verdict {
        let told = |task: &TaskRef| self.heard.contains(task) || self.removed.contains(task);
        let mut of_it = self.accepted.iter().filter(|task| task.session == session);
        let silent = of_it.find(|task| !told(task));
        ensure(silent.is_none(), || format!("{silent:?} went with its session"))?;
        let sets = [&mut self.cancelled, &mut self.removed, &mut self.accepted, &mut self.ended];
        for set in sets.into_iter().chain([&mut self.heard]) {
            set.retain(|task| task.session != session);
        }
        self.over.insert(session);
        self.asked.retain(|task, _| task.session != session);
        self.launches.forget(session);
        self.handled.retain(|(other, _)| *other != session);
        for (task, _) in self.calls.values_mut() {
            *task = task.filter(|task| task.session != session);
        }
        Ok(())
    }

    /// Nothing is left: whatever was accepted has ended.
    pub(super) fn verdict(&self) -> Verdict {
        let told = |task: &&TaskRef| self.heard.contains(task) || self.removed.contains(task);
        let silent = self.accepted.iter().find(|task| !told(task));
        ensure(silent.is_none(), || format!("{silent:?} was accepted and never ended"))
    }
}

fn start(task: TaskRef, core: &Core, store: &Store, network: &Network) -> Verdict {
    let Some((facts, record)) = store.tasks.get(&task) else {
        return Err(format!("{task:?} starts and is not in the store"));
    };
    // It may have been suspended or cancelled in the same turn: then a stop follows.
    let ended = matches!(record.stage, Stage::Completed { .. });
    ensure(!ended, || format!("{task:?} starts and has completed"))?;
    let asks = matches!(record.stage, Stage::Asking | Stage::Challenged);
    ensure(!asks, || format!("{task:?} starts without its answer"))?;
    ensure(!network.is_running(task), || format!("{task:?} has two attempts at once"))?;
    ensure(!network.is_spent(task), || format!("{task:?} is sent a second time"))?;
    // An edit of the same turn moves it later: the attempt is asked to stop at once.
    let host = core.slot_host(task).unwrap_or(&facts.host);
    let (all, session, host) = network.slots(task, host);
    let free = all < MAX_RUNNING as usize && session < AT_ONCE as usize && host < PER_HOST as usize;
    ensure(free, || format!("{task:?} starts without a slot: {all}, {session}, {host} run"))
}

/// Returns the task that a call is about.
fn target(core: &Core, call: &Call) -> Option<TaskRef> {
    let (session, task) = match call {
        Call::CreateTask { session, new } => (session, new.task),
        Call::Resume { session, task }
        | Call::Suspend { session, task }
        | Call::Edit { session, task, .. }
        | Call::Answer { session, task, .. }
        | Call::Redirect { session, task, .. }
        | Call::Cancel { session, task }
        | Call::CancelByProducingResumeData { session, task }
        | Call::Remove { session, task } => (session, *task),
        _ => return None,
    };
    Some(TaskRef { session: core.session_number(session)?, task })
}
