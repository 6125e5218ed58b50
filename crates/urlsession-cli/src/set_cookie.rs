//! `Set-Cookie` fields in a file of cookies: what a server said once, kept as text.

use crate::condition;
use std::net::IpAddr;
use urlsession::{Cookie, CookieIdentity, SameSite, Secret, Timestamp};

const NAME: &str = "set-cookie:";

/// Returns the value if the line is such a field.
pub(crate) fn field(line: &str) -> Option<&str> {
    let name = line.get(..NAME.len())?;
    name.eq_ignore_ascii_case(NAME).then(|| line[NAME.len()..].trim())
}

/// Reads the value as RFC 6265bis section 5.6 says: a cookie for each of the hosts if it names no
/// domain; none if it says nothing that can be kept.
pub(crate) fn cookies(value: &str, hosts: &[String], now: Timestamp) -> Vec<Cookie> {
    let mut parts = value.split(';').map(str::trim);
    let pair = parts.next().unwrap_or_default();
    let (name, content) = pair.split_once('=').unwrap_or(("", pair));
    if pair.is_empty() || value.contains(char::is_control) {
        return Vec::new();
    }
    let (mut domain, mut path, mut max_age) = (String::new(), "/", None);
    let mut cookie = Cookie {
        identity: CookieIdentity {
            domain: String::new(),
            host_only: true,
            path: String::new(),
            name: name.trim().to_owned(),
        },
        value: Secret::new(content.trim()),
        secure: false,
        http_only: false,
        same_site: None,
        expires: None,
        created: Timestamp(0),
    };
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "domain" => domain = value.trim_start_matches('.').to_ascii_lowercase(),
            "path" if value.starts_with('/') => path = value,
            "expires" => cookie.expires = condition::date(value).ok().or(cookie.expires),
            "max-age" => max_age = value.parse::<i64>().ok().or(max_age),
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => {
                cookie.same_site = match value.to_ascii_lowercase().as_str() {
                    "strict" => Some(SameSite::Strict),
                    "lax" => Some(SameSite::Lax),
                    "none" => Some(SameSite::None),
                    _ => None,
                }
            }
            _ => {}
        }
    }
    if let Some(seconds) = max_age {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        cookie.expires = Some(Timestamp(now.0.saturating_add(seconds.saturating_mul(1000))));
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
    if !domain.chars().all(is_legal) {
        return Vec::new();
    }
    // An address has no hosts below it.
    vec![of(&domain, domain.parse::<IpAddr>().is_ok())]
}
