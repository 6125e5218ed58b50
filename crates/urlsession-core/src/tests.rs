//! Tries the core: every phase against every input, and every rule by itself.

mod challenges;
mod deadlines;
mod edits;
mod launches;
mod offline;
mod progress;
mod queries;
mod redirections;
mod rules;
mod scale;
mod sending;
mod sessions;
mod table;

use crate::task::Task;
use crate::{
    Action, AttemptNumber, Cause, Change, Conditions, Core, Done, Ending, Input, Moment,
    PeerNumber, Report, ResumeState, SessionNumber, Snapshot, Step, TaskRecord, TaskRef,
};
use std::collections::BTreeMap;
use std::time::Duration;
use urlsession_protocol::{
    ApplicationId, Call, CallId, Error, ErrorCode, Event, EventNumber, NewTask, OwnerToken, Reply,
    Request, RequestEdit, Response, SessionConfiguration, SessionIdentifier, SessionKey,
    TaskIdentifier, TaskKind, TaskOptions, TaskState, Timestamp,
};

const APP: PeerNumber = PeerNumber(1);
const OTHER: PeerNumber = PeerNumber(2);

/// A core, its clock and the store that its changes make.
struct Bench {
    core: Core,
    now: Moment,
    calls: u64,
    stored: BTreeMap<TaskRef, TaskRecord>,
    last_removed: Option<SessionNumber>,
}

impl Bench {
    /// Makes a core with one session, owned by `APP`.
    fn new() -> Self {
        let mut bench = Self::empty();
        bench.attach(APP, SessionConfiguration::default());
        bench
    }

    fn empty() -> Self {
        let now = Moment { wall: Timestamp(1_000_000), steady: Duration::ZERO };
        let (core, step) = Core::restore(Snapshot::default(), now, 7);
        assert_eq!(step, Step::default());
        Self { core, now, calls: 0, stored: BTreeMap::new(), last_removed: None }
    }

    fn handle(&mut self, input: Input) -> Step {
        let step = self.core.handle(self.now, input);
        for change in &step.changes {
            match change {
                Change::CreateTask { task, state, .. } | Change::PutTask { task, state } => {
                    self.stored.insert(*task, state.clone());
                }
                Change::RemoveTask(task) => {
                    self.stored.remove(task);
                }
                Change::RemoveSession(number) => self.last_removed = Some(*number),
                _ => {}
            }
        }
        step
    }

    fn call(&mut self, peer: PeerNumber, call: Call) -> Step {
        self.calls += 1;
        self.handle(Input::Call { peer, id: CallId(self.calls), call })
    }

    fn attach(&mut self, peer: PeerNumber, configuration: SessionConfiguration) -> Step {
        self.call(
            peer,
            Call::Attach {
                session: key(),
                configuration: Box::new(configuration),
                wait: false,
                owner: None,
            },
        )
    }

    fn create(&mut self, new: NewTask) -> Step {
        self.call(APP, Call::CreateTask { session: key(), new: Box::new(new) })
    }

    /// Creates a download that starts at once, under the next number.
    fn download(&mut self) -> u64 {
        let task = self.next_task();
        self.create(NewTask { resume: true, ..download(task) });
        task
    }

    fn next_task(&self) -> u64 {
        self.core.sessions.values().next_back().map_or(1, |session| session.next_task.0)
    }

    fn resume(&mut self, task: u64) -> Step {
        self.call(APP, Call::Resume { session: key(), task: TaskIdentifier(task) })
    }

    fn suspend(&mut self, task: u64) -> Step {
        self.call(APP, Call::Suspend { session: key(), task: TaskIdentifier(task) })
    }

    fn cancel(&mut self, task: u64) -> Step {
        self.call(APP, Call::Cancel { session: key(), task: TaskIdentifier(task) })
    }

    fn cancel_for_resume_data(&mut self, task: u64) -> Step {
        let task = TaskIdentifier(task);
        self.call(APP, Call::CancelByProducingResumeData { session: key(), task })
    }

    fn remove(&mut self, task: u64) -> Step {
        self.call(OTHER, Call::Remove { session: key(), task: TaskIdentifier(task) })
    }

    fn edit(&mut self, task: u64, edit: RequestEdit) -> Step {
        self.call(
            OTHER,
            Call::Edit { session: key(), task: TaskIdentifier(task), edit: Box::new(edit) },
        )
    }

    fn ack(&mut self, number: u64) -> Step {
        self.handle(Input::Ack { peer: APP, session: key(), number: EventNumber(number) })
    }

    /// Reports for the attempt that runs.
    fn report(&mut self, task: u64, report: Report) -> Step {
        let attempt =
            self.core.tasks.get(&name(task)).and_then(Task::attempt).expect("an attempt runs");
        self.handle(Input::Report { task: name(task), attempt, report })
    }

    fn ended(&mut self, task: u64, ending: Ending) -> Step {
        self.report(task, Report::Ended(ending))
    }

    fn tick_after(&mut self, time: Duration) -> Step {
        self.pass(time);
        self.handle(Input::Tick)
    }

    fn pass(&mut self, time: Duration) {
        self.now.wall = self.now.wall.after(time);
        self.now.steady += time;
    }

    fn wakeup(&self) -> Option<Duration> {
        self.core.next_wakeup(self.now)
    }

    fn state(&self, task: u64) -> TaskState {
        self.core.task(name(task)).expect("the task is known").state
    }

