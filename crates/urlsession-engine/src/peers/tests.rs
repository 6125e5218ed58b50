//! A client can say and leave unread only so much.

use super::{
    BACKLOG_BYTES_LIMIT, BACKLOG_LIMIT, CALLS_LIMIT, PROGRESS_BACKLOG, Peers, WATCHES_LIMIT,
    Watching,
};
use crate::act::Weight;
use crate::inbox::{Inbox, Message};
use tokio::runtime::Handle;
use urlsession_core::PeerNumber;
use urlsession_protocol::connection::{ClientEnd, Connection, QUEUE_LIMIT};
use urlsession_protocol::{
    ApplicationId, Call, CallId, ClientMessage, DaemonMessage, Error, ErrorCode, Event,
    EventNumber, Reply, Response, SessionIdentifier, SessionKey, line,
};

const ONE: PeerNumber = PeerNumber(1);

#[tokio::test]
async fn calls_wait_outside_until_others_are_answered() {
    let (peers, client, inbox) = connected();
    for id in 0..CALLS_LIMIT as u64 + 3 {
        let call = ClientMessage::Call { id: CallId(id), call: Call::Status };
        client.outgoing.send(call).await.unwrap();
    }
    let mut said = 0;
    while said < CALLS_LIMIT {
        said += inbox.take().count();
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(inbox.take().next().is_none(), "one more than the limit came in");
    peers.reply(ONE, CallId(0), Ok(Reply::Done));
    peers.settle(ONE);
    said = 0;
    while said < 2 {
        said += inbox.take().count();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_sent_away() {
    let (peers, mut client, inbox) = connected();
    for _ in 0..BACKLOG_LIMIT + QUEUE_LIMIT + 2 {
        peers.send(ONE, progress());
    }
    peers.flush();
    gone(&inbox).await;
    while client.incoming.recv().await.is_some() {}
}

#[tokio::test]
async fn long_messages_are_too_much_sooner() {
    let (peers, _client, inbox) = connected();
    let long = "x".repeat(BACKLOG_BYTES_LIMIT / 16);
    let mut sent = 0;
    while !peers.has_let_go(ONE) {
        let error = Error::new(ErrorCode::UNKNOWN);
        peers.send(ONE, DaemonMessage::Reply { id: CallId(0), result: Err(error.because(&long)) });
        sent += 1;
        assert!(sent < BACKLOG_LIMIT, "so many bytes wait");
    }
    assert!((16..32).contains(&sent), "{sent}");
    gone(&inbox).await;
}

#[tokio::test]
async fn what_servers_made_too_long_fits_into_a_line() {
    let (peers, mut client, _inbox) = connected();
    let headers = (0..3).map(|name| (name.to_string(), "\"".repeat(85 * 1024))).collect();
    let url = "x".repeat(300 * 1024);
    let response = Some(Response { url: url.clone(), headers, ..Response::default() });
    let error = Some(Error::new(ErrorCode::UNKNOWN).for_url(&url));
    let event = Event::DidComplete { error, response, metrics: None };
    let number = Some(EventNumber(1));
    peers.send(ONE, DaemonMessage::Event { session: key(0), task: None, number, event });
    peers.flush();
    let told = client.incoming.recv().await.unwrap();
    assert!(line::encode(&told).is_ok());
}

#[tokio::test]
async fn progress_is_skipped_for_a_client_that_is_behind() {
    let (peers, mut client, _inbox) = connected();
    for _ in 0..2 * PROGRESS_BACKLOG {
        peers.tell(Some(ONE), &progress(), Weight::Passing);
    }
    peers.tell(Some(ONE), &progress(), Weight::Last);
    peers.flush();
    drop(peers);
    let mut count = 0;
    while client.incoming.recv().await.is_some() {
        count += 1;
    }
    assert_eq!(count, PROGRESS_BACKLOG + 1, "and the last one is not skipped");
}

#[tokio::test]
async fn a_client_that_leaves_is_reported_once() {
    let (mut peers, client, inbox) = connected();
    drop(client);
    gone(&inbox).await;
    peers.disconnect(ONE);
    assert_eq!(peers.count(), 0);
    peers.send(ONE, progress());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(inbox.take().next().is_none());
}

#[tokio::test]
async fn a_client_watches_a_bounded_number_of_sessions() {
    let (mut peers, _client, _inbox) = connected();
    for number in 0..WATCHES_LIMIT {
        assert!(peers.watch(ONE, Watching::Session(key(number))));
    }
    assert!(peers.watch(ONE, Watching::Session(key(0))), "it watches that one");
    assert!(!peers.watch(ONE, Watching::Session(key(WATCHES_LIMIT))));
    assert!(peers.is_watched(&key(1)));
    assert!(!peers.is_watched(&key(WATCHES_LIMIT)));
}

fn connected() -> (Peers, ClientEnd, Inbox) {
    let (sender, inbox) = crate::inbox::channel();
    let mut peers = Peers::new(Handle::current(), sender);
    let (connection, client) = Connection::pair();
    peers.connect(connection);
    (peers, client, inbox)
}

async fn gone(inbox: &Inbox) {
    loop {
        match inbox.take().next() {
            Some(Message::Disconnected(ONE)) => return,
            Some(other) => panic!("{other:?}"),
            None => tokio::task::yield_now().await,
        }
    }
}

fn key(number: usize) -> SessionKey {
    SessionKey {
        application: ApplicationId::new("app").unwrap(),
        session: SessionIdentifier::new(number.to_string()).unwrap(),
    }
}

fn progress() -> DaemonMessage {
    let event = Event::DidFinishEvents;
    DaemonMessage::Event { session: key(0), task: None, number: None, event }
}
