//! What the connection to an `https` proxy must be like, whatever that to the server is.

use super::{Trial, error_of, summary};
use urlsession_protocol::{
    ClientCertificate, ConnectionProxy, Proxy as Through, PublicKeyPin, TlsPolicy,
};
use urlsession_testkit::proxy::{Proxy, Way};
use urlsession_testkit::server::{Answer, Demands, Server};

fn through(proxy: &Proxy, server: &Server) -> Trial {
    let mut trial = Trial::data(&server.url("/f"));
    let url = proxy.url("").replace("127.0.0.1", "localhost");
    let proxies = ConnectionProxy::everywhere(Through::parse(&url).unwrap());
    trial.order.options.connection_proxy = Some(proxies);
    if server.url("").starts_with("https") {
        trial.order.options.ca_certificates = vec![server.ca_pem()];
    }
    trial
}

type Say = fn(&mut ConnectionProxy, &Proxy);

/// what is said of the proxy => how it ends
#[tokio::test]
async fn a_proxy_is_trusted_for_itself() {
    let says: [(Say, &str); 5] = [
        (|_, _| {}, "-1202 permanent"),
        (|proxies, _| proxies.tls.allow_any_certificate = true, "done 200 1"),
        (|proxies, proxy| proxies.ca_certificates.push(proxy.ca_pem()), "done 200 1"),
        (
            |proxies, proxy| {
                proxies.ca_certificates.push(proxy.ca_pem());
                proxies.tls.pinned_public_keys.push(PublicKeyPin::new([7; 32]));
            },
            "-1202 permanent",
        ),
        (|proxies, _| proxies.ca_certificates.push("/none.pem".into()), "-1200 permanent"),
    ];
    for server in [Server::start(), Server::start_tls()] {
        server.on("/f", Answer::ok("x"));
        for (say, expected) in says {
            let proxy = Proxy::start(Way::Https);
            let mut trial = through(&proxy, &server);
            say(trial.order.options.connection_proxy.as_mut().unwrap(), &proxy);
            let ending = trial.run().await;
            assert_eq!(summary(&ending), expected, "{}: {ending:?}", server.url(""));
        }
    }
    // Neither is what is said of one side good for the other.
    let (proxy, server) = (Proxy::start(Way::Https), Server::start_tls());
    let mut trial = through(&proxy, &server);
    trial.order.options.ca_certificates.clear();
    trial.order.options.connection_proxy.as_mut().unwrap().tls.allow_any_certificate = true;
    assert_eq!(summary(&trial.run().await), "-1202 permanent");
    let mut trial = through(&proxy, &server);
    trial.order.options.tls.allow_any_certificate = true;
    assert_eq!(summary(&trial.run().await), "-1202 permanent");
}

/// the server, and how it ends where the proxy is shown nothing, which it says behind the handshake
#[tokio::test]
async fn a_proxy_is_shown_the_certificate_that_is_for_it() {
    for (server, expected) in
        [(Server::start(), "-1206 permanent"), (Server::start_tls(), "-1200 permanent")]
    {
        let demands = Demands { certificate: true, ..Demands::default() };
        let proxy = Proxy::start_demanding(Way::Https, demands);
        server.on("/f", Answer::ok("x"));
        let own = |path| TlsPolicy {
            allow_any_certificate: true,
            client_certificate: Some(ClientCertificate::new(path)),
            ..TlsPolicy::default()
        };
        let of_proxy = |tls| {
            let mut trial = through(&proxy, &server);
            // Nobody is asked for a certificate of ours: it would be shown to the server.
            trial.asks = Some(Vec::new());
            trial.order.options.tls = own(proxy.client_pem());
            trial.order.options.connection_proxy.as_mut().unwrap().tls = tls;
            trial
        };
        let any = TlsPolicy { allow_any_certificate: true, ..TlsPolicy::default() };
        let ending = of_proxy(any).run().await;
        assert_eq!(summary(&ending), expected, "{ending:?}");
        assert_eq!(summary(&of_proxy(own(proxy.client_pem())).run().await), "done 200 1");
        let ending = of_proxy(own("/none.pem".into())).run().await;
        assert_eq!(summary(&ending), "-1200 permanent", "{ending:?}");
        let why = error_of(&ending).to_string();
        assert!(why.contains("cannot use the file /none.pem"), "{why}");
    }
}
