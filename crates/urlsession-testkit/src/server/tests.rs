//! The server tried with a client of a few lines.

use super::{Answer, Body, Certificate, Server, pseudo_random, sha256};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

#[test]
fn slices_agree_with_the_whole() {
    let body = Body::PseudoRandom { seed: 3, length: 1000 };
    let whole = pseudo_random(3, 0, 1000);
    for (start, length) in [(0, 1), (1, 7), (3, 8), (7, 9), (500, 100), (990, 100), (1000, 1)] {
        let end = (start + length).min(1000);
        assert_eq!(body.slice(start as u64, length), whole[start..end], "{start}+{length}");
    }
    assert_eq!(body.sha256(), sha256(&whole));
    assert_ne!(pseudo_random(4, 0, 1000), whole);
}

/// Asks for `/f` with these header lines, and compares status line, some header lines, and body.
#[track_caller]
fn check(answer: &Answer, request: &[&str], status: u16, heads: &[&str], body: &[u8]) {
    let server = Server::start();
    server.on("/f", answer.clone());
    let (head, got) = get(&server, "/f", request);
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    for line in heads {
        assert!(head.lines().any(|l| l == *line), "{line:?} is missing in {head}");
    }
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(body));
}

#[test]
fn ranges_follow_the_standard() {
    let plain = Answer::ok("0123456789");
    let tagged = plain.clone().etag("\"a\"").last_modified("Sat, 01 Jan 2022 00:00:00 GMT");
    let date = "If-Range: Sat, 01 Jan 2022 00:00:00 GMT";
    check(&plain, &["Range: bytes=2-"], 200, &["Content-Length: 10"], b"0123456789");
    check(&tagged, &[], 200, &["Accept-Ranges: bytes", "ETag: \"a\""], b"0123456789");
    check(&tagged, &["Range: bytes=2-"], 206, &["Content-Range: bytes 2-9/10"], b"23456789");
    check(&tagged, &["Range: bytes=2-4"], 206, &["Content-Range: bytes 2-4/10"], b"234");
    check(&tagged, &["Range: bytes=8-99"], 206, &["Content-Range: bytes 8-9/10"], b"89");
    check(&tagged, &["Range: bytes=-3"], 206, &["Content-Range: bytes 7-9/10"], b"789");
    check(&tagged, &["Range: bytes=10-"], 416, &["Content-Range: bytes */10"], b"");
    check(&tagged, &["Range: bytes=1-2,4-5"], 200, &[], b"0123456789");
    check(&tagged, &["Range: bytes=9-", "If-Range: \"a\""], 206, &[], b"9");
    check(&tagged, &["Range: bytes=9-", "If-Range: \"b\""], 200, &[], b"0123456789");
    check(&tagged, &["Range: bytes=9-", "If-Range: W/\"a\""], 200, &[], b"0123456789");
    check(&tagged, &["Range: bytes=9-", date], 206, &[], b"9");
    check(&tagged.clone().ranges(false), &["Range: bytes=9-"], 200, &[], b"0123456789");
    check(&plain.ranges(true), &["Range: bytes=9-"], 206, &[], b"9");
    check(&tagged.clone().ignore_range(), &["Range: bytes=9-"], 200, &[], b"0123456789");
    let lie = tagged.lying_range(5);
    check(&lie, &["Range: bytes=9-"], 206, &["Content-Range: bytes 5-9/10"], b"56789");
}

#[test]
fn framings_and_faults() {
    let answer = Answer::ok("0123456789");
    check(
        &answer.clone().chunked(),
        &[],
        200,
        &["Transfer-Encoding: chunked"],
        b"a\r\n0123456789\r\n0\r\n\r\n",
    );
    check(&answer.clone().without_length(), &[], 200, &[], b"0123456789");
    check(&answer.clone().drop_after(4), &[], 200, &["Content-Length: 10"], b"0123");
    check(&answer.clone().content_length(99), &[], 200, &["Content-Length: 99"], b"0123456789");
    check(&answer.clone().rate(1), &[], 200, &[], b"0123456789");
    check(&Answer::redirect(302, "/g"), &[], 302, &["Location: /g"], b"");
    check(&Answer::status_only(503).retry_after(7), &[], 503, &["Retry-After: 7"], b"");
    check(&answer.status(404), &[], 404, &[], b"0123456789");
}

#[test]
fn faults_end_after_their_times() {
    let server = Server::start();
    let broken = Answer::ok("whole").drop_after(2).times(2);
    server.on("/f", Answer::status_only(503).times(1).then(broken));
    let got: Vec<_> = (0..4).map(|_| get(&server, "/f", &[]).1).collect();
    assert_eq!(got, [&b""[..], b"wh", b"wh", b"whole"]);
    let sent: Vec<_> = server.requests().iter().map(|seen| (seen.body_sent, seen.status)).collect();
    assert_eq!(sent, [(0, Some(503)), (2, Some(200)), (2, Some(200)), (5, Some(200))]);
}

#[test]
fn the_etag_changes_when_told() {
    let server = Server::start();
    server.on("/f", Answer::ok("x").etag("\"a\"").change_etag_after(1));
    assert!(get(&server, "/f", &[]).0.contains("ETag: \"a\""));
    assert!(get(&server, "/f", &[]).0.contains("ETag: \"changed\""));
}

#[test]
fn a_stalled_answer_goes_on_when_released() {
    let server = Server::start();
    server.on("/f", Answer::ok("0123456789").stall_after(3));
    let mut stream = send(&server, "/f", &[]);
    server.wait_until(|seen| seen.iter().any(|seen| seen.body_sent == 3));
    server.release("/f");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert!(all.ends_with(b"\r\n\r\n0123456789"));
}

