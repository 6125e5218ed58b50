//! What the app demands of TLS, and what servers demand of it.

use super::super::identity;
use super::{Trial, error_of, question, summary};
use std::fs;
use std::sync::Arc;
use urlsession_core::{Answered, Given};
use urlsession_protocol::{ClientCertificate, Http3, PublicKeyPin, Secret, TlsVersion};
use urlsession_testkit::server::{Answer, Certificate, Demands, Pkcs12, Server};

fn trusting(server: &Server) -> Trial {
    server.on("/", Answer::ok("x"));
    let mut trial = Trial::data(&server.url("/"));
    trial.order.options.ca_certificates = vec![server.ca_pem()];
    trial
}

/// what the server speaks, our minimum and maximum => how the attempt ends
#[tokio::test]
async fn versions() {
    use TlsVersion::{Tls12, Tls13};
    let old = Server::start_tls_demanding(Demands { tls12: true, ..Demands::default() });
    let new = Server::start_tls_demanding(Demands { tls13: true, ..Demands::default() });
    for (server, minimum, maximum, expected) in [
        (&old, None, None, "done 200 1"),
        (&old, Some(Tls12), None, "done 200 1"),
        (&old, Some(Tls13), None, "-1200 permanent"),
        (&new, Some(Tls13), Some(Tls13), "done 200 1"),
        (&new, None, Some(Tls12), "-1200 permanent"),
    ] {
        let mut trial = trusting(server);
        trial.order.options.tls.minimum_version = minimum;
        trial.order.options.tls.maximum_version = maximum;
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{minimum:?} {maximum:?}: {ending:?}");
        if expected.starts_with('-') {
            let detail = error_of(&ending).detail.clone().unwrap();
            assert_eq!(detail, "the server and we allow no version of TLS in common");
        }
    }
}

/// the certificate shown => how the attempt ends
#[tokio::test]
async fn client_certificates() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let demands = Demands { certificate: true, ..Demands::default() };
        let server = Server::start_tls_demanding(demands);
        for (certificate, expected) in [
            (Some(server.client_pem()), "done 200 1"),
            (Some(server.stranger_pem()), "-1205 permanent"),
            (None, "-1206 permanent"),
        ] {
            let mut trial = trusting(&server);
            trial.order.options.tls.maximum_version = Some(version);
            trial.order.options.tls.client_certificate = certificate.map(ClientCertificate::new);
            let ending = trial.run().await;
            assert_eq!(summary(&ending), expected, "{version:?}: {ending:?}");
        }
    }
}

/// A redirect leads to another port of the host, which is the task's own choice, or to another host,
/// which is not.
#[tokio::test]
async fn a_client_certificate_stays_with_its_host() {
    let demands = Demands { certificate: true, ..Demands::default() };
    let (server, plain) = (Server::start_tls_demanding(demands), Server::start());
    server.on("/", Answer::ok("x"));
    let port = server.address().port();
    let to = |host: &str| format!("https://{host}:{port}/");
    for (location, trusts, expected) in [
        (to("127.0.0.1"), false, "done 200 1"),
        (to("localhost"), false, "-1206 permanent"),
        (to("localhost"), true, "done 200 1"),
    ] {
        plain.on("/", Answer::redirect(307, &location));
        let mut trial = Trial::data(&plain.url("/"));
        let options = &mut trial.order.options;
        options.ca_certificates = vec![server.ca_pem()];
        options.tls.client_certificate = Some(ClientCertificate::new(server.client_pem()));
        options.request_policy.trusts_redirects = trusts;
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{location} {trusts}: {ending:?}");
        if expected == "-1206 permanent" {
            // It is asked for that host, as it would be without any.
            trial.asks = Some(Vec::new());
            let asked = question(&trial).await;
            let space = asked.protection_space.clone();
            assert_eq!((space.host.as_str(), space.port), ("localhost", port));
            let given = Given::ClientCertificate(ClientCertificate::new(server.client_pem()));
            trial.order.answers.push(Answered { space, given });
            assert_eq!(summary(&trial.run().await), "done 200 1");
        }
    }
}

/// A key of no certificate.
const OTHER_KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg0gK4NsLoQOo40ugdAI25+WE5HmpMnRCeSYdZ2h+fg5Sh\
    RANCAAReLZO/GsPkMRvPtKtC73/Id+nuanJB/mkgka97UOfzbB0BtT65QWcNauT01U/sH5te8TJpkedFkaYWVzZdDpIU";

