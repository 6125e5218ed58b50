//! Downloads that go on: from a part that is kept for resume data, and where the size of the whole is
//! not known.

use super::download::{SIZE, bytes, file};
use super::{Trial, summary};
use crate::transfer::part::Part;
use std::fs;
use std::path::PathBuf;
use urlsession_protocol::ResumeRung;
use urlsession_testkit::server::{Answer, Server};

#[tokio::test]
async fn a_part_that_ends_early_is_not_the_end() {
    let server = Server::start();
    let chunked = "ETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n";
    let head = format!("HTTP/1.1 200 OK\r\n{chunked}4\r\nabcd\r\n");
    let range = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes";
    let early = format!("{range} 4-9/*\r\n{chunked}3\r\nefg\r\n0\r\n\r\n");
    let rest = format!("{range} 7-9/*\r\n{chunked}3\r\nhij\r\n0\r\n\r\n");
    let answers = Answer::raw(early).times(1).then(Answer::raw(rest));
    server.on("/file", Answer::raw(head).times(1).then(answers));
    let mut trial = Trial::download(&server.url("/file"));
    assert_eq!(summary(&trial.run_and_record().await), "-1005 transient progressed kept 4");
    assert_eq!(summary(&trial.run_and_record().await), "-1005 transient progressed kept 7");
    assert_eq!(summary(&trial.run().await), "done 200 10");
    assert_eq!(fs::read(&trial.files.finished).unwrap(), b"abcdefghij");
}

#[tokio::test]
async fn a_kept_part_elsewhere_is_gone_on_from() {
    let (_server, mut trial, kept) = with_kept_part().await;
    assert_eq!(summary(&trial.run().await), "done 200 300000");
    assert!(fs::read(&trial.files.finished).unwrap() == bytes());
    assert!(!kept.exists());

    // A part anywhere else is not touched.
    fs::remove_file(&trial.files.finished).unwrap();
    let foreign = trial.folder.path().join("foreign");
    fs::write(&foreign, vec![0; 9000]).unwrap();
    let state = trial.resume.as_mut().unwrap();
    state.inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&foreign).unwrap());
    state.part = foreign.clone();
    assert_eq!(summary(&trial.run().await), "done 200 300000");
    assert_eq!(fs::read(&foreign).unwrap(), vec![0; 9000]);
}

/// An app that dies before it has forgotten its resume data makes its next task from it once more.
#[tokio::test]
async fn a_kept_part_that_somebody_goes_on_from_is_left_alone() {
    let (_server, trial, kept) = with_kept_part().await;
    let mut state = trial.resume.clone().unwrap();
    let other = Part::reopen(&mut state, &trial.files).unwrap();
    fs::write(&kept, &bytes()[..20_000]).unwrap();
    assert_eq!(summary(&trial.run().await), "done 200 300000");
    assert_eq!(trial.resumed(), Some((0, Some(SIZE), ResumeRung::Restart)));
    assert!(fs::read(&kept).unwrap() == bytes()[..20_000]);
    assert!(fs::read(&trial.files.finished).unwrap() == bytes());
    drop(other);
    fs::remove_file(&trial.files.finished).unwrap();
    assert_eq!(summary(&trial.run().await), "done 200 300000");
    assert!(!kept.exists());
}

/// Downloads until the connection breaks, and keeps the part as a task does that is cancelled for
/// resume data.
async fn with_kept_part() -> (Server, Trial, PathBuf) {
    let server = Server::start();
    server.on("/file", file().etag("\"a\"").drop_after(9000).times(1));
    let mut trial = Trial::download(&server.url("/file"));
    trial.run_and_record().await;
    let kept = trial.files.kept_parts.join("1");
    fs::rename(&trial.files.part, &kept).unwrap();
    trial.resume.as_mut().unwrap().part = kept.clone();
    (server, trial, kept)
}
