//! What the engine's tests stand on: an engine, apps, and hands that are told what to do.

use crate::attempts::Moves;
use crate::store::Store;
use crate::transfer::Attempt;
use crate::{CachePlace, Engine, EngineConfiguration};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use urlsession_core::{Done, Ending, ResumeState};
use urlsession_protocol::connection::{ClientEnd, Connection};
use urlsession_protocol::{
    ApplicationId, Body, Call, CallId, ClientMessage, DaemonMessage, Error, Event, EventNumber,
    NewTask, Reply, Request, Response, SessionConfiguration, SessionIdentifier, SessionKey,
    TaskIdentifier, TaskKind, TaskOptions, TaskStatus,
};

/// An engine whose state is in a folder.
pub(super) struct Stage {
    folder: tempfile::TempDir,
    engine: Engine,
    hands: mpsc::UnboundedReceiver<Hand>,
}

pub(super) async fn stage() -> Stage {
    Stage::open(tempfile::tempdir().unwrap())
}

impl Stage {
    fn open(folder: tempfile::TempDir) -> Self {
        let (script, hands) = Script::new();
        let configuration = EngineConfiguration {
            simulation: None,
            heritage: None,
            state: Some(folder.path().join("state")),
            shared: None,
            caches: CachePlace::Nowhere,
            version: "test".to_owned(),
            keychain: false,
        };
        let engine =
            Engine::start_with(configuration, Handle::current(), Arc::new(script)).unwrap();
        Self { folder, engine, hands }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Connects an app that does not own the session.
    pub(super) fn connect(&self) -> App {
        App::connect(&self.engine)
    }

    /// Connects an app that owns the session.
    pub(super) async fn app(&self) -> App {
        let mut app = self.connect();
        app.attach(true).await.unwrap();
        app
    }

    /// Waits for the next attempt.
    pub(super) async fn hand(&mut self) -> Hand {
        self.hands.recv().await.unwrap()
    }

    /// Stops the engine in order and starts the next one.
    pub(super) async fn restart(self) -> Self {
        let Self { folder, engine, hands } = self;
        engine.stop();
        engine.finished().await.unwrap();
        drop(hands);
        Self::open(folder)
    }

    /// Starts another engine with what is on disk at this moment.
    pub(super) async fn crash(self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (self.folder.path().join("state"), folder.path().join("state"));
        std::fs::create_dir(&to).unwrap();
        for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
        drop(self.restart().await);
        Self::open(folder)
    }
}

pub(super) fn in_memory(script: Script) -> Engine {
    let configuration = EngineConfiguration::default();
    Engine::start_with(configuration, Handle::current(), Arc::new(script)).unwrap()
}

/// Moves no bytes: hands every attempt to the test.
#[derive(Debug)]
pub(super) struct Script {
    started: mpsc::UnboundedSender<Hand>,
}

impl Script {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Hand>) {
        let (started, hands) = mpsc::unbounded_channel();
        (Self { started }, hands)
    }
}

impl Moves for Script {
    #[expect(clippy::manual_async_fn, reason = "the trait names the bounds of the future")]
    fn run(self: Arc<Self>, attempt: Attempt) -> impl Future<Output = Ending> + Send + 'static {
        async move {
            let stop = attempt.stop.clone();
            let (end, ended) = oneshot::channel();
            let (keep, kept) = std::sync::mpsc::channel();
            let _ = self.started.send(Hand { attempt, end: Some(end), keep });
            tokio::select! {
                ending = ended => ending.expect("the test dropped its hand"),
                () = stop.cancelled() => Ending::Stopped { resume: kept.try_iter().last() },
            }
        }
    }
}

/// An attempt in the hands of the test. Dropping it lets the transfer panic.
#[derive(Debug)]
pub(super) struct Hand {
    pub(super) attempt: Attempt,
    end: Option<oneshot::Sender<Ending>>,
    keep: std::sync::mpsc::Sender<ResumeState>,
}

