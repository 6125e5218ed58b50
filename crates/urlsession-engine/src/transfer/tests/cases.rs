//! The cases that Foundation's own suite has of URLSession, by their numbers there, as far as one
//! attempt can show them; `docs/conformance.md` says where the others are.

use super::{PATIENCE, Trial, error_of, summary};
use std::net::{Ipv6Addr, TcpListener};
use urlsession_core::Ending;
use urlsession_protocol::{Request, RequestPolicy};
use urlsession_testkit::server::{Answer, Server};

const METHODS: [&str; 5] = ["GET", "HEAD", "PUT", "POST", "DELETE"];

/// the case, what the server sends => how a data task ends, the URL and the type that it has
#[tokio::test]
async fn responses() {
    let server = Server::start();
    for (case, answer, expected) in [
        (
            "6, fields without a space",
            Answer::raw(
                "HTTP/1.1 200 OK\r\nContent-Length:13\r\nContent-Type:text/plain\r\n\r\nHello, World!",
            ),
            "done 200 13 text/plain",
        ),
        ("49, not found is a success", Answer::ok("gone").status(404), "done 404 4 -"),
        ("50, an answer without a head", Answer::raw("Hello, World!"), "-1011 permanent"),
        (
            "51, a code out of range",
            Answer::raw("HTTP/1.1 999 x\r\nContent-Length: 2\r\n\r\nok"),
            "done 999 2 -",
        ),
        ("51, no length and a body", Answer::raw("HTTP/1.1 200 OK\r\n\r\nbody"), "done 200 4 -"),
        ("53, no version", Answer::raw("HTTP 200 OK\r\n\r\n"), "-1011 permanent"),
        ("53, a code of letters", Answer::raw("HTTP/1.1 abc OK\r\n\r\n"), "-1011 permanent"),
        ("53, a version of letters", Answer::raw("HTTP/x.y 200 OK\r\n\r\n"), "-1011 permanent"),
        ("68, unauthorized without a word why", Answer::ok("no").status(401), "done 401 2 -"),
        (
            "69, nobody has a credential",
            Answer::ok("no").status(401).header("WWW-Authenticate", "Basic realm=\"a\""),
            "done 401 2 -",
        ),
    ] {
        server.on("/", answer);
        let ending = Trial::data(&server.url("/")).run().await;
        let kind = match &ending {
            Ending::Done(done) => {
                format!(" {}", done.response.header("content-type").unwrap_or("-"))
            }
            _ => String::new(),
        };
        assert_eq!(summary(&ending) + &kind, expected, "{case}: {ending:?}");
    }
}

/// 34 to 38: the status and the method => the method and the body that go on
#[tokio::test]
async fn redirects_of_every_method() {
    let server = Server::start();
    server.on("/there", Answer::ok("there"));
    for (status, expected) in [
        (300, ["-"; 5]),
        (301, ["GET", "HEAD", "PUT 3", "GET", "DELETE 3"]),
        (302, ["GET", "HEAD", "PUT 3", "GET", "DELETE 3"]),
        (303, ["GET"; 5]),
        (304, ["-"; 5]),
        (305, ["GET", "HEAD", "PUT 3", "POST 3", "DELETE 3"]),
        (307, ["GET", "HEAD", "PUT 3", "POST 3", "DELETE 3"]),
        (308, ["GET", "HEAD", "PUT 3", "POST 3", "DELETE 3"]),
    ] {
        server.on("/here", Answer::redirect(status, "/there"));
        for (method, expected) in METHODS.into_iter().zip(expected) {
            let before = server.requests().len();
            let mut trial = match method {
                "GET" | "HEAD" => Trial::data(&server.url("/here")),
                _ => Trial::upload(&server.url("/here"), b"abc"),
            };
            trial.order.request.method = method.into();
            let ending = trial.run().await;
            let mut seen = server.requests().split_off(before);
            assert_eq!(seen.remove(0).method, method);
            let went_on = seen.pop().map_or("-".to_owned(), |seen| match seen.body_length {
                0 => seen.method,
                length => format!("{} {length}", seen.method),
            });
            assert_eq!(went_on, expected, "{status} {method}");
            let Ending::Done(done) = ending else { panic!("{status} {method}: {ending:?}") };
            let is_final = expected == "-";
            assert_eq!(done.response.status_code, if is_final { status } else { 200 });
            assert_eq!(done.response.url, server.url(if is_final { "/here" } else { "/there" }));
        }
    }
}

