//! What a turn hears first, and what is heard while nothing can be written.

use super::Driver;
use super::blocked::{Blocked, PATIENCE};
use crate::inbox::Message;
use crate::simulate::{Scenario, Simulation};
use crate::transfer::Hands;
use crate::{EngineConfiguration, Seat};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Handle;
use urlsession_core::{GRACE, PeerNumber, TaskRef};
use urlsession_protocol::connection::{ClientEnd, Connection};
use urlsession_protocol::request::HEADER_COUNT_LIMIT;
use urlsession_protocol::{
    ApplicationId, Call, CallId, ClientMessage, DaemonMessage, Error, ErrorCode, Header, NewTask,
    Reply, Request, RequestEdit, SessionIdentifier, SessionKey, TaskIdentifier, TaskKind,
    TaskOptions,
};

#[tokio::test]
async fn nobody_is_refused_for_one_who_has_left() {
    let (mut stage, _seat) = Stage::open();
    let [mut first, mut second, mut third, _stranger] = [1, 2, 3, 4].map(|_| stage.connect());
    stage.turn([attach(1)]);
    assert!(matches!(answer(&mut first).await, Ok(Reply::Attached { .. })));
    stage.turn([attach(2)]);
    // A commit may take longer than a client waits.
    stage.pass_grace();
    stage.turn([Message::Disconnected(PeerNumber(1))]);
    assert!(matches!(answer(&mut second).await, Ok(Reply::Attached { .. })));

    stage.turn([attach(3)]);
    stage.pass_grace();
    stage.turn([Message::Disconnected(PeerNumber(4))]);
    stage.turn([Message::Disconnected(PeerNumber(4))]);
    let refused = answer(&mut third).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::BACKGROUND_SESSION_IN_USE_BY_ANOTHER_PROCESS);
}

#[tokio::test]
async fn who_would_wait_in_vain_for_a_commit_is_told_why() {
    let (mut stage, seat) = Stage::open();
    let [mut owner, mut other] = [1, 2].map(|_| stage.connect());
    stage.turn([attach(1)]);
    assert!(matches!(answer(&mut owner).await, Ok(Reply::Attached { .. })));

    let (connection, mut newcomer) = Connection::pair();
    let mut blocked = Blocked::default();
    for message in [attach(2), said(1, Call::Status), Message::Connected(connection), attach(3)] {
        seat.inbox.send(message).unwrap();
    }
    for _ in 1..PATIENCE {
        stage.try_again(&mut blocked);
    }
    assert_eq!(stage.driver.deferred.len(), 3, "what may pass soon is a delay");
    stage.try_again(&mut blocked);
    for refused in [&mut owner, &mut newcomer] {
        let error = answer(refused).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED);
        assert!(error.detail.unwrap().contains("cannot write its state"));
    }
    seat.inbox.send(Message::Disconnected(PeerNumber(3))).unwrap();
    stage.try_again(&mut blocked);
    assert_eq!(stage.driver.peers.count(), 2);

    let deferred = stage.driver.gather(None);
    assert!(matches!(deferred[..], [Message::Said { peer: PeerNumber(2), .. }]), "{deferred:?}");
    stage.driver.turn(deferred).unwrap();
    stage.pass_grace();
    stage.turn([Message::Disconnected(PeerNumber(1))]);
    assert!(matches!(answer(&mut other).await, Ok(Reply::Attached { .. })));
}

#[tokio::test]
async fn what_was_deferred_overtakes_nothing() {
    let (mut stage, _seat) = Stage::open();
    let now = stage.driver.clock.now().steady;
    let patient = vec![Message::CredentialsChanged];
    assert!(stage.driver.company.admit(patient, 1, now).is_empty(), "it waits for others");
    stage.driver.deferred = vec![attach(1)];
    let gathered = stage.driver.gather(None);
    let [Message::CredentialsChanged, Message::Said { .. }] = gathered[..] else {
        panic!("{gathered:?}");
    };
}

