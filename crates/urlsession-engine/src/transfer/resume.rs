//! From what a download goes on, rung by rung: pure decisions over heads.

use http::{HeaderMap, HeaderName, StatusCode, header};
use urlsession_core::ResumeState;
use urlsession_protocol::ResumeRung;

/// What a range request asks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    pub(super) range: String,
    pub(super) if_range: String,
    pub(super) rung: ResumeRung,
}

/// What the answer to a range request means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The body continues the part file.
    Append,
    /// The body is the whole entity, from its start.
    Restart,
    /// The answer cannot be used: ask again, for everything.
    AskAnew,
    /// Nothing is missing.
    Complete,
}

/// Makes the question, if there are bytes to go on from and a validator to prove them with.
pub(super) fn question(state: &ResumeState) -> Option<Question> {
    let if_range = validator(state)?;
    let rung = match state.etag {
        Some(_) => ResumeRung::StrongEtag,
        None => ResumeRung::LastModified,
    };
    let next = state.further.as_ref().and_then(|further| further.0.first());
    let last = next.map_or_else(String::new, |(from, _)| (from - 1).to_string());
    (state.durable_bytes > 0).then(|| Question {
        range: format!("bytes={}-{last}", state.durable_bytes),
        if_range,
        rung,
    })
}

/// Returns what proves whose bytes these are.
pub(super) fn validator(state: &ResumeState) -> Option<String> {
    state.etag.clone().or_else(|| state.last_modified.clone())
}

/// Returns where the part ends that a 206 has.
pub(super) fn last(headers: &HeaderMap) -> Option<u64> {
    content_range(headers)?.range.and_then(|(_, last)| last.checked_add(1))
}

/// Says whether a server offers ranges of what it answers.
pub(super) fn has_ranges(status: StatusCode, headers: &HeaderMap) -> bool {
    let offers = headers.get_all(header::ACCEPT_RANGES).iter();
    let mut units = offers.filter_map(|value| value.to_str().ok()).flat_map(|s| s.split(','));
    status == StatusCode::PARTIAL_CONTENT
        || units.any(|unit| unit.trim().eq_ignore_ascii_case("bytes"))
}

/// Judges the answer to [`question`]; nothing doubtful is ever appended.
pub(super) fn judge(state: &ResumeState, status: StatusCode, headers: &HeaderMap) -> Verdict {
    match status {
        StatusCode::PARTIAL_CONTENT if continues(state, headers) => Verdict::Append,
        StatusCode::PARTIAL_CONTENT => Verdict::AskAnew,
        StatusCode::RANGE_NOT_SATISFIABLE => match content_range(headers) {
            Some(ContentRange { range: None, total: Some(total) })
                if total == state.durable_bytes
                    && is_same(state, headers)
                    && state.total_bytes.is_none_or(|known| known == total) =>
            {
                Verdict::Complete
            }
            _ => Verdict::AskAnew,
        },
        // No answer to `If-Range`, and without a body it would end the task with nothing. One to a
        // condition of the app's own it gives again when everything is asked for.
        StatusCode::NOT_MODIFIED => Verdict::AskAnew,
        StatusCode::OK if is_part(headers) => Verdict::AskAnew,
        _ => Verdict::Restart,
    }
}

/// Says whether an answer to a question for what is behind the end says just that, and not where the
/// end is: a server should, and need not (RFC 9110 section 15.5.17).
pub(super) fn says_nothing_is_behind(status: StatusCode, headers: &HeaderMap) -> bool {
    status == StatusCode::RANGE_NOT_SATISFIABLE && !headers.contains_key(header::CONTENT_RANGE)
}

/// Returns the size of the whole entity that a fitting 206 belongs to.
pub(super) fn total(state: &ResumeState, headers: &HeaderMap) -> Option<u64> {
    content_range(headers).and_then(|range| range.total).or(state.total_bytes)
}

