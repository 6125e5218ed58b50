//! HTTP/3: bytes, certificates, what is shared, and when TCP is taken instead.

use super::metrics::stories;
use super::{PATIENCE, Trial, error_of, question, summary};
use std::collections::HashSet;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use urlsession_core::{Answered, Ending, Given};
use urlsession_protocol::{
    AuthenticationMethod, ClientCertificate, ConnectionProxy, Http3, Proxy, PublicKeyPin,
    TlsVersion,
};
use urlsession_testkit::server::{Answer, Certificate, Demands, Server, pseudo_random, sha256};

/// Trusts the server, and takes nothing but HTTP/3.
fn only(mut trial: Trial, server: &Server) -> Trial {
    trial.order.options.ca_certificates = vec![server.ca_pem()];
    trial.order.options.http3 = Some(Http3::Only);
    trial
}

/// Trusts the server, and tries HTTP/3 unasked.
fn assuming(mut trial: Trial, server: &Server) -> Trial {
    trial.order.options.ca_certificates = vec![server.ca_pem()];
    trial.order.options.assumes_http3_capable = true;
    trial
}

fn quic() -> Server {
    Server::start_quic(Certificate::Valid, Demands::default())
}

fn protocol(ending: &Ending) -> String {
    match ending {
        Ending::Done(done) => done.response.network_protocol.clone().unwrap_or_default(),
        other => panic!("not done: {other:?}"),
    }
}

#[tokio::test]
async fn bytes_move_both_ways() {
    const SIZE: u64 = 20_000_000;
    let server = quic();
    server.on("/down", Answer::pseudo_random(3, SIZE).etag("\"a\""));
    server.on("/up", Answer::echo());
    let trial = only(Trial::download(&server.url("/down")), &server);
    assert_eq!(protocol(&trial.run().await), "h3");
    assert!(fs::read(&trial.files.finished).unwrap() == pseudo_random(3, 0, SIZE as usize));

    let bytes = pseudo_random(4, 0, 3_000_000);
    let mut upload = only(Trial::upload(&server.url("/up"), &bytes), &server);
    upload.hands = Arc::clone(&trial.hands);
    let Ending::Done(done) = upload.run().await else { panic!("not done") };
    assert_eq!(done.sent, 3_000_000);
    let seen = server.requests().pop().unwrap();
    assert_eq!(seen.body_sha256, Some(sha256(&bytes)));
    let data = only(Trial::data(&server.url("/up")), &server).header("X-Odd", "a b");
    assert_eq!(protocol(&data.run().await), "h3");
    assert_eq!(server.requests().pop().unwrap().header("x-odd"), Some("a b"));
}

/// what is wrong => the error
#[tokio::test]
async fn certificates() {
    for (certificate, trusted, expected) in [
        (Certificate::Valid, true, "done 200 1"),
        (Certificate::Valid, false, "-1202 permanent"),
        (Certificate::Expired, true, "-1201 permanent"),
        (Certificate::NotYetValid, true, "-1204 permanent"),
        (Certificate::WrongName, true, "-1202 permanent"),
        (Certificate::SelfSigned, true, "-1202 permanent"),
    ] {
        let server = Server::start_quic(certificate, Demands::default());
        server.on("/", Answer::ok("x"));
        let mut trial = only(Trial::data(&server.url("/")), &server);
        if !trusted {
            trial.order.options.ca_certificates.clear();
        }
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{certificate:?}: {ending:?}");
        if let Ending::Failed { error, .. } = &ending {
            assert_eq!(error.failing_url, Some(server.url("/")));
            let detail = error.detail.as_deref().unwrap();
            assert!(detail.contains("certificate"), "{detail}");
        }
        trial.order.options.tls.allow_any_certificate = true;
        assert_eq!(summary(&trial.run().await), "done 200 1", "{certificate:?}");
    }
}

