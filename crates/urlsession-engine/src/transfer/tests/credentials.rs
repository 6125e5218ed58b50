//! Names and passwords: shown to the server that asks, in the way it asks for, and to nobody else.

use super::{Trial, error_of, summary};
use std::io::{self, Read, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;
use urlsession_core::Ending;
use urlsession_protocol::{Body, Credential, Request};
use urlsession_testkit::server::{Answer, Seen, Server, sha256};

const DIGEST: &str = "Digest realm=\"r\", qop=\"auth\", nonce=\"n1\", algorithm=SHA-256";

fn challenge(field: &str) -> Answer {
    Answer::ok("who?").status(401).header("WWW-Authenticate", field)
}

/// The credential waits until it is asked for.
fn with_credential(mut trial: Trial) -> Trial {
    trial.order.request.credential = Some(Credential::new("me", "opensesame"));
    trial
}

/// Says in short what a request showed.
fn shown(seen: &Seen) -> String {
    let Some(value) = seen.header("authorization") else { return "-".to_owned() };
    let Some(parameters) = value.strip_prefix("Digest ") else { return value.to_owned() };
    let part = |name: &str| {
        let of =
            |p: &str| p.strip_prefix(&format!("{name}=")).map(|v| v.trim_matches('"').to_owned());
        parameters.split(", ").find_map(of).unwrap_or_default()
    };
    format!("{} {} {}", part("nonce"), part("nc").trim_start_matches('0'), part("uri"))
}

fn all_shown(server: &Server) -> Vec<String> {
    server.requests().iter().map(shown).collect()
}

const BASIC: &str = "Basic bWU6b3BlbnNlc2FtZQ==";

#[tokio::test]
async fn a_challenge_is_answered_over_the_same_connection() {
    let server = Server::start();
    server.on("/f", challenge(DIGEST).times(1).then(Answer::ok("in")));
    server.on("/g", Answer::redirect(302, "/h?q=1"));
    server.on("/h", Answer::ok("in"));
    let mut trial = with_credential(Trial::data(&server.url("/f")));
    assert_eq!(summary(&trial.run().await), "done 200 2");
    trial.order.request.url = server.url("/g");
    assert_eq!(summary(&trial.run().await), "done 200 2");
    assert_eq!(all_shown(&server), ["-", "n1 1 /f", "n1 2 /g", "n1 3 /h?q=1"]);
    assert!(server.requests().iter().all(|seen| seen.connection == 0));
    // Another credential knows nothing of it.
    trial.order.request.credential = Some(Credential::new("me", "other"));
    trial.run().await;
    assert_eq!(shown(&server.requests()[4]), "-");
}

#[tokio::test]
async fn a_password_is_not_told_where_nobody_asked_for_it() {
    let server = Server::start();
    server.on("/a/b", challenge("Basic realm=r").times(1).then(Answer::ok("in")));
    server.on("/a/c", Answer::ok("in"));
    server.on("/open", Answer::ok("in"));
    server.on("/d/e", challenge(DIGEST).times(1).then(Answer::ok("in")));
    let mut trial = with_credential(Trial::data(&server.url("/")));
    for path in ["/a/b", "/a/c", "/open", "/d/e"] {
        trial.order.request.url = server.url(path);
        assert_eq!(summary(&trial.run().await), "done 200 2");
    }
    assert_eq!(all_shown(&server), ["-", BASIC, BASIC, "-", "-", "n1 1 /d/e"]);
}

#[tokio::test]
async fn the_nonce_that_a_server_wants_next_is_used() {
    let server = Server::start();
    let told = |nonce| Answer::ok("in").header("Authentication-Info", nonce);
    server.on("/a", challenge(DIGEST).times(1).then(told("nextnonce=\"n2\", qop=auth")));
    server.on("/b", Answer::redirect(302, "/c").header("Authentication-Info", "nextnonce=\"n3\""));
    server.on("/c", told("nextnonce=open\""));
    let mut trial = with_credential(Trial::data(&server.url("/a")));
    for path in ["/a", "/b", "/c"] {
        trial.order.request.url = server.url(path);
        assert_eq!(summary(&trial.run().await), "done 200 2");
    }
    assert_eq!(all_shown(&server), ["-", "n1 1 /a", "n2 1 /b", "n3 1 /c", "n3 2 /c"]);
}

/// proactive, answers => what is shown, and the end
#[tokio::test]
async fn every_way_in() {
    let server = Server::start();
    let ok = || Answer::ok("in");
    let stale = || challenge(&DIGEST.replace("n1", "n2").replace("Digest ", "Digest stale=true, "));
    for (proactive, answer, expected, end) in [
        (true, ok(), &[BASIC][..], "done 200 2"),
        (true, challenge("Basic realm=r"), &[BASIC], "done 401 4"),
        (true, challenge(DIGEST).times(1).then(ok()), &[BASIC, "n1 1 /"], "done 200 2"),
        (false, challenge("Basic realm=r").times(1).then(ok()), &["-", BASIC], "done 200 2"),
        (false, challenge("Basic realm=r"), &["-", BASIC], "done 401 4"),
        (false, challenge(DIGEST), &["-", "n1 1 /"], "done 401 4"),
        (false, challenge("Negotiate"), &["-"], "done 401 4"),
        (false, Answer::ok("who?").status(401), &["-"], "done 401 4"),
        (
            false,
            challenge(DIGEST).times(1).then(stale().times(1).then(ok())),
            &["-", "n1 1 /", "n2 1 /"],
            "done 200 2",
        ),
        (
            false,
            challenge(&format!("Basic realm=r, {DIGEST}")).times(1).then(ok()),
            &["-", "n1 1 /"],
            "done 200 2",
        ),
    ] {
        let before = server.requests().len();
        server.on("/", answer);
        let mut trial = with_credential(Trial::data(&server.url("/")));
        trial.order.request.credential.as_mut().unwrap().proactive = proactive;
        assert_eq!(summary(&trial.run().await), end, "{expected:?}");
        assert_eq!(all_shown(&server)[before..], *expected);
    }
    server.on("/", challenge(DIGEST));
    let mut trial = with_credential(Trial::data(&server.url("/")));
    trial.order.options.fail_on_http_error = true;
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-1011 permanent");
    assert_eq!(error_of(&ending).status_code, Some(401));
}

#[tokio::test]
async fn a_body_is_sent_again() {
    let server = Server::start();
    let bytes = vec![7; 300_000];
    for spooled in [false, true] {
        server.on("/", challenge(DIGEST).times(1).then(Answer::sink()));
        let mut trial = with_credential(Trial::upload(&server.url("/"), &bytes));
        if spooled {
            let path = trial.folder.path().join("source");
            trial.order.request.body = Some(Body::Spool { path, length: bytes.len() as u64 });
        }
        let Ending::Done(done) = trial.run().await else { panic!("not done") };
        assert_eq!((done.response.status_code, done.sent), (201, 300_000));
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.body_sha256.as_deref(), Some(&*sha256(&bytes)));
    }
}

