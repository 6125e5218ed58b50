//! TLS and HTTP/2: trust, what is wrong with certificates, shared connections.

use super::{Trial, error_of, summary};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use urlsession_core::Ending;
use urlsession_protocol::PublicKeyPin;
use urlsession_testkit::server::{Answer, Certificate, Server, pseudo_random, sha256};

fn trusting(mut trial: Trial, server: &Server) -> Trial {
    trial.order.options.ca_certificates = vec![server.ca_pem()];
    trial
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
        let server = Server::start_tls_with(certificate);
        server.on("/", Answer::ok("x"));
        let mut trial = Trial::data(&server.url("/"));
        if trusted {
            trial = trusting(trial, &server);
        }
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{certificate:?}: {ending:?}");
        if let Ending::Failed { error, .. } = &ending {
            assert_eq!(error.failing_url, Some(server.url("/")));
            assert!(error.message.contains("127.0.0.1"), "{error}");
        }
    }
}

/// The sentence is for people, and names no page of a library.
#[tokio::test]
async fn a_connection_that_is_cut_is_told_in_words() {
    let server = Server::start_tls();
    server.on("/", Answer::ok("0123456789").drop_after(3));
    let ending = trusting(Trial::data(&server.url("/")), &server).run().await;
    assert_eq!(summary(&ending), "-1005 transient");
    let detail = error_of(&ending).detail.as_deref().unwrap_or_default();
    assert!(detail.contains("without sending TLS close_notify"), "{detail}");
    assert!(!detail.contains("://"), "{detail}");
}

/// names of a certificate of a trusted authority, whom we want to reach => whether that is it
const NAMES: &[(&[&str], &str, bool)] = &[
    (&["a.b.localhost"], "a.b.localhost", true),
    (&["A.B.LocalHost"], "a.b.localhost", true),
    (&["a.b.localhost"], "a.b.localhost.", true),
    (&["other.localhost", "a.b.localhost"], "a.b.localhost", true),
    (&["*.b.localhost"], "a.b.localhost", true),
    (&["*.b.localhost"], "b.localhost", false),
    (&["*.b.localhost"], "c.a.b.localhost", false),
    (&["*.localhost"], "a.b.localhost", false),
    (&["*"], "a.b.localhost", false),
    (&["*.*.localhost"], "a.b.localhost", false),
    (&["a.*.localhost"], "a.b.localhost", false),
    (&["a*.b.localhost"], "aa.b.localhost", false),
    (&["*a.b.localhost"], "aa.b.localhost", false),
    (&["x*.b.localhost"], "xn--4ca.b.localhost", false),
    (&["b.localhost"], "a.b.localhost", false),
    (&[".b.localhost"], "a.b.localhost", false),
    (&["a.b.localhost\0.evil.test"], "a.b.localhost", false),
    (&["a.b.localhost.evil.test"], "a.b.localhost", false),
    // Addresses are no names, and have no parts.
    (&["127.0.0.1"], "127.0.0.1", false),
    (&["*.0.0.1"], "127.0.0.1", false),
    (&["*"], "127.0.0.1", false),
    // The common name is `testkit server`.
    (&["testkit"], "localhost", false),
];

#[tokio::test]
async fn names_of_certificates() {
    for (names, host, is_it) in NAMES {
        let server = Server::start_tls_with(Certificate::Named(names));
        server.on("/", Answer::ok("x"));
        let url = format!("https://{host}:{}/", server.address().port());
        let ending = trusting(Trial::data(&url), &server).run().await;
        let expected = if *is_it { "done 200 1" } else { "-1202 permanent" };
        assert_eq!(summary(&ending), expected, "{names:?} {host}: {ending:?}");
        // No name is printed that could command a terminal.
        let told = format!("{ending:?}");
        assert!(!told.contains('\0'), "{told}");
    }
}

/// A certificate that is one of the app's roots lets its own server in, whoever signed it, and no other.
///
/// the certificate => how the attempt ends, and why
#[tokio::test]
async fn certificates_that_are_roots_themselves() {
    let other = Server::start_tls_with(Certificate::OwnAuthority);
    for (certificate, expected, why) in [
        (Certificate::OwnAuthority, "done 200 1", ""),
        (Certificate::SelfSigned, "done 200 1", ""),
        (Certificate::Valid, "done 200 1", ""),
        (Certificate::ExpiredAuthority, "-1201 permanent", "expired on"),
        (Certificate::Expired, "-1201 permanent", "expired on"),
        (Certificate::NotYetValid, "-1204 permanent", "not valid before"),
        (Certificate::WrongName, "-1202 permanent", "elsewhere.test"),
    ] {
        let server = Server::start_tls_with(certificate);
        server.on("/", Answer::ok("x"));
        let mut trial = Trial::data(&server.url("/"));
        trial.order.options.ca_certificates = vec![server.server_pem()];
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{certificate:?}: {ending:?}");
        if expected.starts_with('-') {
            assert!(error_of(&ending).detail.as_ref().unwrap().contains(why), "{ending:?}");
            continue;
        }
        trial.order.options.tls.pinned_public_keys = vec![PublicKeyPin::new([0; 32])];
        assert_eq!(summary(&trial.run().await), "-1202 permanent", "{certificate:?}, pinned");
        trial.order.options.tls.pinned_public_keys.clear();
        trial.order.options.ca_certificates = vec![other.server_pem()];
        assert_eq!(summary(&trial.run().await), "-1202 permanent", "{certificate:?}, another's");
    }
    let trial = Trial::data(&other.url("/"));
    let ending = trial.run().await;
    let why = "the certificate is an authority’s, and no trusted root itself";
    assert_eq!(error_of(&ending).detail.as_deref(), Some(why));
}

