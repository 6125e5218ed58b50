//! Proxies and terms of TLS as people type them, and what of it can be seen afterwards.

use crate::home::{Home, Ran, ran};
use std::path::Path;
use urlsession_testkit::proxy::{Proxy, Way};
use urlsession_testkit::server::{Answer, Certificate, Demands, Pkcs12, Server};

/// A secret that must appear nowhere but on the network and in private files.
const SECRET: &str = "Xd1st1nct1veX";

fn get(home: &Home, words: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut command = home.command(&[&["get", "--overwrite", "--retry", "0"], words].concat());
    let proxies = ["http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"];
    for name in proxies.into_iter().chain(["no_proxy", "NO_PROXY"]) {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    ran(command.output().unwrap())
}

/// words => over what the file comes, or why it does not
#[test]
fn http3_is_asked_for() {
    let (home, server) = (Home::new(), Server::start_h3());
    let quic = Server::start_quic(Certificate::Valid, Demands::default());
    let plain = Server::start();
    for server in [&server, &quic, &plain] {
        server.on("/f", Answer::ok("x"));
    }
    for (server, words, expected) in [
        (&server, &[][..], "h2"),
        (&server, &["--http3-only"], "h3"),
        (&quic, &["--http3"], "h3"),
        (&plain, &["--http3"], "http/1.1"),
        (&plain, &["--http3-only"], "only HTTP/3 may be used, and it needs https"),
    ] {
        let mut all = vec![server.url("/f"), "--json".to_owned()];
        if server.url("/").starts_with("https") {
            all.extend(["--cacert".to_owned(), server.ca_pem().display().to_string()]);
        }
        all.extend(words.iter().map(|word| (*word).to_owned()));
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        let did = get(&home, &all, &[]);
        let said = format!("\"{expected}\"");
        assert!(did.out.contains(&said) || did.out.contains(expected), "{words:?}: {did:?}");
    }
    let both = get(&home, &[&plain.url("/f"), "--http3", "--http3-only"], &[]);
    assert_eq!(both.code, 2, "{both:?}");
}

#[test]
fn the_environment_of_the_client_decides() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let (daemons, clients) = (Proxy::start(Way::Http), Proxy::start(Way::Http));
    clients.demand("user", SECRET);
    let mut start = home.command(&["daemon", "start"]);
    start.env("http_proxy", daemons.url("")).env("all_proxy", daemons.url(""));
    assert!(start.status().unwrap().success());
    let url = server.url("/f");
    let through = clients.url(&format!("user:{SECRET}@"));
    let (host, others) = (server.address().to_string(), "a.test, 10.0.0.0/8");
    for (words, environment, asked) in [
        (&[][..], &[][..], 0),
        // The proxy asks who we are, once.
        (&[], &[("http_proxy", through.as_str())], 2),
        (&[], &[("HTTP_PROXY", through.as_str())], 0),
        (&[], &[("https_proxy", through.as_str())], 0),
        (&[], &[("ALL_PROXY", through.as_str())], 1),
        (&[], &[("all_proxy", through.as_str()), ("no_proxy", &host)], 0),
        (&[], &[("all_proxy", through.as_str()), ("no_proxy", others)], 1),
        (&["--noproxy", "*"], &[("http_proxy", through.as_str())], 0),
        (&["--noproxy", others], &[("http_proxy", through.as_str()), ("no_proxy", "*")], 1),
        (&["--proxy", ""], &[("http_proxy", through.as_str())], 0),
        (&["--proxy", &through], &[("http_proxy", "http://127.0.0.1:9")], 1),
        (&["--proxy", &through, "--noproxy", &host], &[], 0),
        (&["--proxy", &through], &[("no_proxy", &host)], 0),
        (&["--proxy", &through], &[("NO_PROXY", others), ("http_proxy", "gopher://a")], 1),
        (&[], &[("https_proxy", "gopher://a")], 0),
        (&["--noproxy", "*"], &[("all_proxy", "gopher://a")], 0),
    ] {
        let before = clients.seen().len();
        let did = get(&home, &[&[url.as_str()], words].concat(), environment);
        assert_eq!(did.code, 0, "{words:?} {environment:?}: {did:?}");
        assert_eq!(clients.seen().len() - before, asked, "{words:?} {environment:?}");
    }
    assert!(daemons.seen().is_empty(), "the daemon's environment is no app's");
    let refused = get(&home, &[&url], &[("http_proxy", &format!("gopher://u:{SECRET}@h"))]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("http_proxy"), "{refused:?}");
    let wrong = get(&home, &[&url, "--proxy", &clients.url(&format!("u:{SECRET}@"))], &[]);
    assert_eq!(wrong.code, 4, "{wrong:?}");
    for text in [refused.err, wrong.err, home.out(&["ls", "--all", "--json"]), log(&home)] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn a_proxy_is_told_who_we_are_and_where_to() {
    let (home, server, proxy) = (Home::new(), Server::start(), Proxy::start(Way::Http));
    server.on("/f", Answer::ok("x"));
    proxy.demand("user", SECRET);
    let (url, through, user) = (server.url("/f"), proxy.url(""), format!("user:{SECRET}"));
    let words = ["--proxy", &through, "-U", &user, "-p", &url];
    let did = get(&home, &words, &[]);
    assert_eq!(did.code, 0, "{did:?}");
    assert!(!format!("{did:?}").contains(SECRET));
    let begin = format!("CONNECT {} ", server.address());
    assert!(proxy.seen().iter().all(|asked| asked.starts_with(&begin)), "{:?}", proxy.seen());
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let home = Home::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let proxy = format!("http://u:{SECRET}@127.0.0.1:{port}");
    let did = get(&home, &["http://server.test/f", "--proxy", &proxy], &[]);
    assert_eq!(did.code, 10, "{did:?}");
    assert!(did.err.contains(&format!("the proxy http://127.0.0.1:{port}: ")), "{did:?}");
    assert!(!did.err.contains(SECRET), "{did:?}");
}

#[test]
fn terms_of_tls() {
    let (home, server, plain) = (Home::new(), Server::start_tls(), Server::start());
    server.on("/f", Answer::ok("x"));
    let url = server.url("/f");
    let authority = server.ca_pem();
    let own = server.client_pem();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (authority, own) = (text(&authority), text(&own));
    let zeros = format!("sha256//{}=", "A".repeat(43));
    for (words, code, says) in [
        (&[][..], 10, "[-1202]"),
        (&["--cacert", &authority], 0, ""),
        (&["--cacert", &authority, "--tlsv1.3", "--cert", &own], 0, ""),
        (&["--cacert", &authority, "--tlsv1.2", "--tls-max", "1.2"], 0, ""),
        (&["--cacert", &authority, "--pinnedpubkey", &zeros], 10, "none of the pinned ones"),
        (&["--cacert", &authority, "--pinnedpubkey", &zeros], 10, "give that with --pinnedpubkey"),
        (&["--insecure"], 0, ""),
        (&["--insecure", "--pinnedpubkey", &zeros], 10, "none of the pinned ones"),
        (&["--tlsv1.3", "--tls-max", "1.2"], 2, "the minimum is above the maximum"),
        (&["--cert", "/nonexistent"], 9, "/nonexistent"),
        (&["--pinnedpubkey", "sha256//AAAA"], 2, "sha256//"),
        (&["--pinnedpubkey", "/nonexistent"], 9, "sha256//"),
        (&["--pinnedpubkey", &own], 9, "no public key"),
        (&["-k"], 2, ""),
    ] {
        let did = get(&home, &[&[url.as_str()], words].concat(), &[]);
        assert_eq!(did.code, code, "{words:?}: {did:?}");
        assert!(did.err.contains(says), "{words:?}: {did:?}");
    }
    let did = get(&home, &[&plain.url("/f"), "--https-only"], &[]);
    assert!(did.code == 10 && did.err.contains("[-1022]"), "{did:?}");
    let log = log(&home);
    assert!(log.contains("WARN") && log.contains("insecure"), "{log}");
}

/// words => how it ends, and what is said
#[test]
fn a_certificate_that_is_its_own_authority() {
    let (home, server) = (Home::new(), Server::start_tls_with(Certificate::OwnAuthority));
    server.on("/f", Answer::ok("x"));
    let (url, own) = (server.url("/f"), server.server_pem());
    let zeros = format!("sha256//{}=", "A".repeat(43));
    let own = own.to_str().unwrap();
    for (words, code, says) in [
        (&[][..], 10, "or the certificate itself, with --cacert FILE"),
        (&["--cacert", own], 0, ""),
        (&["--cacert", own, "--pinnedpubkey", &zeros], 10, "none of the pinned ones"),
    ] {
        let did = get(&home, &[&[url.as_str()], words].concat(), &[]);
        assert_eq!(did.code, code, "{words:?}: {did:?}");
        assert!(did.err.contains(says), "{words:?}: {did:?}");
    }
}

#[test]
fn certificates_of_ours() {
    let demands = Demands { certificate: true, ..Demands::default() };
    let (home, server) = (Home::new(), Server::start_tls_demanding(demands));
    server.on("/f", Answer::ok("x"));
    let url = server.url("/f");
    let authority = server.ca_pem().to_str().unwrap().to_owned();
    let path = server.client_p12(Pkcs12::Modern, SECRET);
    let path = path.to_str().unwrap();
    for (certificate, code, says) in [
        (format!("{path}:{SECRET}"), 0, ""),
        (server.client_pem().to_str().unwrap().to_owned(), 0, ""),
        (path.to_owned(), 9, "the password is wrong"),
        (format!("{path}:{SECRET}x"), 9, "[-1206]"),
        (format!("{path}x:{SECRET}"), 9, "[-1100]"),
    ] {
        let did = get(&home, &[&url, "--cacert", &authority, "--cert", &certificate], &[]);
        assert_eq!(did.code, code, "{certificate}: {did:?}");
        assert!(did.err.contains(says), "{certificate}: {did:?}");
        assert!(!format!("{did:?}").contains(SECRET), "{did:?}");
    }
    for (pass, code) in [(SECRET, 0), ("wrong", 9)] {
        let words = [&url, "--cacert", &authority, "--cert", path, "--pass", pass];
        assert_eq!(get(&home, &words, &[]).code, code, "{pass}");
    }
    for text in [home.out(&["ls", "--all", "--json"]), log(&home)] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

fn log(home: &Home) -> String {
    home.out(&["daemon", "logs"])
}