/// what is wrong with the server => the error of a task that may not ask, or whose answer was no
#[tokio::test]
async fn a_server_that_nobody_else_trusts_is_asked_about() {
    for (certificate, trusted, error) in [
        (Certificate::Valid, false, "-1202 permanent"),
        (Certificate::WithRoot, false, "-1203 permanent"),
        (Certificate::Expired, true, "-1201 permanent"),
    ] {
        let server = Server::start_quic(certificate, Demands::default());
        server.on("/", Answer::ok("x"));
        let mut trial = only(Trial::data(&server.url("/")), &server);
        if !trusted {
            trial.order.options.ca_certificates.clear();
        }
        assert_eq!(summary(&trial.run().await), error, "{certificate:?}");
        trial.asks = Some(Vec::new());
        let asked = question(&trial).await;
        let space = asked.protection_space.clone();
        assert_eq!(space.authentication_method, AuthenticationMethod::ServerTrust);
        assert_eq!(format!("{}:{}", space.host, space.port), server.address().to_string());
        trial.asks = Some(vec![space.clone()]);
        assert_eq!(summary(&trial.run().await), error, "{certificate:?}");
        trial.asks = Some(Vec::new());
        let given = Given::ServerTrust(asked.server_trust[0].clone());
        trial.order.answers.push(Answered { space, given });
        assert_eq!(protocol(&trial.run().await), "h3", "{certificate:?}");
    }
}

/// a certificate that is one of the app's roots => how the attempt ends
#[tokio::test]
async fn certificates_that_are_roots_themselves() {
    for (certificate, expected) in [
        (Certificate::OwnAuthority, "done 200 1"),
        (Certificate::Valid, "done 200 1"),
        (Certificate::ExpiredAuthority, "-1201 permanent"),
        (Certificate::WrongName, "-1202 permanent"),
    ] {
        let server = Server::start_quic(certificate, Demands::default());
        server.on("/", Answer::ok("x"));
        let mut trial = only(Trial::data(&server.url("/")), &server);
        trial.order.options.ca_certificates = vec![server.server_pem()];
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{certificate:?}: {ending:?}");
    }
}

/// the certificate shown => how the attempt ends
#[tokio::test]
async fn client_certificates() {
    let demands = Demands { certificate: true, ..Demands::default() };
    let server = Server::start_quic(Certificate::Valid, demands);
    server.on("/", Answer::ok("x"));
    for (certificate, expected) in [
        (Some(server.client_pem()), "done 200 1"),
        (Some(server.stranger_pem()), "-1205 permanent"),
        (None, "-1206 permanent"),
    ] {
        let mut trial = only(Trial::data(&server.url("/")), &server);
        trial.order.options.tls.client_certificate = certificate.map(ClientCertificate::new);
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{ending:?}");
    }
}

#[tokio::test]
async fn pins_count() {
    let server = quic();
    server.on("/", Answer::ok("x"));
    let (right, wrong) =
        (PublicKeyPin::new(server.public_key_sha256()), PublicKeyPin::new([0; 32]));
    for (pins, expected) in [(vec![wrong, right], "done 200 1"), (vec![wrong], "-1202 permanent")] {
        let mut trial = only(Trial::data(&server.url("/")), &server);
        trial.order.options.tls.pinned_public_keys.clone_from(&pins);
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{ending:?}");
        if pins == [wrong] {
            let detail = error_of(&ending).detail.clone().unwrap();
            assert!(detail.contains(&right.to_string()), "{detail}");
        }
    }
}

/// what hinders HTTP/3 => the error of a task that takes nothing else
#[tokio::test]
async fn what_cannot_be() {
    let server = Server::start_h3();
    server.on("/", Answer::ok("x"));
    let plain = server.url("/").replace("https", "http");
    let proxy = ConnectionProxy::everywhere(Proxy::parse("http://127.0.0.1:1").unwrap());
    for (url, proxy, maximum, expected, why) in [
        (server.url("/"), None, None, "done 200 1", ""),
        (server.url("/"), None, Some(TlsVersion::Tls12), "-1200 permanent", "needs TLS 1.3"),
        (server.url("/"), Some(proxy), None, "-1004 permanent", "goes through no proxy"),
        (plain, None, None, "-1002 permanent", "needs https"),
    ] {
        let mut trial = only(Trial::data(&url), &server);
        trial.order.options.connection_proxy = proxy;
        trial.order.options.tls.maximum_version = maximum;
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{url}: {ending:?}");
        if let Ending::Failed { error, .. } = &ending {
            assert!(error.detail.as_deref().unwrap().ends_with(why), "{error:?}");
        }
    }
}