#[tokio::test]
async fn files_that_are_no_client_certificate() {
    let demands = Demands { certificate: true, ..Demands::default() };
    let server = Server::start_tls_demanding(demands);
    let mut trial = trusting(&server);
    let pem = fs::read_to_string(server.client_pem()).unwrap();
    let (certificate, key) = pem.split_at(pem.find("-----BEGIN PRIVATE").unwrap());
    let other = fs::read_to_string(server.stranger_pem()).unwrap();
    let at = |name: &str| trial.folder.path().join(name);
    fs::write(at("own.pem"), certificate).unwrap();
    fs::write(at("own.key"), key).unwrap();
    let locked = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    fs::write(at("locked.key"), locked).unwrap();
    fs::write(at("empty"), "").unwrap();
    let other = &other[..other.find("-----BEGIN PRIVATE").unwrap()];
    fs::write(at("other.pem"), other).unwrap();
    for (name, key) in [("other.key", OTHER_KEY), ("unknown.key", "MAA=")] {
        let key = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
        fs::write(at(name), key).unwrap();
    }
    for (certificate, key, expected) in [
        ("own.pem", Some("own.key"), None),
        ("own.pem", None, Some("own.pem: it has no private key")),
        ("own.pem", Some("locked.key"), Some("locked.key: its private key wants a password")),
        ("own.pem", Some("empty"), Some("empty: it has no private key")),
        ("own.pem", Some("missing"), Some("missing: ")),
        ("own.pem", Some("other.key"), Some("other.key: its private key is not that of the")),
        ("own.pem", Some("unknown.key"), Some("unknown.key: its private key is of a kind")),
        ("empty", Some("own.key"), Some("empty: it has no certificate")),
    ] {
        let mut own = ClientCertificate::new(at(certificate));
        own.key = key.map(at);
        trial.order.options.tls.client_certificate = Some(own);
        let ending = trial.run().await;
        match expected {
            None => assert_eq!(summary(&ending), "done 200 1", "{ending:?}"),
            Some(why) => {
                assert_eq!(summary(&ending), "-1206 permanent", "{certificate} {key:?}");
                let detail = error_of(&ending).detail.clone().unwrap();
                assert!(detail.contains(why), "{detail}");
            }
        }
    }
}

/// trusted, pinned, blind => how the attempt ends
#[tokio::test]
async fn pins_count_beside_everything_else() {
    let server = Server::start_tls();
    let (right, wrong) =
        (PublicKeyPin::new(server.public_key_sha256()), PublicKeyPin::new([0; 32]));
    for (trusted, pins, blind, expected) in [
        (true, vec![wrong, right], false, "done 200 1"),
        (true, vec![wrong], false, "-1202 permanent"),
        (false, vec![right], false, "-1202 permanent"),
        (false, vec![right], true, "done 200 1"),
        (false, vec![wrong], true, "-1202 permanent"),
    ] {
        let mut trial = trusting(&server);
        if !trusted {
            trial.order.options.ca_certificates.clear();
        }
        trial.order.options.tls.pinned_public_keys.clone_from(&pins);
        trial.order.options.tls.allow_any_certificate = blind;
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{trusted} {pins:?} {blind}: {ending:?}");
        if pins == [wrong] {
            let detail = error_of(&ending).detail.clone().unwrap();
            let expected = format!("the server’s public key {right} is none of the pinned ones");
            assert_eq!(detail, expected);
        }
    }
}

#[tokio::test]
async fn a_blind_eye_sees_no_certificate() {
    for certificate in [Certificate::Expired, Certificate::WrongName, Certificate::SelfSigned] {
        let server = Server::start_tls_with(certificate);
        let mut trial = trusting(&server);
        trial.order.options.ca_certificates.clear();
        trial.order.options.tls.allow_any_certificate = true;
        assert_eq!(summary(&trial.run().await), "done 200 1", "{certificate:?}");
    }
}

/// Over HTTP/1.1, HTTP/2 and HTTP/3, that is, over connections that are taken in turns or shared.
#[tokio::test]
async fn connections_belong_to_their_terms() {
    let mut servers = vec![(Server::start_tls(), None), (Server::start_h2(), None)];
    if cfg!(feature = "http3") {
        let quic = Server::start_quic(Certificate::Valid, Demands::default());
        servers.push((quic, Some(Http3::Only)));
    }
    for (server, http3) in servers {
        connections_of(&server, http3).await;
    }
}