impl Hand {
    pub(super) fn end(mut self, ending: Ending) {
        self.end.take().unwrap().send(ending).unwrap();
    }

    /// Puts the finished file in place.
    pub(super) fn done(self, content: &[u8]) {
        let file = self.attempt.files.finished.clone();
        std::fs::write(&file, content).unwrap();
        self.end(Ending::Done(Done {
            response: response(),
            file: Some(file),
            length: content.len() as u64,
            sent: 0,
        }));
    }

    /// Says what is synced when the attempt is stopped.
    pub(super) fn keeps(&mut self, state: ResumeState) {
        self.keep.send(state).unwrap();
    }
}

pub(super) fn task_of(hand: &Hand) -> u64 {
    hand.attempt.order.request.url.rsplit('/').next().unwrap().parse().unwrap()
}

/// A client.
pub(super) struct App {
    end: ClientEnd,
    next: u64,
    events: VecDeque<(Option<EventNumber>, Event)>,
}

impl App {
    pub(super) fn connect(engine: &Engine) -> Self {
        let (connection, end) = Connection::pair();
        Self::over(engine, connection, end)
    }

    pub(super) fn over(engine: &Engine, connection: Connection, end: ClientEnd) -> Self {
        engine.serve(connection);
        Self { end, next: 1, events: VecDeque::new() }
    }

    pub(super) async fn send(&mut self, call: Call) -> CallId {
        let id = CallId(self.next);
        self.next += 1;
        self.end.outgoing.send(ClientMessage::Call { id, call }).await.unwrap();
        id
    }