/// what a task says => over what it goes to a server that speaks everything
#[tokio::test]
async fn the_switch() {
    let server = Server::start_h3();
    server.on("/", Answer::ok("x"));
    for (http3, assumes, expected) in [
        (None, false, "h2"),
        (Some(Http3::Auto), false, "h2"),
        (Some(Http3::Off), true, "h2"),
        (Some(Http3::Only), false, "h3"),
    ] {
        let mut trial = Trial::data(&server.url("/"));
        trial.order.options.ca_certificates = vec![server.ca_pem()];
        trial.order.options.http3 = http3;
        trial.order.options.assumes_http3_capable = assumes;
        assert_eq!(protocol(&trial.run().await), expected, "{http3:?} {assumes}");
    }
}

#[tokio::test]
async fn requests_share_one_connection() {
    let server = quic();
    server.on("/", Answer::pseudo_random(3, 100_000));
    let first = Trial::download(&server.url("/"));
    let trials: Vec<_> = (0..8)
        .map(|_| {
            let mut trial = only(Trial::download(&server.url("/")), &server);
            trial.hands = Arc::clone(&first.hands);
            trial
        })
        .collect();
    let running: Vec<_> = trials
        .into_iter()
        .map(|trial| tokio::spawn(async move { summary(&trial.run().await) }))
        .collect();
    for one in running {
        assert_eq!(one.await.unwrap(), "done 200 100000");
    }
    let seen = server.requests();
    assert_eq!(seen.len(), 8);
    assert!(seen.iter().all(|one| one.connection == seen[0].connection), "{seen:?}");
    first.hands.drop_idle_connections();
    let mut trial = only(Trial::data(&server.url("/")), &server);
    trial.hands = first.hands;
    assert_eq!(summary(&trial.run().await), "done 200 100000");
    assert_ne!(server.requests()[8].connection, seen[0].connection);
}

/// what goes wrong => how the attempt ends
#[tokio::test]
async fn faults() {
    let server = quic();
    let file = || Answer::pseudo_random(7, 300_000).etag("\"a\"");
    let many = (0..201).fold(Answer::ok(""), |answer, n| answer.header(&format!("x-{n}"), "y"));
    for (what, answer, expected) in [
        ("an early end", file().drop_after(9000), "-1005 transient progressed kept 9000"),
        ("a reset", file().drop_after(0).reset(), "-1005 transient"),
        ("more than was said", file().content_length(5), "-1005 transient"),
        ("too many fields", many, "-1017 permanent"),
        ("too long a field", file().header("x", &"y".repeat(300 * 1024)), "-1017 permanent"),
        ("an empty body", Answer::ok(""), "done 200 0"),
        ("no length", file().chunked(), "done 200 300000"),
        ("a status", Answer::ok("no").status(404), "done 404 2"),
        ("nothing to tell", Answer::status_only(204), "done 204 0"),
    ] {
        server.on("/", answer);
        let trial = only(Trial::download(&server.url("/")), &server);
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
    }
}

#[tokio::test]
async fn downloads_go_on() {
    let server = quic();
    server.on("/", Answer::pseudo_random(7, 300_000).etag("\"a\"").drop_after(9000).times(1));
    let mut trial = only(Trial::download(&server.url("/")), &server);
    trial.run_and_record().await;
    assert_eq!(summary(&trial.run().await), "done 200 300000");
    assert!(fs::read(&trial.files.finished).unwrap() == pseudo_random(7, 0, 300_000));
    assert_eq!(server.requests()[1].header("range"), Some("bytes=9000-"));
}

