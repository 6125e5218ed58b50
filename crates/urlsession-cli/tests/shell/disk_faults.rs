//! The disk fails: single system calls of a daemon return an error, as on a bad or full disk.
#![cfg(target_os = "linux")]

use crate::home::{Home, OWN, Ran, ran};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use urlsession_testkit::server::{Answer, Body, Server, sha256};

/// Long enough to be left to the kernel, and synced in between.
const LENGTH: u64 = 12 << 20;
const PART: &str = "work/.file.1-1.urlsession-part";
const LOG: &str = "home/state/store.sqlite-wal";

#[test]
fn a_call_that_fails_is_told_or_tried_again() {
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|s| s.success())
    {
        eprintln!("SKIPPED: there is no strace, or it may not trace");
        return;
    }
    for (file, calls, fault, end) in [
        // Each thread counts its own calls.
        (PART, "splice", "ENOSPC:when=4", End::Whole),
        (PART, "splice", "EIO:when=2", End::Told),
        (PART, "fdatasync", "EIO:when=1", End::Told),
        (PART, "rename,renameat,renameat2,link,linkat", "EIO", End::Told),
        (PART, "openat", "EROFS", End::Told),
        (LOG, "pwrite64", "ENOSPC:when=4..5", End::Logged),
        (LOG, "pwrite64", "EIO:when=4..5", End::Logged),
        (LOG, "fsync,fdatasync", "EIO:when=2..3", End::Logged),
    ] {
        judge(file, calls, fault, end);
    }
}

/// How a download must end.
#[derive(Debug, PartialEq)]
enum End {
    Whole,
    /// Whole, and the log says that a commit was tried again.
    Logged,
    /// With an error that names the file and what the system said of it.
    Told,
}

fn judge(file: &str, calls: &str, fault: &str, end: End) {
    let (home, server) = (Home::new(), Server::start());
    server.on("/file", Answer::pseudo_random(5, LENGTH).etag("\"file\""));
    // A store that is there already is opened without many writes.
    home.out(&["daemon", "start"]);
    home.out(&["daemon", "stop"]);
    let path = home.file("").parent().unwrap().join(file);
    let script = format!(
        "#!/bin/sh\nexec strace -f -qq -o /dev/null -P '{}' -e trace={calls} \
         -e inject={calls}:error={fault} '{OWN}' \"$@\"\n",
        path.display()
    );
    let daemon = home.write("daemon", script.as_bytes());
    std::fs::set_permissions(&daemon, PermissionsExt::from_mode(0o700)).unwrap();
    let mut get = home.command(&["get", "-q", &server.url("/file")]);
    let got: Ran = ran(get.env("URLSESSION_DAEMON", &daemon).output().unwrap());
    let what = format!("{calls} {fault}: {got:?}");
    let mut left: Vec<_> = std::fs::read_dir(home.file("")).unwrap().collect();
    left.retain(|entry| entry.as_ref().unwrap().file_name() != "daemon");
    if end == End::Told {
        let error = if fault.starts_with("EIO") { "Input/output error" } else { "Read-only" };
        assert_eq!(got.code, 9, "{what}");
        assert!(got.err.contains(error) && got.err.contains("/work/"), "{what}");
        assert_eq!(left.len(), 0, "{what}");
        return;
    }
    assert_eq!(got.code, 0, "{what}");
    let whole = Body::PseudoRandom { seed: 5, length: LENGTH };
    assert_eq!(sha256(&std::fs::read(home.file("file")).unwrap()), whole.sha256(), "{what}");
    assert_eq!(left.len(), 1, "{what}");
    let log = home.out(&["daemon", "logs"]);
    match end {
        End::Logged => assert!(log.contains("a commit failed"), "{what}: {log}"),
        _ => assert!(server.requests().len() > 1, "{what}: the fault did not come"),
    }
}
