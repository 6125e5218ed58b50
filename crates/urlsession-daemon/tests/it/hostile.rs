//! What a client may do to a daemon without harming another client.

use crate::daemon::{Client, HELLO, Home};
use rustix::process::Signal;
use std::net::Shutdown;
use urlsession_protocol::line::LINE_LIMIT;

#[test]
fn nonsense_ends_its_own_connection_only() {
    let home = Home::new();
    let mut daemon = home.start();
    let mut bystander = Client::greet(&home.socket()).unwrap();
    let hello = format!("{HELLO}\n").into_bytes();
    let after_hello = |rest: &[u8]| [hello.as_slice(), rest].concat();
    let long = vec![b'x'; 2 * LINE_LIMIT];
    let version = HELLO.replace("\"protocol\":1", "\"protocol\":99") + "\n";
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("no hello", b"{\"message\":\"call\",\"id\":1,\"call\":\"status\"}\n".to_vec(), "hello"),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "no message"),
        ("binary", vec![0xff; 100_000].into_iter().chain([b'\n']).collect(), "UTF-8"),
        ("empty line", b"\n".to_vec(), "no message"),
        ("version", version.into_bytes(), "protocol 99"),
        ("oversized first", long.clone(), "longer than"),
        ("oversized", after_hello(&long), "longer than"),
        ("two hellos", after_hello(&hello), "one hello"),
        ("no JSON", after_hello(b"{\"message\":\n"), "no message"),
        ("deep", after_hello(&[vec![b'['; 100_000], b"\n".to_vec()].concat()), "no message"),
        ("unknown", after_hello(b"{\"message\":\"fly\"}\n"), "fly"),
        ("unknown call", after_hello(b"{\"message\":\"call\",\"id\":1,\"call\":\"fly\"}\n"), "fly"),
        ("secret", after_hello(b"{\"message\":\"call\",\"id\":\"hunter2\"}\n"), "no message"),
    ];
    for (name, written, reason) in cases {
        let mut client = Client::connect(&home.socket()).unwrap();
        // The daemon may close before it has read everything.
        let _ = client.write(written);
        let said = client.rest();
        let last = said.last().unwrap_or_else(|| panic!("{name}: no goodbye"));
        assert!(last.starts_with(r#"{"message":"goodbye","reason":""#), "{name}: {last}");
        assert!(last.contains(reason), "{name}: {last}");
        bystander.call(1, r#""call":"status""#).unwrap();
    }
    assert!(daemon.lives());
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code(), Some(0));
    let log = home.log();
    assert_eq!(log.matches("closed a connection").count(), cases.len(), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn half_a_line_and_a_half_closed_socket_are_an_end_like_any_other() {
    let home = Home::new();
    let _daemon = home.start();
    for written in ["", "{\"mess", HELLO] {
        let mut client = Client::connect(&home.socket()).unwrap();
        client.write(written.as_bytes()).unwrap();
        client.stream.get_ref().shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.rest(), Vec::<String>::new(), "{written}");
    }
    Client::greet(&home.socket()).unwrap().call(1, r#""call":"status""#).unwrap();
}

#[test]
fn thousands_of_quick_connections_leave_no_trace() {
    let home = Home::new();
    let _daemon = home.start();
    for number in 0..2000 {
        let mut client = Client::connect(&home.socket()).unwrap();
        if number % 2 == 0 {
            // The daemon may have turned it away already.
            let _ = client.write(&HELLO.as_bytes()[..number % HELLO.len()]);
        }
    }
    greet_soon(&home).call(1, r#""call":"status""#).unwrap();
}

#[test]
fn a_daemon_has_a_limit_of_clients() {
    let home = Home::new();
    let _daemon = home.start();
    let mut clients: Vec<_> = (0..512).map(|_| Client::greet(&home.socket()).unwrap()).collect();
    let mut refused = Client::connect(&home.socket()).unwrap();
    assert!(refused.rest().concat().contains("512 clients"), "no goodbye");
    clients[0].call(1, r#""call":"status""#).unwrap();
    clients.pop();
    greet_soon(&home).call(1, r#""call":"status""#).unwrap();
}

/// Connects once the daemon has seen that the clients before are gone.
fn greet_soon(home: &Home) -> Client {
    const ROUNDS: usize = 100_000;
    for _ in 0..ROUNDS {
        let mut client = Client::connect(&home.socket()).unwrap();
        // Turned away at once, it may see the end of the connection already.
        let _ = client.write(format!("{HELLO}\n").as_bytes());
        if client.line().is_ok_and(|line| line.contains("hello")) {
            return client;
        }
    }
    panic!("turned away {ROUNDS} times");
}