#[tokio::test]
async fn silence_ends() {
    let server = quic();
    server.on("/", Answer::pseudo_random(7, 300_000).etag("\"a\"").stall_after(9000));
    let mut trial = only(Trial::download(&server.url("/")), &server);
    trial.order.idle_timeout = PATIENCE;
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-1001 transient progressed kept 9000", "{ending:?}");
}

#[tokio::test]
async fn uploads_that_are_not_wanted_end_early() {
    let server = quic();
    server.on("/", Answer::sink().drop_request_after(100_000));
    let trial = only(Trial::upload(&server.url("/"), &vec![7; 10_000_000]), &server);
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-1005 transient progressed", "{ending:?}");
}

/// Takes every packet at the address and answers none.
fn silence(at: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(at).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// Returns who sent packets there since it was asked last.
fn senders(socket: &UdpSocket) -> HashSet<SocketAddr> {
    std::iter::from_fn(|| socket.recv_from(&mut [0; 2000]).ok()).map(|(_, from)| from).collect()
}

#[tokio::test]
async fn tcp_is_taken_where_quic_does_not_come_through() {
    let server = Server::start_h2();
    server.on("/", Answer::pseudo_random(3, 1000));
    let socket = silence(server.address());
    let trial = assuming(Trial::download(&server.url("/")), &server);
    assert_eq!(protocol(&trial.run().await), "h2");
    let first = senders(&socket);
    assert_eq!(first.len(), 1);
    let metrics = trial.metrics.snapshot();
    assert_eq!(stories(&metrics), ["GET 200 CTQR h2 0>1000"]);
    // It is remembered.
    let mut again = assuming(Trial::data(&server.url("/")), &server);
    again.hands = Arc::clone(&trial.hands);
    assert_eq!(protocol(&again.run().await), "h2");
    // The first may still have taken its leave.
    assert!(senders(&socket).is_subset(&first));
    // Who takes nothing else is told.
    let mut alone = only(Trial::data(&server.url("/")), &server);
    alone.order.idle_timeout = Duration::from_millis(300);
    assert_eq!(summary(&alone.run().await), "-1001 transient");
}

/// Whoever answers with nothing, and that without end, holds up nobody.
#[tokio::test]
async fn empty_datagrams_are_nothing() {
    let server = Server::start_h2();
    server.on("/", Answer::pseudo_random(3, 1000));
    let socket = UdpSocket::bind(server.address()).unwrap();
    let flooded = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&flooded);
    // It ends with the test program.
    std::thread::spawn(move || {
        while let Ok((_, from)) = socket.recv_from(&mut [0; 2000]) {
            for _ in 0..10_000 {
                counter.fetch_add(1, Ordering::Relaxed);
                let _ = socket.send_to(&[], from);
            }
        }
    });
    let trial = assuming(Trial::download(&server.url("/")), &server);
    assert_eq!(protocol(&trial.run().await), "h2");
    assert!(flooded.load(Ordering::Relaxed) > 1000, "they came");
    let mut alone = only(Trial::data(&server.url("/")), &server);
    alone.order.idle_timeout = Duration::from_millis(300);
    assert_eq!(summary(&alone.run().await), "-1001 transient");
}

#[tokio::test]
async fn quic_is_taken_where_tcp_does_not_come_through() {
    let server = quic();
    server.on("/", Answer::pseudo_random(3, 1000));
    let trial = assuming(Trial::download(&server.url("/")), &server);
    assert_eq!(protocol(&trial.run().await), "h3");
    assert_eq!(summary(&trial.run().await), "done 200 1000");
    let expected = ["GET 200 CTQR h3 0>1000", "GET 200 QR reused h3 0>1000"];
    let metrics = trial.metrics.snapshot();
    assert_eq!(stories(&metrics), expected);
    let first = &metrics.transaction_metrics[0];
    assert_eq!(first.remote, Some(server.address()));
    assert_eq!(first.local.map(|local| local.ip()), Some(server.address().ip()));
    let version = first.negotiated_tls_protocol_version.map(|version| format!("{version:?}"));
    assert_eq!(version.as_deref(), Some("Tls13"));
}

