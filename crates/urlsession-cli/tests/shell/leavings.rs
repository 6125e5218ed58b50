//! What a command leaves behind: files where they were asked for and nowhere else, and an exit code that
//! hides no failure.

use crate::home::Home;
use std::process::Stdio;
use std::time::UNIX_EPOCH;
use urlsession_testkit::server::{Answer, Server};

const OLD: &str = "Wed, 13 Jun 1990 12:10:00 GMT";

#[test]
fn who_reads_no_more_hides_no_failure() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::pseudo_random(1, 1_000_000));
    let mut command = home.command(&["-q", "-o", "-", &server.url("/f"), &server.url("/gone")]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command.stdout(writer).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(8));
    assert_eq!(home.out(&["ls", "-q"]), "", "nobody would ever take the rest");
}

#[test]
fn an_answer_goes_where_it_was_asked_to() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("new"));
    server.on("/none", Answer::ok(""));
    let (f, none) = (server.url("/f"), server.url("/none"));
    let read = |name: &str| std::fs::read_to_string(home.file(name)).unwrap();
    home.write("old", b"old");
    for sends in [&["--data", "x"][..], &["-F", "a=b"], &["-T", "old"]] {
        let saves = |words: &[&str]| home.out(&[&["get", "-q"], sends, words].concat());
        home.write("here", b"old");
        assert_eq!(saves(&["-o", "here", "--skip-existing", &f]), "");
        assert_eq!(read("here"), "old", "{sends:?}");
        assert_eq!(saves(&["-o", "here", "--no-clobber", &f]), "");
        assert_eq!((read("here"), read("here.1")), ("old".into(), "new".into()), "{sends:?}");
        assert_eq!(saves(&["-O", &f]), "");
        assert_eq!(saves(&["-O", &f]), "");
        assert_eq!((read("f"), read("f.1")), ("new".into(), "new".into()), "{sends:?}");
        saves(&["-o", "here", &none]);
        assert_eq!(read("here"), "", "{sends:?}");
        for name in ["here.1", "f", "f.1"] {
            std::fs::remove_file(home.file(name)).unwrap();
        }
    }
    assert_eq!(home.run(&["add", "--data", "x", "-O", &f]).code, 2);
}

#[test]
fn a_file_that_appears_before_the_head_is_written_is_kept() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content").stall_after(3));
    let mut going = home.start(&["--include", &server.url("/f")]);
    going.wait_for("started");
    server.wait_for_requests(1);
    home.write("f", b"mine");
    server.release("/f");
    assert_eq!(going.end().code, 0);
    assert_eq!(std::fs::read_to_string(home.file("f")).unwrap(), "mine");
    assert!(std::fs::read_to_string(home.file("f.1")).unwrap().ends_with("content"));
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

#[test]
fn what_the_shell_writes_is_called_and_dated_like_any_file() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("0123456789").ranges(true).last_modified(OLD));
    let url = server.url("/f");
    let file = home.file("f");
    let told = ["-q", "-R", "-w", "%{filename_effective}", "-o", "f"];
    for words in [&["-z", "1980-01-01"][..], &["-c"], &["-C", "3"], &["--data", "x"]] {
        home.write("f", b"012");
        assert_eq!(home.out(&[&told, words, &[&url]].concat()), file.to_str().unwrap());
        let changed = file.metadata().unwrap().modified().unwrap();
        let changed = changed.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(changed, 645_279_000, "{words:?}");
    }
    assert_eq!(home.out(&["-q", "-w", "|%{filename_effective}", "-o", "-", &url]), "0123456789|");
}

#[test]
fn a_digest_is_not_held_against_the_rest_of_a_file() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("0123456789").ranges(true));
    let digest = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
    let checked = ["-q", "-c", "--checksum", &format!("sha-256={digest}"), &server.url("/f")];
    home.out(&checked);
    home.write("f", b"012");
    let ran = home.run(&checked);
    assert!(ran.code == 2 && ran.err.contains("whole file"), "{ran:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn two_urls_of_one_name_do_not_share_a_file() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a/f", Answer::ok("a").ranges(true));
    server.on("/b/f", Answer::ok("b").ranges(true));
    let (a, b) = (server.url("/a/f"), server.url("/b/f"));
    let read = |name: &str| std::fs::read_to_string(home.file(name)).unwrap();
    for words in [&["-c"][..], &["-C", "-"], &["-z", "1980-01-01"]] {
        let ran = home.run(&[&["-q"], words, &[&a, &b]].concat());
        assert!(ran.code == 2 && ran.err.contains("the same name: f"), "{words:?}: {ran:?}");
    }
    for _ in 0..2 {
        home.out(&["-q", "--skip-existing", &a, &b, &a]);
        assert_eq!((read("f"), read("f.1"), server.requests().len()), ("a".into(), "b".into(), 2));
        assert!(!home.file("f.2").exists());
    }
    home.out(&["-q", "--overwrite", &a, &b]);
}
