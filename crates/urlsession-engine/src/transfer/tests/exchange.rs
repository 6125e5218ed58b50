//! Requests and responses: header fields, redirects, statuses, bodies both ways, connections.

use super::{Trial, error_of, source, summary};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;
use urlsession_core::Ending;
use urlsession_protocol::{Body, TaskKind};
use urlsession_testkit::server::{Answer, Seen, Server, sha256};

/// The method, the caller's fields, and what the server must see of some.
type Fields<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [(&'a str, Option<&'a str>)]);

/// the caller's fields => what the server must see
#[tokio::test]
async fn header_fields() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let version = concat!("urlsession/", env!("CARGO_PKG_VERSION"));
    let table: &[Fields<'_>] = &[
        (
            "GET",
            &[],
            &[
                ("user-agent", Some(version)),
                ("accept", Some("*/*")),
                ("accept-encoding", Some("gzip, deflate")),
                ("content-length", None),
                ("content-type", None),
                ("expect", None),
            ],
        ),
        ("POST", &[], &[("content-length", Some("0")), ("content-type", None)]),
        (
            "GET",
            &[("user-agent", "mine"), ("ACCEPT", "text/html")],
            &[("user-agent", Some("mine")), ("accept", Some("text/html"))],
        ),
        (
            "GET",
            &[("Host", "other.test"), ("Content-Length", "77"), ("Expect", "100-continue")],
            &[("host", Some("other.test")), ("content-length", None), ("expect", None)],
        ),
    ];
    for (method, fields, expected) in table {
        let mut trial = Trial::data(&server.url("/"));
        trial.order.request.method = (*method).into();
        for (name, value) in *fields {
            trial = trial.header(name, value);
        }
        assert_eq!(summary(&trial.run().await), "done 200 1");
        let seen = server.requests().pop().unwrap();
        for (name, value) in *expected {
            assert_eq!(seen.header(name), *value, "{method} {fields:?} {name}");
        }
    }
    let trial = Trial::data(&server.url("/")).header("x-control", "a\u{1}b");
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-1 permanent");
    assert!(!format!("{ending:?}").contains("a\u{1}b"));
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// the fields of the request, what the server packs => what the task has
#[tokio::test]
async fn what_is_packed_is_unpacked() {
    let (plain, h2) = (Server::start(), Server::start_h2());
    let packed = gzip(&vec![b'a'; 100_000]);
    for server in [&plain, &h2] {
        let coded = |coding: &str| Answer::ok(packed.clone()).header("content-encoding", coding);
        for (what, answer, expected) in [
            ("gzip", coded("gzip"), "done 200 100000"),
            ("chunked", coded("gzip").chunked(), "done 200 100000"),
            ("unknown", coded("compress"), "-1016 permanent"),
            ("none", coded("none"), "done 200 138"),
            ("wrong", coded("deflate"), "-1015 permanent"),
            (
                "a bomb",
                Answer::ok(gzip(&vec![0; 12 << 20])).header("content-encoding", "gzip"),
                "-1103 permanent",
            ),
            ("cut", coded("gzip").drop_after(50), "-1005 transient"),
            (
                "half",
                Answer::ok(packed[..50].to_vec()).header("content-encoding", "gzip"),
                "-1015 permanent",
            ),
            ("part", coded("gzip").status(206), "done 206 138"),
            ("nothing", Answer::ok("").header("content-encoding", "gzip"), "done 200 0 no file"),
        ] {
            server.on("/", answer);
            let mut trial = Trial::data(&server.url("/"));
            if what == "part" {
                trial = trial.header("range", "bytes=0-");
            }
            trial.order.options.ca_certificates =
                vec![plain_or(server)].into_iter().flatten().collect();
            let ending = trial.run().await;
            let expected = expected.replace("138", &packed.len().to_string());
            assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
            if what == "gzip" {
                let metrics = trial.metrics.snapshot();
                let one = &metrics.transaction_metrics[0];
                assert_eq!(one.count_of_response_body_bytes_received, packed.len() as u64);
                assert_eq!(one.count_of_response_body_bytes_after_decoding, 100_000);
                assert_eq!(trial.progress.counts().received, 100_000);
                assert_eq!(trial.progress.counts().expected_to_receive, None);
            }
        }
    }
    let seen = h2.requests().pop().unwrap();
    assert_eq!(seen.header("accept-encoding"), Some("gzip, deflate, br, zstd"));
}