#[tokio::test]
async fn who_is_not_there_at_all_is_told_by_tcp() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _silent = silence(address);
    let mut trial = Trial::data(&format!("https://{address}/"));
    trial.order.options.assumes_http3_capable = true;
    trial.order.idle_timeout = PATIENCE;
    assert_eq!(summary(&trial.run().await), "-1004 transient");
}

#[tokio::test]
async fn a_bad_certificate_over_quic_alone_is_no_reason_to_fail() {
    let server = Server::start_h2();
    server.on("/", Answer::ok("x"));
    let stranger = Server::start_quic_at(server.address(), Certificate::Expired);
    stranger.on("/", Answer::ok("no"));
    let trial = assuming(Trial::data(&server.url("/")), &server);
    assert_eq!(protocol(&trial.run().await), "h2");
    assert_eq!(stranger.requests().len(), 0);
}

/// A server over TCP alone that closes each connection and offers HTTP/3 there, and a task for it.
fn offering(there: &Server) -> (Server, Trial) {
    let server = Server::start_tls();
    let offer = format!("h3=\"{}\"; ma=600", there.address());
    let answer = Answer::ok("x").header("Connection", "close").header("Alt-Svc", &offer);
    server.on("/", answer);
    there.on("/", Answer::ok("y"));
    let mut trial = Trial::data(&server.url("/"));
    for (name, of) in [("one.pem", &server), ("two.pem", there)] {
        // It outlives the server.
        let path = trial.folder.path().join(name);
        fs::copy(of.ca_pem(), &path).unwrap();
        trial.order.options.ca_certificates.push(path);
    }
    (server, trial)
}

#[tokio::test]
async fn offers_are_taken_up() {
    let there = quic();
    let (server, mut trial) = offering(&there);
    // Who does not want HTTP/3 learns nothing of it.
    assert_eq!(protocol(&trial.run().await), "http/1.1");
    trial.order.options.http3 = Some(Http3::Auto);
    assert_eq!(protocol(&trial.run().await), "http/1.1");
    drop(server);
    assert_eq!(protocol(&trial.run().await), "h3");
    let seen = there.requests().pop().unwrap();
    assert_eq!(seen.header("alt-used"), Some(there.address().to_string().as_str()));
    // Connections of other terms are others, and so is what was learned.
    let mut other = Trial::data(&trial.order.request.url);
    other.hands = Arc::clone(&trial.hands);
    other.order.options = trial.order.options.clone();
    other.order.options.tls.pinned_public_keys = vec![PublicKeyPin::new([0; 32])];
    assert_eq!(summary(&other.run().await), "-1004 transient");
    // What was learned can be taken back, and forgotten.
    there.on("/", Answer::ok("y").header("Alt-Svc", "clear"));
    assert_eq!(protocol(&trial.run().await), "h3");
    assert_eq!(summary(&trial.run().await), "-1004 transient");
}

#[tokio::test]
async fn offers_are_forgotten_with_the_connections() {
    let there = quic();
    let (server, mut trial) = offering(&there);
    trial.order.options.http3 = Some(Http3::Auto);
    assert_eq!(protocol(&trial.run().await), "http/1.1");
    trial.hands.drop_idle_connections();
    drop(server);
    // A server that has been dropped may still be about to close what it listens on.
    let failed = summary(&trial.run().await);
    assert!(["-1004 transient", "-1005 transient"].contains(&&*failed), "{failed}");
}

#[tokio::test]
async fn a_server_that_is_not_the_right_one_says_so() {
    let server = Server::start_h2();
    server.on("/", Answer::ok("x"));
    let wrong = Server::start_quic_at(server.address(), Certificate::Valid);
    wrong.on("/", Answer::ok("no").status(421));
    let mut trial = assuming(Trial::data(&server.url("/")), &server);
    trial.order.options.ca_certificates.push(wrong.ca_pem());
    assert_eq!(protocol(&trial.run().await), "h2");
}
