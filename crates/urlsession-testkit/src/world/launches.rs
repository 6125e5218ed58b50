//! The programs that the daemon of a world starts: some live, some fail, some hang.

use super::house::World;
use super::{Verdict, ensure};
use std::collections::{BTreeMap, VecDeque};
use urlsession_core::{Core, Input, LaunchPlace, MAX_LAUNCHES, PeerNumber, Place, SessionNumber};
use urlsession_protocol::{LaunchCommand, SessionKey};

/// How launched programs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mood {
    #[default]
    Any,
    /// All live.
    Kind,
    /// All fail.
    Broken,
}

/// The programs of one life of the daemon.
#[derive(Debug, Default)]
pub(super) struct Launches {
    pub(super) mood: Mood,
    /// Those that run, and as which process; `None` never becomes one.
    running: BTreeMap<SessionNumber, Option<usize>>,
    /// Ends that the daemon has not seen.
    ends: VecDeque<(SessionNumber, Result<(), String>)>,
}

impl Launches {
    pub(super) fn has_ends(&self) -> bool {
        !self.ends.is_empty()
    }

    pub(super) fn take_end(&mut self) -> Option<Input> {
        let (session, result) = self.ends.pop_front()?;
        Some(Input::LaunchEnded { session, result })
    }

    /// The daemon is gone; what it started lives on, and nobody waits for it.
    pub(super) fn crash(&mut self) {
        self.running.clear();
        self.ends.clear();
    }

    /// Nothing that runs will become a process any more.
    pub(super) fn end_all(&mut self) {
        for (session, _) in std::mem::take(&mut self.running) {
            self.ends.push_back((session, Err("killed".to_owned())));
        }
    }

    /// The program that is that process has ended.
    pub(super) fn process_ended(&mut self, at: usize, well: bool) {
        let session = self.running.iter().find(|(_, process)| **process == Some(at));
        if let Some(session) = session.map(|(session, _)| *session) {
            self.end(session, well);
        }
    }

    fn end(&mut self, session: SessionNumber, well: bool) {
        self.running.remove(&session);
        let result = if well { Ok(()) } else { Err("it failed".to_owned()) };
        self.ends.push_back((session, result));
    }
}

impl World {
    /// Starts the program of a session, which is its first process.
    pub(super) fn launch(&mut self, session: SessionNumber, key: &SessionKey) {
        let process = |process: &super::client::Process| process.primary && process.key == *key;
        let Some(at) = self.processes.iter().position(process) else { return };
        // The second session of a world has an app that seldom works.
        let sick = at == 2;
        let outcome = match self.launches.mood {
            Mood::Kind => 0,
            Mood::Broken => 9,
            Mood::Any if sick => 4 + self.random.below(8),
            Mood::Any => self.random.below(11),
        };
        self.launches.running.insert(session, None);
        match outcome {
            0..5 if self.processes[at].alive => self.launches.end(session, true),
            0..5 => {
                self.processes[at].alive = true;
                self.launches.running.insert(session, Some(at));
            }
            5 => {
                self.processes[at].alive = true;
                self.launches.end(session, true);
            }
            6 | 7 => self.launches.end(session, true),
            8 | 9 | 11 => self.launches.end(session, false),
            _ => {}
        }
    }

    /// A launched program ends, or leaves its work to another.
    pub(super) fn program_ends(&mut self) {
        if self.launches.running.is_empty() {
            return;
        }
        let at = self.random.index(self.launches.running.len());
        let session = self.launches.running.keys().nth(at).copied();
        let well = self.random.one_in(2);
        if let Some(session) = session {
            self.launches.end(session, well);
        }
    }

    /// What a process says about launching when it attaches.
    pub(super) fn launch_command(&mut self, at: usize) -> Option<LaunchCommand> {
        let changes = self.random.one_in(25);
        // The third session of a world has no command as a rule.
        let has_one = (at < 4) != (changes && self.random.one_in(2));
        has_one.then(|| LaunchCommand {
            program: "/bin/app".into(),
            arguments: vec![u64::from(changes).to_string()],
            directory: "/".into(),
            environment: vec![],
        })
    }

    /// A person starts the apps that nobody launches; those that the daemon should launch, it must.
    pub(super) fn start_apps(&mut self) -> Verdict {
        for at in 0..self.processes.len() {
            if self.processes[at].alive || !self.processes[at].primary {
                continue;
            }
            let session = self.core.session_number(&self.processes[at].key);
            let place = session.and_then(|session| self.core.launch_place(session));
            self.processes[at].alive = match place {
                None | Some(LaunchPlace::Without) => true,
                Some(LaunchPlace::Resting) => {
                    let owes = session.is_some_and(|session| self.core.owed(session).count() > 0);
                    let busy = self.core.places(session).any(|(_, place)| is_busy(place));
                    let key = &self.processes[at].key;
                    ensure(busy || !owes, || format!("the app of {key} is not launched"))?;
                    !busy
                }
                Some(LaunchPlace::GivenUp) => {
                    let record = session.and_then(|session| self.store.sessions.get(&session));
                    let attempts = record.map_or(0, |record| record.launch.attempts);
                    ensure(attempts == MAX_LAUNCHES, || format!("it gave up after {attempts}"))?;
                    true
                }
                Some(
                    LaunchPlace::Due
                    | LaunchPlace::Running
                    | LaunchPlace::Released
                    | LaunchPlace::Ended,
                ) => false,
            };
        }
        Ok(())
    }
}

pub(super) fn is_owner(core: &Core, session: SessionNumber, peer: PeerNumber) -> bool {
    core.owner(session) == Some(peer)
}

/// Says whether the task will move or end by itself.
pub(super) fn is_busy(place: Place) -> bool {
    !matches!(place, Place::Suspended | Place::Completed)
}
