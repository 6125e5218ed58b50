//! Downloads that go on: from a part that is kept for resume data, and where the size of the whole is
//! not known.

use super::download::{SIZE, bytes, file};
use super::{Trial, summary};
use crate::transfer::part::Part;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use urlsession_protocol::{NameClash, ResumeRung, TaskKind};
use urlsession_testkit::server::{Answer, Server};

#[tokio::test]
async fn a_part_that_ends_early_is_not_the_end() {
    let server = Server::start();
    let chunked = "ETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n";
    let head = format!("HTTP/1.1 200 OK\r\n{chunked}4\r\nabcd\r\n");
    let range = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes";
    let early = format!("{range} 4-9/*\r\n{chunked}3\r\nefg\r\n0\r\n\r\n");
    let rest = format!("{range} 7-9/*\r\n{chunked}3\r\nhij\r\n0\r\n\r\n");
    let end = Answer::raw("HTTP/1.1 416 Nothing\r\nContent-Range: bytes */10\r\n\r\n");
    let answers = Answer::raw(early).times(1).then(Answer::raw(rest).times(1).then(end));
    server.on("/file", Answer::raw(head).times(1).then(answers));
    let mut trial = Trial::download(&server.url("/file"));
    assert_eq!(summary(&trial.run_and_record().await), "-1005 transient progressed kept 4");
    assert_eq!(summary(&trial.run_and_record().await), "-1005 transient progressed kept 7");
    assert_eq!(summary(&trial.run().await), "done 200 10");
    assert_eq!(fs::read(&trial.files.finished).unwrap(), b"abcdefghij");
}

/// A server may send less than it is asked for, and need not know how much there is (RFC 9110 section
/// 15.3.7).
#[tokio::test]
async fn a_part_of_nobody_knows_how_much_is_not_the_end() {
    let fields = "ETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n";
    let head = format!("HTTP/1.1 200 OK\r\n{fields}4\r\nabcd\r\n");
    let part = |range: &str, body: &str| {
        let status = "HTTP/1.1 206 Partial Content\r\nETag: \"a\"";
        let length = body.len();
        Answer::raw(format!(
            "{status}\r\nContent-Range: bytes {range}\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .times(1)
    };
    let bare = |status: &str| {
        Answer::raw(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")).times(1)
    };
    let anew = format!("HTTP/1.1 200 OK\r\n{fields}a\r\nABCDEFGHIJ\r\n0\r\n\r\n");
    for (last, expected, body) in [
        (bare("416 Nothing"), "done 200 10", "abcdefghij"),
        (part("10-11/12", "kl"), "done 200 12", "abcdefghijkl"),
        (Answer::raw(anew.clone()), "done 200 10", "ABCDEFGHIJ"),
        // It has become another file, or has never been one.
        (part("4-9/*", "efghij").then(Answer::raw(anew)), "done 200 10", "ABCDEFGHIJ"),
        (bare("404 Gone"), "-1005 transient progressed kept 10", ""),
    ] {
        let server = Server::start();
        let parts = part("4-6/*", "efg").then(part("7-9/*", "hij").then(last));
        server.on("/file", Answer::raw(head.clone()).times(1).then(parts));
        let mut trial = Trial::download(&server.url("/file"));
        assert_eq!(summary(&trial.run_and_record().await), "-1005 transient progressed kept 4");
        assert_eq!(summary(&trial.run().await), expected);
        if !body.is_empty() {
            assert_eq!(fs::read_to_string(&trial.files.finished).unwrap(), body);
        }
    }
}

/// It goes on in the next attempt.
#[tokio::test]
async fn parts_without_end_are_one_attempt_no_more() {
    let server = Server::start();
    let mut answers = Answer::ok("never");
    for at in (1..=80).rev() {
        let fields = format!("ETag: \"a\"\r\nContent-Range: bytes {at}-{at}/*");
        let part = format!("HTTP/1.1 206 Part\r\n{fields}\r\nContent-Length: 1\r\n\r\nx");
        answers = Answer::raw(part).times(1).then(answers);
    }
    let head = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n";
    server.on("/file", Answer::raw(head).times(1).then(answers));
    let mut trial = Trial::download(&server.url("/file"));
    assert_eq!(summary(&trial.run_and_record().await), "-1005 transient progressed kept 1");
    assert_eq!(summary(&trial.run().await), "-1005 transient progressed kept 66");
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
    state.inode = fs::metadata(&foreign).unwrap().ino();
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

/// The end of its attempt is lost: only the part is recorded, which has gone or was about to go.
#[tokio::test]
async fn a_kept_part_that_is_in_place_is_not_fetched_again() {
    let other = TempDir::new_in("/dev/shm").ok();
    let other = other.filter(|other| device(other.path()) != device(&std::env::temp_dir()));
    let Some(other) = other else {
        eprintln!("SKIPPED: there is no other file system");
        return;
    };
    for (is_far, clash) in [
        (false, None),
        (false, Some(NameClash::TakeFree)),
        (true, None),
        (true, Some(NameClash::TakeFree)),
    ] {
        let (server, mut trial, kept) = with_kept_part().await;
        trial.order.kind = TaskKind::Download { destination: Some(trial.files.finished.clone()) };
        trial.order.options.destination_clash = clash;
        let kept = if is_far { move_away(&mut trial, other.path()) } else { kept };
        assert_eq!(summary(&trial.run().await), "done 200 300000");
        let asked = server.requests().len();
        for stays in [false, is_far] {
            if stays {
                fs::write(&kept, &bytes()[..9000]).unwrap();
            }
            assert_eq!(summary(&trial.run().await), "done 200 300000", "{is_far} {clash:?}");
            assert_eq!(server.requests().len(), asked, "{is_far} {clash:?}: nothing is asked");
            assert_eq!(trial.left(), ["file"], "{is_far} {clash:?}");
            assert!(!kept.exists(), "{is_far} {clash:?}");
        }
        // What somebody else has put there is not taken for it.
        let theirs = trial.folder.path().join("theirs");
        fs::write(&theirs, bytes()).unwrap();
        fs::rename(&theirs, &trial.files.finished).unwrap();
        assert_eq!(summary(&trial.run().await), "done 200 300000");
        assert!(server.requests().len() > asked, "{is_far} {clash:?}");
    }
}

fn device(path: &Path) -> u64 {
    fs::metadata(path).unwrap().dev()
}

/// Has the part wait in that folder.
fn move_away(trial: &mut Trial, folder: &Path) -> PathBuf {
    let state = trial.resume.as_mut().unwrap();
    let kept = folder.join("1");
    fs::copy(&state.part, &kept).unwrap();
    fs::remove_file(&state.part).unwrap();
    state.inode = fs::metadata(&kept).unwrap().ino();
    state.part.clone_from(&kept);
    trial.files.kept_parts = folder.into();
    kept
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