/// Returns what of a response tells its entity from all others: the strong entity tag, and the
/// modification date.
pub(super) fn validators(headers: &HeaderMap) -> (Option<String>, Option<String>) {
    let etag = text(headers, &header::ETAG)
        .filter(|tag| tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"'));
    let date = |name| httpdate::parse_http_date(text(headers, name)?).ok();
    // What was answered in the second of its change may have changed once more in that second (RFC
    // 9110 section 8.8.2.2). Who says nothing of the time is believed.
    let is_strong = date(&header::LAST_MODIFIED)
        .is_some_and(|modified| date(&header::DATE).is_none_or(|sent| modified < sent));
    let modified = text(headers, &header::LAST_MODIFIED).filter(|_| is_strong);
    (etag.map(str::to_owned), modified.map(str::to_owned))
}

fn continues(state: &ResumeState, headers: &HeaderMap) -> bool {
    let Some(ContentRange { range: Some((first, last)), total }) = content_range(headers) else {
        return false;
    };
    let length = text(headers, &header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    let same_total = match (state.total_bytes, total) {
        (Some(known), Some(told)) => known == told,
        _ => true,
    };
    let inside = total.or(state.total_bytes).is_none_or(|total| last < total);
    // Somebody on the way may pack what is asked for anew, and name it as before.
    let coding = state.response.header("content-encoding").unwrap_or("identity");
    let same_coding = text(headers, &header::CONTENT_ENCODING)
        .is_none_or(|told| told.trim().eq_ignore_ascii_case(coding.trim()));
    first == state.durable_bytes
        && length.is_none_or(|length| last.checked_sub(first) == length.checked_sub(1))
        && same_total
        && inside
        && same_coding
        && is_same(state, headers)
}

/// Says whether nothing tells that the answer is of another entity.
fn is_same(state: &ResumeState, headers: &HeaderMap) -> bool {
    let same_etag = match (&state.etag, text(headers, &header::ETAG)) {
        (Some(known), Some(told)) => known == told,
        _ => true,
    };
    let same_date = match (&state.last_modified, text(headers, &header::LAST_MODIFIED)) {
        // A strong tag proves more than a date that differs between two servers of one site.
        (Some(known), Some(told)) => state.etag.is_some() || known == told,
        _ => true,
    };
    same_etag && same_date
}

/// Says whether a body is a part, whatever its status: there are servers that do not change that.
fn is_part(headers: &HeaderMap) -> bool {
    let Some(ContentRange { range: Some((first, last)), total }) = content_range(headers) else {
        return false;
    };
    first > 0 || total.is_some_and(|total| last < total.saturating_sub(1))
}

/// RFC 9110 section 14.4.
#[derive(Debug, PartialEq)]
struct ContentRange {
    range: Option<(u64, u64)>,
    total: Option<u64>,
}

fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let (unit, rest) = text(headers, &header::CONTENT_RANGE)?.trim().split_once(' ')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (range, total) = rest.trim().split_once('/')?;
    let total = match total {
        "*" => None,
        total => Some(digits(total)?),
    };
    let range = match range {
        "*" => None,
        range => {
            let (first, last) = range.split_once('-')?;
            let (first, last) = (digits(first)?, digits(last)?);
            (first <= last).then_some(())?;
            Some((first, last))
        }
    };
    Some(ContentRange { range, total })
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(etag: Option<&str>, date: Option<&str>, total: Option<u64>) -> ResumeState {
        ResumeState {
            part: "/p".into(),
            inode: 1,
            durable_bytes: 100,
            further: None,
            total_bytes: total,
            etag: etag.map(Into::into),
            last_modified: date.map(Into::into),
            response: urlsession_protocol::Response::default(),
        }
    }

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    /// status and head of the answer => verdict, for 100 of 200 bytes of "a" from [`DATE`]
    const TABLE: &[(u16, &str, Verdict)] = &[
        (206, "content-range: bytes 100-199/200", Verdict::Append),
        (206, "content-range: bytes 100-199/200; content-length: 100", Verdict::Append),
        (206, "content-range: bytes 100-149/200; content-length: 50", Verdict::Append),
        (206, "content-range: bytes 100-199/*", Verdict::Append),
        (206, "content-range: bytes 100-199/200; etag: \"a\"", Verdict::Append),
        (206, "content-range: bytes 100-199/200; etag: \"b\"", Verdict::AskAnew),
        (206, "content-range: bytes 100-199/200; etag: W/\"a\"", Verdict::AskAnew),
        (206, "content-range: bytes 100-199/200; content-encoding: identity", Verdict::Append),
        (206, "content-range: bytes 100-199/200; content-encoding: gzip", Verdict::AskAnew),
        (206, "content-range: bytes 99-199/200", Verdict::AskAnew),
        (206, "content-range: bytes 0-199/200", Verdict::AskAnew),
        (206, "content-range: bytes 100-199/201", Verdict::AskAnew),
        (206, "content-range: bytes 100-200/200", Verdict::AskAnew),
        (206, "content-range: bytes 100-300/*", Verdict::AskAnew),
        (206, "content-range: bytes 199-100/200", Verdict::AskAnew),
        (206, "content-range: bytes 100-199/200; content-length: 99", Verdict::AskAnew),
        (206, "content-range: bytes +100-199/200", Verdict::AskAnew),
        (206, "content-range: lines 100-199/200", Verdict::AskAnew),
        (206, "content-range: nonsense", Verdict::AskAnew),
        (206, "content-type: multipart/byteranges", Verdict::AskAnew),
        (200, "content-length: 200", Verdict::Restart),
        (200, "content-range: bytes 0-199/200", Verdict::Restart),
        (200, "content-range: bytes 100-199/200; content-length: 100", Verdict::AskAnew),
        (200, "content-range: bytes 0-99/200; content-length: 100", Verdict::AskAnew),
        (304, "etag: \"a\"", Verdict::AskAnew),
        (404, "content-length: 3", Verdict::Restart),
        (416, "content-range: bytes */200", Verdict::AskAnew),
        (416, "content-range: bytes */100", Verdict::AskAnew),
        (416, "x: y", Verdict::AskAnew),
    ];

    #[test]
    fn every_answer() {
        for (status, head, expected) in TABLE {
            let state = state(Some("\"a\""), Some(DATE), Some(200));
            let status = StatusCode::from_u16(*status).expect("a status");
            assert_eq!(judge(&state, status, &map(head)), *expected, "{status} {head}");
        }
        let range = StatusCode::RANGE_NOT_SATISFIABLE;
        let done = map("content-range: bytes */100");
        assert_eq!(judge(&state(None, Some(DATE), None), range, &done), Verdict::Complete);
        assert_eq!(judge(&state(None, Some(DATE), Some(100)), range, &done), Verdict::Complete);
        let other = map("content-range: bytes */100; etag: \"b\"");
        assert_eq!(judge(&state(Some("\"a\""), None, None), range, &other), Verdict::AskAnew);
        let moved = map("content-range: bytes 100-199/200; last-modified: x");
        let partial = StatusCode::PARTIAL_CONTENT;
        assert_eq!(judge(&state(None, Some(DATE), None), partial, &moved), Verdict::AskAnew);
        assert_eq!(
            judge(&state(Some("\"a\""), Some(DATE), None), partial, &moved),
            Verdict::Append
        );
    }

    #[test]
    fn every_question() {
        let asked = |state: &ResumeState| question(state).map(|q| (q.range, q.if_range, q.rung));
        let range = || "bytes=100-".to_owned();
        assert_eq!(
            asked(&state(Some("\"a\""), Some(DATE), None)),
            Some((range(), "\"a\"".into(), ResumeRung::StrongEtag))
        );
        assert_eq!(
            asked(&state(None, Some(DATE), None)),
            Some((range(), DATE.into(), ResumeRung::LastModified))
        );
        assert_eq!(asked(&state(None, None, None)), None);
    }

    #[test]
    fn weak_tags_and_odd_dates_prove_nothing() {
        for (head, expected) in [
            ("etag: \"a\"", (Some("\"a\""), None)),
            ("etag: W/\"a\"", (None, None)),
            ("etag: a", (None, None)),
            ("last-modified: yesterday", (None, None)),
            ("last-modified: Sun, 06 Nov 1994 08:49:37 GMT", (None, Some(DATE))),
        ] {
            let (etag, date) = validators(&map(head));
            assert_eq!((etag.as_deref(), date.as_deref()), expected, "{head}");
        }
        for (sent, is_strong) in [
            ("Sun, 06 Nov 1994 08:49:36 GMT", false),
            ("Sun, 06 Nov 1994 08:49:37 GMT", false),
            ("Sun, 06 Nov 1994 08:49:38 GMT", true),
            ("today", true),
        ] {
            let (_, date) = validators(&map(&format!("last-modified: {DATE}; date: {sent}")));
            assert_eq!(date.is_some(), is_strong, "{sent}");
        }
    }

    fn map(head: &str) -> HeaderMap {
        head.split("; ")
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| {
                (
                    HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                    value.parse().expect("a value"),
                )
            })
            .collect()
    }
}
