//! Questions of proxies, and those of TLS: the app is asked, and its answer is good for whom it was
//! about.

use super::{Trial, error_of, question, summary};
use crate::clock::Clock;
use crate::shelf::Owner;
use crate::store::Store;
use crate::strict::Strict;
use std::path::PathBuf;
use std::sync::Arc;
use urlsession_core::SessionNumber;
use urlsession_core::{Answered, Given};
use urlsession_protocol::{
    AuthenticationChallenge, AuthenticationMethod, ClientCertificate, ConnectTo, ConnectionProxy,
    Credential, Proxy as Through, PublicKeyPin, TlsVersion,
};
use urlsession_testkit::proxy::{Proxy, Way};
use urlsession_testkit::server::{Answer, Certificate, Demands, Server};

fn asking(url: &str) -> Trial {
    let mut trial = Trial::data(url);
    trial.asks = Some(Vec::new());
    trial
}

/// Runs the trial without what it was asked about, then without a question at all.
async fn declined(trial: &mut Trial, asked: &AuthenticationChallenge) -> [String; 2] {
    trial.asks = Some(vec![asked.protection_space.clone()]);
    let rejected = summary(&trial.run().await);
    trial.asks = None;
    [rejected, summary(&trial.run().await)]
}

fn answer(trial: &mut Trial, asked: &AuthenticationChallenge, given: Given) {
    trial.order.answers.push(Answered { space: asked.protection_space.clone(), given });
}

/// how the proxy is spoken to, whether the server speaks TLS, whether Digest is asked for, user-info
/// => refusals before the question, and what comes of no answer
#[tokio::test]
async fn proxies_ask() {
    for (way, tls, digest, user_info, refused, unanswered) in [
        (Way::Http, false, false, "", 0, "done 407 2"),
        (Way::Http, false, true, "", 0, "done 407 2"),
        (Way::Http, false, false, "user:wrong@", 1, "done 407 2"),
        (Way::Http, true, false, "", 0, "-1013 permanent"),
        (Way::Http, true, true, "user:wrong@", 1, "-1013 permanent"),
        (Way::Https, true, false, "", 0, "-1013 permanent"),
    ] {
        let what = format!("{way:?} {tls} {digest} {user_info}");
        let server = if tls { Server::start_tls() } else { Server::start() };
        server.on("/", Answer::ok("x"));
        let proxy = Proxy::start(way);
        match digest {
            true => proxy.demand_digest("user", "p:ss", 9),
            false => proxy.demand("user", "p:ss"),
        }
        let mut trial = asking(&server.url("/"));
        let through = Through::parse(&proxy.url(user_info)).unwrap();
        trial.order.options.connection_proxy = Some(ConnectionProxy::everywhere(through));
        if tls {
            trial.order.options.ca_certificates.push(server.ca_pem());
        }
        if way == Way::Https {
            trial.order.options.ca_certificates.push(proxy.ca_pem());
        }
        let asked = question(&trial).await;
        let space = &asked.protection_space;
        let method = match digest {
            true => AuthenticationMethod::HttpDigest,
            false => AuthenticationMethod::HttpBasic,
        };
        assert!(space.is_proxy && space.authentication_method == method, "{what}: {asked:?}");
        assert!(proxy.url("").ends_with(&format!("{}:{}", space.host, space.port)), "{what}");
        assert_eq!(asked.previous_failure_count, refused, "{what}");
        assert_eq!(asked.proposed_user.is_some(), refused == 1, "{what}");
        // One that asks for Digest offers Basic too.
        let rejected = if digest { "challenged" } else { unanswered };
        assert_eq!(declined(&mut trial, &asked).await, [rejected, unanswered], "{what}");
        answer(&mut trial, &asked, Given::Credential(Credential::new("user", "p:ss")));
        assert_eq!(summary(&trial.run().await), "done 200 1", "{what}");
        let seen = server.requests();
        assert!(seen.iter().all(|seen| seen.header("proxy-authorization").is_none()), "{what}");
    }
}

/// Chooses the root that is trusted beside the platform's.
type Root<'a> = &'a dyn Fn(&Server) -> Option<PathBuf>;

