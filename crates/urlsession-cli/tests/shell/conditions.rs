//! What of a file comes and when, which URLs one stands for, and what is told beside the file.

use crate::home::Home;
use std::os::unix::fs::PermissionsExt as _;
use urlsession_testkit::server::{Answer, Server, pseudo_random, sha256};

const OLD: &str = "Wed, 13 Jun 1990 12:10:00 GMT";

#[test]
fn a_file_that_is_partly_there_is_completed() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::pseudo_random(1, 100_000).ranges(true));
    server.on("/text", Answer::ok("0123456789").ranges(true));
    server.on("/whole", Answer::pseudo_random(2, 100_000).ignore_range());
    let (bytes, whole) = (pseudo_random(1, 0, 100_000), pseudo_random(2, 0, 100_000));
    let read = |name: &str| std::fs::read(home.file(name)).unwrap();
    for words in [&["-c"][..], &["-C", "-"], &["-C", "40000"], &["-c", "-C", "-"]] {
        home.write("f", &bytes[..40_000]);
        home.out(&[&["get", "-q"], words, &[&server.url("/f")]].concat());
        assert!(read("f") == bytes, "{words:?}");
        let range = server.requests().pop().unwrap().header("range").map(str::to_owned);
        assert_eq!(range.as_deref(), Some("bytes=40000-"), "{words:?}");
    }
    // All of it is there, or nothing.
    home.out(&["get", "-q", "-c", &server.url("/f")]);
    std::fs::remove_file(home.file("f")).unwrap();
    home.out(&["get", "-q", "-C", "-", &server.url("/f")]);
    assert!(read("f") == bytes);
    assert_eq!(home.out(&["get", "-q", "-C", "7", "-o", "-", &server.url("/text")]), "789");
    // Some other file, and a server without ranges.
    home.write("whole", b"other");
    let refused = home.run(&["get", "-q", "-C", "-", &server.url("/whole")]);
    assert_eq!(refused.code, 10, "{refused:?}");
    assert!(refused.err.contains("does not send the rest; nothing was changed"), "{refused:?}");
    assert!(refused.err.contains("begin anew with -c"), "{refused:?}");
    assert_eq!(read("whole"), b"other");
    home.out(&["get", "-q", "-c", &server.url("/whole")]);
    assert!(read("whole") == whole);
    home.write("f", &[0; 100_001]);
    let longer = home.run(&["get", "-q", "-c", &server.url("/f")]);
    assert_eq!((longer.code, read("f").len()), (7, 100_001), "{longer:?}");
    home.write("f", b"short");
    for (words, code) in [
        (&["get", "-C", "9", &server.url("/f")][..], 9),
        (&["get", "-C", "x", &server.url("/f")], 2),
        (&["get", "-C", "-", &server.url("/missing")], 8),
        (&["add", "-c", &server.url("/f")], 2),
        (&["add", "-z", "2001-01-01", &server.url("/f")], 2),
        (&["add", "--etag-compare", "none", &server.url("/f")], 2),
    ] {
        let ran = home.run(&[words, &["-q"]].concat());
        assert_eq!(ran.code, code, "{words:?}: {ran:?}");
    }
}

#[test]
fn an_upload_begins_where_it_is_told() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/up", Answer::sink());
    home.write("f", b"0123456789");
    home.out(&["get", "-q", "-T", "f", "-C", "4", &server.url("/up")]);
    home.out(&["get", "-q", "-T", "f", "-C", "-", &server.url("/up")]);
    let seen = server.requests();
    assert_eq!(seen[0].header("content-range"), Some("bytes 4-9/10"));
    assert_eq!(seen[0].body_sha256, Some(sha256(b"456789")));
    assert_eq!(seen[1].header("content-range"), None);
    assert_eq!(seen[1].body_sha256, Some(sha256(b"0123456789")));
}

