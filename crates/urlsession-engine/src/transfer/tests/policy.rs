//! Requests that go out otherwise than HTTP clients have them, because the task asks for that.

use super::exchange::gzip;
use super::{Trial, error_of, summary};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use urlsession_core::Ending;
use urlsession_protocol::{AuthenticationMethod, ConnectTo, Credential, HttpVersion, IpVersion};
use urlsession_testkit::proxy::{Proxy, Way};
use urlsession_testkit::server::{Answer, Seen, Server};

const DIGEST: &str = "Digest realm=\"r\", qop=\"auth\", nonce=\"n1\", algorithm=SHA-256";

fn fields(seen: &Seen, names: &[&str]) -> Vec<String> {
    let names = names.iter().filter(|name| seen.header(name).is_some());
    names.map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn fields_are_left_out_unless_the_request_has_them() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let all = ["user-agent", "accept", "accept-encoding", "content-type", "authorization"];
    let mut trial = Trial::data(&server.url("/"));
    trial.order.request.credential = Some(Credential::new("me", "opensesame").proactive());
    assert_eq!(summary(&trial.run().await), "done 200 1");
    trial.order.options.request_policy.omitted_headers =
        ["USER-agent", "Accept", "Accept-Encoding", "Authorization"].map(str::to_owned).into();
    assert_eq!(summary(&trial.run().await), "done 200 1");
    let trial = trial.header("Accept", "text/html");
    assert_eq!(summary(&trial.run().await), "done 200 1");
    let told: Vec<_> = server.requests().iter().map(|seen| fields(seen, &all)).collect();
    assert_eq!(
        told,
        [vec!["user-agent", "accept", "accept-encoding", "authorization"], vec![], vec!["accept"]]
    );
}

#[tokio::test]
async fn a_form_can_go_without_its_type() {
    let server = Server::start();
    server.on("/", Answer::sink());
    let mut trial = Trial::upload(&server.url("/"), b"a=b");
    trial.order.request.method = "POST".into();
    for (omitted, expected) in
        [(None, Some("application/x-www-form-urlencoded")), (Some("Content-Type"), None)]
    {
        trial.order.options.request_policy.omitted_headers =
            omitted.map(str::to_owned).into_iter().collect();
        assert!(summary(&trial.run().await).starts_with("done 201 "));
        assert_eq!(server.requests().pop().unwrap().header("content-type"), expected);
    }
}

/// what is trusted => what the other server sees
/// method, body, the redirect before it => the type that the server is told
#[tokio::test]
async fn a_type_goes_where_the_app_says_unless_its_body_was_taken_away() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    for (method, body, status, expected) in [
        ("GET", None, None, Some("a/b")),
        ("DELETE", None, None, Some("a/b")),
        ("GET", None, Some(303), Some("a/b")),
        ("POST", Some(&b"abc"[..]), Some(307), Some("a/b")),
        ("POST", Some(b"abc"), Some(302), None),
        ("PUT", Some(b"abc"), Some(303), None),
    ] {
        let url = match status {
            None => server.url("/"),
            Some(status) => {
                server.on("/from", Answer::redirect(status, "/"));
                server.url("/from")
            }
        };
        let trial = match body {
            None => Trial::data(&url),
            Some(body) => Trial::upload(&url, body),
        };
        let mut trial = trial.header("content-type", "a/b");
        trial.order.request.method = method.into();
        assert_eq!(summary(&trial.run().await), "done 200 1");
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.header("content-type"), expected, "{method} {status:?}");
    }
}

#[tokio::test]
async fn credentials_go_along_where_redirects_are_trusted() {
    let (first, second) = (Server::start(), Server::start());
    first.on("/", Answer::redirect(302, &second.url("/to")));
    second.on("/to", Answer::ok("x"));
    for (trusts, expected) in
        [(false, vec!["x-own"]), (true, vec!["authorization", "cookie", "x-own"])]
    {
        let mut trial = Trial::data(&first.url("/"))
            .header("Cookie", "a=b")
            .header("X-Own", "1")
            .header("Host", "first.test");
        trial.order.request.credential = Some(Credential::new("me", "opensesame").proactive());
        trial.order.options.request_policy.trusts_redirects = trusts;
        assert_eq!(summary(&trial.run().await), "done 200 1");
        let seen = second.requests().pop().unwrap();
        assert_eq!(fields(&seen, &["authorization", "cookie", "x-own"]), expected);
        assert_ne!(seen.header("host"), Some("first.test"), "the name is of the first server");
    }
}