/// Serves one connection after the other: the head that each gets is answered at once, and bodies
/// are read only by those that say so. Returns the URL, and the heads with the bodies' lengths.
fn curt(answers: &'static [(bool, &'static str)]) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serve = move |&(reads, answer): &(bool, &str)| {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let wanted: u64 = length.unwrap().parse().unwrap();
        let length = if reads { wanted } else { 0 };
        let got = io::copy(&mut Read::by_ref(&mut stream).take(length), &mut io::sink()).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        // With bytes that nobody read, this is a reset.
        drop(stream);
        let asks = head.contains("Expect: 100-continue\r\n");
        format!("{} {got}", if asks { "asks" } else { "goes" })
    };
    (url, std::thread::spawn(move || answers.iter().map(serve).collect()))
}

const ASKS: &str = "HTTP/1.1 401 Who\r\nWWW-Authenticate: Digest realm=r, nonce=n, qop=auth\r\n\
                    Content-Length: 0\r\nConnection: close\r\n\r\n";
const NO: &str = "HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const IN: &str = "HTTP/1.1 201 In\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// bytes, how the server behaves on each connection => what it gets there
#[tokio::test]
async fn a_long_body_waits_until_it_is_wanted() {
    for (length, answers, expected) in [
        // It gives no leave, but waits for the body, as servers do that know nothing of it.
        (4_000_000, &[(false, ASKS), (true, IN)][..], &["asks 0", "asks 4000000"][..]),
        (
            4_000_000,
            &[(false, NO), (true, ASKS), (true, IN)],
            &["asks 0", "goes 4000000", "goes 4000000"],
        ),
        (1000, &[(true, ASKS), (true, IN)], &["goes 1000", "goes 1000"]),
    ] {
        let (url, server) = curt(answers);
        let trial = with_credential(Trial::upload(&url, &vec![7; length]));
        let Ending::Done(done) = trial.run().await else { panic!("{expected:?}") };
        assert_eq!((done.response.status_code, done.sent), (201, length as u64));
        assert_eq!(server.join().unwrap(), expected);
    }
    // What is known to be enough goes at once.
    let (url, server) = curt(&[(true, IN)]);
    let mut trial = with_credential(Trial::upload(&url, &[7; 300_000]));
    trial.order.request.credential.as_mut().unwrap().proactive = true;
    assert_eq!(summary(&trial.run().await), "done 201 0 no file");
    assert_eq!(server.join().unwrap(), ["goes 300000"]);
}

