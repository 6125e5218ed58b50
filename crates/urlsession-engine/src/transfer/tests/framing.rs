//! Answers that two programs could read differently: what follows one is never taken for the next.

use super::metrics::story;
use super::{Trial, error_of, summary};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use urlsession_core::Ending;

/// What a server smuggles in behind an answer.
const SMUGGLED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
const HONEST: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhonest";

/// the head's fields and the body => how the attempt ends, with the body
const TABLE: &[(&str, &str)] = &[
    // Both lengths (RFC 9112 section 6.3): the coding counts.
    ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "x"),
    ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n2\r\nxy\r\n0\r\n\r\n", "xy"),
    // Lengths that differ, or that are none.
    ("Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy", "-1017"),
    ("Content-Length: 1, 2\r\n\r\nxy", "-1017"),
    ("Content-Length: +1\r\n\r\nx", "-1017"),
    ("Content-Length: -1\r\n\r\nx", "-1017"),
    ("Content-Length: 0x1\r\n\r\nx", "-1017"),
    ("Content-Length: 1 1\r\n\r\nx", "-1017"),
    ("Content-Length: 18446744073709551617\r\n\r\nx", "-1017"),
    ("Content-Length:\r\n\r\nx", "-1017"),
    // A line that begins with a space goes on with the one before (RFC 9112 section 5.2).
    ("X: a\r\n Content-Length: 5\r\nContent-Length: 1\r\n\r\nx", "x"),
    // The same length twice is one, if it is written the same way.
    ("Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", "x"),
    ("Content-Length: 1,1\r\nContent-Length: 1\r\n\r\nx", "x"),
    ("Content-Length: 1,01\r\n\r\nx", "-1017"),
    // What is called a coding may be none.
    ("Transfer-Encoding: identity, identity\r\nContent-Length: 1\r\n\r\nx", "x"),
    // The same coding twice is one, and the connection is not thought well of.
    ("Transfer-Encoding: chunked, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "x"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "x"),
    ("Transfer-Encoding: chunked, identity\r\n\r\n1\r\nx\r\n0\r\n\r\n", "-1017"),
    // Sizes of chunks.
    ("Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n", "x"),
    ("Transfer-Encoding: chunked\r\n\r\n001\r\nx\r\n000\r\n\r\n", "x"),
    ("Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n", "-1017"),
    ("Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n", "-1017"),
    ("Transfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n", "-1017"),
    ("Transfer-Encoding: chunked\r\n\r\n\r\nx\r\n0\r\n\r\n", "-1017"),
    ("Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\nx\r\n0\r\n\r\n", "-1017"),
    ("Transfer-Encoding: chunked\r\n\r\n1 2\r\nx\r\n0\r\n\r\n", "-1017"),
    // A line between chunks may end in LF alone.
    ("Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", "x"),
    ("Transfer-Encoding: chunked\r\n\r\n1 \nx\n1\r\ny\n0\nX: a\n\n", "xy"),
    ("Transfer-Encoding: chunked\r\n\r\n1;a\nx\r\n0\r\n\r\n", "x"),
    ("Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n", "-1017"),
    ("Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n", "-1017"),
    ("Transfer-Encoding: chunked\r\n\r\n1\r\nx0\r\n\r\n", "-1017"),
    // Bytes that no field has.
    ("X: a\0b\r\nContent-Length: 1\r\n\r\nx", "-1017"),
    ("X\0: a\r\nContent-Length: 1\r\n\r\nx", "-1017"),
    ("X: a\rY: b\r\nContent-Length: 1\r\n\r\nx", "-1017"),
    ("X : a\r\nContent-Length: 1\r\n\r\nx", "-1017"),
    (": a\r\nContent-Length: 1\r\n\r\nx", "-1017"),
    ("X: \u{1}\r\nContent-Length: 1\r\n\r\nx", "-1017"),
    ("Transfer-Encoding : chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "-1017"),
    ("\u{e4}: a\r\nContent-Length: 1\r\n\r\nx", "-1017"),
];

#[tokio::test]
async fn what_follows_an_answer_is_no_answer() {
    for (number, (rest, expected)) in TABLE.iter().enumerate() {
        let head = format!("HTTP/1.1 200 OK\r\n{rest}{SMUGGLED}");
        let url = start(head.into_bytes());
        for trial in [Trial::data(&url), Trial::download(&url)] {
            let ending = trial.run().await;
            let what = format!("{number}: {rest:?}: {ending:?}");
            match &ending {
                Ending::Done(_) => assert_eq!(body(&ending), *expected, "{what}"),
                _ => {
                    assert_eq!(summary(&ending), format!("{expected} permanent"), "{what}");
                    assert!(error_of(&ending).detail.is_some(), "{what}");
                }
            }
            // Over the same connections, if one of them is still thought well of.
            let ending = trial.run().await;
            assert_eq!(body(&ending), "honest", "{what}");
        }
    }
}

/// the end of a line between chunks => whether the connection serves again
#[tokio::test]
async fn who_ends_lines_in_another_way_is_asked_over_a_fresh_connection() {
    for (end, expected) in [("\r\n", "QR reused"), ("\n", "CQR")] {
        let chunks = ["1", "x", "0", "", ""].join(end);
        let url =
            start_lasting(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"));
        let trial = Trial::data(&url);
        for expected in ["CQR", expected] {
            assert_eq!(body(&trial.run().await), "x", "{end:?}");
            let metrics = trial.metrics.snapshot();
            let one = metrics.transaction_metrics.last().map(story);
            assert_eq!(one, Some(format!("GET 200 {expected} http/1.1 0>1")), "{end:?}");
        }
    }
}

fn body(ending: &Ending) -> String {
    let Ending::Done(done) = ending else { panic!("{ending:?}") };
    fs::read_to_string(done.file.as_ref().unwrap()).unwrap()
}

/// Starts a server that answers every other request with these bytes and leaves the connection
/// open; the others it answers honestly.
fn start(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // It ends with the test program.
    std::thread::spawn(move || {
        let mut open: Vec<TcpStream> = Vec::new();
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(if number % 2 == 0 { &bytes } else { HONEST });
            open.push(stream);
            // Of those that were answered honestly nobody waits for more.
            if number % 2 == 1 {
                open.clear();
            }
        }
    });
    url
}

/// Starts a server that answers every request with this, as many over a connection as come.
fn start_lasting(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // It ends with the test program.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                while stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(answer.as_bytes());
                }
            });
        }
    });
    url
}
