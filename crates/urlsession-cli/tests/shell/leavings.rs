//! What a command leaves behind: files where they were asked for and nowhere else, and an exit code that
//! hides no failure.

use crate::home::Home;
use std::process::Stdio;
use urlsession_testkit::server::{Answer, Server};

#[test]
fn who_reads_no_more_hides_no_failure() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::pseudo_random(1, 1_000_000));
    let mut command = home.command(&["-q", "-o", "-", &server.url("/f"), &server.url("/gone")]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command.stdout(writer).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(8));
}

#[test]
fn nothing_is_sent_where_nothing_is_left() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/up", Answer::sink());
    home.write("f", b"0123456789");
    for from in ["10", "11"] {
        let ran = home.run(&["-q", "-T", "f", "-C", from, &server.url("/up")]);
        assert!(ran.code == 9 && ran.err.contains("no bytes from"), "{from}: {ran:?}");
    }
    assert_eq!(server.requests().len(), 0, "what the server has would be empty");
}