fn plain_or(server: &Server) -> Option<std::path::PathBuf> {
    server.url("/").starts_with("https").then(|| server.ca_pem())
}

#[tokio::test]
async fn downloads_are_unpacked_where_that_is_asked() {
    let server = Server::start();
    let bytes = vec![b'a'; 100_000];
    let packed = Answer::ok(gzip(&bytes)).header("content-encoding", "gzip").etag("\"1\"");
    server.on("/", packed.clone());
    let trial = Trial::download(&server.url("/"));
    assert_eq!(summary(&trial.run().await), format!("done 200 {}", gzip(&bytes).len()));
    assert_eq!(server.requests()[0].header("accept-encoding"), Some("identity"));
    for minimum in super::BOTH_WAYS {
        let mut trial = Trial::download(&server.url("/")).detouring_from(minimum);
        trial.order.options.decodes_content = true;
        assert_eq!(summary(&trial.run().await), "done 200 100000");
        assert_eq!(fs::read(&trial.files.finished).unwrap(), bytes);
    }
    assert_eq!(server.requests()[1].header("accept-encoding"), Some("gzip, deflate"));
    // What was unpacked is not gone on with: the server's ranges are of what it packed.
    server.on("/", packed.drop_after(60));
    let mut trial = Trial::download(&server.url("/"));
    trial.order.options.decodes_content = true;
    assert_eq!(summary(&trial.run().await), "-1005 transient");
    assert!(trial.left().is_empty());
}

#[tokio::test]
async fn data_tasks_keep_the_body_up_to_a_limit() {
    const LIMIT: u64 = super::super::body::BODY_LIMIT;
    let server = Server::start();
    for (what, answer, expected, left) in [
        ("a body", Answer::ok("hello"), "done 200 5", "file"),
        ("no body", Answer::sink(), "done 201 0 no file", ""),
        ("a status is a result", Answer::ok("no").status(500), "done 500 2", "file"),
        ("any status", Answer::ok("no").status(999), "done 999 2", "file"),
        ("not modified", Answer::status_only(304), "done 304 0 no file", ""),
        ("as large as it may be", Answer::pseudo_random(1, LIMIT), "done 200 8388608", "file"),
        ("larger", Answer::pseudo_random(1, LIMIT + 1), "-1103 permanent", ""),
        ("larger, untold", Answer::pseudo_random(1, LIMIT + 1).chunked(), "-1103 permanent", ""),
        ("cut", Answer::ok("hello").drop_after(2), "-1005 transient", ""),
    ] {
        server.on("/", answer);
        let trial = Trial::data(&server.url("/"));
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
        assert_eq!(trial.left().join(" "), left, "{what}");
        if expected == "-1103 permanent" {
            let detail = error_of(&ending).detail.as_deref();
            assert_eq!(detail, Some("the response body is larger than 8 MiB"));
        }
    }
    server.on("/", Answer::ok("hello"));
    let mut trial = Trial::data(&server.url("/"));
    trial.order.request.method = "HEAD".into();
    assert_eq!(summary(&trial.run().await), "done 200 0 no file");
}

#[tokio::test]
async fn uploads_send_the_whole_file() {
    let server = Server::start();
    server.on("/", Answer::echo());
    let bytes: Vec<u8> = (0..1_000_003u32).map(|n| n as u8).collect();
    for spooled in [false, true] {
        let mut trial = Trial::upload(&server.url("/"), &bytes);
        trial.order.request.method = "POST".into();
        if spooled {
            let path = trial.folder.path().join("source");
            trial.order.request.body = Some(Body::Spool { path, length: bytes.len() as u64 });
        }
        let Ending::Done(done) = trial.run().await else { panic!("not done") };
        assert_eq!(done.sent, bytes.len() as u64);
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.header("content-length"), Some("1000003"));
        assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(seen.body_sha256.as_deref(), Some(&*sha256(&bytes)));
        let counts = trial.progress.counts();
        assert_eq!((counts.sent, counts.expected_to_send), (1_000_003, Some(1_000_003)));
    }
    let trial = Trial::upload(&server.url("/"), b"");
    assert!(matches!(trial.run().await, Ending::Done(done) if done.sent == 0));
}

