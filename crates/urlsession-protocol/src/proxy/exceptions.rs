//! Which hosts need no proxy, as curl reads it.

use std::net::IpAddr;
use url::Host;

/// Says whether an entry of the exceptions covers a host of a URL.
pub(super) fn covers(entry: &str, host: &str, port: u16) -> bool {
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
    use crate::{ConnectionProxy, Proxy};

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
    fn exceptions() {
        let proxy = Proxy::parse("proxy.test").unwrap();
        for (list, url, expected) in TABLE {
            let proxies = ConnectionProxy::everywhere(proxy.clone()).except(list);
            assert_eq!(proxies.of_url(url).is_none(), *expected, "{list} {url}");
        }
    }
}