/// What one origin learns, others and their ports and schemes do not.
#[tokio::test]
async fn no_credential_crosses_an_origin() {
    let (first, second) = (Server::start(), Server::start());
    let secure = Server::start_tls();
    first.on("/", Answer::redirect(302, &second.url("/")));
    first.on("/s", Answer::redirect(302, &secure.url("/")));
    first.on("/back", Answer::ok("in"));
    second.on("/", challenge(DIGEST));
    secure.on("/", challenge("Basic realm=r"));
    for path in ["/", "/s"] {
        let mut trial = with_credential(Trial::data(&first.url(path)));
        trial.order.request.credential.as_mut().unwrap().proactive = true;
        trial.order.options.ca_certificates = vec![secure.ca_pem()];
        assert_eq!(summary(&trial.run().await), "done 401 4");
    }
    second.on("/", Answer::redirect(302, &first.url("/back")));
    let trial = with_credential(Trial::data(&first.url("/")));
    assert_eq!(summary(&trial.run().await), "done 200 2");
    assert_eq!(all_shown(&first), [BASIC, BASIC, "-", "-"], "once dropped, gone");
    assert_eq!(all_shown(&second), ["-", "-"]);
    assert_eq!(all_shown(&secure), ["-"]);
    // A server must not choose what is shown.
    let planted = second.url("/x").replace("http://", "http://evil:pw@");
    first.on("/p", Answer::redirect(302, &planted));
    second.on("/x", challenge("Basic realm=r"));
    with_credential(Trial::data(&first.url("/p"))).run().await;
    assert_eq!(shown(&second.requests()[2]), "-");
}

#[tokio::test]
async fn a_field_of_the_app_is_not_replaced() {
    let server = Server::start();
    server.on("/", challenge(DIGEST));
    let trial = with_credential(Trial::data(&server.url("/")).header("Authorization", "Bearer t"));
    assert_eq!(summary(&trial.run().await), "done 401 4");
    assert_eq!(all_shown(&server), ["Bearer t"]);
}

#[tokio::test]
async fn hostile_challenges_and_names_do_no_harm() {
    let server = Server::start();
    let long = format!("Digest realm=\"{}\", nonce=n", "r".repeat(20_000));
    for (field, user, expected) in [
        (DIGEST, "a\r\nX-Evil: 1", &["-"][..]),
        ("Basic realm=r", "a\r\nb", &["-"]),
        ("Basic realm=r", "a:b", &["-"]),
        (&long, "me", &["-"]),
        ("Digest realm=\"\u{e9}\", nonce=\"open", "me", &["-"]),
        ("Digest realm=\"a\tb\", nonce=\"\t\"", "me", &["-", "\t  /"]),
    ] {
        let before = server.requests().len();
        server.on("/", challenge(field));
        let mut trial = Trial::data(&server.url("/"));
        trial.order.request.credential = Some(Credential::new(user, "pw"));
        assert_eq!(summary(&trial.run().await), "done 401 4", "{field}");
        assert_eq!(all_shown(&server)[before..], *expected, "{field}");
        assert!(server.requests().iter().all(|seen| seen.header("x-evil").is_none()));
    }
}

#[tokio::test]
async fn a_recoverable_status_keeps_the_bytes() {
    let server = Server::start();
    let whole = || Answer::pseudo_random(3, 30_000).etag("\"1\"");
    server.on("/old", whole().drop_after(9000).times(1).then(Answer::ok("gone").status(403)));
    server.on("/new", whole());
    let mut trial = Trial::download(&server.url("/old"));
    trial.order.options.recoverable_statuses = vec![401, 403];
    assert_eq!(summary(&trial.run_and_record().await), "-1005 transient progressed kept 9000");
    let ending = trial.run_and_record().await;
    assert_eq!(summary(&ending), "-1011 answer kept 9000");
    assert_eq!(error_of(&ending).status_code, Some(403));
    trial.order.request.url = server.url("/new");
    assert_eq!(summary(&trial.run().await), "done 200 30000");
    assert_eq!(server.requests().last().unwrap().header("range"), Some("bytes=9000-"));
}

#[tokio::test]
async fn nothing_that_fails_tells_a_secret() {
    let server = Server::start();
    server.on("/", challenge(DIGEST));
    let url = server.url("/").replace("http://", "http://me:opensesame@");
    let mut trial = Trial::data(&url);
    trial.order.options.fail_on_http_error = true;
    let told = format!("{:?} {:?}", trial.run().await, trial.order);
    assert!(!told.contains("opensesame") && !told.contains("bWU6"), "{told}");
    let wrong = Request::new("http://me:%ffopensesame@host/").unwrap_err();
    assert!(!format!("{wrong:?}").contains("opensesame"), "{wrong:?}");
}
