//! A download outlives its app and its daemon.

use crate::daemon::{Client, Home};
use rustix::process::Signal;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use urlsession_protocol::{DaemonMessage, Event, EventNumber, line};

const BODY_BYTES: usize = 20 * 1024 * 1024;
/// More than the engine fetches before it records what is durable.
const FIRST_BYTES: usize = 12 * 1024 * 1024;
const SESSION: &str = r#""session":{"application":"com.example","session":"files"}"#;

#[test]
fn a_download_outlives_everybody() {
    let home = Home::new();
    let server = serve_half_then_the_rest();

    // An app asks, and dies with the daemon in the middle of the transfer.
    let daemon = home.start();
    let mut app = attach(&home);
    let create = format!(
        r#""call":"create_task",{SESSION},"task":1,"kind":"download","resume":true,
        "request":{{"url":"http://{server}/file","method":"GET"}}"#
    );
    let answer = app.call(2, &create.replace('\n', "")).unwrap();
    assert!(answer.contains(r#"{"Ok":{"reply":"done"}}"#), "{answer}");
    while !matches!(
        next_event(&mut app).1,
        Event::DidWriteData { total_bytes_written, .. } if total_bytes_written == FIRST_BYTES as u64
    ) {}
    daemon.signal(Signal::KILL);
    assert_eq!(daemon.exit_code(), None);
    drop(app);

    // The next daemon finishes without the app, in the sight of a mere watcher, and dies too.
    let daemon = home.start();
    let mut watcher = Client::greet(&home.socket()).unwrap();
    let watch = format!(r#""call":"watch",{SESSION},"replay":true"#);
    watcher.write(format!("{{\"message\":\"call\",\"id\":1,{watch}}}\n").as_bytes()).unwrap();
    while !matches!(next_event(&mut watcher).1, Event::DidComplete { .. }) {}
    daemon.signal(Signal::KILL);
    assert_eq!(daemon.exit_code(), None);

    // The app comes back and gets all it is owed.
    let daemon = home.start();
    let mut app = attach(&home);
    let (first, event) = next_event(&mut app);
    let Event::DidFinishDownloading { path, length } = event else { panic!("{event:?}") };
    assert_eq!(length, BODY_BYTES as u64);
    assert!(std::fs::read(&path).unwrap() == body(), "the file is not whole");
    let (last, event) = next_event(&mut app);
    let Event::DidComplete { error: None, response, .. } = event else { panic!("{event:?}") };
    assert!(matches!(response.unwrap().status_code, 200 | 206));
    assert_eq!(next_event(&mut app), (None, Event::DidFinishEvents));

    // What is acknowledged is forgotten, for this daemon and for the next.
    for number in [first, last] {
        let EventNumber(number) = number.unwrap();
        let ack = format!("{{\"message\":\"ack\",{SESSION},\"number\":{number}}}\n");
        app.write(ack.as_bytes()).unwrap();
    }
    assert_no_task(&mut app);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code(), Some(0));
    let _daemon = home.start();
    assert_no_task(&mut attach(&home));
    assert!(!path.exists());
    assert_eq!(part_files(&home), Vec::<PathBuf>::new());
}

fn attach(home: &Home) -> Client {
    let mut app = Client::greet(&home.socket()).unwrap();
    let call =
        format!(r#"{{"message":"call","id":1,"call":"attach",{SESSION},"configuration":{{}}}}"#);
    app.write(format!("{call}\n").as_bytes()).unwrap();
    let answer = app.line().unwrap();
    assert!(answer.contains(r#"{"Ok":{"reply":"attached","#), "{answer}");
    app
}

/// Skips answers and returns the next event with its number.
fn next_event(client: &mut Client) -> (Option<EventNumber>, Event) {
    loop {
        match line::decode(client.line().unwrap().as_bytes()).unwrap() {
            DaemonMessage::Event { number, event, .. } => return (number, event),
            DaemonMessage::Reply { result, .. } => drop(result.unwrap()),
            other => panic!("{other:?}"),
        }
    }
}

fn assert_no_task(client: &mut Client) {
    let answer = client.call(9, r#""call":"tasks","limit":10"#).unwrap();
    assert!(answer.contains(r#""tasks":[]"#), "{answer}");
}

/// Returns all files in the state folder that hold some of the body.
fn part_files(home: &Home) -> Vec<PathBuf> {
    let mut folders = vec![home.paths().state];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.len() >= FIRST_BYTES as u64 {
                found.push(entry.path());
            }
        }
    }
    found
}

fn body() -> Vec<u8> {
    (0..BODY_BYTES).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// Serves the body: the first connection stops after [`FIRST_BYTES`] and stays open, later ones
/// get all they ask for.
fn serve_half_then_the_rest() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let body = body();
        let mut stalled = None;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let start = range_start(&mut stream);
            let status = if start == 0 { "200 OK" } else { "206 Partial Content" };
            let mut head = format!(
                "HTTP/1.1 {status}\r\nETag: \"v1\"\r\nAccept-Ranges: bytes\r\n\
                 Connection: close\r\nContent-Length: {}\r\n",
                BODY_BYTES - start
            );
            if start > 0 {
                let last = BODY_BYTES - 1;
                head += &format!("Content-Range: bytes {start}-{last}/{BODY_BYTES}\r\n");
            }
            stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
            let end = if stalled.is_none() { FIRST_BYTES } else { BODY_BYTES };
            // A daemon that was killed reads no more.
            let _ = stream.write_all(&body[start..end]);
            stalled.get_or_insert(stream);
        }
    });
    address
}

/// Reads a request's head and returns where the range it asks for begins.
fn range_start(stream: &mut TcpStream) -> usize {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let range = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
    range.and_then(|range| range.split('-').next()?.parse().ok()).unwrap_or(0)
}
