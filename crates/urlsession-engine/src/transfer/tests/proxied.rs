//! Through proxies: what they learn, what they may do to us, and whose connection is whose.

use super::{Trial, error_of, summary};
use std::sync::Arc;
use urlsession_core::Ending;
use urlsession_protocol::{ConnectionProxy, Proxy as Through};
use urlsession_testkit::proxy::{Proxy, Way};
use urlsession_testkit::server::{Answer, Server};

fn through(mut trial: Trial, url: &str) -> Trial {
    trial.order.options.connection_proxy =
        Some(ConnectionProxy::everywhere(Through::parse(url).unwrap()));
    trial
}

fn trusting(mut trial: Trial, server: &Server, proxy: &Proxy, way: Way) -> Trial {
    if server.url("/").starts_with("https") {
        trial.order.options.ca_certificates.push(server.ca_pem());
    }
    if way == Way::Https {
        trial.order.options.ca_certificates.push(proxy.ca_pem());
    }
    trial
}

/// how the proxy is spoken to, what the server speaks => what the proxy was asked
#[tokio::test]
async fn every_way_to_every_server() {
    for way in [Way::Http, Way::Https, Way::Socks5] {
        for server in [Server::start(), Server::start_tls(), Server::start_h2()] {
            server.on("/f", Answer::pseudo_random(3, 300_000));
            let proxy = Proxy::start(way);
            let trial = through(Trial::download(&server.url("/f?a=b")), &proxy.url(""));
            let trial = trusting(trial, &server, &proxy, way)
                .header("Authorization", "Bearer distinctive")
                .header("Proxy-Authorization", "Basic of-the-app");
            let ending = trial.run().await;
            let what = format!("{way:?} {}: {ending:?}", server.url("/f"));
            assert_eq!(summary(&ending), "done 200 300000", "{what}");
            let asked = proxy.seen();
            assert_eq!(asked.len(), 1, "{what}");
            let is_tls = server.url("/").starts_with("https");
            let expected = match way {
                Way::Socks5 => server.address().to_string(),
                _ if is_tls => format!("CONNECT {} HTTP/1.1\r\n", server.address()),
                _ => format!("GET {} HTTP/1.1\r\n", server.url("/f?a=b")),
            };
            assert!(asked[0].starts_with(&expected), "{what}: {asked:?}");
            if is_tls || way == Way::Socks5 {
                assert!(!asked[0].contains("distinctive"), "{what}: {asked:?}");
            }
            let got = server.requests().remove(0);
            assert_eq!(got.header("authorization"), Some("Bearer distinctive"), "{what}");
            assert_eq!(got.header("proxy-authorization"), None, "{what}");
            assert_eq!(got.path, "/f?a=b", "{what}");
        }
    }
}

/// how the proxy is spoken to, whether the server speaks TLS, user-info => how the attempt ends
#[tokio::test]
async fn credentials() {
    for (way, tls, user_info, expected) in [
        (Way::Http, false, "us%65r:p%3ass@", "done 200 1"),
        (Way::Http, true, "user:p:ss@", "done 200 1"),
        (Way::Https, true, "user:p:ss@", "done 200 1"),
        (Way::Socks5, false, "user:p:ss@", "done 200 1"),
        (Way::Http, false, "user:wrong@", "done 407 2"),
        (Way::Http, false, "", "done 407 2"),
        (Way::Http, true, "user:wrong@", "-1013 permanent"),
        (Way::Https, true, "", "-1013 permanent"),
        (Way::Socks5, true, "user:wrong@", "-1013 permanent"),
        (Way::Socks5, true, "", "-1013 permanent"),
    ] {
        let server = if tls { Server::start_tls() } else { Server::start() };
        server.on("/", Answer::ok("x"));
        let proxy = Proxy::start(way);
        proxy.demand("user", "p:ss");
        let trial = through(Trial::data(&server.url("/")), &proxy.url(user_info));
        let ending = trusting(trial, &server, &proxy, way).run().await;
        let what = format!("{way:?} {tls} {user_info}: {ending:?}");
        assert_eq!(summary(&ending), expected, "{what}");
        if let Ending::Failed { error, .. } = &ending {
            assert!(!what.contains("p:ss"), "{what}");
            assert!(error.detail.as_ref().unwrap().starts_with("the proxy "), "{what}");
            assert_eq!(error.failing_url, Some(server.url("/")), "{what}");
            let status = (way != Way::Socks5).then_some(407);
            assert_eq!(error.status_code, status, "{what}");
        }
        for seen in server.requests() {
            assert_eq!(seen.header("proxy-authorization"), None, "{what}");
        }
    }
}