#[tokio::test]
async fn a_post_stays_one_where_that_is_asked_for() {
    let server = Server::start();
    for status in [301, 302, 303] {
        server.on(&format!("/{status}"), Answer::redirect(status, "/to"));
    }
    server.on("/to", Answer::ok("x"));
    for (status, keeps, expected) in
        [(301, 301, "POST"), (302, 301, "GET"), (302, 302, "POST"), (303, 303, "POST")]
    {
        let mut trial = Trial::upload(&server.url(&format!("/{status}")), b"abc");
        trial.order.request.method = "POST".into();
        trial.order.options.request_policy.keeps_post = vec![keeps];
        assert_eq!(summary(&trial.run().await), "done 200 1");
        let seen = server.requests().pop().unwrap();
        assert_eq!((&*seen.path, &*seen.method), ("/to", expected), "{status} {keeps}");
    }
}

/// what stands in place of the target => what the server is asked for
#[tokio::test]
async fn targets_stand_as_they_are_but_for_redirects() {
    let server = Server::start();
    let text = |text: &str| Some(text.to_owned());
    for (target, path, expected) in [
        (None, None, "/b"),
        (None, text("/a/../b?c"), "/a/../b?c"),
        (text("/x"), text("/a/../b"), "/x"),
        (text("*"), None, "*"),
    ] {
        server.on(expected.split('?').next().unwrap(), Answer::redirect(302, "/to"));
        server.on("/to", Answer::ok("x"));
        let mut trial = Trial::data(&server.url("/a/../b"));
        trial.order.options.request_policy.target = target;
        trial.order.options.request_policy.path = path;
        assert_eq!(summary(&trial.run().await), "done 200 1", "{expected}");
        let asked: Vec<_> = server.requests().iter().rev().take(2).map(whole_target).collect();
        assert_eq!(asked, ["/to", expected]);
    }
}

fn whole_target(seen: &Seen) -> String {
    seen.path.clone()
}

/// the only way in, what the server asks for => what it is shown
#[tokio::test]
async fn only_one_way_in_can_be_allowed() {
    let server = Server::start();
    let challenge = |field: &str| Answer::ok("who?").status(401).header("WWW-Authenticate", field);
    for (way, asks, expected) in [
        (AuthenticationMethod::HttpDigest, "Basic realm=r", None),
        (AuthenticationMethod::HttpDigest, DIGEST, Some("Digest")),
        (AuthenticationMethod::HttpBasic, DIGEST, None),
        (AuthenticationMethod::HttpBasic, "Basic realm=r", Some("Basic")),
        // What worked before is another way.
        (AuthenticationMethod::HttpDigest, DIGEST, Some("Digest")),
        (AuthenticationMethod::Default, "Basic realm=r", Some("Basic")),
    ] {
        let before = server.requests().len();
        server.on("/", challenge(asks).times(1).then(Answer::ok("in")));
        let mut trial = Trial::data(&server.url("/"));
        trial.order.request.credential = Some(Credential::new("me", "opensesame"));
        trial.order.options.request_policy.authentication_method = way;
        trial.run().await;
        let shown = server.requests().split_off(before);
        let shown = shown.iter().filter_map(|seen| seen.header("authorization"));
        let shown: Vec<_> = shown.map(|value| value.split(' ').next().unwrap()).collect();
        let wrong = |value: &&str| expected.is_none_or(|expected| *value != expected);
        assert!(!shown.iter().any(|value| wrong(value) && way != AuthenticationMethod::Default));
        assert_eq!(shown.last().copied(), expected, "{way:?} {asks}");
    }
}

#[tokio::test]
async fn a_target_that_is_no_path_names_no_other_host() {
    let mut trial = Trial::data("http://a.test/");
    trial.order.options.request_policy.target = Some("..".into());
    let ending = trial.run().await;
    assert_eq!(error_of(&ending).failing_url.as_deref(), Some("http://a.test/"));
}

#[tokio::test]
async fn redirects_can_be_told_where_they_come_from() {
    let (first, second) = (Server::start(), Server::start());
    first.on("/a", Answer::redirect(302, "/b"));
    first.on("/b", Answer::redirect(302, &second.url("/c")));
    second.on("/c", Answer::ok("x"));
    let typed = first.url("/a#part").replace("http://", "http://me:secret@");
    let mut trial = Trial::data(&typed).header("Referer", "typed");
    for tells in [false, true] {
        trial.order.options.request_policy.tells_referer = tells;
        assert_eq!(summary(&trial.run().await), "done 200 1");
        let requests = first.requests().into_iter().rev().take(2).rev().collect::<Vec<_>>();
        let last = second.requests().pop().unwrap();
        let told =
            requests.iter().chain([&last]).map(|seen| seen.header("referer").unwrap().to_owned());
        let told: Vec<_> = told.collect();
        let typed = "typed".to_owned();
        let expected = match tells {
            false => [typed.clone(), typed.clone(), typed],
            true => [typed, first.url("/a"), first.url("/b")],
        };
        assert_eq!(told, expected);
    }
}

