//! The driver of a world: gathers, decides, commits, acts, and crashes in between.

use super::client::{Connection, Down, Process};
use super::coverage::Coverage;
use super::judge::Judge;
use super::launches::Launches;
use super::network::Network;
use super::random::Random;
use super::store::Store;
use super::{CoreBug, PlantedBug, Statistics, Verdict, ensure};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use urlsession_core::{Action, Change, Core, Input, Moment, PeerNumber, Snapshot, resume};
use urlsession_protocol::{Error, Reply, Timestamp};

/// Lines of a trace that are kept.
const TRACE_LENGTH: usize = 60;

/// When the daemon dies in its next turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crash {
    BeforeCommit,
    AfterCommit,
    AfterActions(usize),
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) random: Random,
    pub(super) bug: Option<PlantedBug>,
    /// Milliseconds since the world began; never jumps.
    pub(super) time: u64,
    /// The wall clock, which does.
    pub(super) wall: u64,
    boot: u64,
    pub(super) core: Core,
    pub(super) store: Store,
    /// The store before the last commit, for the bug that loses it.
    before: Option<Store>,
    pub(super) network: Network,
    pub(super) launches: Launches,
    pub(super) judge: Judge,
    pub(super) coverage: Coverage,
    pub(super) processes: Vec<Process>,
    pub(super) connections: BTreeMap<PeerNumber, Connection>,
    pub(super) peers: u64,
    /// How many owners have named themselves.
    pub(super) tokens: u64,
    /// How many edits were made.
    pub(super) edits: u64,
    pub(super) crash: Option<Crash>,
    pub(super) quiescing: bool,
    pub(super) statistics: Statistics,
    trace: Option<VecDeque<String>>,
}

impl World {
    pub(super) fn new(seed: u64, bug: Option<PlantedBug>, traced: bool) -> Self {
        let now = Moment { wall: Timestamp(1_000_000_000_000), steady: Duration::ZERO };
        let (core, _) = Core::restore_planted(Snapshot::default(), now, seed, core_bug(bug));
        Self {
            random: Random::new(seed),
            bug,
            time: 0,
            wall: now.wall.0,
            boot: 0,
            core,
            store: Store::default(),
            before: None,
            network: Network::new(bug),
            launches: Launches::default(),
            judge: Judge::default(),
            coverage: Coverage::default(),
            processes: Process::cast(),
            connections: BTreeMap::new(),
            peers: 0,
            tokens: 0,
            edits: 0,
            crash: None,
            quiescing: false,
            statistics: Statistics::default(),
            trace: traced.then(VecDeque::new),
        }
    }

    pub(super) fn statistics(&self) -> Statistics {
        Statistics {
            accepted: self.judge.accepted_count,
            heard: self.judge.heard_count,
            coverage: self.coverage.clone(),
            ..self.statistics.clone()
        }
    }