/// what the proxy answers to `CONNECT` => how the attempt ends
#[tokio::test]
async fn lies_of_http_proxies() {
    let server = Server::start_tls();
    server.on("/", Answer::ok("x"));
    let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n").into_bytes();
    let endless = format!("X: {}\r\n", "y".repeat(1000)).repeat(200);
    for (what, reply, expected) in [
        ("nothing", Vec::new(), "-1005 transient"),
        ("garbage", b"\0\0\0\0garbage\r\n\r\n".to_vec(), "-1011 permanent"),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "-1011 permanent"),
        ("half a head", b"HTTP/1.1 200 OK\r\nX: y".to_vec(), "-1005 transient"),
        ("an end after the head", head(""), "-1005 transient"),
        ("a body", [head("Content-Length: 5\r\n"), b"hello".to_vec()].concat(), "-1011 permanent"),
        (
            "a chunked body",
            [head("Transfer-Encoding: chunked\r\n"), b"1\r\nx\r\n".to_vec()].concat(),
            "-1011 permanent",
        ),
        ("a long head", head(&endless), "-1017 permanent"),
        ("many fields", head(&"X: y\r\n".repeat(500)), "-1017 permanent"),
        ("a refusal", b"HTTP/1.1 403 No\r\n\r\nwhy".to_vec(), "-1004 permanent"),
        ("a bad day", b"HTTP/1.1 503 No\r\n\r\n".to_vec(), "-1004 transient"),
        (
            "a redirect",
            b"HTTP/1.1 302 No\r\nLocation: http://h/\r\n\r\n".to_vec(),
            "-1004 permanent",
        ),
    ] {
        let proxy = Proxy::start(Way::Http);
        proxy.reply(&reply);
        let trial = through(Trial::data(&server.url("/")), &proxy.url(""));
        let trial = trusting(trial, &server, &proxy, Way::Http);
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
        if what != "an end after the head" {
            let error = error_of(&ending);
            assert!(
                error.detail.as_ref().unwrap().contains("the proxy http://"),
                "{what}: {error}"
            );
        }
    }
    assert!(server.requests().is_empty());
}

/// what the proxy answers to the greeting => how the attempt ends
#[tokio::test]
async fn lies_of_socks_proxies() {
    let server = Server::start();
    for (what, reply, expected) in [
        ("nothing", &b""[..], "-1005 transient"),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n", "-1004 permanent"),
        ("SOCKS 4", b"\x00\x5a\0\0\0\0\0\0", "-1004 permanent"),
        ("no way in", b"\x05\xff", "-1013 permanent"),
        ("a way not offered", b"\x05\x02", "-1004 permanent"),
        ("half an answer", b"\x05\x00\x05\x00\x00\x01\x7f", "-1005 transient"),
        ("an address of no kind", b"\x05\x00\x05\x00\x00\x02\0\0\0\0\0\0", "-1004 permanent"),
        ("failure", b"\x05\x00\x05\x01\x00\x01\0\0\0\0\0\0", "-1004 transient"),
        ("forbidden", b"\x05\x00\x05\x02\x00\x01\0\0\0\0\0\0", "-1004 permanent"),
        ("no host", b"\x05\x00\x05\x04\x00\x01\0\0\0\0\0\0", "-1004 transient"),
        ("a refusal", b"\x05\x00\x05\x05\x00\x01\0\0\0\0\0\0", "-1004 transient"),
        ("too late", b"\x05\x00\x05\x06\x00\x01\0\0\0\0\0\0", "-1001 transient"),
        ("no address kind", b"\x05\x00\x05\x08\x00\x01\0\0\0\0\0\0", "-1004 permanent"),
    ] {
        let proxy = Proxy::start(Way::Socks5);
        proxy.reply(reply);
        let ending = through(Trial::data(&server.url("/")), &proxy.url("")).run().await;
        assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
        let detail = error_of(&ending).detail.clone().unwrap();
        assert!(detail.starts_with("the proxy socks5h://127.0.0.1:"), "{what}: {detail}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (proxy, expected) in [
        (format!("http://u:distinctive@127.0.0.1:{port}"), "-1004 transient"),
        (format!("https://127.0.0.1:{port}"), "-1004 transient"),
        (format!("socks5://127.0.0.1:{port}"), "-1004 transient"),
        (format!("socks5h://nowhere.invalid:{port}"), "-1003 transient"),
    ] {
        for url in ["http://server.test/", "https://server.test/"] {
            let ending = through(Trial::data(url), &proxy).run().await;
            // Who does not know the name of the server, does not look it up.
            if proxy.starts_with("socks5:") {
                continue;
            }
            assert_eq!(summary(&ending), expected, "{proxy}: {ending:?}");
            let error = error_of(&ending);
            assert!(error.detail.as_ref().unwrap().contains(&format!(":{port}: ")), "{error}");
            assert!(!format!("{ending:?}").contains("distinctive"), "{ending:?}");
        }
    }
}

#[tokio::test]
async fn who_looks_a_name_up() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let port = server.address().port();
    let proxy = Proxy::start(Way::Socks5);
    let remote = proxy.url("");
    let url = format!("http://only-the-proxy-knows.invalid:{port}/");
    assert_eq!(summary(&through(Trial::data(&url), &remote).run().await), "done 200 1");
    assert_eq!(proxy.seen(), [format!("only-the-proxy-knows.invalid:{port}")]);
    let local = remote.replace("socks5h:", "socks5:");
    assert_eq!(summary(&through(Trial::data(&url), &local).run().await), "-1003 transient");
    let url = format!("http://localhost:{port}/");
    assert_eq!(summary(&through(Trial::data(&url), &local).run().await), "done 200 1");
    let asked = proxy.seen().pop().unwrap();
    assert!(asked == format!("127.0.0.1:{port}") || asked == format!("::1:{port}"), "{asked}");
}

