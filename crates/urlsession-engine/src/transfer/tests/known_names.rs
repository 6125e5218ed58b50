//! Names that the task itself knows, where there is a proxy and where there is none.

use super::proxied::through;
use super::{Trial, summary};
use urlsession_protocol::ConnectTo;
use urlsession_testkit::proxy::{Proxy, Way};
use urlsession_testkit::server::{Answer, Server};

/// the proxy, which hosts the task knows and where => what the proxy is asked, and how the attempt ends
#[tokio::test]
async fn names_that_the_task_knows_are_known_for_proxies_too() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let port = server.address().port();
    let by_name = format!("a.invalid:{port}");
    let by_address = format!("127.0.0.1:{port}");
    let forwarded = format!("GET http://a.invalid:{port}/ HTTP/1.1");
    for (way, proxy_url, known, expected) in [
        (Way::Socks5, "socks5://127.0.0.1", "a.invalid=127.0.0.1", Ok(&by_address)),
        (
            Way::Socks5,
            "socks5://127.0.0.1",
            "a.invalid>b.invalid b.invalid=127.0.0.1",
            Ok(&by_address),
        ),
        (Way::Socks4, "socks4://127.0.0.1", "a.invalid=::1,127.0.0.1", Ok(&by_address)),
        (Way::Socks5, "socks5://127.0.0.1", "b.invalid=127.0.0.1", Err("-1003 transient")),
        // These look the name up themselves.
        (Way::Socks5, "socks5h://127.0.0.1", "a.invalid=192.0.2.1", Ok(&by_name)),
        (Way::Socks4, "socks4a://127.0.0.1", "a.invalid=192.0.2.1", Ok(&by_name)),
        // Nobody but the task knows where the proxy is.
        (Way::Socks5, "socks5h://p.invalid", "p.invalid=127.0.0.1", Ok(&by_name)),
        (
            Way::Socks5,
            "socks5://p.invalid",
            "p.invalid=127.0.0.1 a.invalid=127.0.0.1",
            Ok(&by_address),
        ),
        (Way::Http, "http://p.invalid", "p.invalid=127.0.0.1", Ok(&forwarded)),
        (Way::Http, "http://p.invalid", "p.invalid>127.0.0.1", Err("-1003 transient")),
        (Way::Http, "http://p.invalid", "a.invalid=127.0.0.1", Err("-1003 transient")),
    ] {
        let proxy = Proxy::start(way);
        let proxy_url = format!("{proxy_url}:{}", proxy.address().port());
        let mut trial = through(Trial::data(&format!("http://{by_name}/")), &proxy_url);
        trial.order.options.request_policy.connect_to = places(known);
        let ending = summary(&trial.run().await);
        let asked = proxy.seen().pop();
        let asked = asked.as_deref().and_then(|asked| asked.lines().next());
        let what = format!("{proxy_url} {known}: {asked:?}");
        assert_eq!(ending, expected.map_or_else(|ending| ending, |_| "done 200 1"), "{what}");
        assert_eq!(asked, expected.ok().map(|asked| &asked[..]), "{what}");
        // The connection that waits is of use only for those who know the same.
        trial.order.options.request_policy.connect_to.clear();
        let is_needed = expected != Ok(&by_name) || proxy_url.contains("p.invalid");
        assert_eq!(summary(&trial.run().await) == "-1003 transient", is_needed, "{what}");
    }
}

/// Reads `HOST=ADDRESS` as `--resolve` is meant, `HOST>HOST` as `--connect-to`.
fn places(text: &str) -> Vec<ConnectTo> {
    let place = |one: &str| {
        let (host, to) = one.split_once(['=', '>']).unwrap();
        let (host, to_host) = (Some(host.to_owned()), Some(to.to_owned()));
        ConnectTo { host, to_host, is_local: one.contains('='), ..ConnectTo::default() }
    };
    text.split(' ').map(place).collect()
}

#[tokio::test]
async fn a_name_that_is_led_to_may_be_known() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let mut trial = Trial::data(&format!("http://a.invalid:{}/", server.address().port()));
    trial.order.options.request_policy.connect_to =
        places("a.invalid>b.invalid b.invalid=127.0.0.1");
    assert_eq!(summary(&trial.run().await), "done 200 1");
}
