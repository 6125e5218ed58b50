//! Where the body of an HTTP/1.1 response ends (RFC 9112 section 6.3): what can be read in two
//! ways is not read at all.

use super::errors::Failure;
use super::handshake::FIELD_LIMIT;
use super::http::Outgoing;
use http::{HeaderMap, HeaderName, Method, StatusCode, Version, header, response::Parts};
use urlsession_protocol::ErrorCode;

/// Refuses a response whose length is in doubt, or packed in a way that nobody asked for.
pub(super) fn check(head: &Parts) -> Result<(), Failure> {
    let refuse = |why: String| Err(Failure::permanent(ErrorCode::CANNOT_PARSE_RESPONSE, why));
    let lengths = elements(&head.headers, header::CONTENT_LENGTH);
    // Rust's numbers may have a sign.
    let is_number = |text: &str| !text.starts_with('+') && text.parse::<u64>().is_ok();
    if let Some(wrong) = lengths.iter().find(|text| !is_number(text) || **text != lengths[0]) {
        return refuse(format!("the content length is in doubt: “{}”", wrong.escape_debug()));
    }
    let codings = elements(&head.headers, header::TRANSFER_ENCODING);
    let last = codings.len().saturating_sub(1);
    for (at, coding) in codings.iter().enumerate() {
        let is_chunked = at == last && coding.eq_ignore_ascii_case("chunked");
        if !is_chunked && !coding.eq_ignore_ascii_case("identity") {
            return refuse(format!("the transfer coding is “{}”", coding.escape_debug()));
        }
    }
    Ok(())
}

/// Refuses what a multiplexed connection's own framing lets through: too many fields, and a part
/// that nobody asked for.
pub(super) fn check_stream(head: &Parts, out: &Outgoing<'_>) -> Result<(), Failure> {
    if head.headers.len() > FIELD_LIMIT {
        let why = format!("the response has more than {FIELD_LIMIT} header fields");
        return Err(Failure::permanent(ErrorCode::CANNOT_PARSE_RESPONSE, why));
    }
    check_part(head, out)
}

/// Refuses a part that nobody asked for: it would be taken for the whole.
pub(super) fn check_part(head: &Parts, out: &Outgoing<'_>) -> Result<(), Failure> {
    let is_part = head.status == StatusCode::PARTIAL_CONTENT;
    if !is_part || *out.method != Method::GET || out.headers.contains_key(header::RANGE) {
        return Ok(());
    }
    let why = "the server sent a part of what was asked for as a whole";
    Err(Failure::permanent(ErrorCode::BAD_SERVER_RESPONSE, why))
}

/// Returns how long the body says it is, of a head that [`check`] has let pass: one number, however
/// often it is there.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    elements(headers, header::CONTENT_LENGTH).first()?.parse().ok()
}

/// Says whether the connection can be used again (RFC 9112 section 9.3): not where the body ends
/// with it. An HTTP/1.0 server that offers more is not taken at its word.
pub(super) fn stays_open(head: &Parts, is_empty: bool) -> bool {
    let closes = |option: &&str| option.eq_ignore_ascii_case("close");
    head.version == Version::HTTP_11
        && !elements(&head.headers, header::CONNECTION).iter().any(closes)
        && (is_empty || has_end(head))
}

fn has_end(head: &Parts) -> bool {
    match elements(&head.headers, header::TRANSFER_ENCODING).last() {
        Some(last) => last.eq_ignore_ascii_case("chunked"),
        None => head.headers.contains_key(header::CONTENT_LENGTH),
    }
}

/// Returns what all fields of that name list. Bytes that are no text are no element of any.
fn elements(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
    let texts = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?"));
    texts.flat_map(|text| text.split(',').map(str::trim)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_beyond_doubt_is_read() {
        for (fields, expected) in [
            ("", "closes"),
            ("Content-Length: 42", "stays"),
            ("Content-Length: 42\nContent-Length: 42", "stays"),
            ("Content-Length: 42, 42", "stays"),
            ("Content-Length: 030", "stays"),
            ("Content-Length: 42\nContent-Length: 30", "refused"),
            ("Content-Length: 42,30", "refused"),
            ("Content-Length: 30,", "refused"),
            ("Content-Length: ,30", "refused"),
            ("Content-Length: 030, 30", "refused"),
            ("Content-Length: ", "refused"),
            ("Content-Length: +1", "refused"),
            ("Content-Length: -1", "refused"),
            ("Content-Length: 0x20", "refused"),
            ("Content-Length: 18446744073709551615", "stays"),
            ("Content-Length: 18446744073709551616", "refused"),
            ("Transfer-Encoding: chunked", "stays"),
            ("Transfer-Encoding: Chunked\nContent-Length: 3", "stays"),
            ("Transfer-Encoding: identity, chunked", "stays"),
            ("Transfer-Encoding: identity", "closes"),
            ("Transfer-Encoding: identityx", "refused"),
            ("Transfer-Encoding: gzip, chunked", "refused"),
            ("Transfer-Encoding: chunked, identity", "refused"),
            ("Transfer-Encoding: chunked, chunked", "refused"),
            ("Transfer-Encoding:", "refused"),
            ("Content-Length: 3\nConnection: keep-alive, Close", "closes"),
        ] {
            let mut response = http::Response::builder();
            for (name, value) in fields.lines().filter_map(|line| line.split_once(':')) {
                response = response.header(name, value.trim());
            }
            let (head, ()) = response.body(()).unwrap().into_parts();
            let got = match (check(&head), stays_open(&head, false)) {
                (Err(_), _) => "refused",
                (Ok(()), true) => "stays",
                (Ok(()), false) => "closes",
            };
            assert_eq!(got, expected, "{fields}");
        }
    }
}