#[tokio::test]
async fn an_https_proxy_that_is_not_trusted() {
    let server = Server::start_tls();
    let proxy = Proxy::start(Way::Https);
    let mut trial = through(Trial::data(&server.url("/")), &proxy.url("user:distinctive@"));
    // Neither what holds for servers, nor a blind eye for them, holds for the proxy.
    trial.order.options.tls.allow_any_certificate = true;
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-1202 permanent", "{ending:?}");
    assert!(error_of(&ending).detail.as_ref().unwrap().starts_with("the proxy https://"));
    assert!(proxy.seen().is_empty());
}

#[tokio::test]
async fn connections_belong_to_their_proxy_and_its_user() {
    let server = Server::start_tls();
    server.on("/", Answer::ok("x"));
    let (one, two) = (Proxy::start(Way::Http), Proxy::start(Way::Http));
    one.demand("user", "right");
    let hands = Trial::data(&server.url("/")).hands;
    let run = async |proxy: Option<String>| {
        let mut trial = Trial::data(&server.url("/"));
        trial.hands = Arc::clone(&hands);
        trial.order.options.ca_certificates.push(server.ca_pem());
        if let Some(url) = proxy {
            trial = through(trial, &url);
        }
        summary(&trial.run().await)
    };
    assert_eq!(run(Some(one.url("user:right@"))).await, "done 200 1");
    assert_eq!(run(Some(one.url("user:right@"))).await, "done 200 1");
    assert_eq!(one.seen().len(), 1, "the tunnel is used again");
    assert_eq!(run(Some(one.url("user:wrong@"))).await, "-1013 permanent");
    assert_eq!(run(Some(one.url(""))).await, "-1013 permanent");
    assert_eq!(run(Some(two.url(""))).await, "done 200 1");
    assert_eq!(run(None).await, "done 200 1");
    let connections: Vec<_> = server.requests().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections[0], connections[1]);
    assert!(connections[1] < connections[2] && connections[2] < connections[3]);
}

#[tokio::test]
async fn each_hop_finds_its_own_way() {
    let (first, second) = (Server::start(), Server::start());
    first.on("/", Answer::redirect(302, &second.url("/there")));
    second.on("/there", Answer::ok("x"));
    let proxy = Proxy::start(Way::Http);
    let mut trial = through(Trial::data(&first.url("/")), &proxy.url("user:distinctive@"));
    let proxies = trial.order.options.connection_proxy.as_mut().unwrap();
    proxies.exceptions = vec![second.address().to_string()];
    assert_eq!(summary(&trial.run().await), "done 200 1");
    assert_eq!(proxy.seen().len(), 1);
    assert!(proxy.seen()[0].contains("Proxy-Authorization: Basic "));
    let seen = second.requests().remove(0);
    assert_eq!(seen.header("proxy-authorization"), None);
    assert_eq!(seen.header("via"), None, "it came straight");
}
