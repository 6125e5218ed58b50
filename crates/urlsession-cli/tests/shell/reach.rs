//! How long connecting may take, to which addresses, and through whom.

use crate::home::Home;
use std::net::TcpListener;
use urlsession_testkit::proxy::{Proxy, Way};
use urlsession_testkit::server::{Answer, Demands, Server};

#[test]
fn connecting_takes_no_longer_than_that_is_typed() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    // Takes connections and never shakes hands.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    let get = ["get", "-q", "-o", "-", "--retry", "0"];
    let ran = home.run(&[&get[..], &["--connect-timeout", "0.05", &url]].concat());
    assert!(ran.code == 10 && ran.err.contains("longer than 50ms"), "{ran:?}");
    for time in ["0", "30", "2.5"] {
        let (option, url) = (["--connect-timeout", time], server.url("/f"));
        assert_eq!(home.out(&[&get[..], &option, &[&url]].concat()), "x", "{time}");
    }
    let ran = home.run(&["get", "--connect-timeout", "soon", &server.url("/f")]);
    assert!(ran.code == 2 && ran.err.contains("no duration"), "{ran:?}");
}

/// what is typed, the host => of which version it has no address
#[test]
fn addresses_are_of_the_version_that_is_typed() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let port = server.address().port();
    for (words, host, lacking) in [
        (&["-4"][..], "127.0.0.1", None),
        (&["--ipv4"], "a.localhost", None),
        (&["-6"], "127.0.0.1", Some("IPv6")),
        (&["-6", "-4"], "127.0.0.1", None),
        (&["-4", "--ipv6"], "127.0.0.1", Some("IPv6")),
        (&["-4"], "[::1]", Some("IPv4")),
    ] {
        let url = format!("http://{host}:{port}/f");
        let ran = home.run(&[&["get", "-q", "-o", "-", "--retry", "0", &url], words].concat());
        assert_eq!(ran.code, if lacking.is_some() { 10 } else { 0 }, "{words:?} {host}: {ran:?}");
        let why = lacking.map(|version| format!("no address of {version}"));
        assert!(why.is_none_or(|why| ran.err.contains(&why)), "{words:?} {host}: {ran:?}");
    }
    // A proxy finds the server by itself.
    let proxy = server.address().to_string();
    let url = format!("http://[::1]:{port}/f");
    server.on(&url, Answer::ok("by proxy"));
    let out = home.out(&["get", "-q", "-o", "-", "-4", "--proxy", &proxy, "--noproxy", "", &url]);
    assert_eq!(out, "by proxy");
    let ran = home.run(&["get", "--retry", "0", "-6", "--proxy", &proxy, "--noproxy", "", &url]);
    assert!(ran.code == 10 && ran.err.contains("no address of IPv6"), "{ran:?}");
}

#[test]
fn proxies_are_told_what_is_typed_for_them() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    home.write("fields", b"X-From: a file\n");
    let fields = ["--proxy-header", "X-Note: typed", "--proxy-header", "@fields"];
    let get = ["get", "-q", "-o", "-", "--noproxy", "", "-w", " %{http_connect}"];
    let url = server.url("/f");
    for (option, told) in [("--proxy", "HTTP/1.1"), ("--proxy1.0", "HTTP/1.0")] {
        // One of its own, to which no connection is open.
        let proxy = Proxy::start(Way::Http);
        let way = [option, &proxy.url(""), "-p"];
        assert_eq!(home.out(&[&get[..], &fields, &way, &[&url]].concat()), "x 200");
        let asked = proxy.seen().pop().unwrap();
        assert!(asked.starts_with(&format!("CONNECT {} {told}\r\n", server.address())), "{asked}");
        assert!(asked.contains("typed") && asked.contains("a file"), "{asked}");
        assert_eq!(server.requests().pop().unwrap().header("x-note"), None);
    }
    assert_eq!(home.out(&[&get[..], &["--proxy", "", &url]].concat()), "x 000");
    for wrong in ["X-None:", "Content-Length: 5"] {
        let ran = home.run(&["get", "--proxy-header", wrong, &url]);
        assert_eq!(ran.code, 2, "{wrong}: {ran:?}");
    }
}

#[test]
fn https_proxies_have_terms_of_their_own() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let demands = Demands { certificate: true, ..Demands::default() };
    let proxy = Proxy::start_demanding(Way::Https, demands);
    let (url, way) = (server.url("/f"), proxy.url("").replace("127.0.0.1", "localhost"));
    let get = ["get", "-q", "-o", "-", "--retry", "0", "--noproxy", "", "--proxy", &way, &url];
    let (roots, own) = (proxy.ca_pem(), proxy.client_pem());
    let (roots, own) = (roots.to_str().unwrap(), own.to_str().unwrap());
    for (words, code) in [
        (&["--insecure"][..], 10),
        (&["--proxy-insecure"], 10),
        (&["--proxy-insecure", "--cert", own], 10),
        (&["--proxy-insecure", "--proxy-cert", own], 0),
        (&["--proxy-cacert", roots, "--proxy-cert", own, "--proxy-key", own], 0),
        (&["--proxy-key", own], 2),
        (&["--proxy-cacert", "none.pem"], 9),
    ] {
        let ran = home.run(&[&get[..], words].concat());
        assert_eq!(ran.code, code, "{words:?}: {ran:?}");
    }
}

