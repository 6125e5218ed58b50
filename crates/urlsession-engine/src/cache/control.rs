//! The field `Cache-Control` of requests and responses (RFC 9111 section 5.2).

use http::{HeaderMap, HeaderName, header};

/// More seconds than this count as this many (RFC 9111 section 1.2.2).
const SECONDS_LIMIT: u64 = 1 << 31;
/// Most directives that are read of one message; further ones are as if they were not there, and
/// the response is not kept.
const DIRECTIVES_LIMIT: usize = 64;

/// What a message says about caching it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Control {
    pub(super) no_store: bool,
    /// Without names: the whole response is to be validated before each use.
    pub(super) no_cache: bool,
    /// The fields that are not to be used without validation.
    pub(super) no_cache_fields: Vec<HeaderName>,
    /// 0 where it is illegal: such a response is stale.
    pub(super) max_age: Option<u64>,
    pub(super) must_revalidate: bool,
    pub(super) must_understand: bool,
    pub(super) public: bool,
    pub(super) immutable: bool,
    pub(super) stale_if_error: Option<u64>,
    pub(super) max_stale: Option<u64>,
    pub(super) min_fresh: Option<u64>,
    pub(super) only_if_cached: bool,
    /// There were more directives than are read.
    pub(super) is_cut: bool,
}

impl Control {
    /// Reads the field of a request; without it, what HTTP/1.0 clients say instead (RFC 9111
    /// section 5.4).
    pub(super) fn of_request(headers: &HeaderMap) -> Self {
        let mut control = Self::of_response(headers);
        if !headers.contains_key(header::CACHE_CONTROL) {
            let mut lines = headers.get_all(header::PRAGMA).iter();
            let says = |line: &[u8]| split(line).any(|one| one.eq_ignore_ascii_case(b"no-cache"));
            control.no_cache = lines.any(|line| says(line.as_bytes()));
        }
        control
    }

    /// Reads the field of a response. Of two directives of one name the first counts.
    pub(super) fn of_response(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        let mut count = 0;
        for line in headers.get_all(header::CACHE_CONTROL) {
            for directive in split(line.as_bytes()) {
                count += 1;
                if count > DIRECTIVES_LIMIT {
                    control.is_cut = true;
                    return control;
                }
                control.read(directive);
            }
        }
        control
    }

    fn read(&mut self, directive: &[u8]) {
        let (name, value) = match directive.iter().position(|byte| *byte == b'=') {
            Some(at) => (&directive[..at], Some(unquoted(&directive[at + 1..]))),
            None => (directive, None),
        };
        let seconds = || value.as_deref().and_then(seconds);
        match name.to_ascii_lowercase().as_slice() {
            b"no-store" => self.no_store = true,
            b"no-cache" => match value.as_deref() {
                None | Some(b"") => self.no_cache = true,
                Some(names) => {
                    let names = split(names).map(HeaderName::from_bytes);
                    self.no_cache_fields.extend(names.flatten());
                }
            },
            b"max-age" => self.max_age = self.max_age.or_else(|| Some(seconds().unwrap_or(0))),
            b"must-revalidate" => self.must_revalidate = true,
            b"must-understand" => self.must_understand = true,
            b"public" => self.public = true,
            b"immutable" => self.immutable = true,
            b"stale-if-error" => self.stale_if_error = self.stale_if_error.or_else(seconds),
            b"max-stale" if value.is_none() => self.max_stale = Some(u64::MAX),
            b"max-stale" => self.max_stale = self.max_stale.or_else(seconds),
            b"min-fresh" => self.min_fresh = self.min_fresh.or_else(seconds),
            b"only-if-cached" => self.only_if_cached = true,
            _ => {}
        }
    }
}

/// Splits a list at its commas, those inside quotation marks left alone; leaves out what is empty.
pub(super) fn split(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let list = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = list.iter().position(|byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b',' => return !quoted,
                _ => {}
            }
            false
        });
        rest = end.map(|end| &list[end + 1..]);
        Some(list[..end.unwrap_or(list.len())].trim_ascii())
    })
    .filter(|item| !item.is_empty())
}

/// Reads a number of seconds; `None` if it is anything but digits.
pub(super) fn seconds(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = text.iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    Some(number.unwrap_or(SECONDS_LIMIT).min(SECONDS_LIMIT))
}

/// RFC 9111 section 5.2: both forms are to be understood.
fn unquoted(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")) else {
        return value.to_vec();
    };
    let mut escaped = false;
    let keeps = |byte: &&u8| {
        escaped = **byte == b'\\' && !escaped;
        !escaped
    };
    inner.iter().filter(keeps).copied().collect()
}
