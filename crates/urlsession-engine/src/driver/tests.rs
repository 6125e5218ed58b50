//! What a turn hears first.

use super::Driver;
use crate::inbox::Message;
use crate::simulate::{Scenario, Simulation};
use crate::transfer::Hands;
use crate::{EngineConfiguration, Seat};
use std::sync::Arc;
use tokio::runtime::Handle;
use urlsession_core::{GRACE, PeerNumber};
use urlsession_protocol::connection::{ClientEnd, Connection};
use urlsession_protocol::{
    ApplicationId, Call, CallId, ClientMessage, DaemonMessage, Error, ErrorCode, Reply,
    SessionIdentifier, SessionKey,
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

    fn pass_grace(&self) {
        self.simulation.move_to(self.simulation.timeline.now() + 2 * GRACE);
    }
}

fn attach(peer: u64) -> Message {
    let session = SessionKey {
        application: ApplicationId::new("app").unwrap(),
        session: SessionIdentifier::new("session").unwrap(),
    };
    let (configuration, wait, owner) = (Box::default(), false, None);
    let call = Call::Attach { session, configuration, wait, owner };
    let message = Box::new(ClientMessage::Call { id: CallId(1), call });
    Message::Said { peer: PeerNumber(peer), message }
}

async fn answer(client: &mut ClientEnd) -> Result<Reply, Error> {
    match client.incoming.recv().await {
        Some(DaemonMessage::Reply { result, .. }) => result,
        other => panic!("{other:?}"),
    }
}
