//! Where the body of an HTTP/1.1 response ends (RFC 9112 section 6.3): what can be read in two
//! ways is not read at all.

use super::errors::Failure;
use super::handshake::FIELD_LIMIT;
use super::http::Outgoing;
use http::{HeaderMap, HeaderName, Method, StatusCode, Version, header, response::Parts};
use urlsession_protocol::ErrorCode;

/// Most bytes of the value of one field of a response; a head has more than one, and curl takes no
/// longer one.
pub(super) const VALUE_LIMIT: usize = 100 * 1024;

/// Refuses a response whose length is in doubt, or packed in a way that nobody asked for: for the
/// way alone, unless that is accepted.
pub(super) fn check(head: &Parts, accepts_codings: bool) -> Result<(), Failure> {
    check_values(head)?;
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        // What follows is no HTTP, and no body that a file could be made of.
        let why = "the server changed the protocol, and nobody asked for that";
        return Err(Failure::permanent(ErrorCode::BAD_SERVER_RESPONSE, why));
    }
    let refuse = |why: String| Err(Failure::permanent(ErrorCode::CANNOT_PARSE_RESPONSE, why));
    let lengths = elements(&head.headers, header::CONTENT_LENGTH);
    // Rust's numbers may have a sign.
    let is_number = |text: &str| !text.starts_with('+') && text.parse::<u64>().is_ok();
    // The Fetch standard's "extract a length" compares the texts, too: 030 is no second 30.
    if let Some(wrong) = lengths.iter().find(|text| !is_number(text) || **text != lengths[0]) {
        return refuse(format!("the content length is in doubt: “{}”", wrong.escape_debug()));
    }
    let codings = elements(&head.headers, header::TRANSFER_ENCODING);
    // What names it twice has it once, whoever sends that: hyper, curl and browsers agree.
    let first = codings.iter().position(|coding| is_chunked(coding)).unwrap_or(codings.len());
    for (at, coding) in codings.iter().enumerate() {
        let is_known = match at < first {
            true => is_identity(coding) || (accepts_codings && is_packed(head, coding)),
            false => is_chunked(coding),
        };
        if !is_known {
            return refuse(format!("the transfer coding is “{}”", coding.escape_debug()));
        }
    }
    Ok(())
}

/// Returns in which ways the body of a response is packed for the way alone, the first first, once
/// [`check`] has let it pass.
pub(super) fn packed(head: &Parts) -> Vec<&str> {
    let mut codings = elements(&head.headers, header::TRANSFER_ENCODING);
    codings.retain(|coding| is_packed(head, coding));
    codings
}

/// RFC 9112 section 7.2, without what nobody uses. Neither HTTP/1.0 nor HTTP/2 has any.
fn is_packed(head: &Parts, coding: &str) -> bool {
    let known = ["gzip", "x-gzip", "deflate"];
    head.version == Version::HTTP_11 && known.iter().any(|name| coding.eq_ignore_ascii_case(name))
}

/// Refuses fields that are too long, and two places in one response, over whatever they come. curl
/// and Chrome refuse those, too, with whatever status: somebody may have put a field into the head.
fn check_values(head: &Parts) -> Result<(), Failure> {
    let refuse = |why: String| Err(Failure::permanent(ErrorCode::CANNOT_PARSE_RESPONSE, why));
    if let Some((name, _)) = head.headers.iter().find(|(_, value)| value.len() >= VALUE_LIMIT) {
        return refuse(format!("the header field “{name}” has {} KiB or more", VALUE_LIMIT / 1024));
    }
    let mut places = head.headers.get_all(header::LOCATION).iter();
    match places.next() {
        Some(first) if places.any(|place| place != first) => {
            refuse("it says two locations".to_owned())
        }
        _ => Ok(()),
    }
}

fn is_chunked(coding: &str) -> bool {
    coding.eq_ignore_ascii_case("chunked")
}

fn is_identity(coding: &str) -> bool {
    coding.eq_ignore_ascii_case("identity")
}

