//! Requests over a socket of this machine.

use super::{BOTH_WAYS, Trial, error_of, summary};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use urlsession_protocol::{ConnectTo, ConnectionProxy, Credential, Http3, IpVersion, Proxy};
use urlsession_testkit::door::Door;
use urlsession_testkit::server::{Answer, Server, pseudo_random};

fn over(mut trial: Trial, socket: &Path) -> Trial {
    trial.order.options.request_policy.unix_socket = Some(socket.into());
    trial
}

/// Whatever else is said of the way, the socket is all of it.
#[tokio::test]
async fn nothing_but_the_socket_is_on_the_way() {
    let server = Server::start();
    server.on("/f", Answer::ok("x"));
    let door = Door::of(&server);
    let mut trial = over(Trial::data("http://a.invalid:7/f"), door.path());
    let nobody = Proxy::parse("http://127.0.0.1:1").unwrap();
    trial.order.options.connection_proxy =
        Some(ConnectionProxy { tunnels: true, ..ConnectionProxy::everywhere(nobody) });
    trial.order.options.http3 = Some(Http3::Auto);
    let policy = &mut trial.order.options.request_policy;
    policy.required_interface = Some("none-such0".into());
    policy.ip_version = Some(IpVersion::V6);
    policy.connect_to = vec![ConnectTo { to_port: Some(1), ..ConnectTo::default() }];
    assert_eq!(summary(&trial.run().await), "done 200 1");
    let seen = server.requests();
    assert_eq!((seen[0].path.as_str(), seen[0].header("host")), ("/f", Some("a.invalid:7")));
    let metrics = trial.metrics.snapshot().transaction_metrics.remove(0);
    assert_eq!((metrics.domain_lookup_start_date, metrics.remote), (None, None));
    assert!(metrics.connect_start_date.is_some() && !metrics.is_proxy_connection, "{metrics:?}");
}

#[cfg(feature = "http3")]
#[tokio::test]
async fn http3_goes_over_no_socket() {
    let door = Door::of(&Server::start_tls());
    let mut trial = over(Trial::data("https://localhost/f"), door.path());
    trial.order.options.http3 = Some(Http3::Only);
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-1004 permanent");
    assert!(error_of(&ending).to_string().contains("over no socket"), "{ending:?}");
}

/// the host of the URL, whether the server has HTTP/2 => how it ends, over what
#[tokio::test]
async fn the_certificate_is_that_of_the_urls_host() {
    for (host, http2, expected, protocol) in [
        ("localhost:7", true, "done 200 1", "h2"),
        ("localhost", false, "done 200 1", "http/1.1"),
        ("a.invalid", true, "-1202 permanent", ""),
    ] {
        let server = if http2 { Server::start_h2() } else { Server::start_tls() };
        server.on("/f", Answer::ok("x"));
        let door = Door::of(&server);
        let mut trial = over(Trial::data(&format!("https://{host}/f")), door.path());
        trial.order.options.ca_certificates = vec![server.ca_pem()];
        assert_eq!(summary(&trial.run().await), expected, "{host}");
        if !protocol.is_empty() {
            let metrics = trial.metrics.snapshot().transaction_metrics.remove(0);
            assert_eq!(metrics.network_protocol_name.as_deref(), Some(protocol));
        }
    }
}

/// As for curl; what it must not learn does not go with them.
#[tokio::test]
async fn redirects_stay_on_the_socket() {
    let (server, other) = (Server::start(), Server::start());
    server.on("/a", Answer::redirect(302, &other.url("/b")));
    server.on("/b", Answer::redirect(302, "unix:///run/other.sock"));
    let door = Door::of(&server);
    let mut trial = over(Trial::data("http://localhost/a"), door.path()).header("Cookie", "a=b");
    trial.order.request.credential = Some(Credential::new("me", "x").proactive());
    assert_eq!(summary(&trial.run().await), "-1002 permanent");
    let (seen, host) = (server.requests(), other.address().to_string());
    let fields = |at: usize| ["host", "cookie", "authorization"].map(|name| seen[at].header(name));
    assert_eq!(fields(0), [Some("localhost"), Some("a=b"), Some("Basic bWU6eA==")]);
    assert_eq!(fields(1), [Some(host.as_str()), None, None]);
    assert!(other.requests().is_empty(), "nothing left the socket");
}

/// Three servers of one URL: connections that wait serve only who wants their way.
#[tokio::test]
async fn connections_of_a_socket_are_kept_apart() {
    let servers = [Server::start(), Server::start(), Server::start()];
    for (server, name) in servers.iter().zip(["network", "first", "second"]) {
        server.on("/f", Answer::ok(name));
    }
    let (first, second) = (Door::of(&servers[1]), Door::of(&servers[2]));
    let mut trial = Trial::download(&servers[0].url("/f"));
    let ways = [None, Some(first.path()), Some(second.path())];
    for (way, expected) in ways.iter().zip(["network", "first", "second"]).cycle().take(6) {
        trial.order.options.request_policy.unix_socket = way.map(Path::to_owned);
        assert!(summary(&trial.run().await).starts_with("done 200"), "{way:?}");
        assert_eq!(fs::read_to_string(&trial.files.finished).unwrap(), expected);
    }
    assert_eq!((first.passed(), second.passed()), (1, 1), "each was used again");
}

/// A long body and its end over the next connection, whichever way bodies go.
#[tokio::test]
async fn downloads_go_on_over_the_socket() {
    const SIZE: u64 = 3_000_000;
    for minimum in BOTH_WAYS {
        let server = Server::start();
        let file = || Answer::pseudo_random(7, SIZE).etag("\"v1\"");
        server.on("/f", file().drop_after(1_000_000).times(1).then(file()));
        let door = Door::of(&server);
        let trial = Trial::download("http://localhost/f").detouring_from(minimum);
        let mut trial = over(trial, door.path());
        let ending = summary(&trial.run_and_record().await);
        assert!(ending.starts_with("-1005 transient progressed kept"), "{ending}");
        assert_eq!(summary(&trial.run().await), format!("done 200 {SIZE}"));
        assert!(trial.resumed().is_some_and(|(offset, ..)| offset > 0), "{:?}", trial.told());
        let bytes = fs::read(&trial.files.finished).unwrap();
        assert_eq!(bytes, pseudo_random(7, 0, SIZE as usize));
    }
}

/// what is at the path => how it ends, and why
#[tokio::test]
async fn what_is_no_socket_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "").unwrap();
    drop(std::os::unix::net::UnixListener::bind(at("left")).unwrap());
    drop(std::os::unix::net::UnixListener::bind(at("shut")).unwrap());
    fs::set_permissions(at("shut"), fs::Permissions::from_mode(0o000)).unwrap();
    let is_almighty = rustix::process::geteuid().is_root();
    for (name, expected, why) in [
        ("none", "-1004 transient", "no such socket"),
        ("none/such", "-1004 transient", "no such socket"),
        ("file", "-1004 permanent", "is no socket"),
        ("", "-1004 permanent", "is no socket"),
        ("left", "-1004 transient", "nobody listens there"),
        ("shut", "-1004 permanent", "may not connect"),
    ] {
        if name == "shut" && is_almighty {
            eprintln!("SKIPPED: root may connect to everything");
            continue;
        }
        let ending = over(Trial::data("http://localhost/"), &at(name)).run().await;
        assert_eq!(summary(&ending), expected, "{name}: {ending:?}");
        let detail = error_of(&ending).detail.clone().unwrap();
        assert!(detail.contains(why) && detail.contains(at(name).to_str().unwrap()), "{detail}");
    }
}
