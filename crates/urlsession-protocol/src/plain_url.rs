//! URLs that are in their legal form already, as nearly all are that come a second time: they need
//! not be parsed to be found so.

use crate::request::URL_LIMIT;

/// Returns the `host:port` of a URL that is its own legal form, without user-info and fragment.
///
/// `None` says nothing: the URL may be legal or not.
pub(crate) fn host_of(url: &str) -> Option<String> {
    let (rest, default) = match url.strip_prefix("http://") {
        Some(rest) => (rest, "80"),
        None => (url.strip_prefix("https://")?, "443"),
    };
    let (authority, target) = rest.split_at(rest.find('/')?);
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let has_port = host.len() < authority.len();
    let is_plain = url.len() <= URL_LIMIT
        && (is_address(host) || is_name(host))
        && (!has_port || (is_port(port) && port != default))
        && path.split('/').all(is_segment)
        && query.bytes().all(|byte| byte == b'?' || stays(byte));
    is_plain.then(|| match has_port {
        true => authority.to_owned(),
        false => [host, default].join(":"),
    })
}

/// A name that no part of could be taken for a number, a coded name or anything else.
fn is_name(host: &str) -> bool {
    let is_label = |label: &str| !label.is_empty();
    let is_legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let last = host.rsplit('.').next().unwrap_or_default();
    host.bytes().all(is_legal)
        && host.split('.').all(is_label)
        && !host.contains("--")
        && last.starts_with(|first: char| first.is_ascii_lowercase())
}

fn is_address(host: &str) -> bool {
    let is_number = |part: &str| is_decimal(part, 3) && part.parse::<u8>().is_ok();
    host.split('.').count() == 4 && host.split('.').all(is_number)
}

fn is_port(port: &str) -> bool {
    is_decimal(port, 5) && port.parse::<u16>().is_ok()
}

/// Digits as they are written out: none is left out, none too many.
fn is_decimal(text: &str, most: usize) -> bool {
    let is_short = text == "0" || !text.starts_with('0');
    (1..=most).contains(&text.len()) && is_short && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A segment that means no other folder, however that may be spelled.
fn is_segment(segment: &str) -> bool {
    let is_dotted = segment == "." || segment == "..";
    let has_coded_dot =
        segment.as_bytes().windows(3).any(|three| three.eq_ignore_ascii_case(b"%2e"));
    !is_dotted && !has_coded_dot && segment.bytes().all(stays)
}

/// Says whether a byte stays as it is, in a path and in a query.
fn stays(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&()*+,;=:@/%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;

    #[test]
    fn what_is_plain_is_what_it_would_become() {
        let parts = [
            "http://",
            "https://",
            "HTTP://",
            "a",
            "b.c",
            "xn--a",
            "A",
            "0",
            "1",
            "127",
            "0x7f",
            "256",
            ".",
            "..",
            "-",
            "--",
            ":",
            "80",
            "443",
            "8080",
            "08",
            "65536",
            "/",
            "//",
            "/./",
            "/..",
            "%2e",
            "%2E",
            "%",
            "%41",
            "?",
            "'",
            "\"",
            " ",
            "\t",
            "#",
            "@",
            "\\",
            "|",
            "^",
            "{",
            "~",
            "\u{f6}",
            "[::1]",
            "127.0.0.1",
            "host",
            ";",
            "=",
            "&",
            "+",
        ];
        let mut random = 1_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % below
        };
        let (mut plain, mut other) = (0, 0);
        for _ in 0..200_000 {
            // Most begin as URLs do.
            let mut url = parts[if next(8) > 0 { next(2) } else { next(parts.len()) }].to_owned();
            if next(2) > 0 {
                url += ["host", "127.0.0.1", "a.b", "a-1.c2"][next(4)];
                url += ["/", ":8080/", ""][next(3)];
            }
            (0..next(5)).for_each(|_| url += parts[next(parts.len())]);
            match host_of(&url) {
                Some(host) => {
                    crate::fuzz::assert_is_plain(&url, &host);
                    plain += 1;
                }
                None => other += 1,
            }
        }
        assert!(plain > 10_000 && other > 10_000, "{plain} {other}");
    }

    #[test]
    fn what_comes_of_a_url_is_plain() {
        for url in [
            "http://host/a?b=c",
            "HTTPS://Example.com:443/a/../b%20c",
            "http://127.1:8080/small/17",
            "http://a-b.c2:80",
        ] {
            let made = Request::new(url).unwrap();
            assert_eq!(host_of(&made.url), made.host().ok(), "{url}");
            assert!(host_of(&made.url).is_some(), "{url}");
        }
    }
}