/// Refuses what a multiplexed connection's own framing lets through: too many fields, and a part
/// that nobody asked for.
pub(super) fn check_stream(head: &Parts, out: &Outgoing<'_>) -> Result<(), Failure> {
    if head.headers.len() > FIELD_LIMIT {
        let why = format!("the response has more than {FIELD_LIMIT} header fields");
        return Err(Failure::permanent(ErrorCode::CANNOT_PARSE_RESPONSE, why));
    }
    check_values(head)?;
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
/// with it, or where others may see another end. An HTTP/1.0 server that offers more is not taken
/// at its word.
pub(super) fn stays_open(head: &Parts, is_empty: bool) -> bool {
    let closes = |option: &&str| option.eq_ignore_ascii_case("close");
    // The second is what old proxies say.
    let mut told = [header::CONNECTION, HeaderName::from_static("proxy-connection")].into_iter();
    head.version == Version::HTTP_11
        && !told.any(|name| elements(&head.headers, name).iter().any(closes))
        && (is_empty || has_end(head))
}

/// Says whether it may be no answer at all, where it came over a connection that was used before: a
/// server that waits for no further request says so before it closes (RFC 9110 section 15.5.9).
pub(super) fn may_have_crossed(head: &Parts) -> bool {
    let is_http1 = head.version <= Version::HTTP_11;
    is_http1 && head.status == StatusCode::REQUEST_TIMEOUT && !stays_open(head, true)
}

/// The length that counts where a coding says nothing: what is called `identity` is none.
pub(super) fn length_beside_identity(head: &Parts) -> Option<u64> {
    let codings = elements(&head.headers, header::TRANSFER_ENCODING);
    let says_nothing = !codings.is_empty() && codings.iter().all(|coding| is_identity(coding));
    length(&head.headers).filter(|_| says_nothing)
}

fn has_end(head: &Parts) -> bool {
    match &elements(&head.headers, header::TRANSFER_ENCODING)[..] {
        [] => head.headers.contains_key(header::CONTENT_LENGTH),
        codings => codings.iter().filter(|coding| is_chunked(coding)).count() == 1,
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
            ("Content-Length: 030\nContent-Length: 30", "refused"),
            ("Content-Length: 6,6,6\nContent-Length: 6,    6", "stays"),
            ("Content-Length: 6,06,6", "refused"),
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
            ("Transfer-Encoding: chunked, chunked", "closes"),
            ("Transfer-Encoding: chunked\nTransfer-Encoding: chunked", "closes"),
            ("Transfer-Encoding: chunked, gzip, chunked", "refused"),
            ("Transfer-Encoding: identity, identity\nContent-Length: 3", "closes"),
            ("Transfer-Encoding:", "refused"),
            ("Content-Length: 3\nLocation: /a\nLocation: /a", "stays"),
            ("Content-Length: 3\nLocation: /a\nLocation: /b", "refused"),
            ("Content-Length: 3\nLocation: /a\nLocation:", "refused"),
            ("Content-Length: 3\nConnection: keep-alive, Close", "closes"),
            ("Content-Length: 3\nProxy-Connection: close", "closes"),
            ("Content-Length: 3\nProxy-Connection: keep-alive", "stays"),
        ] {
            let mut response = http::Response::builder();
            for (name, value) in fields.lines().filter_map(|line| line.split_once(':')) {
                response = response.header(name, value.trim());
            }
            let (head, ()) = response.body(()).unwrap().into_parts();
            let got = match (check(&head, false), stays_open(&head, false)) {
                (Err(_), _) => "refused",
                (Ok(()), true) => "stays",
                (Ok(()), false) => "closes",
            };
            assert_eq!(got, expected, "{fields}");
        }
    }

    /// fields => what comes off the body, where bodies may be packed
    #[test]
    fn what_is_packed_for_the_way() {
        for (version, coding, expected) in [
            (Version::HTTP_11, "chunked", Some("")),
            (Version::HTTP_11, "gzip, chunked", Some("gzip")),
            (Version::HTTP_11, "X-Gzip, identity, deflate, chunked", Some("X-Gzip deflate")),
            (Version::HTTP_11, "gzip", Some("gzip")),
            (Version::HTTP_11, "chunked, gzip", None),
            (Version::HTTP_11, "gzipped, chunked", None),
            (Version::HTTP_11, "br, chunked", None),
            (Version::HTTP_10, "gzip", None),
        ] {
            let response = http::Response::builder().version(version);
            let response = response.header("Transfer-Encoding", coding).body(()).unwrap();
            let (head, ()) = response.into_parts();
            let got = check(&head, true).ok().map(|()| packed(&head).join(" "));
            assert_eq!(got.as_deref(), expected, "{version:?} {coding}");
        }
    }
}
