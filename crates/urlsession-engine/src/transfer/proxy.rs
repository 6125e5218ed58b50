//! Which proxy a URL goes through: a pure policy, with the exceptions as curl reads them.

use super::errors::Failure;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::net::IpAddr;
use url::{Host, Url};
use urlsession_protocol::{ConnectionProxy, ErrorCode, Header, Proxy};

/// Finds the proxy of the URL; `None` goes straight.
pub(super) fn of<'a>(url: &Url, proxies: &'a ConnectionProxy) -> Option<&'a Proxy> {
    let proxy = match url.scheme() {
        "https" => proxies.https.as_ref(),
        _ => proxies.http.as_ref(),
    }?;
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let is_exception = proxies.exceptions.iter().any(|one| covers(one, host, port));
    (!is_exception).then_some(proxy)
}

/// Adds what a proxy is told, which wins over fields of the same name.
pub(super) fn tell(headers: &[Header], fields: &mut HeaderMap) -> Result<(), Failure> {
    let illegal = |name: &str| {
        let why = format!("the header field “{}” for the proxy", name.escape_debug());
        Failure::permanent(ErrorCode::UNKNOWN, why)
    };
    let mut told = HeaderMap::with_capacity(headers.len());
    for Header { name, value } in headers {
        let mut value =
            HeaderValue::from_bytes(value.expose().as_bytes()).map_err(|_| illegal(name))?;
        value.set_sensitive(true);
        told.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| illegal(name))?, value);
    }
    fields.extend(told);
    Ok(())
}

/// Says on every failure that it struck on the way to or in the proxy.
pub(super) fn blame(proxy: &Proxy, mut failure: Failure) -> Failure {
    let why = failure.error.detail.take().unwrap_or_default();
    failure = unasked(failure);
    failure.error.detail = Some(format!("the proxy {proxy}: {why}"));
    // Its certificate is no word about the server.
    failure.error.message = failure.error.message.replace("HOST", &proxy.host);
    failure
}

/// Has nobody asked for a certificate: what an app answers is for the server, which has not said anything
/// yet.
pub(super) fn unasked(failure: Failure) -> Failure {
    use ErrorCode as Code;
    match failure.error.code {
        Code::CLIENT_CERTIFICATE_REQUIRED | Code::CLIENT_CERTIFICATE_REJECTED => {
            let why = failure.error.detail.unwrap_or_default();
            Failure::permanent(Code::SECURE_CONNECTION_FAILED, why)
        }
        _ => failure,
    }
}

/// Says whether an entry of the exceptions covers a host of a URL.
fn covers(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let (entry, entry_port) = split_port(entry);
    if entry_port.is_some_and(|wanted| wanted != port) {
        return false;
    }
    let bare = |text: &str| text.trim_start_matches('[').trim_end_matches(']').to_owned();
    if let Ok(address) = bare(host).parse::<IpAddr>() {
        return covers_address(&bare(entry), address);
    }
    let wanted = entry.strip_prefix('*').unwrap_or(entry);
    let wanted = wanted.trim_start_matches('.').trim_end_matches('.');
    let host = host.trim_end_matches('.');
    if wanted.is_empty() {
        return false;
    }
    // A host of a URL is in ASCII, whatever letters it was typed in.
    let spelled = (!wanted.is_ascii()).then(|| Host::parse(wanted)).and_then(Result::ok);
    let spelled = spelled.map(|host| host.to_string());
    let wanted = spelled.as_deref().unwrap_or(wanted);
    let Some(at) = host.len().checked_sub(wanted.len()) else { return false };
    // Both are compared as bytes: an entry may have anything in it.
    let (front, tail) = host.as_bytes().split_at(at);
    tail.eq_ignore_ascii_case(wanted.as_bytes()) && (front.is_empty() || front.ends_with(b"."))
}

fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        // An IPv6 address without brackets has more than one colon.
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            port.parse().map_or((entry, None), |port| (name, Some(port)))
        }
        _ => (entry, None),
    }
}