/// 41 to 45: where it leads => the target that is asked for, or the error
#[tokio::test]
async fn places_redirected_to() {
    let server = Server::start();
    for path in ["/a/here", "/a/UK", "/UK", "/echo-query"] {
        server.on(path, Answer::ok("x"));
    }
    let absolute = server.url("/UK");
    for (case, location, expected) in [
        ("41, a whole URL", &*absolute, "/UK"),
        ("42, a path from here", "UK", "/a/UK"),
        ("42, a path from the root", "/UK", "/UK"),
        ("44, a query that is encoded", "/echo-query?param%3Dfoo", "/echo-query?param%3Dfoo"),
        ("44, a query that is not", "/echo-query?param=foo bar", "/echo-query?param=foo%20bar"),
        ("45, a port where nobody is", "http://127.0.0.1:1/", "-1004"),
        ("43, a port is not kept for another scheme's host", "http://127.0.0.1/x", "-1004"),
    ] {
        server.on("/a/from", Answer::redirect(302, location));
        let ending = Trial::data(&server.url("/a/from")).run().await;
        if expected.starts_with('-') {
            assert_eq!(error_of(&ending).code.0.to_string(), expected, "{case}");
            assert_eq!(error_of(&ending).failing_url.as_deref(), Some(location), "{case}");
            continue;
        }
        let Ending::Done(done) = ending else { panic!("{case}: {ending:?}") };
        assert_eq!(done.response.url, server.url(expected), "{case}");
    }
}

/// 46: every hop has the whole patience, and no more of it.
#[tokio::test]
async fn every_hop_keeps_the_timer() {
    let server = Server::start();
    server.on("/1", Answer::redirect(302, "/2"));
    server.on("/2", Answer::redirect(302, "/3"));
    server.on("/3", Answer::ok("never").stall_after(0));
    let mut trial = Trial::data(&server.url("/1"));
    trial.order.idle_timeout = PATIENCE;
    let ending = trial.run().await;
    assert_eq!(error_of(&ending).code.0, -1001, "{ending:?}");
    assert_eq!(server.requests().len(), 3);
}

/// 47: twenty hops are made; the error names the next one.
#[tokio::test]
async fn too_many_hops() {
    let server = Server::start();
    for hop in 0..30 {
        server.on(&format!("/{hop}"), Answer::redirect(302, &format!("/{}", hop + 1)));
    }
    let ending = Trial::data(&server.url("/0")).run().await;
    assert_eq!(summary(&ending), "-1007 permanent");
    assert_eq!(error_of(&ending).failing_url, Some(server.url("/21")));
    assert_eq!(server.requests().len(), 21);
    assert_eq!(error_of(&ending).message, "too many HTTP redirects");
}

/// 55 to 57 and 67: the method and the body => the length and the type that the server sees
#[tokio::test]
async fn bodies_and_their_types() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let form = Some("application/x-www-form-urlencoded");
    let big = vec![7; 16 * 1024];
    for (method, body, length, kind) in [
        ("GET", None, None, None),
        ("PUT", None, Some("0"), None),
        ("POST", None, Some("0"), None),
        ("PUT", Some(&[][..]), Some("0"), None),
        ("POST", Some(&[][..]), Some("0"), None),
        ("POST", Some(b"abc"), Some("3"), form),
        ("PUT", Some(b"abc"), Some("3"), None),
        ("PUT", Some(&big), Some("16384"), None),
    ] {
        let mut trial = match body {
            None => Trial::data(&server.url("/")),
            Some(body) => Trial::upload(&server.url("/"), body),
        };
        trial.order.request.method = method.into();
        let ending = trial.run().await;
        let Ending::Done(done) = &ending else { panic!("{method} {body:?}: {ending:?}") };
        assert_eq!(done.sent, body.map_or(0, |body| body.len() as u64));
        let seen = server.requests().pop().unwrap();
        let got = (seen.header("content-length"), seen.header("content-type"));
        assert_eq!(got, (length, kind), "{method} {:?}", body.map(<[u8]>::len));
    }
    // A GET with a body never leaves: Apple's -1103.
    let mut trial = Trial::upload(&server.url("/"), b"abc");
    trial.order.request.method = "GET".into();
    let mut policy = RequestPolicy::default();
    assert_eq!(trial.order.request.check_body(&policy).unwrap_err().code.0, -1103);
    // Unless its task wants it.
    policy.sends_get_body = true;
    trial.order.request.check_body(&policy).unwrap();
    trial.order.options.request_policy = policy;
    let ending = trial.run().await;
    assert!(matches!(ending, Ending::Done(_)), "{ending:?}");
    let seen = server.requests().pop().unwrap();
    assert_eq!((&*seen.method, seen.header("content-length")), ("GET", Some("3")));
}

/// 15, 22, 25, 26: the URL => the number of its error, or none
#[tokio::test]
async fn places_asked_for() {
    for (case, url, expected) in [
        ("22, a port beyond all", "http://127.0.0.1:999999/", -1000),
        ("25, a scheme of nobody", "foobar://host/", -1002),
        ("26, no URL at all", "", -1002),
        ("26, no scheme", "host/path", -1002),
    ] {
        assert_eq!(Request::new(url).unwrap_err().code.0, expected, "{case}");
    }
    // 15: an IPv6 address is a host like any other, whether somebody is there or not.
    let Ok(nobody) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        eprintln!("SKIPPED: there is no IPv6 on this machine");
        return;
    };
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let ending = Trial::download(&format!("http://[::1]:{port}/file")).run().await;
    assert_eq!(error_of(&ending).code.0, -1004, "{ending:?}");
}
