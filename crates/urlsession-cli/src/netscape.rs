//! Files of cookies as curl, wget and browser extensions read and write them; also heads of responses,
//! as curl's `-D` writes them.
//!
//! ```text
//! domain  all hosts below  path  secure  seconds since 1970, or 0  name  value
//! ```
//! The fields are parted by tabs. `#HttpOnly_` before the domain is no comment.

use crate::{input, set_cookie};
use std::fmt::Write as _;
use urlsession::{Cookie, CookieIdentity, Secret, Timestamp};

/// What such a file begins with.
const HEADER: &str = "# Netscape HTTP Cookie File\n";
const HTTP_ONLY: &str = "#HttpOnly_";

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct CookieFile {
    pub(crate) cookies: Vec<Cookie>,
    /// Numbers of the lines that say nothing, from 1.
    pub(crate) illegible: Vec<usize>,
}

/// Reads the text of a file, line by line. A field of a head without a domain is of these hosts.
pub(crate) fn read(text: &str, hosts: &[String], now: Timestamp) -> CookieFile {
    let mut file = CookieFile::default();
    let text = input::without_mark(text);
    let has_heads = text.trim_start().starts_with("HTTP/");
    for (number, line) in (1..).zip(text.lines()) {
        // The last line of a file may end with half of an end.
        let line = line.trim_end_matches('\r');
        match set_cookie::field(line) {
            Some(value) => {
                let cookies = set_cookie::cookies(value, hosts, now);
                file.illegible.extend(cookies.is_empty().then_some(number));
                file.cookies.extend(cookies);
                continue;
            }
            // What else a server said is about no cookie.
            None if has_heads => continue,
            None => {}
        }
        let (line, http_only) = match line.strip_prefix(HTTP_ONLY) {
            Some(line) => (line, true),
            None => (line, false),
        };
        if line.trim().is_empty() || (line.starts_with('#') && !http_only) {
            continue;
        }
        match cookie(line, http_only) {
            Some(cookie) => file.cookies.push(cookie),
            None => file.illegible.push(number),
        }
    }
    file
}

/// Writes a file; returns how many cookies have a tab and therefore no place in it, too.
pub(crate) fn write(cookies: &[Cookie]) -> (String, usize) {
    let mut text = HEADER.to_owned();
    let mut left_out = 0;
    for cookie in cookies {
        let CookieIdentity { domain, host_only, path, name } = &cookie.identity;
        let value = cookie.value.expose();
        if [path, name, value].into_iter().any(|field| field.contains('\t')) {
            left_out += 1;
            continue;
        }
        let word = |is: bool| if is { "TRUE" } else { "FALSE" };
        // Rounded up, because 0 is a cookie without an end.
        let seconds = cookie.expires.map_or(0, |end| end.0.div_ceil(1000));
        let _ = writeln!(
            text,
            "{}{}{domain}\t{}\t{path}\t{}\t{seconds}\t{name}\t{value}",
            if cookie.http_only { HTTP_ONLY } else { "" },
            if *host_only { "" } else { "." },
            word(!host_only),
            word(cookie.secure),
        );
    }
    (text, left_out)
}

fn cookie(line: &str, http_only: bool) -> Option<Cookie> {
    let mut fields = line.splitn(7, '\t');
    let mut next = || fields.next();
    let (domain, below, path, secure) = (next()?, next()?, next()?, next()?);
    let (seconds, name) = (next()?, next()?);
    let domain = without_port(domain.trim_start_matches('.'));
    // No host is called so, and without its dots the line would be a comment.
    if domain.starts_with('#') {
        return None;
    }
    // A cookie without a value may end with its name.
    let value = next().unwrap_or_default();
    let yes = |word: &str| word.eq_ignore_ascii_case("TRUE");
    let (whole, _) = seconds.split_once('.').unwrap_or((seconds, ""));
    let seconds = match whole.parse::<i128>().ok()? {
        // Some programs write -1 for a cookie without an end.
        ..=0 => None,
        seconds => Some(u64::try_from(seconds).unwrap_or(u64::MAX)),
    };
    Some(Cookie {
        identity: CookieIdentity {
            domain: domain.to_owned(),
            host_only: !yes(below),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            name: name.to_owned(),
        },
        value: Secret::new(value),
        secure: yes(secure),
        http_only,
        same_site: None,
        expires: seconds.map(|seconds| Timestamp(seconds.saturating_mul(1000))),
        created: Timestamp(0),
    })
}

