//! What curl's users type, and what comes of it.

use crate::home::Home;
use urlsession_testkit::server::{Answer, Server};

#[test]
fn fields_are_left_out() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    server.on("/post", Answer::ok("x"));
    let url = server.url("/f");
    let names = ["user-agent", "accept", "accept-encoding", "authorization", "x-empty"];
    for (words, expected) in [
        (&[][..], vec!["user-agent", "accept", "accept-encoding"]),
        (&["-H", "Accept:", "-H", "X-Empty;"], vec!["user-agent", "accept-encoding", "x-empty"]),
        (&["-H", "user-agent:", "-H", "Accept-Encoding:", "-H", "X-None:"], vec!["accept"]),
        (&["-A", "", "-H", "Accept:", "-H", "Accept: a/b"], vec!["accept", "accept-encoding"]),
        (&["-u", "me:pw", "-H", "Authorization:"], vec!["user-agent", "accept", "accept-encoding"]),
    ] {
        home.out(&[&["get", "-q", "-o", "-", &url], words].concat());
        let seen = server.requests().pop().unwrap();
        let sent: Vec<_> = names.into_iter().filter(|name| seen.header(name).is_some()).collect();
        assert_eq!(sent, expected, "{words:?}");
    }
    home.out(&["get", "-q", "--data", "a=b", "-H", "Content-Type:", &server.url("/post")]);
    assert_eq!(server.requests().pop().unwrap().header("content-type"), None);
    let form = ["get", "-q", "-F", "a=b", "-H", "Content-Type: text/x", &server.url("/post")];
    home.out(&form);
    let kind = server.requests().pop().unwrap().header("content-type").map(str::to_owned);
    assert!(kind.as_deref().is_some_and(|kind| kind.starts_with("text/x; boundary=")), "{kind:?}");
    let ran = home.run(&["get", "-H", "Host:", &url]);
    assert!(ran.code == 2 && ran.err.contains("Host cannot be left out"), "{ran:?}");
    assert_eq!(home.run(&["get", "-H", "nothing", &url]).code, 2);
    home.write("fields", b"X-One: 1\nno field at all\nUser-Agent:\n");
    let ran = home.run(&["get", "-q", "-o", "-", "-H", "@fields", &url]);
    assert!(ran.code == 0 && ran.err.contains("fields:2: no header field, left out"), "{ran:?}");
    let seen = server.requests().pop().unwrap();
    assert_eq!((seen.header("x-one"), seen.header("user-agent")), (Some("1"), None));
}

#[test]
fn who_asks_for_a_head_gets_it_whole() {
    let (home, server) = (Home::new(), Server::start());
    let answer = Answer::ok("x").header("Set-Cookie", "id=hidden1; Path=/");
    server.on("/f", answer);
    let url = server.url("/f");
    for words in [
        &["-D", "-", "-o", "f"][..],
        &["-w", "%header{set-cookie}", "-o", "f"],
        &["-w", "%{header_json}", "-o", "f"],
    ] {
        let out = home.out(&[&["get", "-q", &url], words].concat());
        assert!(out.contains("id=hidden1; Path=/"), "{words:?}: {out}");
    }
    let ran = home.run(&["get", "-q", "-D", "%", "-o", "f", &url]);
    assert!(ran.code == 0 && ran.out.is_empty() && ran.err.contains("hidden1"), "{ran:?}");
    assert!(!home.file("%").exists());
    let followed = home.out(&["get", "--json", "-w", "", "-o", "f", &url]);
    assert!(!followed.contains("hidden1"), "{followed}");
    let id = home.out(&["add", "-q", "-o", "g", &url]);
    home.out(&["wait", id.trim()]);
    for words in [&["show", "--json", id.trim()][..], &["ls", "--json"], &["events"]] {
        let out = home.out(words);
        assert!(!out.contains("hidden1"), "{words:?}: {out}");
    }
}