async fn connections_of(server: &Server, http3: Option<Http3>) {
    let hands = Arc::clone(&trusting(server).hands);
    let right = PublicKeyPin::new(server.public_key_sha256());
    let run = async |change: &dyn Fn(&mut Trial)| {
        let mut trial = trusting(server);
        trial.hands = Arc::clone(&hands);
        trial.order.options.http3 = http3;
        change(&mut trial);
        let ending = trial.run().await;
        (summary(&ending), server.requests().last().map(|seen| seen.connection))
    };
    let first = run(&|_| {}).await;
    assert_eq!(first.0, "done 200 1", "{http3:?}");
    assert_eq!(run(&|_| {}).await, first, "the connection is used again");
    assert_eq!(run(&|trial| trial.order.options.tls.https_only = true).await, first);
    let own = |certificate| {
        move |trial: &mut Trial| {
            trial.order.options.tls.client_certificate = Some(ClientCertificate::new(certificate));
        }
    };
    let others: [&dyn Fn(&mut Trial); 6] = [
        &|trial| trial.order.options.tls.allow_any_certificate = true,
        &|trial| trial.order.options.tls.pinned_public_keys = vec![right],
        &|trial| trial.order.options.tls.minimum_version = Some(TlsVersion::Tls13),
        &|trial| own(server.client_pem())(trial),
        &|trial| own(server.stranger_pem())(trial),
        &|trial| trial.order.options.ca_certificates.push(server.server_pem()),
    ];
    let mut used: std::collections::BTreeSet<_> = [first.1].into();
    for change in others {
        let (ending, connection) = run(change).await;
        assert_eq!(ending, "done 200 1", "{http3:?}");
        used.insert(connection);
    }
    assert_eq!(used.len(), 7, "each has a connection of its own: {http3:?}");
    // A session that somebody blind began must not carry somebody who sees.
    let stranger = run(&|trial| trial.order.options.ca_certificates.clear()).await;
    assert_eq!(stranger.0, "-1202 permanent", "{http3:?}");
    let wrong = PublicKeyPin::new([0; 32]);
    let pinned = run(&|trial| trial.order.options.tls.pinned_public_keys = vec![wrong]).await;
    assert_eq!(pinned.0, "-1202 permanent", "{http3:?}");
}

#[tokio::test]
async fn https_only() {
    let (secure, plain) = (Server::start_tls(), Server::start());
    plain.on("/", Answer::ok("x"));
    secure.on("/away", Answer::redirect(302, &plain.url("/")));
    plain.on("/away", Answer::redirect(302, &secure.url("/")));
    for (url, expected) in [
        (secure.url("/"), "done 200 1"),
        (secure.url("/away"), "-1022 permanent"),
        (plain.url("/"), "-1022 permanent"),
        (plain.url("/away"), "-1022 permanent"),
    ] {
        let mut trial = trusting(&secure);
        trial.order.request.url.clone_from(&url);
        trial.order.options.tls.https_only = true;
        trial.order.options.allow_insecure_redirect = true;
        assert_eq!(summary(&trial.run().await), expected, "{url}");
    }
    assert!(plain.requests().is_empty());
}

/// A server, what we change of the trial, and what comes of it: the error and its sentence.
type Fault = (Server, fn(&mut Trial, &Server), &'static str, &'static str);

#[tokio::test]
async fn every_failure_has_its_number_and_its_reason() {
    for (server, change, number, reason) in faults_of_servers().into_iter().chain(our_faults()) {
        let mut trial = trusting(&server);
        change(&mut trial, &server);
        let ending = trial.run().await;
        assert_eq!(summary(&ending), format!("{number} permanent"), "{reason}: {ending:?}");
        let detail = error_of(&ending).detail.clone().unwrap();
        assert!(detail.starts_with(reason), "{detail}");
        assert!(server.requests().is_empty(), "{reason}");
    }
}

fn faults_of_servers() -> Vec<Fault> {
    use Certificate::{Expired, NotYetValid, SelfSigned, WrongName};
    let expired = "the certificate expired on Mon, 01 Jan 2001 00:00:00 GMT";
    let early = "the certificate is not valid before Wed, 01 Jan 2200 00:00:00 GMT";
    let another = "the certificate is for elsewhere.test, not for 127.0.0.1";
    let unsigned = "no trusted authority signed the certificate";
    let nothing = |_: &mut Trial, _: &Server| {};
    vec![
        (Server::start_tls_with(Expired), nothing, "-1201", expired),
        (Server::start_tls_with(NotYetValid), nothing, "-1204", early),
        (Server::start_tls_with(WrongName), nothing, "-1202", another),
        (Server::start_tls_with(SelfSigned), nothing, "-1202", unsigned),
    ]
}