    pub(super) async fn reply(&mut self, call: CallId) -> Result<Reply, Error> {
        loop {
            match self.end.incoming.recv().await.expect("the engine closed the connection") {
                DaemonMessage::Reply { id, result } if id == call => return result,
                DaemonMessage::Event { number, event, .. } => {
                    self.events.push_back((number, event));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    pub(super) async fn call(&mut self, call: Call) -> Result<Reply, Error> {
        let id = self.send(call).await;
        self.reply(id).await
    }

    pub(super) async fn attach(&mut self, wait: bool) -> Result<Reply, Error> {
        let configuration = SessionConfiguration::default();
        self.call(Call::Attach {
            session: key(),
            configuration: Box::new(configuration),
            wait,
            owner: None,
        })
        .await
    }

    pub(super) async fn create(&mut self, new: NewTask) {
        let call = Call::CreateTask { session: key(), new: Box::new(new) };
        assert_eq!(self.call(call).await, Ok(Reply::Done));
    }

    pub(super) async fn status(&mut self, task: u64) -> Result<TaskStatus, Error> {
        let task = TaskIdentifier(task);
        let call = Call::Task { session: key(), task, with_cookies: false };
        match self.call(call).await? {
            Reply::Task { task } => Ok(*task),
            other => panic!("{other:?}"),
        }
    }

    /// Lists all tasks; returns the lengths of the pages and the numbers.
    pub(super) async fn list(&mut self, limit: u32) -> (Vec<usize>, Vec<u64>) {
        self.list_of(limit, &[]).await
    }

    /// Lists unfinished downloads to these paths; returns the same.
    pub(super) async fn list_destined(&mut self, paths: &[&str]) -> (Vec<usize>, Vec<u64>) {
        self.list_of(u32::MAX, paths).await
    }

    async fn list_of(&mut self, limit: u32, paths: &[&str]) -> (Vec<usize>, Vec<u64>) {
        let (mut pages, mut numbers, mut after) = (Vec::new(), Vec::new(), None);
        loop {
            let session = Some(key());
            let destined = paths.iter().map(Into::into).collect();
            let call = Call::Tasks { session, after: after.take(), limit, destined };
            let Ok(Reply::Tasks { tasks, more }) = self.call(call).await else {
                panic!("no page");
            };
            pages.push(tasks.len());
            after = tasks.last().map(|last| (last.session.clone(), last.task));
            numbers.extend(tasks.into_iter().map(|task| task.task.0));
            if !more {
                return (pages, numbers);
            }
        }
    }

    pub(super) async fn event(&mut self) -> (Option<EventNumber>, Event) {
        if let Some(event) = self.events.pop_front() {
            return event;
        }
        match self.end.incoming.recv().await.expect("the engine closed the connection") {
            DaemonMessage::Event { number, event, .. } => (number, event),
            other => panic!("{other:?}"),
        }
    }

    /// Returns the next event that is kept.
    pub(super) async fn kept(&mut self) -> (EventNumber, Event) {
        loop {
            if let (Some(number), event) = self.event().await {
                return (number, event);
            }
        }
    }

    /// Returns whose the next event is that is kept, and its number. Only of who was told nothing before.
    pub(super) async fn kept_of(&mut self) -> (SessionKey, EventNumber) {
        assert!(self.heard_nothing());
        loop {
            match self.end.incoming.recv().await.expect("the engine closed the connection") {
                DaemonMessage::Event { session, number: Some(number), .. } => {
                    return (session, number);
                }
                DaemonMessage::Event { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(super) fn heard_nothing(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) async fn acknowledge(&mut self, number: EventNumber) {
        self.acknowledge_through(number, None).await;
    }

    pub(super) async fn acknowledge_through(
        &mut self,
        number: EventNumber,
        through: Option<EventNumber>,
    ) {
        let ack = ClientMessage::Ack { session: key(), number, through };
        self.end.outgoing.send(ack).await.unwrap();
    }

    /// Says nothing more, but listens.
    pub(super) fn fall_silent(&mut self) {
        self.end.outgoing = mpsc::channel(1).0;
    }

    /// Waits until the engine has closed the connection.
    pub(super) async fn closed(&mut self) -> bool {
        while self.end.incoming.recv().await.is_some() {}
        true
    }
}

pub(super) fn key() -> SessionKey {
    SessionKey {
        application: ApplicationId::new("com.example.app").unwrap(),
        session: SessionIdentifier::new("session").unwrap(),
    }
}

/// A task that starts at once.
pub(super) fn download(number: u64) -> NewTask {
    NewTask {
        task: TaskIdentifier(number),
        kind: TaskKind::Download { destination: None },
        request: Request::new(&format!("http://example.com/{number}")).unwrap(),
        options: TaskOptions::default(),
        resume: true,
        resume_data: None,
    }
}

pub(super) fn upload(number: u64, state: &Path) -> NewTask {
    let mut new = download(number);
    let path = state.join("spool").join("body");
    std::fs::write(&path, "body").unwrap();
    new.kind = TaskKind::Upload;
    new.request.method = "POST".to_owned();
    new.request.body = Some(Body::Spool { path, length: 4 });
    new
}

pub(super) fn suspended(new: NewTask) -> NewTask {
    NewTask { resume: false, ..new }
}

/// The state of an attempt that has synced so many of 5 bytes.
pub(super) fn bytes(hand: &Hand, durable_bytes: u64) -> ResumeState {
    ResumeState {
        part: hand.attempt.files.part.clone(),
        inode: 1,
        durable_bytes,
        further: None,
        total_bytes: Some(5),
        etag: Some("\"1\"".to_owned()),
        last_modified: None,
        response: response(),
    }
}

fn response() -> Response {
    Response { status_code: 200, ..Response::default() }
}

/// Reads the store that a kill -9 leaves: that of the files as they are.
pub(super) fn on_disk<T>(folder: &Path, read: impl FnOnce(&Store) -> T) -> T {
    let copy = tempfile::tempdir().unwrap();
    for name in ["store.sqlite", "store.sqlite-wal"] {
        let from = folder.join("state").join(name);
        if from.exists() {
            std::fs::copy(from, copy.path().join(name)).unwrap();
        }
    }
    read(&Store::open(&copy.path().join("store.sqlite")).unwrap())
}