#[test]
fn proxies_of_socks_are_typed_as_for_curl() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let url = format!("http://localhost:{}/f", server.address().port());
    let get = ["get", "-q", "-o", "-", "--noproxy", "", "--ipv4"];
    for (option, user, asked) in [
        ("--socks5", "", "127.0.0.1"),
        ("--socks5-hostname", "", "localhost"),
        ("--socks5-hostname", "me:pw@", "me:pw localhost"),
    ] {
        let proxy = Proxy::start(Way::Socks5);
        if !user.is_empty() {
            proxy.demand("me", "pw");
        }
        let place = proxy.url(user);
        let bare = place.split_once("://").unwrap().1;
        let words = ["--proxy", "http://127.0.0.1:9", option, bare];
        assert_eq!(home.out(&[&get[..], &words, &[&url]].concat()), "x", "{words:?}");
        let asked = format!("{asked}:{}", server.address().port());
        assert_eq!(proxy.seen().pop(), Some(asked), "{words:?}");
    }
    for (option, user, asked) in
        [("--socks4", "", "127.0.0.1"), ("--socks4a", "me:pw@", "me localhost")]
    {
        let proxy = Proxy::start(Way::Socks4);
        let place = proxy.url(user);
        let bare = place.split_once("://").unwrap().1;
        let words = ["--socks5", "127.0.0.1:9", option, bare];
        assert_eq!(home.out(&[&get[..], &words, &[&url]].concat()), "x", "{words:?}");
        let asked = format!("{asked}:{}", server.address().port());
        assert_eq!(proxy.seen().pop(), Some(asked), "{words:?}");
    }
    let gone = ["--socks5", "127.0.0.1:9", "--proxy", ""];
    assert_eq!(home.out(&[&get[..], &gone, &[&url]].concat()), "x");
    let ran = home.run(&[&get[..], &["--socks5", "a b", &url]].concat());
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn connections_come_from_where_that_is_typed() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let url = server.url("/f");
    let get = ["get", "-q", "-o", "-", "--proxy", "", "--retry", "0", "-w", " %{local_ip}"];
    for (interface, expected) in
        [("127.0.0.2", "x 127.0.0.2"), ("host!127.0.0.3", "x 127.0.0.3"), ("if!lo", "x 127.0.0.1")]
    {
        assert_eq!(home.out(&[&get[..], &["--interface", interface, &url]].concat()), expected);
    }
    let ran = home.run(&[&get[..], &["--interface", "none-such0", &url]].concat());
    assert!(ran.code == 10 && ran.err.contains("none-such0"), "{ran:?}");
    for wrong in ["", "host!name", "a b"] {
        assert_eq!(home.run(&["get", "--interface", wrong, &url]).code, 2, "{wrong}");
    }
}

#[cfg(unix)]
#[test]
fn requests_go_over_the_socket_that_is_typed() {
    use urlsession_testkit::door::Door;
    let (home, server) = (Home::new(), Server::start());
    server.on("/images/json", Answer::ok("[]"));
    server.on("/a", Answer::redirect(302, "http://elsewhere.invalid/images/json"));
    let door = Door::of(&server);
    let get = ["get", "-q", "-o", "-", "--retry", "0", "--unix-socket"];
    // As where people stand in the folder of the socket; the daemon does not.
    std::os::unix::fs::symlink(door.path(), home.file("docker.sock")).unwrap();
    for path in [door.path().to_str().unwrap(), "docker.sock", "./docker.sock"] {
        for url in ["http://localhost/images/json", "http://localhost/a"] {
            assert_eq!(home.out(&[&get[..], &[path, url]].concat()), "[]", "{path} {url}");
        }
    }
    home.write("words", b"unix-socket = docker.sock\nproxy = http://127.0.0.1:1\n");
    let ran = home.out(&["get", "-q", "-o", "-", "-K", "words", "http://localhost/images/json"]);
    assert_eq!(ran, "[]");
    assert!(server.requests().iter().any(|seen| seen.header("host") == Some("elsewhere.invalid")));
    let ran = home.run(&[&get[..], &["none.sock", "http://localhost/"]].concat());
    assert!(ran.code == 10 && ran.err.contains("none.sock: there is no such socket"), "{ran:?}");
    for wrong in ["", &"s".repeat(200)] {
        let ran = home.run(&[&get[..], &[wrong, "http://localhost/"]].concat());
        assert_eq!(ran.code, 2, "{wrong}: {ran:?}");
    }
}
