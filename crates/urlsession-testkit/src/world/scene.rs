//! One step of a world: something happens, drawn by lot.

use super::Verdict;
use super::house::{Crash, World};
use urlsession_core::{Conditions, Input, PeerNumber};
use urlsession_protocol::{
    Body, Call, NewTask, Priority, Request, RequestEdit, SessionKey, TaskIdentifier, TaskKind,
    TaskOptions, Timestamp,
};

/// Most tasks of a session that are not forgotten.
const TASKS_AT_ONCE: usize = 30;

/// Hosts of a world.
const HOSTS: u64 = 3;

impl World {
    pub(super) fn scene(&mut self) -> Verdict {
        match self.random.below(1000) {
            0..370 => self.gather(),
            370..590 => self.hear(),
            590..720 => {
                self.network.act(&mut self.random);
                Ok(())
            }
            720..910 => {
                self.client_acts();
                Ok(())
            }
            910..965 => self.time_passes(),
            965..970 => {
                self.wall_jumps();
                Ok(())
            }
            970..978 => {
                let network = self.random.one_in(2);
                self.turn(vec![Input::Conditions(Conditions { network })])
            }
            978..988 => {
                let at = self.random.index(self.processes.len());
                if self.processes[at].alive && self.random.one_in(2) {
                    self.kill(at);
                } else {
                    self.processes[at].alive = true;
                }
                Ok(())
            }
            988..998 => self.daemon_suffers(),
            _ => self.quiesce(),
        }
    }

    /// A turn of up to four inputs that happen to be ready.
    fn gather(&mut self) -> Verdict {
        let mut inputs = Vec::new();
        for _ in 0..=self.random.below(4) {
            let report = self.random.one_in(3);
            let input = match self.talking(|world, peer| {
                world.connections.get(&peer).is_some_and(|c| !c.up.is_empty())
            }) {
                Some(peer) if !report => self.read(peer),
                _ => self.network.take_report(&mut self.random),
            };
            inputs.extend(input);
        }
        if inputs.is_empty() { Ok(()) } else { self.turn(inputs) }
    }

    fn hear(&mut self) -> Verdict {
        let listener = self.talking(|world, peer| {
            world.connections.get(&peer).is_some_and(|c| !c.down.is_empty())
        });
        listener.map_or(Ok(()), |peer| self.listen(peer))
    }

    /// Draws one of the connections with something to say.
    fn talking(&mut self, speaks: impl Fn(&Self, PeerNumber) -> bool) -> Option<PeerNumber> {
        let peers: Vec<_> =
            self.connections.keys().copied().filter(|peer| speaks(self, *peer)).collect();
        if peers.is_empty() {
            return None;
        }
        Some(peers[self.random.index(peers.len())])
    }

    fn client_acts(&mut self) {
        let at = self.random.index(self.processes.len());
        let process = &self.processes[at];
        if !process.alive {
            return;
        }
        if !process.attached {
            let wait = self.random.one_in(2);
            return self.approach(at, wait);
        }
        let session = process.key.clone();
        let any = TaskIdentifier(process.next_task.saturating_sub(1 + self.random.below(12)));
        match self.random.below(100) {
            0..40 => self.acknowledge(at),
            40..70 => self.create(at),
            70..76 => self.ask(at, Call::Resume { session, task: any }),
            76..78 => {
                let moves = self.random.one_in(2);
                self.ask(at, edit(session, any, moves));
            }
            78..85 => self.ask(at, Call::Suspend { session, task: any }),
            85..89 => self.ask(at, Call::Cancel { session, task: any }),
            89..93 => {
                self.ask(at, Call::CancelByProducingResumeData { session, task: any });
            }
            93..97 => self.ask_for_removal(at),
            97..98 => self.invalidate(at),
            _ if process.calls.is_empty() && !process.invalidating => {
                let call = Call::Detach { session };
                self.ask(at, call);
                self.processes[at].attached = false;
                self.processes[at].acks.clear();
            }
            _ => {}
        }
    }

    fn create(&mut self, at: usize) {
        let process = &self.processes[at];
        let number = self.store.number(&process.key);
        let tasks = number.map_or(0, |number| self.store.tasks_of(number).count());
        if process.invalidating || tasks + process.calls.len() > TASKS_AT_ONCE {
            return;
        }
        let task = TaskIdentifier(process.next_task);
        let call = Call::CreateTask {
            session: process.key.clone(),
            new: Box::new(self.new_task(at, task)),
        };
        self.processes[at].next_task += 1;
        self.ask(at, call);
    }