#[test]
fn what_is_no_news_leaves_the_file() {
    let (home, server) = (Home::new(), Server::start());
    let same = Answer::raw("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n");
    server.on("/same", same);
    server.on("/old", Answer::ok("new").last_modified(OLD));
    server.on("/new", Answer::ok("new").etag("\"b\""));
    let read = |name: &str| std::fs::read_to_string(home.file(name)).unwrap();
    for (path, words, expected) in [
        ("/same", &["-z", "1999-12-12"][..], "mine"),
        ("/old", &["-z", "dec 12 12:00:00 1999 GMT"], "mine"),
        ("/old", &["-z", "-1999-12-12"], "new"),
        ("/old", &["-z", "1980-01-01"], "new"),
        ("/old", &["-z", "f"], "mine"),
        ("/new", &["-z", "f"], "new"),
        ("/same", &["--etag-compare", "tag"], "mine"),
        ("/new", &["--etag-compare", "tag"], "new"),
    ] {
        home.write("f", b"mine");
        home.write("tag", b"\"a\"\n");
        let url = server.url(path);
        home.out(&[&["get", "-q", "-o", "f", &url], words].concat());
        assert_eq!(read("f"), expected, "{path} {words:?}");
    }
    let told = ["get", "-q", "-w", "%{http_code}", "-o", "f", "-z", "1999-12-12"];
    assert_eq!(home.out(&[&told[..], &[&server.url("/old")]].concat()), "304");
    let seen = server.requests();
    let since = seen[0].header("if-modified-since");
    assert_eq!(since, Some("Sun, 12 Dec 1999 00:00:00 GMT"));
    assert!(seen[2].header("if-unmodified-since").is_some());
    assert_eq!(seen[6].header("if-none-match"), Some("\"a\""));
    home.out(&["-q", "--etag-save", "tag", "-o", "f", &server.url("/new")]);
    assert_eq!(read("tag"), "\"b\"\n");
    home.out(&["-q", "--etag-compare", "tag", "--etag-save", "tag", &server.url("/same")]);
    assert_eq!(read("tag"), "\"a\"\n");
    assert!(!home.file("same").exists());
    let two = home.run(&["--etag-save", "tag", &server.url("/new"), &server.url("/old")]);
    assert_eq!(two.code, 2, "{two:?}");
    let wrong = home.run(&["get", "-z", "nonsense", &server.url("/new")]);
    assert!(wrong.code == 2 && wrong.err.contains("no date"), "{wrong:?}");
}

#[test]
fn a_file_is_bounded() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("0123456789").ranges(true));
    let url = server.url("/f");
    let large = home.run(&["get", "--max-filesize", "9", &url]);
    assert_eq!(large.code, 1, "{large:?}");
    assert!(large.err.contains("larger than 9 bytes"), "{large:?}");
    assert!(!home.file("f").exists());
    home.out(&["get", "-q", "--max-filesize", "10", &url]);
    assert_eq!(home.out(&["get", "-q", "-r", "2-4", "-o", "-", &url]), "234");
    home.out(&["get", "-q", "-r", "-3", "-o", "-", &url]);
    assert_eq!(server.requests().pop().unwrap().header("range"), Some("bytes=-3"));
}

#[test]
fn one_url_stands_for_several() {
    let (home, server) = (Home::new(), Server::start());
    for path in ["/a1", "/a2", "/b1", "/b2", "/[x]"] {
        server.on(path, Answer::ok(path.to_owned()));
    }
    let url = server.url("/");
    home.out(&["-q", &format!("{url}{{a,b}}[1-2]"), "-o", "#2-#1.txt"]);
    for (name, path) in [("1-a.txt", "/a1"), ("2-a.txt", "/a2"), ("2-b.txt", "/b2")] {
        assert_eq!(std::fs::read_to_string(home.file(name)).unwrap(), path);
    }
    assert_eq!(home.out(&["-q", "-j", "1", "-o", "-", &format!("{url}a[1-2]")]), "/a1/a2");
    home.out(&["-q", "-g", "-o", "x", &format!("{url}[x]")]);
    for (words, part) in [
        (&["-o", "one", &format!("{url}a[1-2]")][..], "write ‘#1’ in it"),
        (&[&format!("{url}a[2-1]")], "as it stands with -g"),
    ] {
        let ran = home.run(words);
        assert!(ran.code == 2 && ran.err.contains(part), "{words:?}: {ran:?}");
    }
}

#[test]
fn data_goes_where_it_is_wanted() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/", Answer::echo());
    let url = server.url("/?q");
    let sent = home.out(&[
        "--data",
        "a=1",
        "--data-urlencode",
        "b=ä",
        "--data-raw",
        "@c",
        "--url-query",
        "d=e f",
        &url,
    ]);
    let seen = &server.requests()[0];
    assert_eq!(seen.body_sha256, Some(sha256(b"a=1&b=%C3%A4&@c")), "{sent}");
    assert_eq!(server.requests()[0].path, "/?q&d=e%20f");
    home.out(&["-q", "-G", "--data-urlencode", "b=x y", "--data", "c", "-o", "f", &url]);
    let got = &server.requests()[1];
    assert_eq!((got.method.as_str(), got.path.as_str()), ("GET", "/?q&b=x%20y&c"));
}