#[tokio::test]
async fn upload_sources_that_cannot_be() {
    let server = Server::start();
    server.on("/", Answer::sink());
    let url = server.url("/");

    let trial = Trial::upload(&url, b"abc");
    let path = trial.folder.path().join("source");
    fs::write(&path, "abcd").unwrap();
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-1021 permanent");
    assert_eq!(error_of(&ending).detail.as_deref(), Some("the file changed"));

    let mut trial = Trial::upload(&url, b"abc");
    let Some(Body::File { modified, .. }) = &mut trial.order.request.body else { unreachable!() };
    *modified -= 1;
    assert_eq!(summary(&trial.run().await), "-1021 permanent");

    // The file is looked at before its server is looked for.
    let trial = Trial::upload("http://no-such-host.invalid/", b"abc");
    fs::remove_file(trial.folder.path().join("source")).unwrap();
    assert_eq!(summary(&trial.run().await), "-1100 permanent");

    let mut trial = Trial::upload(&url, b"abc");
    trial.order.request.body = Some(source(trial.folder.path()));
    assert_eq!(summary(&trial.run().await), "-1101 permanent");

    #[cfg(target_os = "linux")]
    upload_sources_without_an_end(&url).await;

    let trial = Trial::upload(&url, b"abc");
    let path = trial.folder.path().join("source");
    let none = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    fs::set_permissions(&path, none).unwrap();
    // The superuser may read everything.
    if fs::File::open(&path).is_err() {
        assert_eq!(summary(&trial.run().await), "-1102 permanent");
    }
    assert_eq!(server.requests().len(), 0);
}

/// Neither is ever waited for, or read.
#[cfg(target_os = "linux")]
async fn upload_sources_without_an_end(url: &str) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let mut trial = Trial::upload(url, b"abc");
    let pipe = trial.folder.path().join("source.pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    for path in [&*pipe, Path::new("/dev/zero")] {
        trial.order.request.body = Some(source(path));
        assert_eq!(summary(&trial.run().await), "-3001 permanent", "{}", path.display());
    }
}

/// What becomes of the file, and how the attempt ends.
type Change = (&'static str, fn(&Path), &'static str);

/// A server never has a mixture for whole: at the end the file must be what it was at the start.
#[tokio::test]
async fn sources_that_change_while_they_are_sent() {
    const LENGTH: usize = 32 << 20;
    let table: [Change; 5] = [
        ("nothing", |_| {}, "done 200 0 no file"),
        ("cut", |path| open(path).set_len(1 << 20).unwrap(), "-1021 permanent progressed"),
        ("longer", |path| open(path).set_len(1 << 26).unwrap(), "-1021 permanent progressed"),
        (
            "others",
            |path| open(path).write_all(&[8; LENGTH]).unwrap(),
            "-1021 permanent progressed",
        ),
        // What is under the name then is nobody's concern: the file that was opened is sent.
        ("another file", |path| fs::remove_file(path).unwrap(), "done 200 0 no file"),
    ];
    for (what, change, expected) in table {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (go, waits) = std::sync::mpsc::channel::<()>();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            waits.recv().unwrap();
            let (mut all, mut block) = (Vec::new(), vec![0; 1 << 20]);
            let head = loop {
                let length = stream.read(&mut block).unwrap();
                all.extend(&block[..length]);
                if let Some(at) = all.windows(4).position(|end| end == b"\r\n\r\n") {
                    break at + 4;
                }
            };
            let rest = (head + LENGTH - all.len()) as u64;
            let _ = (&stream).take(rest).read_to_end(&mut all);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            all.split_off(head)
        });
        let trial = Trial::upload(&url, &vec![7; LENGTH]);
        let path = trial.folder.path().join("source");
        let progress = trial.progress.clone();
        let changing = async {
            while progress.counts().sent == 0 {
                tokio::task::yield_now().await;
            }
            change(&path);
            go.send(()).unwrap();
        };
        let (ending, ()) = tokio::join!(trial.run(), changing);
        assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
        drop(trial);
        let got = server.join().unwrap();
        let is_whole = got.len() == LENGTH;
        assert_eq!(is_whole, expected.starts_with("done"), "{what}: {} bytes", got.len());
        assert!(!is_whole || got.iter().all(|byte| *byte == 7), "{what}");
    }
}

