//! Where a cookie goes: hosts, domains, public suffixes and paths.

use std::net::{Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Returns the host of a URL as domains are compared: lower case, international names in ASCII.
pub(super) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_ascii_lowercase()
}

/// Returns the domain that a person or program names as URLs have it; `None` if none can.
pub(super) fn named(text: &str) -> Option<String> {
    Host::parse(&domain(text)).ok().map(|host| host.to_string())
}

/// Spells a domain that people or programs bring as hosts of URLs are: an IPv6 address is in brackets,
/// whichever of its forms it had, though most files of cookies have it without.
pub(super) fn domain(text: &str) -> String {
    let text = text.trim_start_matches('.');
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    match inner.parse::<Ipv6Addr>() {
        Ok(address) => Host::<&str>::Ipv6(address).to_string(),
        Err(_) => text.to_ascii_lowercase(),
    }
}

/// Says whether a host is the domain or below it (RFC 6265bis section 5.1.3).
pub(super) fn domain_matches(host: &str, domain: &str) -> bool {
    if host == domain {
        return true;
    }
    // Nobody owns a name that begins with a dot, and a URL can have it.
    let is_below = |rest: &str| rest.ends_with('.') && !rest.starts_with('.');
    let below = host.strip_suffix(domain).is_some_and(is_below);
    below && !domain.is_empty() && !is_address(host)
}

/// Says whether whoever registers names below this domain may be anyone: `com`, `co.uk`,
/// `github.io`, and everything that has no dot.
pub(super) fn is_public_suffix(domain: &str) -> bool {
    let domain = without_root(domain);
    !is_address(domain)
        && psl::suffix(domain.as_bytes()).is_none_or(|suffix| suffix == domain.as_bytes())
}

/// Returns the domain that somebody registered, of which the host is a part; the host itself if
/// there is none.
pub(super) fn site(host: &str) -> &str {
    if is_address(host) {
        return host;
    }
    let bare = without_root(host);
    let registered = psl::domain(bare.as_bytes()).map(|domain| domain.as_bytes().len());
    // The domain of `a.example.com.` keeps its last dot.
    registered.map_or(host, |length| &host[bare.len() - length..])
}

/// Returns the path of a cookie that names none (RFC 6265bis section 5.1.4).
pub(super) fn default_path(url: &Url) -> &str {
    let path = url.path();
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(last) => &path[..last],
    }
}

/// Says whether a path is the cookie's or below it (RFC 6265bis section 5.1.4).
pub(super) fn path_matches(path: &str, cookie: &str) -> bool {
    match path.strip_prefix(cookie) {
        None => false,
        Some(rest) => rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'),
    }
}

/// Says whether what is sent to the URL is kept from others on the way.
pub(super) fn is_secure(url: &Url) -> bool {
    url.scheme() == "https"
}

fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok()
}

fn without_root(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_domains() {
        for (host, domain, expected) in [
            ("example.com", "example.com", true),
            ("www.example.com", "example.com", true),
            ("a.b.example.com", "example.com", true),
            ("example.com", "www.example.com", false),
            ("badexample.com", "example.com", false),
            ("example.com.evil.net", "example.com", false),
            (".example.com", "example.com", false),
            ("example.com", "", false),
            ("example.com.", "example.com", false),
            ("www.example.com.", "example.com.", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "0.0.1", false),
            ("[::1]", "[::1]", true),
            ("[::1]", "1]", false),
        ] {
            assert_eq!(domain_matches(host, domain), expected, "{host} {domain}");
        }
    }

    #[test]
    fn public_suffixes_and_sites() {
        for (host, suffix, expected) in [
            ("com", true, "com"),
            ("com.", true, "com."),
            ("example.com", false, "example.com"),
            ("a.b.example.com", false, "example.com"),
            ("a.example.com.", false, "example.com."),
            ("co.uk", true, "co.uk"),
            ("example.co.uk", false, "example.co.uk"),
            ("www.example.co.uk", false, "example.co.uk"),
            ("github.io", true, "github.io"),
            ("me.github.io", false, "me.github.io"),
            // A wildcard rule and its exception.
            ("ck", true, "ck"),
            ("any.ck", true, "any.ck"),
            ("a.any.ck", false, "a.any.ck"),
            ("www.ck", false, "www.ck"),
            ("a.www.ck", false, "www.ck"),
            // International names.
            ("xn--p1ai", true, "xn--p1ai"),
            ("a.xn--e1afmkfd.xn--p1ai", false, "xn--e1afmkfd.xn--p1ai"),
            // No list knows these.
            ("localhost", true, "localhost"),
            ("host.internal-only", false, "host.internal-only"),
            ("127.0.0.1", false, "127.0.0.1"),
            ("[::1]", false, "[::1]"),
        ] {
            assert_eq!(is_public_suffix(host), suffix, "{host}");
            assert_eq!(site(host), expected, "{host}");
        }
    }

    #[test]
    fn paths() {
        for (url, expected) in [
            ("http://h", "/"),
            ("http://h/", "/"),
            ("http://h/a", "/"),
            ("http://h/a/", "/a"),
            ("http://h/a/b?c=/d/e", "/a"),
            ("http://h/a%2Fb/c", "/a%2Fb"),
        ] {
            assert_eq!(default_path(&url.parse().unwrap()), expected, "{url}");
        }
        for (path, cookie, expected) in [
            ("/", "/", true),
            ("/a", "/", true),
            ("/a", "/a", true),
            ("/a/b", "/a", true),
            ("/a/b", "/a/", true),
            ("/ab", "/a", false),
            ("/a", "/a/", false),
            ("/A", "/a", false),
            ("/a%2Fb", "/a", false),
        ] {
            assert_eq!(path_matches(path, cookie), expected, "{path} {cookie}");
        }
    }
}