#[tokio::test]
async fn a_shutdown_gives_up_what_cannot_be_written() {
    let (mut stage, seat) = Stage::open();
    let mut client = stage.connect();
    let mut blocked = Blocked::default();
    seat.inbox.send(said(1, Call::Shutdown)).unwrap();
    for _ in 1..PATIENCE {
        stage.try_again(&mut blocked);
    }
    assert!(!stage.driver.stopping.load(Ordering::Acquire), "it is one in good order");
    stage.try_again(&mut blocked);
    assert!(stage.driver.stopping.load(Ordering::Acquire));
    assert!(matches!(answer(&mut client).await, Ok(Reply::Done)));
}

/// In one turn and in several, as each edit counts on what those before it made of the task.
#[tokio::test]
async fn edits_do_not_pile_up_beyond_what_a_request_may_have() {
    for at_once in [true, false] {
        let (mut stage, _seat) = Stage::open();
        let mut client = stage.connect();
        let calls =
            [attach(1), create(1), edit(0..150), edit(150..200), edit(200..201), edit(0..200)];
        if at_once {
            stage.turn(calls);
        } else {
            calls.into_iter().for_each(|call| stage.turn([call]));
        }
        for expected in [true, true, true, true, false, true] {
            assert_eq!(answer(&mut client).await.is_ok(), expected, "{at_once}");
        }
        let session = stage.driver.core.session_number(&key()).unwrap();
        let task = TaskRef { session, task: TaskIdentifier(1) };
        let order = stage.driver.store.order(task).unwrap().unwrap();
        assert_eq!(order.request.headers.len(), HEADER_COUNT_LIMIT, "{at_once}");
    }
}

/// A driver that turns and waits as the test says.
struct Stage {
    driver: Driver<Hands>,
    simulation: Arc<Simulation>,
}

impl Stage {
    fn open() -> (Self, Seat) {
        let scenario = Scenario::parse("").unwrap();
        let simulation = Arc::new(Simulation::begin(scenario, None).unwrap());
        let hands = Arc::new(Hands::simulated(Arc::clone(&simulation)));
        let configuration = EngineConfiguration::default();
        let (driver, seat) = Driver::new(configuration, Handle::current(), hands).unwrap();
        (Self { driver, simulation }, seat)
    }

    fn connect(&mut self) -> ClientEnd {
        let (connection, end) = Connection::pair();
        self.turn([Message::Connected(connection)]);
        end
    }

    fn turn<const MESSAGES: usize>(&mut self, messages: [Message; MESSAGES]) {
        self.driver.turn(messages.into()).unwrap();
    }

    /// Lets the driver hear what has come since a commit failed.
    fn try_again(&mut self, blocked: &mut Blocked) {
        let error = std::io::Error::from(std::io::ErrorKind::StorageFull).into();
        self.driver.wait_blocked(blocked, &error, Duration::ZERO);
    }

    fn pass_grace(&self) {
        self.simulation.move_to(self.simulation.timeline.now() + 2 * GRACE);
    }
}

fn key() -> SessionKey {
    SessionKey {
        application: ApplicationId::new("app").unwrap(),
        session: SessionIdentifier::new("session").unwrap(),
    }
}

/// Makes a task that does not begin.
fn create(peer: u64) -> Message {
    let new = NewTask {
        task: TaskIdentifier(1),
        kind: TaskKind::Data,
        request: Request::new("http://host/").unwrap(),
        options: TaskOptions::default(),
        resume: false,
        resume_data: None,
    };
    said(peer, Call::CreateTask { session: key(), new: Box::new(new) })
}

fn edit(numbers: Range<usize>) -> Message {
    let headers = numbers.map(|n| Header::new(format!("x-{n}"), "v")).collect();
    let edit = Box::new(RequestEdit { headers, ..RequestEdit::default() });
    said(1, Call::Edit { session: key(), task: TaskIdentifier(1), edit })
}

fn attach(peer: u64) -> Message {
    let session = key();
    let (configuration, wait, owner) = (Box::default(), false, None);
    said(peer, Call::Attach { session, configuration, wait, owner })
}

fn said(peer: u64, call: Call) -> Message {
    let message = Box::new(ClientMessage::Call { id: CallId(1), call });
    Message::Said { peer: PeerNumber(peer), message }
}

async fn answer(client: &mut ClientEnd) -> Result<Reply, Error> {
    match client.incoming.recv().await {
        Some(DaemonMessage::Reply { result, .. }) => result,
        other => panic!("{other:?}"),
    }
}