fn open(path: &Path) -> fs::File {
    fs::File::options().write(true).open(path).unwrap()
}

#[tokio::test]
async fn uploads_that_are_cut_have_progressed() {
    let server = Server::start();
    server.on("/", Answer::sink().drop_request_after(500_000));
    let trial = Trial::upload(&server.url("/"), &vec![7; 20_000_000]);
    assert_eq!(summary(&trial.run().await), "-1005 transient progressed");

    server.on("/", Answer::sink().upload_rate(1));
    for (method, forbidden, expected) in [
        ("POST", false, "stopped"),
        ("PUT", true, "stopped"),
        // A pause must not send it twice.
        ("POST", true, "-1005 transient progressed"),
    ] {
        let mut trial = Trial::upload(&server.url("/"), &vec![7; 20_000_000]);
        trial.order.request.method = method.to_owned();
        trial.order.options.no_unsafe_retry = forbidden;
        let (stop, progress) = (trial.stop.clone(), trial.progress.clone());
        let stopping = async {
            while progress.counts().sent == 0 {
                tokio::task::yield_now().await;
            }
            stop.cancel();
        };
        let (ending, ()) = tokio::join!(trial.run(), stopping);
        assert_eq!(summary(&ending), expected, "{method} {forbidden}");
    }
}

/// status, method => method and body that arrive
#[tokio::test]
async fn redirects_are_followed() {
    let server = Server::start();
    server.on("/to", Answer::echo());
    for (status, method, expected) in [
        (301, "POST", ("GET", 0)),
        (302, "POST", ("GET", 0)),
        (302, "PUT", ("PUT", 3)),
        (303, "PUT", ("GET", 0)),
        (307, "POST", ("POST", 3)),
        (308, "PUT", ("PUT", 3)),
    ] {
        server.on("/from", Answer::redirect(status, "/to?q=1"));
        let mut trial = Trial::upload(&server.url("/from"), b"abc").header("authorization", "a");
        trial.order.request.method = method.into();
        let Ending::Done(done) = trial.run().await else { panic!("{status} {method}") };
        assert_eq!(done.response.url, server.url("/to?q=1"));
        let seen = server.requests().pop().unwrap();
        assert_eq!((&*seen.method, seen.body_length), expected, "{status} {method}");
        assert_eq!(seen.header("authorization"), Some("a"), "the same origin");
        assert_eq!(seen.header("referer"), None, "nobody is told where it comes from");
    }
    for status in [300, 304, 302] {
        let answer = match status {
            302 => Answer::status_only(302),
            status => Answer::redirect(status, "/to"),
        };
        server.on("/from", answer);
        let trial = Trial::data(&server.url("/from"));
        assert_eq!(summary(&trial.run().await), format!("done {status} 0 no file"));
    }
}

#[tokio::test]
async fn a_redirect_does_not_wait_for_its_body() {
    let server = Server::start();
    server.on("/to", Answer::ok("x"));
    let page = || Answer::ok("moved").status(302).header("Location", "/to");
    for (what, answer) in [
        ("without an end", page().without_length().stall_after(2)),
        ("of which the end is late", page().stall_after(2)),
    ] {
        server.on("/from", answer);
        let mut trial = Trial::data(&server.url("/from"));
        // Only who waits for the rest would find out.
        trial.order.idle_timeout = Duration::from_secs(3600);
        assert_eq!(summary(&trial.run().await), "done 200 1", "{what}");
        server.release("/from");
    }
}