    fn new_task(&mut self, at: usize, task: TaskIdentifier) -> NewTask {
        let random = &mut self.random;
        let url = format!("http://host{}/", random.below(HOSTS));
        let mut request = Request {
            url,
            method: "POST".to_owned(),
            headers: vec![],
            body: None,
            credential: None,
        };
        let spool = |n: u64| Body::Spool { path: format!("/spool/{at}/{n}").into(), length: 1 };
        let mut kind = TaskKind::Download { destination: None };
        match random.below(10) {
            0 => {
                kind = TaskKind::Upload;
                request.body = Some(spool(task.0));
            }
            1 => kind = TaskKind::Data,
            2 => kind = TaskKind::Download { destination: Some("/home/file".into()) },
            3 if random.one_in(4) => request.url = "nonsense".to_owned(),
            _ => {}
        }
        let token = self.processes[at].token;
        let options = TaskOptions {
            description: token.map(|token| token.0.to_string()),
            priority: Priority(if random.one_in(5) { 200 } else { 128 }),
            earliest_begin_date: random
                .one_in(10)
                .then(|| Timestamp(self.wall + random.below(20_000))),
            timeout_interval_for_resource: random.one_in(8).then(|| 1000 + random.below(60_000)),
            maximum_retries: random.one_in(8).then(|| u32::from(random.one_in(2))),
            no_unsafe_retry: random.one_in(2),
            ..TaskOptions::default()
        };
        let resume_data = match kind {
            TaskKind::Download { .. } => self.processes[at].resume_data.take(),
            TaskKind::Upload | TaskKind::Data => None,
        };
        let resume = !random.one_in(3);
        NewTask { task, kind, request, options, resume, resume_data }
    }

    /// Somebody else removes a task of any session.
    fn ask_for_removal(&mut self, at: usize) {
        if self.store.tasks.is_empty() {
            return;
        }
        let task = self.store.tasks.keys().nth(self.random.index(self.store.tasks.len()));
        let session = task.and_then(|task| self.store.sessions.get(&task.session));
        if let (Some(task), Some(session)) = (task, session) {
            let call = Call::Remove { session: session.key.clone(), task: task.task };
            self.ask(at, call);
        }
    }

    fn invalidate(&mut self, at: usize) {
        self.processes[at].invalidating = true;
        let session = self.processes[at].key.clone();
        let call = if self.random.one_in(2) {
            Call::InvalidateAndCancel { session }
        } else {
            Call::FinishTasksAndInvalidate { session }
        };
        self.ask(at, call);
    }

    fn time_passes(&mut self) -> Verdict {
        let wakeup = self.core.next_wakeup(self.now());
        let most = if self.random.one_in(4) { 120_000 } else { 1000 };
        let passed = match wakeup.map(|wakeup| u64::try_from(wakeup.as_millis())) {
            Some(Ok(wakeup)) if wakeup < most => wakeup,
            _ => self.random.below(most),
        };
        self.time += passed;
        self.wall += passed;
        self.tick()
    }

    fn wall_jumps(&mut self) {
        let most = if self.random.one_in(10) { 86_400_000 } else { 30_000 };
        let by = self.random.below(most);
        self.wall = if self.random.one_in(2) {
            self.wall.saturating_add(by)
        } else {
            self.wall.saturating_sub(by)
        };
    }

    fn daemon_suffers(&mut self) -> Verdict {
        match self.random.below(12) {
            0 => return self.restart(),
            1 => self.crash = Some(Crash::BeforeCommit),
            2 => self.crash = Some(Crash::AfterCommit),
            3 | 4 => {
                let count = self.random.index(6);
                self.crash = Some(Crash::AfterActions(count));
            }
            _ => {}
        }
        Ok(())
    }

    /// The daemon stops in order, or starts again once everything has stopped.
    fn quiesce(&mut self) -> Verdict {
        if self.quiescing {
            return if self.network.is_quiet() { self.restart() } else { Ok(()) };
        }
        if self.random.one_in(8) {
            self.quiescing = true;
            return self.turn(vec![Input::Quiesce]);
        }
        Ok(())
    }
}

/// Replaces nothing, or moves a task to another host.
fn edit(session: SessionKey, task: TaskIdentifier, moves: bool) -> Call {
    let url = moves.then(|| "http://host1/other".to_owned());
    Call::Edit { session, task, edit: Box::new(RequestEdit { url, ..RequestEdit::default() }) }
}