/// what is wrong with the server, who is trusted => the error, and what the app is told
#[tokio::test]
async fn a_server_is_trusted_as_long_as_it_shows_the_same_certificate() {
    // All authorities of the testkit have one name, and keys of their own.
    let namesake = Server::start_tls();
    let untrusted = |_: &Server| None;
    let trusted = |server: &Server| Some(server.ca_pem());
    let misled = |_: &Server| Some(namesake.ca_pem());
    let table: [(_, Root<'_>, _, _); 7] = [
        (Certificate::SelfSigned, &untrusted, "-1202 permanent", "no trusted authority"),
        (Certificate::Valid, &untrusted, "-1202 permanent", "no trusted authority"),
        (Certificate::Valid, &misled, "-1202 permanent", "no trusted authority"),
        (Certificate::WithRoot, &untrusted, "-1203 permanent", "no trusted authority"),
        (Certificate::WithRoot, &misled, "-1203 permanent", "no trusted authority"),
        (Certificate::Expired, &trusted, "-1201 permanent", "the certificate expired on"),
        (
            Certificate::WrongName,
            &trusted,
            "-1202 permanent",
            "the certificate is for elsewhere.test",
        ),
    ];
    for (kind, root, error, reason) in table {
        let server = Server::start_tls_with(kind);
        server.on("/", Answer::ok("x"));
        let mut trial = asking(&server.url("/"));
        trial.order.options.ca_certificates.extend(root(&server));
        let asked = question(&trial).await;
        let space = &asked.protection_space;
        assert_eq!(space.authentication_method, AuthenticationMethod::ServerTrust);
        assert_eq!(format!("{}:{}", space.host, space.port), server.address().to_string());
        assert!(asked.reason.as_ref().unwrap().starts_with(reason), "{asked:?}");
        assert_eq!(declined(&mut trial, &asked).await, [error, error], "{kind:?}");
        let certificate = asked.server_trust[0].clone();
        answer(&mut trial, &asked, Given::ServerTrust(certificate.clone()));
        assert_eq!(summary(&trial.run().await), "done 200 1", "{kind:?}");

        // What the app pinned is its own demand.
        trial.order.options.tls.pinned_public_keys = vec![PublicKeyPin::new([0; 32])];
        assert_eq!(summary(&trial.run().await), "-1202 permanent");

        // Another server with another certificate is another question.
        let other = Server::start_tls_with(kind);
        let mut trial = asking(&other.url("/"));
        let asked = question(&trial).await;
        assert_ne!(asked.server_trust[0], certificate);
        answer(&mut trial, &asked, Given::ServerTrust(certificate));
        assert_eq!(question(&trial).await.server_trust, asked.server_trust);
        assert!(other.requests().is_empty());
    }
}

#[tokio::test]
async fn trust_is_the_tasks_own() {
    let server = Server::start_tls();
    server.on("/", Answer::ok("x"));
    let mut trusting = asking(&server.url("/"));
    let asked = question(&trusting).await;
    answer(&mut trusting, &asked, Given::ServerTrust(asked.server_trust[0].clone()));
    assert_eq!(summary(&trusting.run().await), "done 200 1");
    let mut other = Trial::data(&server.url("/"));
    other.hands = trusting.hands.clone();
    assert_eq!(summary(&other.run().await), "-1202 permanent", "its connection is not shared");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_wants_a_certificate() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let demands = Demands { certificate: true, ..Demands::default() };
        let server = Server::start_tls_demanding(demands);
        server.on("/", Answer::ok("x"));
        let mut trial = asking(&server.url("/"));
        trial.order.options.ca_certificates = vec![server.ca_pem()];
        trial.order.options.tls.maximum_version = Some(version);
        let asked = question(&trial).await;
        let method = asked.protection_space.authentication_method;
        assert_eq!(method, AuthenticationMethod::ClientCertificate, "{version:?}");
        let refused = declined(&mut trial, &asked).await;
        assert_eq!(refused, ["-1206 permanent", "-1206 permanent"], "{version:?}");
        for (path, expected) in
            [(server.stranger_pem(), "-1205 permanent"), (server.client_pem(), "done 200 1")]
        {
            trial.order.answers.clear();
            answer(&mut trial, &asked, Given::ClientCertificate(ClientCertificate::new(path)));
            trial.asks = Some(Vec::new());
            let ending = trial.run().await;
            assert_eq!(summary(&ending), expected, "{version:?}: {ending:?}");
        }
        // One that cannot be read is no question, it is a fault.
        trial.order.answers.clear();
        let missing = ClientCertificate::new(trial.folder.path().join("missing.pem"));
        answer(&mut trial, &asked, Given::ClientCertificate(missing));
        let ending = trial.run().await;
        assert_eq!(summary(&ending), "-1206 permanent");
        assert!(error_of(&ending).detail.as_ref().unwrap().contains("missing.pem"));
    }
}

/// What comes over a connection that the app alone trusts makes no host known: who is on the way could
/// have said it.
#[tokio::test]
async fn trust_of_the_app_makes_no_host_known() {
    let server = Server::start_tls_with(Certificate::Named(&["known.example"]));
    let answered = Answer::ok("x").header("Strict-Transport-Security", "max-age=60");
    server.on("/", answered);
    for by_root in [true, false] {
        let (sender, _inbox) = crate::inbox::channel();
        let owner = Owner::Session(SessionNumber(1));
        let mut all = Strict::new(Clock::start(), sender);
        let hosts = all.of(owner, &Store::in_memory()).unwrap();
        let mut trial = asking("https://known.example/");
        trial.order.options.request_policy.connect_to.push(ConnectTo {
            to_host: Some("127.0.0.1".to_owned()),
            to_port: Some(server.address().port()),
            ..ConnectTo::default()
        });
        trial.known_hosts = Some(Arc::clone(&hosts));
        if by_root {
            trial.order.options.ca_certificates.push(server.ca_pem());
        } else {
            let asked = question(&trial).await;
            let given = Given::ServerTrust(asked.server_trust[0].clone());
            answer(&mut trial, &asked, given);
        }
        assert_eq!(summary(&trial.run().await), "done 200 1");
        assert_eq!(hosts.list().len(), usize::from(by_root), "{by_root}");
    }
}