/// the codings of the way and of the content, whether a download, whether asked for => what comes
#[tokio::test]
async fn bodies_may_be_packed_for_the_way_alone() {
    let server = Server::start();
    let (once, twice) = (gzip(b"content"), gzip(&gzip(b"content")));
    let chunked = |bytes: &[u8], fields: &str| {
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n{fields}\r\n");
        let size = format!("{:x}\r\n", bytes.len());
        Answer::raw([head.as_bytes(), size.as_bytes(), bytes, b"\r\n0\r\n\r\n"].concat())
    };
    let to_the_end = |bytes: &[u8]| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\n";
        Answer::raw([head.as_bytes(), bytes].concat())
    };
    let coded = "Content-Encoding: gzip\r\n";
    for (what, answer, is_download, accepts, expected) in [
        ("chunked", chunked(&once, ""), false, true, "done 200 7"),
        ("a file", chunked(&once, ""), true, true, "done 200 7"),
        ("content, too", chunked(&twice, coded), false, true, "done 200 7"),
        ("content of a file", chunked(&twice, coded), true, true, "done 200 27"),
        ("to the end", to_the_end(&once), false, true, "done 200 7"),
        ("not asked for", chunked(&once, ""), false, false, "-1017 permanent"),
        ("cut", to_the_end(&once[..20]), false, true, "-1015 permanent"),
    ] {
        server.on("/", answer);
        let mut trial = match is_download {
            true => Trial::download(&server.url("/")),
            false => Trial::data(&server.url("/")),
        };
        trial.order.options.request_policy.accepts_transfer_codings = accepts;
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
        let seen = server.requests().pop().unwrap();
        let asked = ["te", "connection"].map(|name| seen.header(name));
        assert_eq!(asked, if accepts { [Some("gzip"), Some("TE")] } else { [None; 2] }, "{what}");
    }
    let server = Server::start_h2();
    server.on("/", Answer::ok("x"));
    let mut trial = Trial::data(&server.url("/"));
    trial.order.options.ca_certificates = vec![server.ca_pem()];
    trial.order.options.request_policy.accepts_transfer_codings = true;
    assert_eq!(summary(&trial.run().await), "done 200 1");
    assert_eq!(server.requests().pop().unwrap().header("te"), None);
}

/// the only version => which is spoken to a server that has HTTP/2
#[tokio::test]
async fn an_older_version_can_be_spoken() {
    let server = Server::start_h2();
    server.on("/", Answer::ok("x"));
    for (version, expected) in [(None, "h2"), (Some(HttpVersion::Http11), "http/1.1")] {
        let mut trial = Trial::data(&server.url("/"));
        trial.order.options.ca_certificates = vec![server.ca_pem()];
        trial.order.options.request_policy.http_version = version;
        let Ending::Done(done) = trial.run().await else { panic!("{version:?}") };
        assert_eq!(done.response.network_protocol.as_deref(), Some(expected));
        trial.order.options.request_policy.refuses_https = true;
        assert_eq!(summary(&trial.run().await), "-1002 permanent");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut trial = Trial::data(&format!("http://{}/", listener.local_addr().unwrap()));
    trial.order.options.request_policy.http_version = Some(HttpVersion::Http10);
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx").unwrap();
        line
    });
    assert_eq!(summary(&trial.run().await), "done 200 1");
    assert_eq!(asked.join().unwrap(), "GET / HTTP/1.0\r\n");
}

/// what is elsewhere => whether the server is found
#[tokio::test]
async fn connections_go_where_the_task_says() {
    let server = Server::start_tls();
    server.on("/f", Answer::ok("x"));
    let port = server.address().port();
    let text = |text: &str| Some(text.to_owned());
    let here =
        ConnectTo { to_host: text("127.0.0.1"), to_port: Some(port), ..ConnectTo::default() };
    let other = ConnectTo { host: text("b.invalid"), ..here.clone() };
    for (all, expected) in [
        (vec![], "-1003 transient"),
        (vec![other.clone()], "-1003 transient"),
        (vec![ConnectTo { port: Some(9), ..here.clone() }], "-1003 transient"),
        (vec![other, here.clone()], "-1202 permanent"),
        (vec![ConnectTo { host: text("A.invalid"), port: Some(7), ..here }], "-1202 permanent"),
    ] {
        let mut trial = Trial::data("https://a.invalid:7/f");
        trial.order.options.ca_certificates = vec![server.ca_pem()];
        trial.order.options.request_policy.connect_to = all;
        // Its certificate is not that of the URL's host, whatever is connected to.
        assert_eq!(summary(&trial.run().await), expected);
    }
}

