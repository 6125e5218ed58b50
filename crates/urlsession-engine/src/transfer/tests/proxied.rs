//! Through proxies: what they learn, what they may do to us, and whose connection is whose.

use super::{Trial, error_of, summary};
use std::sync::Arc;
use urlsession_core::Ending;
use urlsession_protocol::{ConnectionProxy, Credential, Header, Proxy as Through};
use urlsession_testkit::proxy::{Proxy, Way};
use urlsession_testkit::server::{Answer, Server};

pub(super) fn through(mut trial: Trial, url: &str) -> Trial {
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

/// how the proxy is spoken to, user-info => what it was asked for a server of `http`
#[tokio::test]
async fn tunnels_for_plain_servers() {
    for (way, user_info, expected) in [
        (Way::Http, "user:p:ss@", "done 200 1"),
        (Way::Https, "user:p:ss@", "done 200 1"),
        (Way::Http, "user:wrong@", "-1013 permanent"),
    ] {
        let server = Server::start();
        server.on("/", Answer::ok("x"));
        let proxy = Proxy::start(way);
        proxy.demand("user", "p:ss");
        let mut trial = through(Trial::data(&server.url("/")), &proxy.url(user_info));
        trial = trusting(trial, &server, &proxy, way);
        // A connection of one kind is none of the other.
        let forwarded = trial.run().await;
        trial.order.options.connection_proxy.as_mut().unwrap().tunnels = true;
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{way:?}: {ending:?} {forwarded:?}");
        let asked = proxy.seen();
        let begin = format!("CONNECT {} HTTP/1.1\r\n", server.address());
        assert!(asked.last().unwrap().starts_with(&begin), "{way:?}: {asked:?}");
        for request in server.requests() {
            assert_eq!(request.header("proxy-authorization"), None);
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

/// whether the server speaks TLS, user-info, requests that a nonce lets in => what is shown to the
/// proxy by three tasks, and how they end
#[tokio::test]
async fn digest() {
    for (tls, user_info, uses, shown, end) in [
        (false, "us%65r:p%3ass@", 9, "- n1:1 n1:2 n1:3", "done 200 1"),
        (true, "user:p:ss@", 9, "- n1:1 n1:2 n1:3", "done 200 1"),
        (false, "user:p:ss@", 1, "- n1:1 n1:2 n2:1 n2:2 n3:1", "done 200 1"),
        (true, "user:p:ss@", 1, "- n1:1 n1:2 n2:1 n2:2 n3:1", "done 200 1"),
        // No nonce is good for anything: it ends.
        (
            false,
            "user:p:ss@",
            0,
            "- n1:1 n2:1 n3:1 n4:1 - n5:1 n6:1 n7:1 n8:1 - n9:1 n10:1 n11:1 n12:1",
            "done 407 2",
        ),
        (false, "user:wrong@", 9, "- n1:1 - n1:1 - n1:1", "done 407 2"),
        (true, "user:wrong@", 9, "- n1:1 - n1:1 - n1:1", "-1013 permanent"),
        (true, "", 9, "- - -", "-1013 permanent"),
    ] {
        for way in [Way::Http, Way::Https] {
            let server = if tls { Server::start_tls() } else { Server::start() };
            server.on("/", Answer::ok("x"));
            let proxy = Proxy::start(way);
            proxy.demand_digest("user", "p:ss", uses);
            let hands = Trial::data(&server.url("/")).hands;
            for _ in 0..3 {
                let mut trial = through(Trial::data(&server.url("/")), &proxy.url(user_info));
                trial.hands = Arc::clone(&hands);
                let ending = trusting(trial, &server, &proxy, way).run().await;
                assert_eq!(summary(&ending), end, "{way:?} {tls} {user_info}");
                // The next task asks for a connection of its own.
                hands.drop_idle_connections();
            }
            let asked: Vec<_> = proxy.seen().iter().map(|head| digest_of(head)).collect();
            assert_eq!(asked.join(" "), shown, "{way:?} {tls} {user_info}");
            assert!(!proxy.seen().concat().contains("Basic"), "{:?}", proxy.seen());
            assert!(server.requests().iter().all(|s| s.header("proxy-authorization").is_none()));
        }
    }
}

/// Where it connects, too (RFC 7616 section 3.5).
#[tokio::test]
async fn the_nonce_that_a_proxy_wants_next_is_used() {
    let server = Server::start_tls();
    server.on("/", Answer::ok("x"));
    let proxy = Proxy::start(Way::Http);
    proxy.demand_digest("user", "p:ss", 9);
    proxy.grant("HTTP/1.1 200 So\r\nProxy-Authentication-Info: nextnonce=\"next\"\r\n\r\n");
    let trial = through(Trial::data(&server.url("/")), &proxy.url("user:p:ss@"));
    let trial = trusting(trial, &server, &proxy, Way::Http);
    for _ in 0..2 {
        assert_eq!(summary(&trial.run().await), "done 200 1");
        trial.hands.drop_idle_connections();
    }
    let asked: Vec<_> = proxy.seen().iter().map(|head| digest_of(head)).collect();
    assert_eq!(asked[..3], ["-", "n1:1", "next:1"]);
}

/// Says in short what a request showed to a proxy: the nonce and its count.
fn digest_of(head: &str) -> String {
    let shown = head.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: Digest "));
    let Some(shown) = shown else { return "-".to_owned() };
    let part = |name: &str| {
        let value = shown.split(", ").find_map(|part| part.strip_prefix(name)).unwrap();
        value.trim_matches('"').trim_start_matches('0').to_owned()
    };
    format!("{}:{}", part("nonce="), part("nc="))
}

#[tokio::test]
async fn a_proxy_and_a_server_that_both_ask() {
    let server = Server::start();
    let who = Answer::ok("who?").status(401);
    let who = who.header("WWW-Authenticate", "Digest realm=r, nonce=s, qop=auth");
    server.on("/", who.times(1).then(Answer::sink()));
    let proxy = Proxy::start(Way::Http);
    // The nonce is stale as soon as the server has asked, too.
    proxy.demand_digest("user", "to-proxy", 1);
    let mut trial = Trial::upload(&server.url("/"), &[7; 100_000]);
    trial.order.request.credential = Some(Credential::new("me", "to-server"));
    let ending = through(trial, &proxy.url("user:to-proxy@")).run().await;
    let Ending::Done(done) = &ending else { panic!("{ending:?}") };
    assert_eq!((done.response.status_code, done.sent), (201, 100_000));
    let shown: Vec<_> = proxy.seen().iter().map(|head| digest_of(head)).collect();
    assert_eq!(shown, ["-", "n1:1", "n1:2", "n2:1"]);
    let seen = server.requests().pop().unwrap();
    assert!(seen.header("authorization").unwrap().contains("uri=\"/\""));
    assert_eq!(seen.header("proxy-authorization"), None);
}

/// what the proxy answers to `CONNECT`: any 2xx is a tunnel, and has no body (RFC 9110 section 9.3.6)
#[tokio::test]
async fn grants_of_http_proxies() {
    let server = Server::start_tls();
    server.on("/", Answer::ok("x"));
    for head in [
        "200 OK\r\n",
        "201 Made\r\nContent-Length: 5\r\n",
        "202 Soon\r\nTransfer-Encoding: chunked\r\n",
        "204 Sure go ahead\r\n",
        "204 No Content\r\nConnection: close\r\n",
        "299 So\r\nConnection: close\r\n",
        "200 OK\r\nX: a line\r\n that is folded\r\n",
    ] {
        for version in ["1.0", "1.1"] {
            let proxy = Proxy::start(Way::Http);
            proxy.grant(&format!("HTTP/{version} {head}\r\n"));
            let trial = through(Trial::data(&server.url("/")), &proxy.url(""));
            let ending = trusting(trial, &server, &proxy, Way::Http).run().await;
            assert_eq!(summary(&ending), "done 200 1", "{version} {head}: {ending:?}");
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
        ("a busy one", b"HTTP/1.1 429 No\r\nRetry-After: 7\r\n\r\n".to_vec(), "-1004 after 7s"),
        ("never", b"HTTP/1.1 403 No\r\nRetry-After: 7\r\n\r\n".to_vec(), "-1004 permanent"),
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

/// what the proxy answers => how the attempt ends
#[tokio::test]
async fn lies_of_proxies_of_socks_4() {
    let server = Server::start();
    for (what, reply, expected) in [
        ("nothing", &b""[..], "-1005 transient"),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n", "-1004 permanent"),
        ("SOCKS 5", b"\x05\x00\x00\x01\x7f\x00\x00\x01", "-1004 permanent"),
        ("its own version", b"\x04\x5a\0\0\0\0\0\0", "-1004 permanent"),
        ("half an answer", b"\x00\x5a\0\0\0", "-1005 transient"),
        ("a refusal", b"\x00\x5b\0\0\0\0\0\0", "-1004 transient"),
        ("nobody to ask", b"\x00\x5c\0\0\0\0\0\0", "-1013 permanent"),
        ("another user", b"\x00\x5d\0\0\0\0\0\0", "-1013 permanent"),
        ("no answer", b"\x00\x00\0\0\0\0\0\0", "-1004 permanent"),
        ("nothing more", b"\x00\x5a\0\0\0\0\0\0", "-1005 transient"),
    ] {
        let proxy = Proxy::start(Way::Socks4);
        proxy.reply(reply);
        let ending = through(Trial::data(&server.url("/")), &proxy.url("")).run().await;
        assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
    }
}

/// the scheme, the user and the host => what the proxy is asked for, or how the attempt ends
#[tokio::test]
async fn socks_4_has_no_passwords_and_no_ipv6() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let port = server.address().port();
    for (scheme, user, host, expected) in [
        ("socks4a", "", "only-the-proxy-knows.invalid", "only-the-proxy-knows.invalid"),
        ("socks4a", "me:pw@", "127.0.0.1", "me 127.0.0.1"),
        ("socks4", "me@", "a.localhost", "me 127.0.0.1"),
        ("socks4", "", "127.0.0.1", "127.0.0.1"),
        ("socks4", "", "only-the-proxy-knows.invalid", "-1003 transient"),
        ("socks4", "", "[::1]", "-1004 permanent"),
        ("socks4a", "", "[::1]", "-1004 permanent"),
    ] {
        let proxy = Proxy::start(Way::Socks4);
        let way = proxy.url(user).replace("socks4a:", &format!("{scheme}:"));
        let ending = through(Trial::data(&format!("http://{host}:{port}/")), &way).run().await;
        match proxy.seen().pop() {
            Some(asked) => {
                assert_eq!(summary(&ending), "done 200 1", "{scheme} {host}: {ending:?}");
                assert_eq!(asked, format!("{expected}:{port}"));
            }
            None => assert_eq!(summary(&ending), expected, "{scheme} {host}: {ending:?}"),
        }
    }
    let proxy = Proxy::start(Way::Socks4);
    proxy.demand("you", "");
    let url = server.url("/");
    assert_eq!(
        summary(&through(Trial::data(&url), &proxy.url("me@")).run().await),
        "-1013 permanent"
    );
    assert_eq!(summary(&through(Trial::data(&url), &proxy.url("you@")).run().await), "done 200 1");
}

/// the user-info of the proxy's URL => what is said where it lets nobody in so
#[tokio::test]
async fn a_socks_proxy_that_wants_to_know_says_what() {
    let server = Server::start();
    let proxy = Proxy::start(Way::Socks5);
    for (user, expected) in [
        ("", "it wants a user name and a password"),
        ("me:pw@", "it wants neither nobody nor a user name and a password"),
    ] {
        proxy.reply(b"\x05\xff");
        let ending = through(Trial::data(&server.url("/")), &proxy.url(user)).run().await;
        let detail = error_of(&ending).detail.clone().unwrap();
        assert!(detail.ends_with(expected), "{user}: {detail}");
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

/// It is a redirect that needs it: tasks whose own URL does are refused before.
#[tokio::test]
async fn nothing_goes_past_a_proxy_that_nobody_could_read() {
    let (plain, secure) = (Server::start(), Server::start_tls());
    plain.on("/", Answer::redirect(302, &secure.url("/")));
    secure.on("/", Answer::ok("x"));
    let mut trial = Trial::data(&plain.url("/"));
    trial.order.options.ca_certificates.push(secure.ca_pem());
    trial.order.options.connection_proxy = Some(ConnectionProxy {
        https: Some(Through::unreadable("https_proxy")),
        ..ConnectionProxy::default()
    });
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-1 permanent", "{ending:?}");
    assert!(error_of(&ending).detail.as_ref().unwrap().contains("https_proxy"), "{ending:?}");
    assert!(secure.requests().is_empty());
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
    assert_eq!(one.seen().len(), 2, "it asked once, and the tunnel is used again");
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
    proxy.demand("user", "distinctive");
    let mut trial = through(Trial::data(&first.url("/")), &proxy.url("user:distinctive@"));
    let proxies = trial.order.options.connection_proxy.as_mut().unwrap();
    proxies.exceptions = vec![second.address().to_string()];
    assert_eq!(summary(&trial.run().await), "done 200 1");
    assert_eq!(proxy.seen().len(), 2);
    assert!(proxy.seen()[1].contains("Proxy-Authorization: Basic "));
    let seen = second.requests().remove(0);
    assert_eq!(seen.header("proxy-authorization"), None);
    assert_eq!(seen.header("via"), None, "it came straight");
}

/// What one proxy learns of us, another does not, though a redirect leads through both, and though
/// the same name and password would be good for it.
#[tokio::test]
async fn a_redirect_shows_a_proxy_nothing_of_another() {
    let (first, second) = (Server::start(), Server::start_tls());
    first.on("/", Answer::redirect(302, &second.url("/there")));
    second.on("/there", Answer::ok("x"));
    for (demands_digest, user_info) in
        [(false, ""), (true, ""), (false, "user:p:ss@"), (true, "user:p:ss@")]
    {
        let (one, two) = (Proxy::start(Way::Http), Proxy::start(Way::Http));
        match demands_digest {
            true => one.demand_digest("user", "p:ss", 9),
            false => one.demand("user", "p:ss"),
        }
        let mut trial = Trial::data(&first.url("/"));
        trial.order.options.ca_certificates.push(second.ca_pem());
        trial.order.options.connection_proxy = Some(ConnectionProxy {
            http: Through::parse(&one.url("user:p:ss@")).ok(),
            https: Through::parse(&two.url(user_info)).ok(),
            ..ConnectionProxy::default()
        });
        assert_eq!(summary(&trial.run().await), "done 200 1", "{demands_digest} {user_info}");
        assert!(one.seen().concat().contains("Proxy-Authorization"), "{:?}", one.seen());
        assert!(!two.seen().concat().contains("Proxy-Authorization"), "{:?}", two.seen());
        assert_eq!(two.seen().len(), 1, "{demands_digest} {user_info}");
    }
}

/// whether the proxy connects, the version it is asked in => what the server sees of the proxy's fields
#[tokio::test]
async fn what_a_proxy_is_told() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    for (tunnels, speaks_http10, at_server) in [
        (true, false, [None, Some("own")]),
        (true, true, [None, Some("own")]),
        (false, false, [Some("a note"), Some("for it")]),
    ] {
        let proxy = Proxy::start(Way::Http);
        let mut trial = through(Trial::data(&server.url("/")), &proxy.url(""));
        let proxies = trial.order.options.connection_proxy.as_mut().unwrap();
        let host = ("Host", "elsewhere.test");
        proxies.headers = [("X-Note", "a note"), ("User-Agent", "for it"), host]
            .map(|(name, value)| Header::new(name, value))
            .into();
        (proxies.tunnels, proxies.speaks_http10) = (tunnels, speaks_http10);
        let trial = trial.header("User-Agent", "own");
        assert_eq!(summary(&trial.run().await), "done 200 1", "{tunnels} {speaks_http10}");
        let asked = proxy.seen().concat();
        let line = match (tunnels, speaks_http10) {
            (true, true) => format!("CONNECT {} HTTP/1.0\r\n", server.address()),
            (true, false) => format!("CONNECT {} HTTP/1.1\r\n", server.address()),
            (false, _) => format!("GET {} HTTP/1.1\r\n", server.url("/")),
        };
        assert!(asked.starts_with(&line) && asked.contains("a note"), "{asked}");
        assert_eq!(asked.contains("elsewhere.test"), tunnels, "{asked}");
        assert!(asked.contains("for it") && !asked.contains("own\r\n"), "{asked}");
        let seen = server.requests().pop().unwrap();
        let fields = ["x-note", "user-agent"].map(|name| seen.header(name));
        assert_eq!(fields, at_server, "{tunnels} {speaks_http10}");
        let one = &trial.metrics.snapshot().transaction_metrics[0];
        assert_eq!(one.proxy_status_code, tunnels.then_some(200));
        let head =
            if tunnels { "HTTP/1.1 200 Connection established\r\n\r\n".len() as u64 } else { 0 };
        assert_eq!(one.count_of_proxy_header_bytes_received, head);
    }
}
