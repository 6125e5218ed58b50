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
    let slash = rest.bytes().position(|byte| byte == b'/')?;
    let (authority, target) = rest.split_at(slash);
    let colon = authority.bytes().position(|byte| byte == b':');
    let host = &authority[..colon.unwrap_or(slash)];
    let port = colon.map(|colon| &authority[colon + 1..]);
    let is_plain = url.len() <= URL_LIMIT
        && (is_address(host.as_bytes()) || is_name(host.as_bytes()))
        && port.is_none_or(|port| is_port(port) && port != default)
        && is_target(target.as_bytes());
    is_plain.then(|| match port {
        Some(_) => authority.to_owned(),
        None => [host, default].join(":"),
    })
}

/// A name no part of which could be taken for a number, a coded name or anything else.
fn is_name(host: &[u8]) -> bool {
    let mut before = b'.';
    let mut last_begins = b'.';
    for byte in host {
        let is_legal = match byte {
            b'a'..=b'z' | b'0'..=b'9' => true,
            b'.' => before != b'.',
            b'-' => before != b'-',
            _ => false,
        };
        if !is_legal {
            return false;
        }
        if before == b'.' {
            last_begins = *byte;
        }
        before = *byte;
    }
    before != b'.' && last_begins.is_ascii_lowercase()
}

fn is_address(host: &[u8]) -> bool {
    let mut parts = 0;
    for part in host.split(|byte| *byte == b'.') {
        if !is_decimal(part, 3) || number(part) > u32::from(u8::MAX) {
            return false;
        }
        parts += 1;
    }
    parts == 4
}

fn is_port(port: &str) -> bool {
    is_decimal(port.as_bytes(), 5) && (1..=u32::from(u16::MAX)).contains(&number(port.as_bytes()))
}

/// Digits as they are written out: none is left out, none too many.
fn is_decimal(text: &[u8], most: usize) -> bool {
    let is_short = text == b"0" || text.first() != Some(&b'0');
    (1..=most).contains(&text.len()) && is_short && text.iter().all(u8::is_ascii_digit)
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

/// A path without a segment that means another folder, however that may be spelled, and a query.
fn is_target(target: &[u8]) -> bool {
    let mut before = b'/';
    let mut is_path = true;
    for (at, byte) in target.iter().enumerate() {
        let is_legal = match byte {
            b'?' => {
                is_path = false;
                true
            }
            b'.' => before != b'/' || !is_path,
            b'%' => !is_path || !target[at..].get(1..3).is_some_and(is_dot),
            _ => STAYS[usize::from(*byte)],
        };
        if !is_legal {
            return false;
        }
        before = *byte;
    }
    true
}

/// Says whether two digits stand for a dot.
fn is_dot(digits: &[u8]) -> bool {
    digits.eq_ignore_ascii_case(b"2e")
}

/// The bytes that stay as they are, in a path and in a query, dots and percent signs apart.
const STAYS: [bool; 256] = {
    let mut stays = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        stays[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-_~!$&()*+,;=:@/";
    let mut at = 0;
    while at < others.len() {
        stays[others[at] as usize] = true;
        at += 1;
    }
    stays
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;

    /// Of which URLs are put together, well or badly.
    const PARTS: &[&str] = &[
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

    #[test]
    fn what_is_plain_is_what_it_would_become() {
        let mut random = 1_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % below
        };
        let (mut plain, mut other) = (0, 0);
        for _ in 0..200_000 {
            // Most begin as URLs do.
            let mut url = PARTS[if next(8) > 0 { next(2) } else { next(PARTS.len()) }].to_owned();
            if next(2) > 0 {
                url += ["host", "127.0.0.1", "a.b", "a-1.c2"][next(4)];
                url += ["/", ":8080/", ""][next(3)];
            }
            (0..next(5)).for_each(|_| url += PARTS[next(PARTS.len())]);
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