    /// Starts the core again from what a store would have.
    fn restart(&mut self) -> Step {
        let snapshot = self.snapshot();
        self.now.steady = Duration::ZERO;
        let (core, step) = Core::restore(snapshot, self.now, 7);
        self.core = core;
        step
    }

    fn snapshot(&self) -> Snapshot {
        let core = &self.core;
        let sessions: Vec<_> =
            core.sessions.iter().map(|(number, session)| session.record(*number)).collect();
        let events = sessions.iter().flat_map(|session| {
            core.owed(session.number).map(|(number, task, event)| crate::EventRecord {
                session: session.number,
                number,
                task,
                event: event.clone(),
            })
        });
        let tasks = core.tasks.iter().map(|(key, task)| {
            // The record that was written last, not the one in memory.
            (*key, task.facts(), self.stored[key].clone())
        });
        Snapshot {
            events: events.collect(),
            tasks: tasks.collect(),
            sessions: sessions.clone(),
            last_removed: self.last_removed,
        }
    }
}

fn key() -> SessionKey {
    named("session")
}

fn named(session: &str) -> SessionKey {
    SessionKey {
        application: ApplicationId::new("app").unwrap(),
        session: SessionIdentifier::new(session).unwrap(),
    }
}

fn name(task: u64) -> TaskRef {
    TaskRef { session: SessionNumber(1), task: TaskIdentifier(task) }
}

fn download(task: u64) -> NewTask {
    NewTask {
        task: TaskIdentifier(task),
        kind: TaskKind::Download { destination: None },
        request: Request::new("http://host/file").unwrap(),
        options: TaskOptions::default(),
        resume: false,
        resume_data: None,
    }
}

fn part(durable_bytes: u64) -> ResumeState {
    ResumeState {
        part: "/state/part".into(),
        inode: 1,
        durable_bytes,
        further: None,
        total_bytes: Some(1000),
        etag: Some("\"e\"".to_owned()),
        last_modified: None,
        response: Response::default(),
    }
}

fn done() -> Ending {
    Ending::Done(Done {
        response: Response { status_code: 200, ..Response::default() },
        file: Some("/state/file".into()),
        length: 1000,
        sent: 0,
    })
}

fn stopped() -> Ending {
    Ending::Stopped { resume: Some(part(10)) }
}

fn failed(cause: Cause) -> Ending {
    Ending::Failed {
        error: Error::new(ErrorCode::NETWORK_CONNECTION_LOST),
        cause,
        resume: None,
        progressed: false,
    }
}

/// An attempt that moved bytes, and of what it received keeps this.
fn progressed(resume: Option<ResumeState>) -> Ending {
    Ending::Failed {
        error: Error::new(ErrorCode::NETWORK_CONNECTION_LOST),
        cause: Cause::Transient,
        resume,
        progressed: true,
    }
}

fn starts(step: &Step) -> Vec<(u64, u32)> {
    let start = |action: &Action| match action {
        Action::Start { task, attempt, .. } => Some((task.task.0, attempt.0)),
        _ => None,
    };
    step.actions.iter().filter_map(start).collect()
}

fn stops(step: &Step) -> Vec<(u64, u32)> {
    let stop = |action: &Action| match action {
        Action::Stop { task, attempt } => Some((task.task.0, attempt.0)),
        _ => None,
    };
    step.actions.iter().filter_map(stop).collect()
}

fn replies(step: &Step) -> Vec<Result<Reply, i32>> {
    let reply = |action: &Action| match action {
        Action::Reply { result, .. } => Some(result.clone().map_err(|error| error.code.0)),
        _ => None,
    };
    step.actions.iter().filter_map(reply).collect()
}

/// The answer to an attachment of an owner that does not say who it is.
fn attached(next_task: u64) -> Reply {
    let next_task = TaskIdentifier(next_task);
    Reply::Attached { next_task, owned_from: next_task }
}

/// Returns what the owner is sent, as short words.
fn sent(step: &Step) -> Vec<String> {
    let send = |action: &Action| match action {
        Action::Send { event, number, .. } => {
            let number = number.map_or_else(String::new, |number| format!("{} ", number.0));
            Some(number + &words(event))
        }
        _ => None,
    };
    step.actions.iter().filter_map(send).collect()
}

fn words(event: &Event) -> String {
    match event {
        Event::DidComplete { error, .. } => {
            let code = error.as_ref().map_or_else(|| "ok".to_owned(), |e| e.code.0.to_string());
            format!("DidComplete {code}")
        }
        Event::DidChangeState { state, reason, .. } => match reason {
            Some(reason) => format!("{state:?} {reason:?}"),
            None => format!("{state:?}"),
        },
        Event::DidFinishDownloading { .. } => "DidFinishDownloading".to_owned(),
        Event::DidReceiveData { .. } => "DidReceiveData".to_owned(),
        Event::WillBeginDelayedRequest { .. } => "WillBeginDelayedRequest".to_owned(),
        Event::DidReceiveChallenge { .. } => "DidReceiveChallenge".to_owned(),
        Event::WillPerformHttpRedirection { .. } => "WillPerformHttpRedirection".to_owned(),
        Event::DidFinishEvents => "DidFinishEvents".to_owned(),
        Event::DidBecomeInvalid { .. } => "DidBecomeInvalid".to_owned(),
        other => format!("{other:?}"),
    }
}

fn attempt(number: u32) -> AttemptNumber {
    AttemptNumber(number)
}

fn network(network: bool) -> Input {
    Input::Conditions(Conditions { network })
}
