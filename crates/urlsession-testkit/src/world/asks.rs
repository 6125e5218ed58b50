//! What the apps of a world ask for.

use super::house::World;
use super::network::SPOOL;
use super::scene::Scene;
use std::path::Path;
use urlsession_core::{Input, Place, TaskRef};
use urlsession_protocol::{
    Body, Call, Header, NewTask, Priority, Request, RequestEdit, Secret, SessionKey,
    TaskIdentifier, TaskKind, TaskOptions, Timestamp,
};

/// Most tasks of a session that are not forgotten.
const TASKS_AT_ONCE: usize = 30;

/// Hosts of a world.
const HOSTS: u64 = 3;

/// The beginning of the header field that numbers an edit.
const EDIT: &str = "X-Edit-";

impl World {
    pub(super) fn somebody_approaches(&mut self) {
        let away = |at: &usize| self.processes[*at].alive && !self.processes[*at].attached;
        let away: Vec<_> = (0..self.processes.len()).filter(away).collect();
        if !away.is_empty() {
            let at = away[self.random.index(away.len())];
            let wait = self.random.one_in(2);
            self.approach(at, wait);
        }
    }

    /// An app that has its session does something with it.
    pub(super) fn client_acts(&mut self, scene: Scene) {
        let there = |at: &usize| self.processes[*at].alive && self.processes[*at].attached;
        let there: Vec<_> = (0..self.processes.len()).filter(there).collect();
        if there.is_empty() {
            return;
        }
        let at = there[self.random.index(there.len())];
        let session = self.processes[at].key.clone();
        match scene {
            Scene::Acknowledge => self.acknowledge(at),
            Scene::Create => self.create(at),
            Scene::CreateAgain => self.create_again(at),
            Scene::Remove => self.ask_for_removal(at),
            Scene::Invalidate => self.invalidate(at),
            Scene::Detach => self.detach(at),
            _ => {
                let task = match scene {
                    // Rare without help: the attempt must not have ended in between.
                    Scene::Resume => self.task_at(at, &session, Place::Suspending),
                    _ => self.some_task(at, &session),
                };
                let call = match scene {
                    Scene::Resume => Call::Resume { session, task },
                    Scene::Suspend => Call::Suspend { session, task },
                    Scene::Cancel => Call::Cancel { session, task },
                    Scene::CancelForResumeData => {
                        Call::CancelByProducingResumeData { session, task }
                    }
                    _ => {
                        let asked = self.processes[at].asked.pop_first();
                        self.edit(session, asked.unwrap_or(task))
                    }
                };
                self.ask(at, call);
            }
        }
    }

    /// Draws a task: a late one, or, so that rare phases are met too, one of a phase.
    fn some_task(&mut self, at: usize, session: &SessionKey) -> TaskIdentifier {
        let late = 1 + self.random.below(12);
        let late = TaskIdentifier(self.processes[at].next_task.saturating_sub(late));
        if self.random.one_in(2) {
            return late;
        }
        let Some(number) = self.core.session_number(session) else { return late };
        let rare = self.core.places(Some(number)).find(|(_, place)| {
            matches!(place, Place::Resuming | Place::TimingOut | Place::Editing)
        });
        if let Some((task, _)) = rare.filter(|_| self.random.one_in(2)) {
            return task.task;
        }
        let mut places: Vec<(Place, TaskRef)> =
            self.core.places(Some(number)).map(|(task, place)| (place, task)).collect();
        places.sort_unstable();
        places.dedup_by_key(|(place, _)| *place);
        if places.is_empty() { late } else { places[self.random.index(places.len())].1.task }
    }

    /// A transfer reports for an attempt that is not.
    pub(super) fn forged_report(&mut self) -> Option<Input> {
        let at = self.random.index(self.processes.len());
        let key = self.processes[at].key.clone();
        let task = self.some_task(at, &key);
        let session = self.core.session_number(&key)?;
        Some(self.network.forged(&mut self.random, TaskRef { session, task }))
    }

