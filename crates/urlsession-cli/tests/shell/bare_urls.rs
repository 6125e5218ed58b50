//! URLs that are typed without a scheme.

use crate::home::Home;
use urlsession_testkit::server::{Answer, Server};

#[test]
fn a_url_may_begin_with_its_host() {
    let (home, server) = (Home::new(), Server::start());
    for path in ["/f", "/g", "/h", "/in/file"] {
        server.on(path, Answer::ok(path));
    }
    let place = server.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let bare = |path: &str| format!("{place}{path}");
    home.out(&["-q", "-O", &bare("/f")]);
    home.out(&["-q", "-O", &bare("/{g,h}")]);
    assert_eq!((home.file("g").is_file(), home.file("h").is_file()), (true, true));
    assert_eq!(std::fs::read_to_string(home.file("f")).unwrap(), "/f");
    home.write("list", format!("{}\n  out=listed\n", bare("/f")).as_bytes());
    home.out(&["add", "-q", "-i", "list"]);
    home.out(&["-q", "-o", "named", &format!("me:pw@{place}/f")]);
    let seen = server.requests().pop().unwrap();
    assert!(seen.header("authorization").is_some_and(|shown| shown.starts_with("Basic ")));
    home.write("file", b"bytes");
    home.out(&["put", "-q", "file", &bare("/in/file")]);
    home.out(&["get", "-q", "-T", "file", &bare("/in/")]);
    let sent = server.requests().into_iter().filter(|seen| seen.path == "/in/file");
    assert_eq!(sent.count(), 2);
}

/// what is typed besides => what is asked for
#[test]
fn the_scheme_that_is_meant_can_be_said() {
    let home = Home::new();
    for (words, expected) in [
        (&[][..], "http"),
        (&["--proto", "=http"], "http"),
        (&["--https-only"], "https"),
        (&["--proto", "=https"], "https"),
        (&["--proto-default", "https"], "https"),
        (&["--proto-default", "http", "--proto", "=https"], "http"),
    ] {
        // Nobody listens there.
        let id = home.out(&[&["add", "-q", "localhost:1/f"], words].concat());
        let shown: serde_json::Value =
            serde_json::from_str(&home.out(&["show", "--json", id.trim()])).unwrap();
        assert_eq!(shown["url"], format!("{expected}://localhost:1/f"), "{words:?}");
    }
}

#[test]
fn what_is_rather_a_slip_is_no_url() {
    let home = Home::new();
    for words in [
        &["get", "file"][..],
        &["get", "folder/file"],
        &["get", "./file.txt"],
        &["get", "/etc/passwd"],
        &["add", "-O", "file", "http://h/"],
        &["get", "-O", "page.html", "http://h/"],
        &["put", "file", "folder/file"],
    ] {
        home.write("file", b"bytes");
        let ran = home.run(words);
        assert!(ran.code == 2 && ran.err.contains("http:// or https://"), "{words:?}: {ran:?}");
    }
    assert!(home.out(&["ls", "-q"]).is_empty(), "nothing was asked for");
}