#[tokio::test]
async fn proxies_are_told_where_the_server_is() {
    let (server, proxy) = (Server::start(), Proxy::start(Way::Http));
    server.on("/f", Answer::ok("x"));
    let port = server.address().port();
    let here = ConnectTo {
        host: Some("a.invalid".into()),
        to_host: Some("127.0.0.1".into()),
        to_port: Some(port),
        ..ConnectTo::default()
    };
    for (is_local, expected) in [(false, "done 200 1"), (true, "done 502 ")] {
        let mut trial = Trial::data("http://a.invalid:7/f");
        let through = urlsession_protocol::Proxy::parse(&proxy.url("")).unwrap();
        trial.order.options.connection_proxy =
            Some(urlsession_protocol::ConnectionProxy::everywhere(through));
        trial.order.options.request_policy.connect_to =
            vec![ConnectTo { is_local, ..here.clone() }];
        let told = summary(&trial.run().await);
        assert_eq!(told.starts_with(expected), !is_local, "{told}");
    }
    let seen = server.requests();
    assert_eq!(seen[0].header("host"), Some("a.invalid:7"));
    assert_eq!(seen.len(), 1);
}

/// Whoever looks at a URL before it is asked for takes that for a name.
#[tokio::test]
async fn the_host_of_a_url_is_no_list_of_addresses() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let url = format!("http://127.0.0.1,x.invalid:{}/", server.address().port());
    assert_eq!(summary(&Trial::data(&url).run().await), "-1003 transient");
}

/// the version of IP, the host => how the attempt ends
#[tokio::test]
async fn only_addresses_of_the_version_that_is_asked_for() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let port = server.address().port();
    for (version, host, expected) in [
        (Some(IpVersion::V4), "127.0.0.1", "done 200 1"),
        (Some(IpVersion::V4), "a.localhost", "done 200 1"),
        (Some(IpVersion::V6), "127.0.0.1", "-1003 permanent"),
        (Some(IpVersion::V4), "[::1]", "-1003 permanent"),
        (None, "a.localhost", "done 200 1"),
        (None, "localhost.", "done 200 1"),
    ] {
        let mut trial = Trial::data(&format!("http://{host}:{port}/"));
        trial.order.options.request_policy.ip_version = version;
        assert_eq!(summary(&trial.run().await), expected, "{version:?} {host}");
        let metrics = trial.metrics.snapshot();
        let [only] = &metrics.transaction_metrics[..] else { panic!("{metrics:?}") };
        assert_eq!(only.domain_lookup_start_date, None, "nobody was asked for {host}");
    }
}

#[tokio::test]
async fn connections_of_one_version_serve_no_other() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let url = format!("http://a.localhost:{}/", server.address().port());
    let mut trial = Trial::data(&url);
    assert_eq!(summary(&trial.run().await), "done 200 1");
    // The connection that waits is of IPv4.
    trial.order.options.request_policy.ip_version = Some(IpVersion::V6);
    assert_eq!(summary(&trial.run().await), "-1004 transient");
}

/// The server takes the connection and says nothing of TLS.
#[tokio::test]
async fn connecting_takes_as_long_as_the_task_says() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    let mut trial = Trial::data(&url);
    trial.order.options.request_policy.timeout_interval_for_connection = Some(50);
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-1001 transient");
    assert!(error_of(&ending).to_string().contains("took longer than 50ms"), "{ending:?}");
}

#[tokio::test]
async fn addresses_that_the_task_knows_are_tried_in_turn() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let port = server.address().port();
    for (version, addresses, expected) in [
        (None, "::1,127.0.0.1", "done 200 1"),
        (Some(IpVersion::V4), "::1,127.0.0.1", "done 200 1"),
        (Some(IpVersion::V6), "127.0.0.2,127.0.0.1", "-1003 permanent"),
    ] {
        let mut trial = Trial::data(&format!("http://a.invalid:{port}/"));
        let policy = &mut trial.order.options.request_policy;
        policy.ip_version = version;
        policy.connect_to = vec![ConnectTo {
            to_host: Some(addresses.to_owned()),
            is_local: true,
            ..ConnectTo::default()
        }];
        assert_eq!(summary(&trial.run().await), expected, "{version:?} {addresses}");
    }
}

/// what connections go out by => how the attempt ends, and where they come from
#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_come_from_where_the_task_says() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    for (interface, expected, from) in [
        ("127.0.0.3", "done 200 1", Some("127.0.0.3")),
        ("lo", "done 200 1", Some("127.0.0.1")),
        ("none-such0", "-1004 transient", None),
        ("192.0.2.1", "-1004 transient", None),
        ("::1", "-1004 transient", None),
    ] {
        let mut trial = Trial::data(&server.url("/"));
        trial.order.options.request_policy.required_interface = Some(interface.to_owned());
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{interface}: {ending:?}");
        let metrics = trial.metrics.snapshot().transaction_metrics.remove(0);
        let local = metrics.local_address().map(|address| address.to_string());
        assert_eq!(local.as_deref(), from, "{interface}");
    }
}
