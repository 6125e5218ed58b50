//! One `Set-Cookie` field, taken apart as RFC 6265bis section 5.6 says: what is wrong in it is
//! ignored, attribute by attribute, and only what could do harm ignores the whole.

use std::time::Duration;
use urlsession_protocol::cookie::{COOKIE_ATTRIBUTE_LIMIT, COOKIE_LENGTH_LIMIT};
use urlsession_protocol::{SameSite, Timestamp};

/// Longest life of a cookie, whatever the server says (RFC 6265bis section 5.5).
pub(super) const LIFE_LIMIT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// What a server asked for. Of an attribute that comes several times the last one counts.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct SetCookie<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    pub(super) expires: Option<Timestamp>,
    /// Seconds, at least 0; it wins over `expires`.
    pub(super) max_age: Option<u64>,
    /// In lower case and without its leading dot; empty is none.
    pub(super) domain: String,
    /// `None` for one that does not begin with a slash.
    pub(super) path: Option<&'a str>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) same_site: Option<SameSite>,
}

impl<'a> SetCookie<'a> {
    /// Takes a field's value apart; `None` ignores it.
    pub(super) fn parse(field: &'a [u8]) -> Option<Self> {
        // Other octets than UTF-8 cannot be listed or stored as text; no server of note sends any.
        let text = std::str::from_utf8(field).ok()?;
        if text.bytes().any(is_control) {
            return None;
        }
        let mut parts = text.split(';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let mut cookie = Self { name: trim(name), value: trim(value), ..Self::default() };
        if !is_legal(cookie.name, cookie.value) {
            return None;
        }
        for attribute in parts {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            cookie.take(trim(name), trim(value));
        }
        Some(cookie)
    }

    /// Returns when it ends; `None` is with the process.
    pub(super) fn end(&self, now: Timestamp) -> Option<Timestamp> {
        let told = match self.max_age {
            Some(0) => Some(Timestamp(0)),
            Some(seconds) => Some(now.after(Duration::from_secs(seconds))),
            None => self.expires,
        };
        told.map(|end| end.min(now.after(LIFE_LIMIT)))
    }

    fn take(&mut self, name: &str, value: &'a str) {
        if value.len() > COOKIE_ATTRIBUTE_LIMIT {
            return;
        }
        match name.to_ascii_lowercase().as_str() {
            "expires" => {
                self.expires = Timestamp::of_cookie_date(value.as_bytes()).or(self.expires);
            }
            "max-age" => self.max_age = seconds(value).or(self.max_age),
            "domain" => {
                let domain = value.strip_prefix('.').unwrap_or(value);
                self.domain = domain.to_ascii_lowercase();
            }
            "path" => self.path = Some(value).filter(|path| path.starts_with('/')),
            "secure" => self.secure = true,
            "httponly" => self.http_only = true,
            "samesite" => {
                self.same_site = match value.to_ascii_lowercase().as_str() {
                    "none" => Some(SameSite::None),
                    "lax" => Some(SameSite::Lax),
                    "strict" => Some(SameSite::Strict),
                    _ => None,
                }
            }
            _ => {}
        }
    }
}

/// Says whether a pair can be kept and sent: not empty, not too long, and no character that would
/// end it.
pub(super) fn is_legal(name: &str, value: &str) -> bool {
    let harmful = |byte: u8| is_control(byte) || byte == b';';
    (1..=COOKIE_LENGTH_LIMIT).contains(&(name.len() + value.len()))
        && !name.contains('=')
        && !name.bytes().chain(value.bytes()).any(harmful)
}

/// All control characters but the tab.
pub(super) fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// Reads `Max-Age`; a number that is too large is as good as the largest.
fn seconds(value: &str) -> Option<u64> {
    let (negative, digits) = match value.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(if negative { 0 } else { digits.parse().unwrap_or(u64::MAX) })
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
