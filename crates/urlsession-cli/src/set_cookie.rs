//! `Set-Cookie` fields in a file of cookies: what a server said once, kept as text.

use std::net::IpAddr;
use std::time::Duration;
use urlsession::{COOKIE_ATTRIBUTE_LIMIT, Cookie, CookieIdentity, SameSite, Secret, Timestamp};

const NAME: &str = "set-cookie:";

/// Returns the value if the line is such a field.
pub(crate) fn field(line: &str) -> Option<&str> {
    let name = line.get(..NAME.len())?;
    name.eq_ignore_ascii_case(NAME).then(|| trim(&line[NAME.len()..]))
}

/// Reads the value as RFC 6265bis section 5.6 says, and as one that comes over the network: a cookie
/// for each of the hosts if it names no domain; none if it says nothing that can be kept.
pub(crate) fn cookies(value: &str, hosts: &[String], now: Timestamp) -> Vec<Cookie> {
    let mut parts = value.split(';').map(trim);
    let pair = parts.next().unwrap_or_default();
    let (name, content) = pair.split_once('=').unwrap_or(("", pair));
    let (name, content) = (trim(name), trim(content));
    let is_control = |c: char| c.is_ascii_control() && c != '\t';
    if (name.is_empty() && content.is_empty()) || value.contains(is_control) {
        return Vec::new();
    }
    let (mut domain, mut path, mut max_age) = (String::new(), "/", None);
    let mut cookie = Cookie {
        identity: CookieIdentity {
            domain: String::new(),
            host_only: true,
            path: String::new(),
            name: name.to_owned(),
        },
        value: Secret::new(content),
        secure: false,
        http_only: false,
        same_site: None,
        expires: None,
        created: Timestamp(0),
    };
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = trim(value);
        if value.len() > COOKIE_ATTRIBUTE_LIMIT {
            continue;
        }
        match trim(name).to_ascii_lowercase().as_str() {
            "domain" => domain = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase(),
            "path" => path = if value.starts_with('/') { value } else { "/" },
            "expires" => {
                let end = Timestamp::of_cookie_date(value.as_bytes());
                cookie.expires = end.or(cookie.expires);
            }
            "max-age" => max_age = seconds(value).or(max_age),
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => cookie.same_site = same_site(value),
            _ => {}
        }
    }
    if let Some(seconds) = max_age {
        cookie.expires = Some(match seconds {
            0 => Timestamp(0),
            seconds => now.after(Duration::from_secs(seconds)),
        });
    }
    path.clone_into(&mut cookie.identity.path);
    let of = |domain: &str, host_only: bool| {
        let mut cookie = cookie.clone();
        domain.clone_into(&mut cookie.identity.domain);
        cookie.identity.host_only = host_only;
        cookie
    };
    if domain.is_empty() {
        return hosts.iter().map(|host| of(host, true)).collect();
    }
    let is_legal = |c: char| c.is_alphanumeric() || ".-_:[]".contains(c);
    if domain.starts_with('.') || !domain.chars().all(is_legal) {
        return Vec::new();
    }
    // An address has no hosts below it.
    vec![of(&domain, domain.parse::<IpAddr>().is_ok())]
}

fn same_site(text: &str) -> Option<SameSite> {
    match text.to_ascii_lowercase().as_str() {
        "strict" => Some(SameSite::Strict),
        "lax" => Some(SameSite::Lax),
        "none" => Some(SameSite::None),
        _ => None,
    }
}

/// Reads `Max-Age`; a number that is too large is as good as the largest.
fn seconds(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(if digits == text { digits.parse().unwrap_or(u64::MAX) } else { 0 })
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_900_000_000_000);

    /// attributes => when the cookie ends, in seconds since 1970
    #[test]
    fn a_cookie_ends_as_it_would_over_the_network() {
        for (attributes, expected) in [
            ("Max-Age=-99999999999999999999", Some(0)),
            ("Max-Age=-0", Some(0)),
            ("Max-Age=0", Some(0)),
            ("Max-Age=60", Some(1_900_000_060)),
            ("Max-Age=99999999999999999999999", Some(u64::MAX / 1000)),
            ("Max-Age=+100", None),
            ("Max-Age=1.5", None),
            ("Max-Age=", None),
            ("Max-Age=60; Max-Age=soon", Some(1_900_000_060)),
            ("Max-Age=60; Expires=Wed, 06 Nov 2030 08:49:37 GMT", Some(1_900_000_060)),
            ("Expires=Wed, 06 Nov 2030 08:49:37 GMT", Some(1_920_185_377)),
            ("Expires=2030 Nov 06 08:49:37", Some(1_920_185_377)),
            ("Expires=06 Nov 2030 08:49:37.123", Some(1_920_185_377)),
            ("Expires=Thu, 01-Jan-70 00:00:01 GMT", Some(1)),
            ("Expires=20300101", None),
            ("Expires=2030-01-01", None),
            ("Expires=2030-01-01T00:00:00Z", None),
        ] {
            let cookies = cookies(&format!("a=b; {attributes}"), &["h".to_owned()], NOW);
            let [cookie] = &cookies[..] else { panic!("{attributes}") };
            assert_eq!(cookie.expires.map(|end| end.0 / 1000), expected, "{attributes}");
        }
    }

    /// what a server said => domain, path, name and value
    #[test]
    fn a_cookie_is_taken_apart_as_it_would_be_over_the_network() {
        let long = format!("a=b; Path=/{}", "p".repeat(COOKIE_ATTRIBUTE_LIMIT));
        for (value, expected) in [
            ("a=b; Path=/p", Some("h /p a=b")),
            ("a=b; Path=/p; Path=q", Some("h / a=b")),
            ("a = b c ; Domain=.EX.com", Some("ex.com / a=b c")),
            ("a=b; Domain=..ex.com", None),
            ("only a value", Some("h / =only a value")),
            ("a=\tb\tc", Some("h / a=b\tc")),
            ("=; Path=/p", None),
            ("", None),
            ("a=b\u{7}", None),
            (&long, Some("h / a=b")),
        ] {
            let cookies = cookies(value, &["h".to_owned()], NOW);
            let told = cookies.first().map(|Cookie { identity, value, .. }| {
                let CookieIdentity { domain, path, name, .. } = identity;
                format!("{domain} {path} {name}={}", value.expose())
            });
            assert_eq!(told.as_deref(), expected, "{value}");
        }
    }
}