#[test]
fn redirects_are_trusted_and_posts_kept_where_that_is_typed() {
    let (home, first, second) = (Home::new(), Server::start(), Server::start());
    first.on("/away", Answer::redirect(302, &second.url("/to")));
    second.on("/to", Answer::ok("x"));
    for (words, shown) in [(&[][..], false), (&["--location-trusted"], true)] {
        let get = ["get", "-q", "-o", "-", "-u", "me:pw", "-b", "a=b"];
        home.out(&[&get, words, &[&first.url("/away")]].concat());
        let seen = second.requests().pop().unwrap();
        assert_eq!(seen.header("authorization").is_some(), shown);
        assert_eq!(seen.header("cookie").is_some(), shown);
    }
    for status in [301, 302, 303] {
        let path = format!("/{status}");
        first.on(&path, Answer::redirect(status, "/here"));
        first.on("/here", Answer::ok("x"));
        let option = format!("--post{status}");
        for (words, method) in [(&[][..], "GET"), (&[&*option], "POST")] {
            home.out(&[&["get", "-q", "--data", "a"], words, &[&first.url(&path)]].concat());
            assert_eq!(first.requests().pop().unwrap().method, method, "{status} {words:?}");
        }
    }
}

#[test]
fn targets_stand_as_they_are_typed() {
    let (home, server) = (Home::new(), Server::start());
    for path in ["/b", "/a/../b", "*", "/a"] {
        server.on(path, Answer::ok("x"));
    }
    let url = server.url("/a/../b?c#d");
    for (words, expected) in [
        (&[][..], "/b?c"),
        (&["--path-as-is"], "/a/../b?c"),
        (&["--request-target", "*", "-X", "OPTIONS"], "*"),
    ] {
        home.out(&[&["get", "-q", "-o", "-", &url], words].concat());
        assert_eq!(server.requests().pop().unwrap().path, expected, "{words:?}");
    }
    let ran = home.run(&["get", "--request-target", "a b", &url]);
    assert!(ran.code == 2 && ran.err.contains("request target"), "{ran:?}");
}

#[test]
fn only_digest_is_answered_where_that_is_typed() {
    let home = Home::new();
    let digest = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256";
    let asks = |field: &str| {
        Answer::ok("who?")
            .status(401)
            .header("WWW-Authenticate", field)
            .times(1)
            .then(Answer::ok("in"))
    };
    for (option, field, code, shown) in [
        ("--digest", digest, 0, &[None, Some("Digest")][..]),
        ("--digest", "Basic realm=r", 4, &[None]),
        ("--basic", digest, 4, &[Some("Basic")]),
    ] {
        // What one server has taught is remembered.
        let server = Server::start();
        server.on("/f", asks(field));
        let ran = home.run(&["get", "-q", "-o", "-", option, "-u", "me:pw", &server.url("/f")]);
        assert_eq!(ran.code, code, "{option} {field}: {ran:?}");
        let seen = server.requests();
        let seen = seen.iter().map(|seen| seen.header("authorization"));
        let seen: Vec<_> = seen.map(|value| value.and_then(|v| v.split(' ').next())).collect();
        assert_eq!(seen, shown, "{option} {field}");
    }
}

#[test]
fn a_folder_is_made_only_where_that_is_typed() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let url = server.url("/f");
    let ran = home.run(&["get", "-q", "--output-dir", "new", &url]);
    assert!(ran.code == 9 && ran.err.contains("--create-dirs"), "{ran:?}");
    home.out(&["get", "-q", "--output-dir", "new", "--create-dirs", &url]);
    assert!(home.file("new/f").exists());
    home.out(&["get", "-q", "-d", "other", &url]);
    assert!(home.file("other/f").exists());
}

#[test]
fn cookies_without_an_end_are_junk_where_that_is_typed() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let lines = "127.0.0.1\tFALSE\t/\tFALSE\t0\tpassing\t1\n\
                 127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tlasting\t2\n";
    home.write("jar", lines.as_bytes());
    for (words, expected) in
        [(&["--junk-session-cookies"][..], "lasting=2"), (&[], "lasting=2; passing=1")]
    {
        home.out(&[&["get", "-q", "-o", "-", "-b", "jar"], words, &[&server.url("/f")]].concat());
        let sent = server.requests().pop().unwrap().header("cookie").map(str::to_owned).unwrap();
        let mut sent: Vec<_> = sent.split("; ").collect();
        sent.sort_unstable();
        assert_eq!(sent.join("; "), expected);
    }
}