#[test]
fn an_error_with_a_body_is_both() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("not here").status(404));
    server.on("/busy", Answer::ok("busy").status(503));
    let both = home.run(&["get", "-q", "--fail-with-body", "-o", "f", &server.url("/f")]);
    assert_eq!(both.code, 8, "{both:?}");
    assert!(both.err.contains("f: the server answered 404"), "{both:?}");
    assert_eq!(std::fs::read_to_string(home.file("f")).unwrap(), "not here");
    home.out(&["get", "-q", "--no-fail", "--retry", "1", "-o", "f", &server.url("/busy")]);
    assert_eq!(std::fs::read_to_string(home.file("f")).unwrap(), "busy");
    assert_eq!(server.requests_for("/busy").len(), 2);
    let again = ["get", "-q", "--retry-all-errors", "--retry", "1", &server.url("/f")];
    assert_eq!(home.run(&again).code, 8);
    assert_eq!(server.requests_for("/f").len(), 3);
}

#[test]
fn heads_and_dates_are_kept_beside_the_file() {
    let (home, server) = (Home::new(), Server::start());
    let answer = Answer::ok("x").last_modified(OLD).header("Set-Cookie", "id=1; Path=/");
    server.on("/f", answer);
    server.on("/g", Answer::ok("y"));
    let url = server.url("/f");
    home.out(&["get", "-q", "-D", "heads", "-R", &url, &server.url("/g")]);
    let heads = std::fs::read_to_string(home.file("heads")).unwrap();
    assert!(heads.starts_with("HTTP/1.1 200\r\n"), "{heads}");
    // Who asks for a head gets it whole, and nobody else sees it.
    assert!(heads.contains("set-cookie: id=1; Path=/\r\n"), "{heads}");
    let mode = std::fs::metadata(home.file("heads")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(heads.matches("\r\n\r\n").count(), 2, "{heads}");
    let changed = std::fs::metadata(home.file("f")).unwrap().modified().unwrap();
    let changed = changed.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(changed.as_secs(), 645_279_000);
    // One that another program wrote is a file of cookies.
    home.out(&["cookies", "clear"]);
    home.write("theirs", b"HTTP/1.1 200 OK\r\nServer: s\r\nSet-Cookie: id=2; Path=/\r\n\r\n");
    home.out(&["get", "-q", "-b", "theirs", "-o", "f", &url]);
    let sent = server.requests().pop().unwrap().header("cookie").map(str::to_owned);
    assert_eq!(sent.as_deref(), Some("id=2"));
    let nowhere = home.run(&["get", "-D", "no/folder/heads", &url]);
    assert_eq!(nowhere.code, 9, "{nowhere:?}");
    assert_eq!(home.run(&["add", "-D", "heads", &url]).code, 2);
}

#[test]
fn files_that_are_there_are_left_or_stepped_around() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("new"));
    server.on("/g", Answer::ok("new"));
    let (f, g) = (server.url("/f"), server.url("/g"));
    home.write("f", b"old");
    let read = |name: &str| std::fs::read_to_string(home.file(name)).unwrap();
    home.out(&["get", "-q", "--skip-existing", &f, &g]);
    assert_eq!((read("f"), read("g"), server.requests().len()), ("old".into(), "new".into(), 1));
    home.out(&["get", "-q", "--skip-existing", "-o", "f", &f]);
    home.out(&["get", "-q", "--no-clobber", "-o", "f", &f]);
    assert_eq!((read("f"), read("f.1")), ("old".into(), "new".into()));
    home.out(&["get", "-q", "--create-dirs", "-o", "made/deep/f", &f]);
    assert_eq!(read("made/deep/f"), "new");
}

#[test]
fn a_get_has_the_body_that_is_typed() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    home.write("query", b"c=d");
    for words in [["--data", "c=d"], ["-T", "query"]] {
        home.out(&[&["-q", "-o", "-", "-X", "get", &server.url("/f")], &words[..]].concat());
        let seen = server.requests().pop().unwrap();
        assert_eq!((&*seen.method, seen.header("content-length")), ("GET", Some("3")), "{words:?}");
    }
}
