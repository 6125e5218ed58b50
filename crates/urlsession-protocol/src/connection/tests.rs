//! Tests of connections over a pipe in memory, with time that is moved and not waited for.

use super::*;
use crate::line::LINE_LIMIT;
use crate::{Call, CallId, Event, EventNumber, SessionKey, TaskIdentifier};
use tokio::io::{AsyncReadExt as _, DuplexStream};

const HELLO: &str = r#"{"message":"hello","protocol":1,"program":"test 1","pid":7}"#;
const STATUS: &str = r#"{"message":"call","id":1,"call":"status"}"#;

/// What the client writes, and how the connection must end.
#[tokio::test(start_paused = true)]
async fn nonsense_gets_a_goodbye_with_the_reason() {
    let long = format!("{{\"message\":\"{}\"}}\n", "x".repeat(LINE_LIMIT));
    let cases: &[(&[u8], &str)] = &[
        (b"{}\n", "missing field"),
        (b"GET / HTTP/1.1\r\n", "no message"),
        (b"\n", "no message"),
        (b"\xff\xfe\n", "not UTF-8"),
        (long.as_bytes(), "longer than"),
        (br#"{"message":"hello","protocol":2}"#, "protocol 2"),
        (br#"{"message":"hello","protocol":1}"#, "missing field"),
        (STATUS.as_bytes(), "must be a hello"),
        (br#"{"message":"ack","session":{"application":"a","session":"s"},"number":1}"#, "hello"),
        (b"", "must be a hello"),
    ];
    for (written, reason) in cases {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let serving = tokio::spawn(serve(server));
        // The daemon may close before it has read everything.
        let _ = client.write_all(written).await;
        if !written.is_empty() && !written.ends_with(b"\n") {
            let _ = client.write_all(b"\n").await;
        }
        let said = lines_until_closed(&mut client).await;
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with(r#"{"message":"goodbye","reason":""#), "{said:?}");
        assert!(said[0].contains(reason), "{reason}: {said:?}");
        assert!(serving.await.unwrap().is_fault());
    }
}

#[tokio::test(start_paused = true)]
async fn nonsense_after_the_hello_comes_after_what_was_queued() {
    let cases: &[(&str, &str)] = &[
        (HELLO, "one hello only"),
        (r#"{"message":"fly"}"#, "unknown variant"),
        (r#"{"message":"call","id":1,"call":"fly"}"#, "unknown variant"),
        (r#"{"message":"call","id":1,"call":"attach"}"#, "missing field"),
        ("\u{0}", "no message"),
    ];
    for (written, reason) in cases {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let serving = tokio::spawn(serve(server));
        client.write_all(format!("{HELLO}\n{STATUS}\n{written}\n").as_bytes()).await.unwrap();
        let said = lines_until_closed(&mut client).await;
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[0].starts_with(r#"{"message":"hello","protocol":1,"#), "{said:?}");
        assert_eq!(said[1], r#"{"message":"reply","id":1,"result":{"Ok":{"reply":"done"}}}"#);
        assert!(said[2].contains("goodbye") && said[2].contains(reason), "{said:?}");
        assert!(serving.await.unwrap().is_fault());
    }
}

#[tokio::test]
async fn half_a_line_and_then_nothing_is_the_clients_end() {
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let serving = tokio::spawn(serve(server));
    client.write_all(format!("{HELLO}\n{STATUS}\n{{\"message\":").as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let said = lines_until_closed(&mut client).await;
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(matches!(serving.await.unwrap(), Closed::ByClient));
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    tokio::spawn(serve(server));
    let hello = HELLO.replace('}', r#","mood":{"good":[1,2]}}"#);
    let status = STATUS.replace('}', r#","since":0}"#);
    client.write_all(format!("{hello}\n{status}\r\n").as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(lines_until_closed(&mut client).await.len(), 2);
}

/// Nothing may tell the engine that the client is gone before it has taken what the client said.
#[tokio::test]
async fn what_a_client_said_before_it_died_is_still_there_to_be_taken() {
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    client.write_all(format!("{HELLO}\n{STATUS}\n").as_bytes()).await.unwrap();
    let Accepted { mut connection, pump, .. } = Connection::accept(server, &hello()).await.unwrap();
    drop(client);
    let pumping = tokio::spawn(pump.run(|| {}));
    while connection.incoming.is_empty() {
        tokio::task::yield_now().await;
    }
    // Writing fails once all is read.
    let reply = DaemonMessage::Reply { id: CallId(1), result: Ok(Reply::Done) };
    connection.outgoing.send(reply).await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!connection.outgoing.is_closed(), "the call is not taken yet");
    assert!(matches!(connection.incoming.recv().await, Some(ClientMessage::Call { .. })));
    assert!(connection.incoming.recv().await.is_none());
    drop(connection);
    assert!(matches!(pumping.await.unwrap(), Closed::ByClient));
}

#[tokio::test]
async fn the_reader_stops_while_the_engine_is_busy() {
    const CALLS: usize = 3 * QUEUE_LIMIT;
    let (client, server) = tokio::io::duplex(1024);
    let (from_daemon, mut to_daemon) = tokio::io::split(client);
    let client = tokio::spawn(async move {
        to_daemon.write_all(format!("{HELLO}\n").as_bytes()).await.unwrap();
        for _ in 0..CALLS {
            to_daemon.write_all(format!("{STATUS}\n").as_bytes()).await.unwrap();
        }
        to_daemon.shutdown().await.unwrap();
    });
    let Accepted { mut connection, pump, .. } = Connection::accept(server, &hello()).await.unwrap();
    let pumping = tokio::spawn(pump.run(|| {}));
    while connection.incoming.len() < QUEUE_LIMIT {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!client.is_finished());
    let mut calls = 0;
    while connection.incoming.recv().await.is_some() {
        calls += 1;
    }
    assert_eq!(calls, CALLS);
    drop(connection);
    assert!(matches!(pumping.await.unwrap(), Closed::ByClient));
    drop(from_daemon);
}

#[tokio::test]
async fn what_a_client_wrote_before_it_was_killed_is_read() {
    const CALLS: usize = QUEUE_LIMIT + 1000;
    let (mut client, server) = tokio::io::duplex(CALLS * (STATUS.len() + 1));
    client.write_all(format!("{HELLO}\n").as_bytes()).await.unwrap();
    let Accepted { mut connection, pump, .. } = Connection::accept(server, &hello()).await.unwrap();
    for _ in 0..CALLS {
        client.write_all(format!("{STATUS}\n").as_bytes()).await.unwrap();
    }
    drop(client);
    // Writing this fails long before all has been read.
    connection.outgoing.send(event(1)).await.unwrap();
    let pumping = tokio::spawn(pump.run(|| {}));
    while connection.incoming.len() < QUEUE_LIMIT && !pumping.is_finished() {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        connection.outgoing.send(event(2)).await.unwrap();
        tokio::task::yield_now().await;
    }
    for call in 0..CALLS {
        assert!(connection.incoming.recv().await.is_some(), "after {call} of {CALLS}");
    }
    assert!(connection.incoming.recv().await.is_none());
    drop(connection);
    assert!(matches!(pumping.await.unwrap(), Closed::ByClient));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_cut_off() {
    let (mut client, server) = tokio::io::duplex(1024);
    client.write_all(format!("{HELLO}\n").as_bytes()).await.unwrap();
    let Accepted { mut connection, pump, .. } = Connection::accept(server, &hello()).await.unwrap();
    for number in 0..100 {
        connection.outgoing.send(event(number)).await.unwrap();
    }
    assert!(matches!(pump.run(|| {}).await, Closed::Stalled));
    assert!(connection.incoming.recv().await.is_none());
    assert!(connection.outgoing.send(event(100)).await.is_err());
}

#[tokio::test]
async fn what_the_engine_queued_is_written_before_the_end() {
    let (mut client, server) = tokio::io::duplex(1024);
    client.write_all(format!("{HELLO}\n").as_bytes()).await.unwrap();
    let Accepted { connection, pump, .. } = Connection::accept(server, &hello()).await.unwrap();
    for number in 0..1000 {
        connection.outgoing.send(event(number)).await.unwrap();
    }
    drop(connection);
    let pumping = tokio::spawn(pump.run(|| {}));
    assert_eq!(lines_until_closed(&mut client).await.len(), 1 + 1000);
    assert!(matches!(pumping.await.unwrap(), Closed::ByEngine));
}

#[tokio::test]
async fn an_answer_that_does_not_fit_becomes_an_error() {
    let (mut client, server) = tokio::io::duplex(1024);
    client.write_all(format!("{HELLO}\n").as_bytes()).await.unwrap();
    let Accepted { connection, pump, .. } = Connection::accept(server, &hello()).await.unwrap();
    let long = Error::new(ErrorCode::UNKNOWN).because("x".repeat(LINE_LIMIT));
    let reply = DaemonMessage::Reply { id: CallId(5), result: Err(long) };
    connection.outgoing.send(reply).await.unwrap();
    connection.outgoing.send(event(1)).await.unwrap();
    drop(connection);
    tokio::spawn(pump.run(|| {}));
    let said = lines_until_closed(&mut client).await;
    assert_eq!(said.len(), 3);
    assert!(said[1].contains(r#""id":5,"result":{"Err""#) && said[1].contains("longer than"));
}

#[test]
fn what_is_logged_has_nothing_of_the_line() {
    let line = br#"{"message":"call","id":"Bearer abc","call":"status"}"#;
    let closed = Closed::from(line::decode::<ClientMessage>(line).unwrap_err());
    assert!(closed.to_string().contains("Bearer"));
    assert!(!closed.for_log().contains("Bearer"), "{}", closed.for_log());
}

#[test]
fn a_reason_is_cut() {
    assert!(goodbye("ä".repeat(LINE_LIMIT)).len() < 1024);
}

/// An engine that answers every call and tells nothing else.
async fn serve(stream: DuplexStream) -> Closed {
    let Accepted { mut connection, pump, .. } = match Connection::accept(stream, &hello()).await {
        Ok(accepted) => accepted,
        Err(closed) => return closed,
    };
    tokio::spawn(async move {
        while let Some(message) = connection.incoming.recv().await {
            let ClientMessage::Call { id, call: Call::Status } = message else { panic!() };
            let reply = DaemonMessage::Reply { id, result: Ok(Reply::Done) };
            connection.outgoing.send(reply).await.unwrap();
        }
    });
    pump.run(|| {}).await
}

async fn lines_until_closed(client: &mut DuplexStream) -> Vec<String> {
    let mut said = String::new();
    client.read_to_string(&mut said).await.unwrap();
    assert!(said.is_empty() || said.ends_with('\n'), "{said}");
    said.lines().map(str::to_owned).collect()
}

fn hello() -> Hello {
    Hello { protocol: PROTOCOL_VERSION, program: "urlsession 0".into(), pid: 1, state: None }
}

fn event(number: u64) -> DaemonMessage {
    let session = SessionKey {
        application: "a".to_owned().try_into().unwrap(),
        session: "s".to_owned().try_into().unwrap(),
    };
    let task = Some(TaskIdentifier(1));
    DaemonMessage::Event {
        session,
        task,
        number: Some(EventNumber(number)),
        event: Event::DidFinishEvents,
    }
}
