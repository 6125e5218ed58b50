//! A part of a kept response, for a request that asks for a range (RFC 9110 section 14).

use super::stored::Stored;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::ops::Range;

/// What a kept response has for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// These bytes.
    Part(Range<usize>),
    /// Something that the server had better answer.
    Unclear,
}

/// Reads what the request asks for.
pub(super) fn wanted(request: &HeaderMap, stored: &Stored) -> Wanted {
    let mut lines = request.get_all(header::RANGE).iter();
    let Some(range) = lines.next() else { return Wanted::Whole };
    if lines.next().is_some() || stored.status != StatusCode::OK {
        return Wanted::Unclear;
    }
    if let Some(condition) = request.get(header::IF_RANGE)
        && !holds(condition, stored)
    {
        return Wanted::Whole;
    }
    let range = range.to_str().ok().and_then(|range| parse(range, stored.body.len()));
    range.map_or(Wanted::Unclear, Wanted::Part)
}

/// Makes the fields of a 206 of those of the whole.
pub(super) fn describe(headers: &mut HeaderMap, part: &Range<usize>, total: usize) {
    let told = format!("bytes {}-{}/{total}", part.start, part.end.saturating_sub(1));
    if let Ok(value) = HeaderValue::from_str(&told) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    headers.insert(header::CONTENT_LENGTH, part.len().into());
}

/// RFC 9110 section 13.1.5: only a validator that changes with every byte.
fn holds(condition: &HeaderValue, stored: &Stored) -> bool {
    let is = |name| stored.headers.get(name) == Some(condition);
    match condition.as_bytes() {
        [b'W', b'/', ..] => false,
        [b'"', ..] => is(header::ETAG),
        _ => is(header::LAST_MODIFIED) && stored.is_dated_strongly(),
    }
}

/// Reads one range that is not empty; `None` for several, other units and what cannot be met.
fn parse(range: &str, total: usize) -> Option<Range<usize>> {
    let (first, last) = range.trim().strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<usize>().unwrap_or(usize::MAX))
    };
    let range = match (first.trim(), last.trim()) {
        ("", suffix) => total.saturating_sub(number(suffix)?)..total,
        (first, "") => number(first)?..total,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(first..last.saturating_add(1).min(total))?
        }
    };
    (range.start < range.end).then_some(range)
}
