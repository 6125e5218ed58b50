//! What is sent, and how often: data, forms and files, as users of curl expect them to arrive.

use crate::home::Home;
use urlsession_testkit::server::{Answer, Server, sha256};

/// what is typed => how often a server is told that may have done what it was told
#[test]
fn a_post_is_sent_once() {
    let (home, server) = (Home::new(), Server::start());
    home.write("file", b"charge=1");
    let paid = || Answer::ok("paid");
    let once = [
        &["get", "--data", "charge=1"][..],
        &["get", "-F", "charge=1"],
        &["get", "-T", "file", "-X", "PATCH"],
        &["put", "-X", "POST", "file"],
        &["get", "--data", "charge=1", "--retry", "3", "--no-unsafe-retry"],
    ];
    let twice = [
        &["get", "--data", "charge=1", "--retry", "3"][..],
        &["get", "--data", "charge=1", "--unsafe-retry"],
        &["get", "--data", "charge=1", "--no-unsafe-retry", "--unsafe-retry"],
        &["get", "--data", "charge=1", "-X", "PUT"],
        &["put", "file"],
    ];
    let common = ["-q", "--idle-timeout", "300ms", "--retry-delay", "100ms"];
    for (path, trouble) in [
        ("/busy", paid().status(503)),
        ("/cut", paid().drop_after(2)),
        ("/slow", paid().stall_head()),
    ] {
        for (words, times) in once.map(|it| (it, 1)).into_iter().chain(twice.map(|it| (it, 2))) {
            server.on(path, trouble.clone().times(1).then(paid()));
            let before = server.requests_for(path).len();
            let ran = home.run(&[words, &common, &[&server.url(path)]].concat());
            assert_eq!(server.requests_for(path).len() - before, times, "{path} {words:?}");
            assert_eq!(ran.code == 0, times == 2, "{path} {words:?}: {ran:?}");
        }
    }
    server.on("/queued", paid().status(503).times(1).then(paid()));
    let id = home.out(&["add", "-q", "--data", "charge=1", &server.url("/queued")]);
    assert_eq!(home.run(&["wait", "-q", id.trim()]).code, 8);
    assert_eq!(server.requests_for("/queued").len(), 1);
}

/// what is typed => what the server is told of its kind
#[test]
fn data_is_a_form_by_whatever_method() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let form = Some("application/x-www-form-urlencoded");
    for (words, expected) in [
        (&["--data", "a=b"][..], form),
        (&["--data", ""], form),
        (&["--data-raw", "a", "-X", "PUT"], form),
        (&["--data-urlencode", "a", "-X", "PATCH"], form),
        (&["--data", "a", "-X", "DELETE"], form),
        (&["--data", "a", "-X", "GET"], form),
        (&["--data", "a", "-X", "PUT", "-H", "content-type: text/x"], Some("text/x")),
        (&["--data", "a", "-X", "PUT", "-H", "Content-Type:"], None),
        (&["--data", "a", "-G"], None),
    ] {
        home.out(&[&["get", "-q", "-o", "-", &server.url("/f")], words].concat());
        let seen = server.requests().pop().unwrap();
        let kinds = seen.headers.iter().filter(|(name, _)| name == "content-type");
        let kinds: Vec<_> = kinds.map(|(_, kind)| kind.as_str()).collect();
        assert_eq!(kinds, Vec::from_iter(expected), "{words:?}");
    }
}

#[test]
fn a_file_of_a_form_says_what_it_is() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    home.write("photo.jpeg", b"x");
    let words = ["get", "-q", "-F", "a=@photo.jpeg", "-F", "b=@-", &server.url("/f")];
    assert_eq!(home.run_with_input(&words, "input").code, 0);
    let seen = server.requests().pop().unwrap();
    let kind = seen.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let of = |name, more| format!("--{boundary}\r\nContent-Disposition: form-data; {name}{more}");
    let body = [
        of("name=\"a\"; filename=\"photo.jpeg\"", "\r\nContent-Type: image/jpeg\r\n\r\nx\r\n"),
        of("name=\"b\"; filename=\"-\"", "\r\n\r\ninput\r\n"),
        format!("--{boundary}--\r\n"),
    ];
    assert_eq!(seen.body_sha256, Some(sha256(body.concat().as_bytes())));
}

#[test]
fn a_file_has_its_name_where_a_url_has_none() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a.txt", Answer::ok("x"));
    home.write("a.txt", b"x");
    let whole = server.url("");
    let bare = whole.strip_prefix("http://").unwrap();
    for url in [&whole, bare] {
        home.out(&["get", "-q", "-T", "a.txt", url]);
        assert_eq!(server.requests().pop().unwrap().path, "/a.txt", "{url}");
    }
    server.on("/", Answer::ok("x"));
    home.out(&["put", "-q", "a.txt", bare]);
    assert_eq!(server.requests().pop().unwrap().path, "/");
}

/// The engine sets what belongs to the connection: that something else was typed is told.
#[test]
fn a_field_that_does_not_go_out_is_told() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let url = server.url("/f");
    for name in [
        "Connection",
        "Content-Length",
        "Expect",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "HTTP2-Settings",
        "Proxy-Authenticate",
        "proxy-authorization",
    ] {
        let field = format!("{name}: 77");
        let words = ["get", "-o", "f", "--data", "a", "-H", "X-Own: 77", "-H", &field, &url];
        let ran = home.run(&words);
        let told = format!("urlsession: {name} is left out: ");
        assert!(ran.code == 0 && ran.err.starts_with(&told), "{name}: {ran:?}");
        let seen = server.requests().pop().unwrap();
        let sent: Vec<_> = seen.headers.iter().filter(|(_, value)| value == "77").collect();
        assert_eq!(sent, [&("x-own".to_owned(), "77".to_owned())], "{name}");
        let ran = home.run(&[&words[..], &["-q"]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}");
    }
    home.write("list", format!("{url}\n  header=Expect: 100-continue\n").as_bytes());
    home.write("file", b"x");
    for words in [
        &["get", "-o", "g", "-i", "list"][..],
        &["add", "-i", "list"],
        &["put", "file", &url, "-H", "Expect: 100-continue"],
        &["edit", "1", "-H", "Expect: 100-continue"],
    ] {
        let ran = home.run(words);
        assert!(ran.err.contains("Expect is left out: "), "{words:?}: {ran:?}");
    }
}

#[test]
fn who_gets_too_long_an_answer_is_sent_in_no_circle() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::pseudo_random(1, (8 << 20) + 1));
    home.write("file", b"x");
    let url = server.url("/f");
    for words in [&["--data", "a"][..], &["--data", "a", "--max-filesize", "20M"], &["-T", "file"]]
    {
        let ran = home.run(&[&["get", "-q", "-o", "out", &url], words].concat());
        assert!(ran.code == 1 && ran.err.contains("nothing allows more"), "{words:?}: {ran:?}");
        assert!(!home.file("out").exists());
    }
}