/// Cuts off the port behind a host, as wget writes it: cookies are of a host whatever its port.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => match name.strip_prefix('[') {
            Some(address) => address.strip_suffix(']').unwrap_or(host),
            None if name.contains(':') => host,
            None => name,
        },
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let text = "# Netscape HTTP Cookie File\n\
            .example.com\tTRUE\t/\tFALSE\t2000000000\ta\tb=c; d\n\
            #HttpOnly_example.com\tFALSE\t/p\tTRUE\t0\tid\t\n\
            example.com\tFALSE\t/\tFALSE\t0\t\tonly a value\n";
        let file = read(text, &[], Timestamp(0));
        assert_eq!((file.cookies.len(), file.illegible.len()), (3, 0));
        assert_eq!(write(&file.cookies), (text.to_owned(), 0));
        let id = &file.cookies[1];
        assert!(id.secure && id.http_only && id.identity.host_only && id.expires.is_none());
    }

    #[test]
    fn heads_of_responses_are_files_of_cookies_too() {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nset-cookie: a=1; Path=/p\r\n\
            Set-Cookie: b=2; domain=.Ex.com; secure; HttpOnly; Max-Age=60\r\n\
            Set-Cookie: bad\u{1}=3\r\n\r\n";
        let file = read(head, &["h".into(), "i".into()], Timestamp(5000));
        let told: Vec<String> = write(&file.cookies).0.lines().skip(1).map(str::to_owned).collect();
        assert_eq!(
            told,
            [
                "h\tFALSE\t/p\tFALSE\t0\ta\t1",
                "i\tFALSE\t/p\tFALSE\t0\ta\t1",
                "#HttpOnly_.ex.com\tTRUE\t/\tTRUE\t65\tb\t2"
            ]
        );
        assert_eq!(file.illegible, [5]);
        assert_eq!(read(head, &[], Timestamp(0)).illegible, [3, 5], "of nobody knows whom");
    }

    #[test]
    fn what_others_write_is_understood() {
        for (line, expected) in [
            (
                "ex.com\tfalse\t/\ttrue\t1999999999.5\tn\tv\r\n",
                Some(("ex.com", Some(1_999_999_999))),
            ),
            ("..ex.com\tTRUE\t\tFALSE\t-1\tn\tv", Some(("ex.com", None))),
            ("ex.com\tTRUE\t/\tFALSE\t0\tn", Some(("ex.com", None))),
            ("ex.com:8080\tFALSE\t/\tFALSE\t0\tn\tv", Some(("ex.com", None))),
            ("[::1]:8080\tFALSE\t/\tFALSE\t0\tn\tv", Some(("::1", None))),
            ("::1\tFALSE\t/\tFALSE\t0\tn\tv", Some(("::1", None))),
            ("ex.com\tTRUE\t/\tFALSE\tsoon\tn\tv", None),
            ("ex.com TRUE / FALSE 0 n v", None),
            ("a=b", None),
            (".#ex.com\tTRUE\t/\tFALSE\t0\tn\tv", None),
        ] {
            let file = read(line, &[], Timestamp(0));
            let got = file.cookies.first().map(|cookie| {
                let seconds = cookie.expires.map(|end| end.0 / 1000);
                (cookie.identity.domain.as_str(), seconds)
            });
            assert_eq!(got, expected, "{line}");
            assert_eq!(file.illegible.len(), usize::from(expected.is_none()));
        }
        assert_eq!(read("# a comment\n\n   \n#\n", &[], Timestamp(0)).illegible.len(), 0);
        let tab = Cookie {
            value: Secret::new("a\tb"),
            ..read("h\tTRUE\t/\tFALSE\t0\tn", &[], Timestamp(0)).cookies.remove(0)
        };
        assert_eq!(write(&[tab]), (HEADER.to_owned(), 1));
    }
}
