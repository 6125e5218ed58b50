//! A daemon for tests: speaks lines on a socket pair and says exactly what the test says.

use crate::deadline::Deadline;
use crate::session::Session;
use crate::transport::{Transport, lost};
use crate::{Error, Event, SessionConfiguration, SessionKey};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use urlsession_protocol::{
    ApplicationId, Call, CallId, ClientMessage, DaemonMessage, EventNumber, Hello,
    PROTOCOL_VERSION, Reply, SessionIdentifier, TaskIdentifier, line,
};

/// Ends a test that would hang; no test that passes waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a client's connections come out.
pub(crate) struct Fake {
    arrivals: Receiver<UnixStream>,
    door: Sender<UnixStream>,
    /// By when each connection had to be there.
    pub(crate) deadlines: Arc<Mutex<Vec<Deadline>>>,
    /// Where it says that it keeps files.
    pub(crate) state: Option<PathBuf>,
}

/// The daemon's end of one connection.
pub(crate) struct Peer {
    lines: BufReader<UnixStream>,
}

pub(crate) fn key(session: &str) -> SessionKey {
    SessionKey {
        application: ApplicationId::new("test").unwrap(),
        session: SessionIdentifier::new(session).unwrap(),
    }
}

impl Fake {
    pub(crate) fn new() -> Self {
        let (door, arrivals) = channel();
        Self { arrivals, door, deadlines: Arc::default(), state: None }
    }

    /// Begins to create a session; the daemon's part must be played meanwhile.
    pub(crate) fn open(
        &self,
        configuration: SessionConfiguration,
    ) -> JoinHandle<Result<Session, Error>> {
        let (door, deadlines) = (self.door.clone(), Arc::clone(&self.deadlines));
        std::thread::spawn(move || {
            let key = key(configuration.identifier().unwrap_or("in-process"));
            let connect = move |deadline| {
                deadlines.lock().unwrap().push(deadline);
                knock(&door)
            };
            Session::over(Box::new(connect), key, configuration, None)
        })
    }

    /// Creates a session, attached with the first task's number 1.
    pub(crate) fn session(&self, configuration: SessionConfiguration) -> (Session, Peer) {
        let opening = self.open(configuration);
        let mut peer = self.accept();
        peer.attach(1);
        (opening.join().unwrap().unwrap(), peer)
    }

    /// Takes the next connection and greets it.
    pub(crate) fn accept(&self) -> Peer {
        let stream = self.arrivals.recv_timeout(PATIENCE).expect("a client connects");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Peer { lines: BufReader::new(stream) };
        assert!(matches!(peer.read(), ClientMessage::Hello(_)));
        peer.say(&DaemonMessage::Hello(Hello {
            protocol: PROTOCOL_VERSION,
            program: "fake".to_owned(),
            pid: 1,
            state: self.state.clone(),
        }));
        peer
    }
}

fn knock(door: &Sender<UnixStream>) -> Result<Transport, Error> {
    let (ours, theirs) = UnixStream::pair().map_err(lost)?;
    door.send(theirs).map_err(|_| Error::new(crate::ErrorCode::UNKNOWN).because("no daemon"))?;
    Transport::over(ours).map_err(lost)
}

impl Peer {
    /// Answers the attachment.
    pub(crate) fn attach(&mut self, next_task: u64) {
        let (id, call) = self.call();
        assert!(matches!(call, Call::Attach { .. }), "{call:?}");
        let next_task = TaskIdentifier(next_task);
        self.reply(id, Ok(Reply::Attached { next_task, owned_from: TaskIdentifier(1) }));
    }

    /// Answers the attachment of an owner that somebody else came in between.
    pub(crate) fn attach_after_another(&mut self, next_task: u64) {
        let (id, call) = self.call();
        assert!(matches!(call, Call::Attach { owner: Some(_), .. }), "{call:?}");
        let next_task = TaskIdentifier(next_task);
        self.reply(id, Ok(Reply::Attached { next_task, owned_from: next_task }));
    }

    pub(crate) fn call(&mut self) -> (CallId, Call) {
        match self.read() {
            ClientMessage::Call { id, call } => (id, call),
            other => panic!("no call but {other:?}"),
        }
    }

    pub(crate) fn ack(&mut self) -> u64 {
        let (number, through) = self.acks();
        assert_eq!(through, None);
        number
    }

    pub(crate) fn acks(&mut self) -> (u64, Option<u64>) {
        match self.read() {
            ClientMessage::Ack { number, through, .. } => (number.0, through.map(|last| last.0)),
            other => panic!("no acknowledgement but {other:?}"),
        }
    }

    pub(crate) fn reply(&mut self, id: CallId, result: Result<Reply, Error>) {
        self.say(&DaemonMessage::Reply { id, result });
    }

    /// Tells an event of the session `s`; `number` 0 is none, `task` 0 is none.
    pub(crate) fn event(&mut self, task: u64, number: u64, event: Event) {
        self.say(&DaemonMessage::Event {
            session: key("s"),
            task: (task > 0).then_some(TaskIdentifier(task)),
            number: (number > 0).then_some(EventNumber(number)),
            event,
        });
    }

    /// Lets the client's next write fail, while it can still read.
    pub(crate) fn stop_reading(&mut self) {
        self.lines.get_ref().shutdown(std::net::Shutdown::Read).unwrap();
    }

    /// Waits until the client has hung up.
    pub(crate) fn assert_hung_up(&mut self) {
        let mut line = Vec::new();
        assert_eq!(self.lines.read_until(b'\n', &mut line).unwrap_or(0), 0, "{line:?}");
    }

    fn read(&mut self) -> ClientMessage {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line).expect("the client writes");
        line::decode(&line).expect("the client writes messages")
    }

    fn say(&mut self, message: &DaemonMessage) {
        self.lines.get_mut().write_all(&line::encode(message).unwrap()).unwrap();
    }
}