#[tokio::test]
async fn names_below_localhost_are_here() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let port = server.address().port();
    for host in ["any.localhost", "A.b.LocalHost."] {
        let trial = Trial::data(&format!("http://{host}:{port}/"));
        assert_eq!(summary(&trial.run().await), "done 200 1", "{host}");
    }
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let (first, second) = (Server::start(), Server::start());
    first.on("/", Answer::redirect(307, &second.url("/")));
    second.on("/", Answer::redirect(307, &first.url("/back")));
    first.on("/back", Answer::ok("x"));
    let trial = Trial::data(&first.url("/"))
        .header("Authorization", "secret")
        .header("Cookie", "secret")
        .header("Proxy-Authorization", "secret")
        .header("X-Other", "kept");
    assert_eq!(summary(&trial.run().await), "done 200 1");
    let shown = |seen: &Seen| {
        ["authorization", "cookie", "proxy-authorization", "x-other"]
            .map(|name| seen.header(name).unwrap_or("-").to_owned())
            .join(" ")
    };
    assert_eq!(shown(&first.requests()[0]), "secret secret - kept");
    assert_eq!(shown(&second.requests()[0]), "- - - kept");
    assert_eq!(shown(&first.requests()[1]), "- - - kept", "once dropped, gone");
}

#[tokio::test]
async fn redirects_that_lead_nowhere() {
    let server = Server::start();
    for (location, expected, failing) in [
        ("/loop", "-1007 permanent", server.url("/loop")),
        ("ftp://127.0.0.1/x", "-1002 permanent", "ftp://127.0.0.1/x".to_owned()),
        ("http://", "-1010 permanent", server.url("/loop")),
    ] {
        server.on("/loop", Answer::redirect(302, location));
        let ending = Trial::data(&server.url("/loop")).run().await;
        assert_eq!(summary(&ending), expected);
        assert_eq!(error_of(&ending).failing_url, Some(failing));
    }
    assert_eq!(server.requests().len(), (1 + 3) + 1 + 1, "a circle is seen");
}

#[tokio::test]
async fn statuses_as_errors() {
    let server = Server::start();
    let busy = || Answer::ok("busy").status(503);
    let dated = |after: &str| {
        busy().header("date", "Sun, 06 Nov 1994 08:49:37 GMT").header("retry-after", after)
    };
    for (answer, fail, retried, expected) in [
        (Answer::ok("no").status(404), true, false, "-1011 permanent"),
        (Answer::ok("no").status(404), false, false, "done 404 2"),
        (Answer::ok("yes").status(399), true, false, "done 399 3"),
        (busy(), true, false, "-1011 permanent"),
        (busy(), true, true, "-1011 transient"),
        (busy().retry_after(7), true, true, "-1011 after 7s"),
        (busy().retry_after(7), false, true, "-1011 after 7s"),
        (dated("Sun, 06 Nov 1994 08:50:37 GMT"), true, true, "-1011 after 60s"),
        (dated("Sun, 06 Nov 1994 08:00:00 GMT"), true, true, "-1011 after 0ns"),
        (dated("soon"), true, true, "-1011 transient"),
    ] {
        server.on("/", answer);
        let mut trial = Trial::download(&server.url("/"));
        trial.order.options.fail_on_http_error = fail;
        trial.order.options.retry_statuses = if retried { vec![503] } else { vec![] };
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected);
        if expected == "-1011 permanent" {
            let error = error_of(&ending);
            let status = error.status_code.unwrap();
            let reason = if status == 404 { "Not Found" } else { "Service Unavailable" };
            assert_eq!(error.detail, Some(format!("the server answered {status} {reason}")));
            assert_eq!(error.failing_url, Some(server.url("/")));
        }
    }
}