    pub(super) fn into_trace(self) -> Vec<String> {
        self.trace.into_iter().flatten().collect()
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            if trace.len() >= TRACE_LENGTH {
                trace.pop_front();
            }
            trace.push_back(line());
        }
    }

    pub(super) fn now(&self) -> Moment {
        Moment { wall: Timestamp(self.wall), steady: Duration::from_millis(self.time - self.boot) }
    }

    /// One turn: all inputs are decided, their changes committed at once, their actions done.
    pub(super) fn turn(&mut self, inputs: Vec<Input>) -> Verdict {
        self.statistics.turns += 1;
        let (mut changes, mut actions) = (Vec::new(), Vec::new());
        for input in inputs {
            self.note(|| format!("< {input:?}"));
            self.coverage.input(&self.core, &input);
            self.judge.input(&self.core, &input, self.time);
            let step = self.core.handle(self.now(), input);
            self.judge.decided(&self.core, &step, self.time)?;
            changes.extend(step.changes);
            actions.extend(step.actions);
        }
        self.settle(changes, actions)
    }

    pub(super) fn tick(&mut self) -> Verdict {
        let crashes = self.statistics.crashes;
        self.turn(vec![Input::Tick])?;
        let spins = self.core.next_wakeup(self.now()) == Some(Duration::ZERO);
        let crashed = crashes != self.statistics.crashes;
        ensure(!spins || crashed, || "a tick leaves something that is due".to_owned())
    }

    fn settle(&mut self, changes: Vec<Change>, actions: Vec<Action>) -> Verdict {
        let crash = self.crash.take();
        if self.bug == Some(PlantedBug::ActBeforeCommit) {
            self.act_until(&actions, actions.len())?;
            return self.commit(changes);
        }
        if crash == Some(Crash::BeforeCommit) {
            return self.restart();
        }
        if self.bug == Some(PlantedBug::CommitLost) {
            self.before = Some(self.store.clone());
        }
        if self.bug == Some(PlantedBug::CommitTorn) && crash.is_some() {
            let half = changes.len() / 2;
            self.commit(changes.into_iter().take(half).collect())?;
            return self.restart();
        }
        self.commit(changes)?;
        match crash {
            Some(Crash::BeforeCommit | Crash::AfterCommit) => self.restart(),
            Some(Crash::AfterActions(count)) => {
                self.act_until(&actions, count)?;
                self.restart()
            }
            None => {
                self.act_until(&actions, actions.len())?;
                self.judge.acted(&self.core, self.statistics.turns)
            }
        }
    }

    fn commit(&mut self, changes: Vec<Change>) -> Verdict {
        for change in changes {
            self.note(|| format!("    commit {change:?}"));
            self.judge.change(&change, &self.store, &self.network, self.time)?;
            if let Change::CreateTask { task, facts, .. } = &change {
                self.network.add_task(*task, facts.spool.as_ref());
            }
            self.store.apply(change)?;
        }
        Ok(())
    }

    fn act_until(&mut self, actions: &[Action], count: usize) -> Verdict {
        for action in actions.iter().take(count) {
            self.note(|| format!("    act {action:?}"));
            self.judge.action(action, &self.core, &self.store, &self.network)?;
            if self.bug == Some(PlantedBug::LaunchesForgotten)
                && matches!(action, Action::Launch { .. })
            {
                continue;
            }
            self.act(action)?;
        }
        Ok(())
    }

    fn act(&mut self, action: &Action) -> Verdict {
        match action {
            Action::Start { task, attempt, resume } => {
                ensure(!self.quiescing, || format!("{task:?} starts while all stop"))?;
                self.statistics.attempts += 1;
                if let Some((facts, _)) = self.store.tasks.get(task) {
                    let host = self.core.slot_host(*task).unwrap_or(&facts.host);
                    self.network.start(*task, *attempt, facts, host, resume.as_ref());
                }
            }
            Action::Stop { task, attempt } => self.network.stop(*task, *attempt),
            Action::Redirect { task, attempt, .. } => self.network.redirect(*task, *attempt),
            Action::Reply { peer, id, result } => {
                if let (Ok(Reply::Attached { .. }), Some(connection)) =
                    (result, self.connections.get_mut(peer))
                {
                    connection.begin();
                }
                self.send(*peer, Down::Reply(*id, result.clone()));
            }
            Action::Send { peer, session, task, number, event } => {
                let name = self.store.number(session);
                if let (Some(number), Some(session)) = (*number, name) {
                    let connection = self.connections.get_mut(peer);
                    let ordered = connection.is_none_or(|c| c.is_next(session, number));
                    ensure(ordered, || format!("event {} is out of order", number.0))?;
                }
                let (task, number, event) = (*task, *number, event.clone());
                self.send(*peer, Down::Event { session: name, task, number, event });
            }
            Action::Publish { .. } => {}
            Action::Launch { session, key, .. } => {
                self.statistics.launches += 1;
                self.launch(*session, key);
            }
            Action::RemovePart { task } => self.network.remove_parts(*task),
            Action::RemoveFile(path) => self.network.remove_file(path),
            Action::KeepPart { resume: state, peer, id, .. } => {
                self.network.keep_part(state.inode);
                let resume_data = resume::encode(state).ok();
                self.send(*peer, Down::Reply(*id, Ok(Reply::ResumeData { resume_data })));
            }
        }
        Ok(())
    }

    fn send(&mut self, peer: PeerNumber, message: Down) {
        if let Some(connection) = self.connections.get_mut(&peer)
            && connection.open
        {
            connection.down.push_back(message);
        }
    }

    /// The daemon dies and starts again from its store.
    pub(super) fn restart(&mut self) -> Verdict {
        self.statistics.crashes += 1;
        self.coverage.restart(&self.core);
        self.note(|| "--- the daemon dies".to_owned());
        if let Some(before) = self.before.take() {
            self.store = before;
        }
        self.connections.clear();
        for process in &mut self.processes {
            process.disconnected();
        }
        self.network.crash();
        self.launches.crash();
        self.judge.crashed(self.time);
        self.quiescing = false;
        self.boot = self.time;
        let seed = self.random.below(1 << 32);
        let (core, step) =
            Core::restore_planted(self.store.snapshot(), self.now(), seed, core_bug(self.bug));
        self.core = core;
        self.network.sweep(&self.core.referenced_files().collect());
        Judge::swept(&self.store, &self.network)?;
        self.judge.decided(&self.core, &step, self.time)?;
        if self.bug == Some(PlantedBug::RestoreActionsDropped) {
            return self.settle(step.changes, Vec::new());
        }
        self.settle(step.changes, step.actions)
    }
}

fn core_bug(bug: Option<PlantedBug>) -> Option<CoreBug> {
    match bug {
        Some(PlantedBug::Core(bug)) => Some(bug),
        _ => None,
    }
}

/// What a client is answered.
pub(super) type Answer = Result<Reply, Error>;