fn our_faults() -> Vec<Fault> {
    let unsigned = "no trusted authority signed the certificate";
    let untrusting = |trial: &mut Trial, _: &Server| trial.order.options.ca_certificates.clear();
    let pinning = |trial: &mut Trial, _: &Server| {
        trial.order.options.tls.pinned_public_keys = vec![PublicKeyPin::new([0; 32])];
    };
    let strange = |trial: &mut Trial, server: &Server| {
        show(trial, ClientCertificate::new(server.stranger_pem()));
    };
    let forgetful = |trial: &mut Trial, server: &Server| {
        let own = ClientCertificate::new(server.client_p12(Pkcs12::Modern, "right"));
        show(trial, own.password("wrong"));
    };
    let modern = |trial: &mut Trial, _: &Server| {
        trial.order.options.tls.minimum_version = Some(TlsVersion::Tls13);
    };
    let nothing = |_: &mut Trial, _: &Server| {};
    let demanding =
        || Server::start_tls_demanding(Demands { certificate: true, ..Demands::default() });
    let old = Server::start_tls_demanding(Demands { tls12: true, ..Demands::default() });
    vec![
        (Server::start_tls(), untrusting, "-1202", unsigned),
        (Server::start_tls_with(Certificate::WithRoot), untrusting, "-1203", unsigned),
        (Server::start_tls(), pinning, "-1202", "the server’s public key sha256//"),
        (demanding(), nothing, "-1206", "the server asks for a client certificate"),
        (demanding(), strange, "-1205", "the server ended the handshake: "),
        (demanding(), forgetful, "-1206", "cannot use the file "),
        (old, modern, "-1200", "the server and we allow no version of TLS in common"),
    ]
}

fn show(trial: &mut Trial, certificate: ClientCertificate) {
    trial.order.options.tls.client_certificate = Some(certificate);
}

/// how the file is made, its password, the one that is said => what is wrong
#[tokio::test]
async fn pkcs12() {
    const WRONG: &str = "the password is wrong, or the file is damaged";
    let demands = Demands { certificate: true, ..Demands::default() };
    let server = Server::start_tls_demanding(demands);
    for (kind, password, said, expected) in [
        (Pkcs12::Modern, "pä ss", Some("pä ss"), None),
        (Pkcs12::Legacy, "pä ss", Some("pä ss"), None),
        (Pkcs12::Modern, "", None, None),
        (Pkcs12::Legacy, "", Some(""), None),
        (Pkcs12::Modern, "distinctive", None, Some(WRONG)),
        (Pkcs12::Legacy, "right", Some("distinctive"), Some(WRONG)),
        (Pkcs12::NoKey, "a", Some("a"), Some("it has no private key")),
        (Pkcs12::NoCertificate, "a", Some("a"), Some("it has no certificate of its private key")),
    ] {
        let path = server.client_p12(kind, password);
        let mut trial = trusting(&server);
        let mut own = ClientCertificate::new(&path);
        own.password = said.map(Secret::new);
        show(&mut trial, own);
        let ending = trial.run().await;
        assert!(!format!("{ending:?} {:?}", trial.order).contains("distinctive"));
        let Some(why) = expected else {
            assert_eq!(summary(&ending), "done 200 1", "{kind:?} {said:?}: {ending:?}");
            continue;
        };
        assert_eq!(summary(&ending), "-1206 permanent", "{kind:?} {said:?}: {ending:?}");
        let detail = error_of(&ending).detail.clone().unwrap();
        assert_eq!(detail, format!("cannot use the file {}: {why}", path.display()));
    }
}

/// Every byte that is another one, and every end that comes too early.
#[tokio::test]
async fn damaged_pkcs12() {
    let demands = Demands { certificate: true, ..Demands::default() };
    let server = Server::start_tls_demanding(demands);
    let whole = fs::read(server.client_p12(Pkcs12::Legacy, "")).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.p12");
    let own = ClientCertificate::new(&path);
    for at in (2..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        for bytes in [&bytes[..], &whole[..at]] {
            fs::write(&path, bytes).unwrap();
            // What an attribute says may change without harm.
            let _ = identity::load(&own, &provider);
        }
        assert!(identity::load(&own, &provider).is_err(), "cut at {at}");
    }
}