#[tokio::test]
async fn a_status_that_is_retried_keeps_the_part() {
    let server = Server::start();
    let file = || Answer::pseudo_random(7, 30_000).etag("\"a\"");
    let busy = Answer::status_only(503).times(1).then(file());
    server.on("/", file().drop_after(9000).times(1).then(busy));
    let mut trial = Trial::download(&server.url("/"));
    trial.order.options.retry_statuses = vec![503];
    assert_eq!(summary(&trial.run_and_record().await), "-1005 transient progressed kept 9000");
    assert_eq!(summary(&trial.run_and_record().await), "-1011 transient kept 9000");
    assert_eq!(summary(&trial.run().await), "done 200 30000");
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    server.on("/error", Answer::ok("no").status(500));
    server.on("/moved", Answer::redirect(302, "/"));
    let mut trial = Trial::data(&server.url("/"));
    for path in ["/", "/error", "/moved", "/"] {
        trial.order.request.url = server.url(path);
        assert!(matches!(trial.run().await, Ending::Done(_)));
    }
    let connections: Vec<_> = server.requests().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn connections_are_used_again_after_bodies_of_any_length() {
    let server = Server::start();
    server.on("/", Answer::sink());
    for length in [0, 1, 1_000_003] {
        let trial = Trial::upload(&server.url("/"), &vec![7; length]);
        for _ in 0..2 {
            assert!(matches!(trial.run().await, Ending::Done(_)));
        }
        let requests = server.requests();
        let [.., first, second] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!(first.connection, second.connection, "{length}");
        let sent = trial.metrics.snapshot().transaction_metrics;
        assert!(sent.iter().all(|one| one.request_end_date.is_some()), "{length}: {sent:?}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_once() {
    let server = Server::start();
    for (method, body, expected) in [
        ("GET", None, "done 200 1"),
        ("PUT", Some(2_000_000), "done 200 1"),
        ("POST", Some(2_000_000), "-1005 transient progressed"),
        // Without a byte of a body the server has all of it.
        ("POST", None, "-1005 transient"),
        ("POST", Some(0), "-1005 transient"),
    ] {
        // The second request over the connection meets its end before any byte of a response.
        let dead = Answer::raw("").times(1).then(Answer::ok("x"));
        server.on("/", Answer::ok("x").times(1).then(dead));
        let before = server.requests().len();
        let mut trial = Trial::upload(&server.url("/"), &vec![7; body.unwrap_or(0)]);
        let source = trial.order.request.body.take();
        trial.order.request.method = "GET".into();
        assert_eq!(summary(&trial.run().await), "done 200 1");
        trial.order.request.method = method.into();
        trial.order.request.body = source.filter(|_| body.is_some());
        assert_eq!(summary(&trial.run().await), expected, "{method} {body:?}");
        let again = expected.starts_with("done");
        assert_eq!(server.requests().len() - before, 2 + usize::from(again), "{method} {body:?}");
    }
    // What a download has sent counts as well.
    let file = Answer::pseudo_random(7, 9000);
    for answer in [Answer::raw(""), file.clone().drop_after(99), file.etag("\"a\"").drop_after(99)]
    {
        server.on("/", answer);
        let mut trial = Trial::upload(&server.url("/"), b"abc");
        trial.order.kind = TaskKind::Download { destination: None };
        trial.order.request.method = "POST".into();
        assert_eq!(summary(&trial.run().await), "-1005 transient progressed");
    }
    // A fresh connection is not replaced.
    server.on("/", Answer::raw("").times(1).then(Answer::ok("x")));
    assert_eq!(summary(&Trial::data(&server.url("/")).run().await), "-1005 transient");
}

#[tokio::test]
async fn silence_before_the_head() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut trial = Trial::data(&url);
    trial.order.idle_timeout = Duration::from_millis(150);
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-1001 transient");
    assert_eq!(error_of(&ending).failing_url, Some(url));
}

#[tokio::test]
async fn servers_that_cannot_be_reached() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for (url, expected) in [
        (format!("http://{closed}/"), "-1004 transient"),
        (format!("https://{closed}/"), "-1004 transient"),
        ("http://no-such-host.invalid/".to_owned(), "-1003 transient"),
    ] {
        let ending = Trial::data(&url).run().await;
        assert_eq!(summary(&ending), expected);
        assert_eq!(error_of(&ending).failing_url, Some(url));
        assert!(error_of(&ending).detail.is_some());
    }
}