#[test]
fn raw_bytes_arrive_verbatim() {
    let server = Server::start();
    server.on("/f", Answer::raw("garbage"));
    let mut all = Vec::new();
    send(&server, "/f", &[]).read_to_end(&mut all).unwrap();
    assert_eq!(all, b"garbage");
}

#[test]
fn uploads_are_seen() {
    let server = Server::start();
    server.on("/echo", Answer::echo());
    server.on("/sink", Answer::sink());
    server.on("/cut", Answer::sink().drop_request_after(3));

    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream
        .write_all(
            b"PUT /echo?q HTTP/1.1\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello\
              POST /sink HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
              3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: t\r\n\r\n\
              PUT /cut HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        )
        .unwrap();
    let mut all = String::new();
    // The last request ends in a reset, which may overtake the answers.
    let _ = stream.read_to_string(&mut all);

    let seen = server.wait_until(|seen| seen.get(2).is_some_and(|seen| seen.body_length == 3));
    assert_eq!(seen[0].body_sha256, Some(sha256(b"hello")));
    assert_eq!(seen[1].body_sha256, Some(sha256(b"hello")));
    assert_eq!(seen[2].body_sha256, None);
    assert!(seen.iter().all(|seen| seen.connection == 0), "{seen:?}");
}

#[test]
fn echo_tells_the_request() {
    let server = Server::start();
    server.on("/echo", Answer::echo());
    let (_, body) = get(&server, "/echo?q=1", &["X-A: 1", "X-A: 2"]);
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(json["method"], "GET");
    assert_eq!(json["path"], "/echo?q=1");
    assert_eq!(json["headers"]["x-a"], "1, 2");
    assert_eq!(json["bodySha256"], sha256(b""));
}

#[test]
fn bad_certificates_are_refused_and_good_ones_are_not() {
    for (kind, good) in [
        (Certificate::Valid, true),
        (Certificate::Expired, false),
        (Certificate::NotYetValid, false),
        (Certificate::WrongName, false),
        (Certificate::SelfSigned, false),
    ] {
        let server = Server::start_tls_with(kind);
        server.on("/f", Answer::ok("x"));
        let got = tls_get(&server);
        assert_eq!(got.is_ok(), good, "{kind:?}: {got:?}");
    }
}

#[tokio::test]
async fn h2_serves_the_same_routes() {
    let server = Server::start_h2();
    let length = 200_000;
    let file = Body::PseudoRandom { seed: 1, length };
    server.on("/f", Answer::pseudo_random(1, length).etag("\"a\""));
    server.on("/cut", Answer::pseudo_random(1, length).drop_after(1000));
    let stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(tls_client(&server, b"h2"));
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);

    for (path, expected) in [("/f", Ok(length)), ("/cut", Err(()))] {
        let request = http::Request::get(server.url(path)).body(()).unwrap();
        let response = client.send_request(request, true).unwrap().0.await.unwrap();
        let mut body = response.into_body();
        let mut all = Vec::new();
        let mut end = Ok(());
        while let Some(piece) = body.data().await {
            match piece {
                Ok(piece) => {
                    body.flow_control().release_capacity(piece.len()).unwrap();
                    all.extend_from_slice(&piece);
                }
                Err(_) => {
                    end = Err(());
                    break;
                }
            }
        }
        assert_eq!(end.map(|()| all.len() as u64), expected);
        assert_eq!(all, file.slice(0, all.len()));
    }
    let seen = server.reach(|seen| seen.len() == 2).await;
    assert_eq!(seen[0].connection, seen[1].connection);
    connection.abort();
}

fn tls_client(server: &Server, protocol: &[u8]) -> Arc<rustls::ClientConfig> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(server.ca_pem()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Arc::new(config)
}

fn tls_get(server: &Server) -> std::io::Result<String> {
    let name = "localhost".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(tls_client(server, b"http/1.1"), name).unwrap();
    let mut stream = TcpStream::connect(server.address())?;
    let mut tls = rustls::Stream::new(&mut client, &mut stream);
    tls.write_all(b"GET /f HTTP/1.1\r\nConnection: close\r\n\r\n")?;
    let mut all = String::new();
    tls.read_to_string(&mut all)?;
    Ok(all)
}

fn send(server: &Server, path: &str, headers: &[&str]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
    stream
}

fn get(server: &Server, path: &str, headers: &[&str]) -> (String, Vec<u8>) {
    let mut all = Vec::new();
    send(server, path, headers).read_to_end(&mut all).unwrap();
    let end = all.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let body = all.split_off(end + 4);
    (String::from_utf8(all).unwrap(), body)
}

#[test]
fn a_path_spells_its_answer_out() {
    let server = Server::start_made(0, false).unwrap();
    let get = |path: &str| {
        let (head, body) = get(&server, path, &[]);
        format!("{head}{}", "x".repeat(body.len()))
    };
    assert!(get("/bytes/5").starts_with("HTTP/1.1 200"));
    assert!(get("/status/503?retry-after=2").contains("Retry-After: 2"));
    assert!(get("/redirect/1").contains("Location: /redirect/0"));
    assert!(get("/redirect/loop").contains("Location: /redirect/loop"));
    assert!(get("/trouble/x").starts_with("HTTP/1.1 404"));
    assert!(get("/bytes/5?unknown=1").starts_with("HTTP/1.1 404"));
    // The fault is for one request of this path, query and all.
    let cut = "/bytes/9000?etag=a&drop-after=10&times=1";
    assert!(get(cut).len() < 9000);
    assert!(get(cut).len() > 9000);
}
