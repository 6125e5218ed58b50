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