    /// Draws a task of that phase if there is one.
    fn task_at(&mut self, at: usize, session: &SessionKey, place: Place) -> TaskIdentifier {
        let number = self.core.session_number(session);
        let found = number
            .and_then(|number| self.core.places(Some(number)).find(|(_, found)| *found == place));
        match found {
            Some((task, _)) if !self.random.one_in(4) => task.task,
            _ => self.some_task(at, session),
        }
    }

    /// Replaces nothing, moves a task to another host, or is no edit at all.
    pub(super) fn edit(&mut self, session: SessionKey, task: TaskIdentifier) -> Call {
        let kind = self.random.below(10);
        self.edits += 1;
        let number = Header { name: format!("{EDIT}{}", self.edits), value: Secret::new("new") };
        let url = match kind {
            0..5 => Some(format!("http://host{}/other", self.random.below(HOSTS))),
            5 => Some("nonsense".to_owned()),
            _ => None,
        };
        let headers = if kind == 6 { vec![] } else { vec![number] };
        Call::Edit { session, task, edit: Box::new(RequestEdit { url, headers, credential: None }) }
    }

    fn create(&mut self, at: usize) {
        let process = &self.processes[at];
        let number = self.store.number(&process.key);
        let tasks = number.map_or(0, |number| self.store.tasks_of(number).count());
        if process.invalidating || tasks + process.calls.len() > TASKS_AT_ONCE {
            return;
        }
        let task = TaskIdentifier(process.next_task);
        let new = Box::new(self.new_task(at, task));
        let session = self.processes[at].key.clone();
        self.processes[at].next_task += 1;
        self.ask(at, Call::CreateTask { session, new });
    }

    /// Makes a call again that was answered, as after an answer that was lost.
    fn create_again(&mut self, at: usize) {
        let session = self.processes[at].key.clone();
        let task = self.some_task(at, &session);
        let number = self.store.number(&session);
        let known = number.map(|session| TaskRef { session, task });
        if known.is_some_and(|known| self.processes[at].created.contains(&known)) {
            let new = Box::new(self.new_task(at, task));
            self.ask(at, Call::CreateTask { session, new });
        }
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
        // No path is used twice: a process that comes after a dead one mints the same numbers.
        let token = self.processes[at].token;
        let owner = token.map_or(0, |token| token.0);
        let spool = Path::new(SPOOL).join(format!("{at}-{owner}-{}", task.0));
        let mut kind = TaskKind::Download { destination: None };
        let drawn = random.below(10);
        match drawn {
            9 => kind = TaskKind::Upload,
            8 => kind = TaskKind::Data,
            7 => kind = TaskKind::Download { destination: Some("/home/file".into()) },
            6 if random.one_in(4) => request.url = "nonsense".to_owned(),
            _ => {}
        }
        // A download may send something, too.
        request.body = (drawn >= 5).then_some(Body::Spool { path: spool, length: 1 });
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
        let whose = self.random.index(self.processes.len());
        let session = self.processes[whose].key.clone();
        let task = self.some_task(whose, &session);
        self.ask(at, Call::Remove { session, task });
    }

    /// Ends its session, or somebody's, which works while nobody owns that.
    fn invalidate(&mut self, at: usize) {
        let is_own = !self.random.one_in(3);
        let whose = if is_own { at } else { self.random.index(self.processes.len()) };
        let session = self.processes[whose].key.clone();
        if session == self.processes[at].key {
            self.processes[at].invalidating = true;
        }
        let call = if self.random.one_in(2) {
            Call::InvalidateAndCancel { session }
        } else {
            Call::FinishTasksAndInvalidate { session }
        };
        self.ask(at, call);
    }

    fn detach(&mut self, at: usize) {
        let process = &self.processes[at];
        if process.calls.is_empty() && !process.invalidating {
            let session = process.key.clone();
            self.ask(at, Call::Detach { session });
            self.processes[at].attached = false;
            self.processes[at].acks.clear();
            self.processes[at].asked.clear();
        }
    }
}
