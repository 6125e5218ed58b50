//! What a `Strict-Transport-Security` field says: RFC 6797 section 6.1.

use std::time::Duration;

/// Longest time that a host is known without saying it again; a longer one counts as this.
pub(super) const AGE_LIMIT: Duration = Duration::from_secs(2 * 365 * 24 * 60 * 60);

/// A field that conforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    /// How long the host is known; zero forgets it.
    pub(super) max_age: Duration,
    /// Whether all names below the host are meant, too.
    pub(super) include_subdomains: bool,
}

impl Field {
    /// Reads a field. One that does not conform is none as a whole: half of what it asks for may be
    /// less than nothing, as a `max-age` that is cut short.
    pub(super) fn parse(field: &[u8]) -> Option<Self> {
        let mut rest = field.trim_ascii();
        let (mut max_age, mut include_subdomains) = (None, false);
        while !rest.is_empty() {
            let (name, value, after) = directive(rest)?;
            rest = after;
            if name.eq_ignore_ascii_case(b"max-age") {
                if max_age.replace(seconds(&value?)?).is_some() {
                    return None;
                }
            } else if name.eq_ignore_ascii_case(b"includeSubDomains") {
                if value.is_some() || std::mem::replace(&mut include_subdomains, true) {
                    return None;
                }
            } else if name.is_empty() && value.is_some() {
                return None;
            }
        }
        Some(Self { max_age: max_age?, include_subdomains })
    }
}

/// A name, its value, and what stands behind the next semicolon.
type Directive<'a> = (&'a [u8], Option<Vec<u8>>, &'a [u8]);

/// Takes the first directive, which may be empty.
fn directive(field: &[u8]) -> Option<Directive<'_>> {
    let (name, rest) = token(field);
    let mut rest = rest.trim_ascii_start();
    let mut value = None;
    if let Some(behind) = rest.strip_prefix(b"=") {
        let behind = behind.trim_ascii_start();
        let (read, after) = match behind.strip_prefix(b"\"") {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let (read, after) = token(behind);
                (Some(read.to_vec()).filter(|read| !read.is_empty())?, after)
            }
        };
        value = Some(read);
        rest = after.trim_ascii_start();
    }
    match rest.split_first() {
        None => Some((name, value, rest)),
        Some((b';', rest)) => Some((name, value, rest.trim_ascii_start())),
        Some(_) => None,
    }
}

/// Splits behind the last character of a token (RFC 9110 section 5.6.2).
fn token(text: &[u8]) -> (&[u8], &[u8]) {
    let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let end = text.iter().position(|byte| !is_of_token(byte)).unwrap_or(text.len());
    text.split_at(end)
}

/// Reads to the closing quotation mark; there must be one.
fn unquoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut read = Vec::new();
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((read, &text[at + 1..])),
            b'\\' => read.push(*bytes.next()?.1),
            other => read.push(*other),
        }
    }
    None
}

/// Reads seconds: digits and nothing else, however many.
fn seconds(value: &[u8]) -> Option<Duration> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let all = value
        .iter()
        .fold(0_u64, |all, digit| all.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(Duration::from_secs(all).min(AGE_LIMIT))
}