/// What is trusted is the certificate with its key: who has only the former is refused.
#[tokio::test]
async fn a_trusted_certificate_without_its_key_is_worth_nothing() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let real = Server::start_tls_with(Certificate::OwnAuthority);
        let thief = Server::start_tls_with(Certificate::OwnAuthority);
        let url = impostor(&real.server_pem(), &thief.server_pem(), version);
        let mut trial = Trial::data(&url);
        trial.order.options.ca_certificates = vec![real.server_pem()];
        let ending = trial.run().await;
        assert_eq!(summary(&ending), "-1202 permanent", "{version:?}: {ending:?}");
    }
}

/// Shows the certificate of one file and signs with the key of the other.
fn impostor(
    certificate: &Path,
    key: &Path,
    version: &'static rustls::SupportedProtocolVersion,
) -> String {
    use rustls_pki_types::pem::PemObject as _;
    #[derive(Debug)]
    struct Shown(Arc<rustls::sign::CertifiedKey>);
    impl rustls::server::ResolvesServerCert for Shown {
        fn resolve(
            &self,
            _: rustls::server::ClientHello<'_>,
        ) -> Option<Arc<rustls::sign::CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }
    let certificate = rustls_pki_types::CertificateDer::from_pem_file(certificate).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = provider.key_provider.load_private_key(key).unwrap();
    let shown = Shown(Arc::new(rustls::sign::CertifiedKey::new(vec![certificate], key)));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
        }
    });
    url
}

#[tokio::test]
async fn certificate_files_that_cannot_be() {
    let server = Server::start_tls();
    let mut trial = Trial::data(&server.url("/"));
    for content in [None, Some(""), Some("-----BEGIN CERTIFICATE-----\nAA")] {
        let path = trial.folder.path().join("ca.pem");
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        trial.order.options.ca_certificates = vec![path];
        let ending = trial.run().await;
        assert_eq!(summary(&ending), "-1200 permanent", "{content:?}");
        assert!(error_of(&ending).detail.as_ref().unwrap().contains("ca.pem"));
    }
}

#[tokio::test]
async fn a_server_without_tls() {
    use std::io::Write as _;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        stream
    });
    let ending = Trial::data(&url).run().await;
    assert_eq!(summary(&ending), "-1200 permanent", "{ending:?}");
    drop(server.join().unwrap());
}

#[tokio::test]
async fn redirects_from_https_to_http() {
    let (secure, plain) = (Server::start_tls(), Server::start());
    plain.on("/", Answer::ok("x"));
    secure.on("/", Answer::redirect(302, &plain.url("/")));
    let mut trial = trusting(Trial::data(&secure.url("/")), &secure);
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-1022 permanent");
    assert_eq!(error_of(&ending).failing_url, Some(plain.url("/")));
    trial.order.options.allow_insecure_redirect = true;
    assert_eq!(summary(&trial.run().await), "done 200 1");
}

#[tokio::test]
async fn http2_moves_bytes_both_ways() {
    const SIZE: u64 = 20_000_000;
    let server = Server::start_h2();
    server.on("/down", Answer::pseudo_random(3, SIZE).etag("\"a\""));
    server.on("/up", Answer::echo());
    let trial = trusting(Trial::download(&server.url("/down")), &server);
    let Ending::Done(done) = trial.run().await else { panic!("not done") };
    assert_eq!(done.response.network_protocol.as_deref(), Some("h2"));
    assert!(fs::read(&trial.files.finished).unwrap() == pseudo_random(3, 0, SIZE as usize));

    let bytes = pseudo_random(4, 0, 3_000_000);
    let mut upload = trusting(Trial::upload(&server.url("/up"), &bytes), &server);
    upload.hands = Arc::clone(&trial.hands);
    let Ending::Done(done) = upload.run().await else { panic!("not done") };
    assert_eq!(done.sent, 3_000_000);
    let seen = server.requests().pop().unwrap();
    assert_eq!(seen.body_sha256, Some(sha256(&bytes)));
}

#[tokio::test]
async fn http2_shares_one_connection() {
    let server = Server::start_h2();
    server.on("/", Answer::pseudo_random(3, 100_000));
    let first = Trial::download(&server.url("/"));
    let trials: Vec<_> = (0..8)
        .map(|_| {
            let mut trial = trusting(Trial::download(&server.url("/")), &server);
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
    assert!(seen.iter().all(|seen| seen.connection == 0), "{seen:?}");
}

/// what goes wrong over HTTP/2 => how the attempt ends
#[tokio::test]
async fn http2_faults() {
    let server = Server::start_h2();
    let file = || Answer::pseudo_random(7, 300_000).etag("\"a\"");
    for (what, answer, expected) in [
        ("a cut stream", file().drop_after(9000), "-1005 transient progressed kept 9000"),
        ("too many fields", many_fields(), "-1017 permanent"),
        ("too long a field", file().header("x", &"y".repeat(300 * 1024)), "-1017 permanent"),
        ("an empty body", Answer::ok(""), "done 200 0"),
        ("a status", Answer::ok("no").status(404), "done 404 2"),
    ] {
        server.on("/", answer);
        let trial = trusting(Trial::download(&server.url("/")), &server);
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
    }
    server.on("/", file().drop_after(9000).times(1));
    let mut trial = trusting(Trial::download(&server.url("/")), &server);
    trial.run_and_record().await;
    assert_eq!(summary(&trial.run().await), "done 200 300000");
    assert!(fs::read(&trial.files.finished).unwrap() == pseudo_random(7, 0, 300_000));
}

fn many_fields() -> Answer {
    (0..201).fold(Answer::ok(""), |answer, n| answer.header(&format!("x-{n}"), "y"))
}
