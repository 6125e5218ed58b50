//! URLs that are typed without a scheme, `example.org/file`, read as curl and wget read them.

use crate::args::{NetworkArgs, Schemes};
use std::net::Ipv6Addr;

/// Most digits of a port.
const PORT_DIGITS: usize = 5;

/// Puts the scheme in front that is meant: `--proto-default`, https where nothing else is allowed, else
/// http. What does not begin with a host stays, and is refused as no URL.
pub(crate) fn complete(url: &mut String, network: &NetworkArgs) {
    let is_https = network.https_only || network.proto == Some(Schemes::Https);
    let usual = if is_https { "https" } else { "http" };
    with_scheme(url, network.proto_default.as_deref().unwrap_or(usual));
}

/// The same, where a scheme is meant already.
pub(crate) fn with_scheme(url: &mut String, scheme: &str) {
    if !url.contains("://") && begins_with_host(url) {
        url.insert_str(0, &format!("{scheme}://"));
    }
}

/// Says whether a text begins as only a URL does that has no scheme: with an address, with a name that
/// has a dot in it or a port behind it, or with `localhost`. Any word can be the name of a host; one
/// that stands alone is rather a slip.
pub(crate) fn begins_with_host(text: &str) -> bool {
    let authority = text.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit('@').next().unwrap_or_default();
    if let Some((address, port)) = place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        let (address, _zone) = address.split_once('%').unwrap_or((address, ""));
        return address.parse::<Ipv6Addr>().is_ok() && is_port;
    }
    let (name, port) = match place.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (place, None),
    };
    name.starts_with(char::is_alphanumeric)
        && name.chars().all(is_of_name)
        && match port {
            Some(port) => is_port(port),
            None => name.contains('.') || name.eq_ignore_ascii_case("localhost"),
        }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || "-_.".contains(c)
}

fn is_port(text: &str) -> bool {
    (1..=PORT_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_are_taken_for_one() {
        for text in [
            "example.org",
            "example.org.",
            "example..org:80/file",
            "example.org/a b",
            "www.example.org?a=b",
            "example.org#part",
            "127.0.0.1:8080/file",
            "localhost",
            "LocalHost/file",
            "nas:8080",
            "my_host.lan/file",
            "user:pass@example.org/file",
            "user@nas:80/file",
            "[::1]",
            "[::1]:8080/file",
            "[fe80::1%25eth0]/file",
            "bücher.example/band",
        ] {
            assert!(begins_with_host(text), "{text}");
        }
        for text in [
            "",
            ".",
            "..",
            "./file",
            "../file",
            "/etc/passwd",
            "file",
            "folder/file.iso",
            "//example.org/file",
            "C:\\file",
            "data:text/plain,a",
            "mailto:",
            "file:/etc/passwd",
            "https:example.org",
            ".org",
            "nas:",
            "nas:123456",
            "[::1",
            "[::1]file",
            "[1-3].example.org",
            "{\"a\": 1.5}",
            "-o.x y",
        ] {
            assert!(!begins_with_host(text), "{text}");
        }
    }
}