/// An address covers itself, a network such as `192.168.0.0/16` all addresses in it.
fn covers_address(entry: &str, address: IpAddr) -> bool {
    let (network, length) = match entry.split_once('/') {
        Some((network, length)) => (network, length.parse().ok()),
        None => (entry, Some(128)),
    };
    let (Ok(network), Some(length)) = (network.trim_end_matches(']').parse(), length) else {
        return false;
    };
    let shared = match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u32::from(a) ^ u32::from(b)).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a) ^ u128::from(b)).leading_zeros(),
        _ => return false,
    };
    let bits: u32 = if address.is_ipv4() { 32 } else { 128 };
    let is_network = entry.contains('/');
    length <= if is_network { bits } else { 128 } && shared >= length.min(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// exceptions, URL => whether it goes straight
    const TABLE: &[(&str, &str, bool)] = &[
        ("", "http://a.test/", false),
        ("*", "http://a.test/", true),
        ("a.test", "http://a.test/", true),
        ("a.test", "http://A.TEST/", true),
        ("A.Test.", "http://a.test./", true),
        ("a.test", "http://b.a.test/", true),
        ("a.test", "http://ba.test/", false),
        (".a.test", "http://a.test/", true),
        (".a.test", "http://b.a.test/", true),
        ("*.a.test", "http://b.a.test/", true),
        ("b.a.test", "http://a.test/", false),
        ("test", "http://a.test/", true),
        (".", "http://a.test/", false),
        ("bücher.test", "http://bücher.test/", true),
        ("BÜCHER.test", "http://xn--bcher-kva.test/", true),
        ("xn--bcher-kva.test", "http://bücher.test/", true),
        (".bücher.test", "http://a.bücher.test/", true),
        ("bücher.test", "http://bucher.test/", false),
        ("ü b", "http://bücher.test/", false),
        ("x, a.test", "http://a.test/", true),
        ("x a.test", "http://a.test/", true),
        ("a.test:80", "http://a.test/", true),
        ("a.test:8080", "http://a.test/", false),
        ("a.test:8080", "http://a.test:8080/", true),
        ("a.test:x", "http://a.test/", false),
        ("127.0.0.1", "http://127.0.0.1:99/", true),
        ("127.0.0.1:98", "http://127.0.0.1:99/", false),
        ("127.0.0.1", "http://127.0.0.10/", false),
        ("0.0.1", "http://127.0.0.1/", false),
        ("192.168.0.0/16", "http://192.168.7.8/", true),
        ("192.168.0.0/16", "http://192.169.7.8/", false),
        ("0.0.0.0/0", "http://9.9.9.9/", true),
        ("0.0.0.0/0", "http://[::1]/", false),
        ("192.168.0.0/33", "http://192.168.0.0/", false),
        ("192.168.0.0/x", "http://192.168.0.0/", false),
        ("192.168.0.0/16:8080", "http://192.168.0.1:8080/", true),
        ("::1", "http://[::1]/", true),
        ("[::1]", "http://[::1]/", true),
        ("[::1]:80", "http://[::1]/", true),
        ("[::1]:81", "http://[::1]/", false),
        ("fe80::/10", "http://[fe80::1]/", true),
        ("fe80::/10", "http://[fec0::1]/", false),
        ("10.0.0.0/8", "http://10.0.0.0.test/", false),
        ("ü", "http://a.test/", false),
    ];

    #[test]
    fn the_certificate_of_a_proxy_is_the_proxys() {
        let proxy = Proxy::parse("https://proxy.test").unwrap();
        let failure = Failure::permanent(ErrorCode::SERVER_CERTIFICATE_UNTRUSTED, "so");
        let error = blame(&proxy, failure).at("http://origin.test/").error;
        assert!(error.message.contains("“proxy.test”"), "{error}");
        assert_eq!(error.failing_url.as_deref(), Some("http://origin.test/"));
        let failure = Failure::permanent(ErrorCode::CLIENT_CERTIFICATE_REQUIRED, "so");
        let error = blame(&proxy, failure).error;
        assert_eq!(error.code, ErrorCode::SECURE_CONNECTION_FAILED);
        assert_eq!(error.detail.as_deref(), Some("the proxy https://proxy.test:443: so"));
    }

    #[test]
    fn exceptions() {
        let proxy = Proxy::parse("proxy.test").unwrap();
        for (list, url, expected) in TABLE {
            let proxies = ConnectionProxy::everywhere(proxy.clone()).except(list);
            let got = of(&url.parse().unwrap(), &proxies).is_none();
            assert_eq!(got, *expected, "{list} {url}");
        }
    }

    #[test]
    fn the_scheme_decides() {
        let proxies = ConnectionProxy { https: Proxy::parse("a").ok(), ..Default::default() };
        assert!(of(&"http://h/".parse().unwrap(), &proxies).is_none());
        assert!(of(&"https://h/".parse().unwrap(), &proxies).is_some());
    }
}
