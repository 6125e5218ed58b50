//! One case of curl's: the parts of its file, with what stands for something filled in.
//!
//! Its bytes are kept as characters of Latin-1, so that parts can be cut out of them as text.

use super::{secure, socks};
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;

/// Stands before a number that is the last part of a host: such a host is an address or wrong in
/// the URL standard, and only tells curl's server which case it is.
pub(super) const CASE_LABEL: &str = "case";

/// What a case that is filled in knows of its surroundings.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) number: String,
    pub(super) port: u16,
    /// The same server's at an address of IPv6.
    pub(super) port6: u16,
    /// The ports of proxies of SOCKS 5 and SOCKS 4.
    pub(super) socks_ports: [u16; 2],
    /// The same server's Unix socket.
    pub(super) socket: String,
    /// The same server's over TLS.
    pub(super) tls_port: u16,
    pub(super) folder: String,
    /// The folder that has a folder of certificates.
    pub(super) certificates: String,
}

#[derive(Debug)]
pub(super) struct Case {
    text: String,
}

impl Case {
    /// Reads a file; `place` is put in for names such as `%HTTPPORT`.
    pub(super) fn read(data: &Path, place: &Place) -> Result<Self> {
        let text = from_latin1(&std::fs::read(data.join(format!("test{}", place.number)))?);
        Ok(Self { text: fill(&choose(&include(&text, data, &place.number)?), place) })
    }

    /// Says whether there is a part of that name.
    pub(super) fn has(&self, part: &str) -> bool {
        self.part(part).is_some()
    }

    /// Returns the bytes of a part, its line ends as its attributes say.
    pub(super) fn bytes(&self, part: &str) -> Result<Option<Vec<u8>>> {
        self.part(part).map(|(attributes, body)| content(attributes, body)).transpose()
    }

    /// Returns a part as text, without the space around it.
    pub(super) fn text(&self, part: &str) -> &str {
        self.part(part).map_or("", |(_, body)| body.trim())
    }

    /// Returns an attribute of a part.
    pub(super) fn attribute(&self, part: &str, name: &str) -> Option<&str> {
        attribute(self.part(part)?.0, name)
    }

    /// Returns the files that a section has: their names and bytes.
    pub(super) fn files(&self, section: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let (_, within) = self.part(section).unwrap_or_default();
        let mut files = Vec::new();
        for part in ["file", "file1", "file2", "file3", "file4"] {
            if let Some((attributes, body)) = find(within, part) {
                let name = attribute(attributes, "name").context("a file has a name")?;
                files.push((name.to_owned(), content(attributes, body)?));
            }
        }
        Ok(files)
    }

    /// Returns the files that a script makes before the case, numbered in one way only.
    pub(super) fn made_before(&self) -> Vec<String> {
        let script = self.text("precheck");
        let loops = script.split_once("((1..").and_then(|(_, rest)| rest.split_once("))"));
        let Some((Ok(last), rest)) = loops.map(|(last, rest)| (last.parse::<u32>(), rest)) else {
            return Vec::new();
        };
        let name = rest.split_once("$filename = \"").and_then(|(_, rest)| rest.split_once(".$i\""));
        let name = name.map_or("", |(name, _)| name);
        (1..=last).map(|number| format!("{name}.{number}")).collect()
    }

    fn part(&self, part: &str) -> Option<(&str, &str)> {
        find(&self.text, part)
    }
}

/// Finds `<part …>` at the begin of a line, and what is between it and its end.
fn find<'a>(text: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    let begin = format!("<{part}");
    let (at, _) = text.match_indices(&begin).find(|(at, _)| {
        let after = text[at + begin.len()..].chars().next();
        (*at == 0 || text[..*at].ends_with('\n')) && matches!(after, Some('>' | ' '))
    })?;
    let (attributes, rest) = text[at + begin.len()..].split_once('>')?;
    let rest = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n')).unwrap_or(rest);
    let (body, _) = rest.split_once(&format!("</{part}>"))?;
    Some((attributes, body))
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let mut quotes = ['"', '\''].into_iter();
    quotes.find_map(|quote| {
        let (_, after) = attributes.split_once(&format!("{name}={quote}"))?;
        after.split_once(quote).map(|(value, _)| value)
    })
}

fn content(attributes: &str, body: &str) -> Result<Vec<u8>> {
    let is = |name: &str| attribute(attributes, name) == Some("yes");
    let mut text = match attribute(attributes, "crlf") {
        Some("yes") => body.replace("\r\n", "\n").replace('\n', "\r\n"),
        Some("headers") => heads(body),
        _ => body.to_owned(),
    };
    if is("nonewline") {
        let end = if text.ends_with("\r\n") { 2 } else { 1 };
        text.truncate(text.len().saturating_sub(end));
    }
    let bytes = latin1(&text);
    Ok(if is("base64") {
        STANDARD.decode(text.split_whitespace().collect::<String>())?
    } else {
        bytes
    })
}

/// Ends the lines of message heads with CR LF: whatever looks like one, also after a body.
fn heads(body: &str) -> String {
    // What begins with no head is a body.
    let first = body.lines().next().unwrap_or_default();
    let mut inside = first.starts_with("HTTP/") || first.contains(": ");
    let mut text = String::new();
    for line in body.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\r', '\n']);
        inside |= bare.starts_with("HTTP/");
        text.push_str(bare);
        text.push_str(if inside { "\r\n" } else { &line[bare.len()..] });
        inside &= !bare.is_empty();
    }
    text
}

pub(super) fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect()
}

fn from_latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Puts in the files that lines with `%includetext` name.
fn include(text: &str, data: &Path, number: &str) -> Result<String> {
    let mut whole = String::new();
    for line in text.split_inclusive('\n') {
        let named = line.trim_end().strip_prefix("%includetext ");
        match named.and_then(|path| path.trim_end_matches('%').rsplit('/').next()) {
            None => whole.push_str(line),
            Some(name) => {
                let name = name.replace("%TESTNUMBER", number);
                whole.push_str(&from_latin1(&std::fs::read(data.join(name))?));
            }
        }
    }
    Ok(whole)
}

/// Takes the sides of `%if` that hold for a client like ours.
fn choose(text: &str) -> String {
    let mut taken = String::new();
    let mut open: Vec<bool> = Vec::new();
    for line in text.split_inclusive('\n') {
        match line.trim_end() {
            "%else" => {
                if let Some(last) = open.last_mut() {
                    *last = !*last;
                }
            }
            "%endif" => drop(open.pop()),
            other => match other.strip_prefix("%if ") {
                Some(feature) => {
                    let lacks = ["manual", "win32", "Unicode", "HTTPSRR", "wolfssl", "rustls"];
                    let wanted = feature.trim_start_matches('!');
                    open.push(lacks.contains(&wanted) == feature.starts_with('!'));
                }
                None if open.iter().all(|open| *open) => taken.push_str(line),
                None => {}
            },
        }
    }
    taken
}

fn fill(text: &str, place: &Place) -> String {
    let port = place.port.to_string();
    let is_socks4 = text.lines().any(|line| line == socks::SOCKS4);
    let port6 = place.port6.to_string();
    let socks_port = place.socks_ports[usize::from(is_socks4)].to_string();
    let tls_port = place.tls_port.to_string();
    let mut text = text.replace(".com.%TESTNUMBER\n", &format!(".com.{CASE_LABEL}%TESTNUMBER\n"));
    for end in [":", "/", "?", "#"] {
        let label = format!(".{CASE_LABEL}%TESTNUMBER{end}");
        text = text.replace(&format!(".%TESTNUMBER{end}"), &label);
    }
    for (name, value) in [
        ("%HOSTIP", "127.0.0.1"),
        ("%CLIENTIP", "127.0.0.1"),
        ("%HOST6IP", "[::1]"),
        ("%CLIENT6IP-NB", "::1"),
        ("%CLIENT6IP", "[::1]"),
        ("%HTTPPORT", &port),
        ("%HTTP6PORT", &port6),
        ("%SOCKSPORT", &socks_port),
        ("%HTTPUNIXPATH", &place.socket),
        ("%HTTPSPORT", &tls_port),
        ("%HTTPSPROXYPORT", &tls_port),
        ("%HTTPS-MTLSPORT", &tls_port),
        ("%CERTDIR", &place.certificates),
        ("%PROXYPORT", &port),
        ("%NOLISTENPORT", "47"),
        ("%TESTNUMBER", &place.number),
        ("%LOGDIR", &place.folder),
        ("%PWD", ""),
        ("%SRCDIR", "."),
        ("%CR", "\r"),
        ("%LT", "<"),
        ("%GT", ">"),
        ("%TAB", "\t"),
        ("%SP", " "),
        ("%AMP", "&"),
        ("%VERSION", "0"),
        ("%USER", "user"),
    ] {
        text = text.replace(name, value);
    }
    for (begin, end, form) in [
        ("%hex[", "]hex%", unhex as fn(&str) -> String),
        ("%sha256b64file[", "]sha256b64file%", secure::digest_of_file),
        ("%b64[", "]b64%", |inner| STANDARD.encode(latin1(&unhex(inner)))),
        ("%repeat[", "]%", |inner| {
            let (count, what) = inner.split_once(" x ").unwrap_or(("0", ""));
            unhex(what).repeat(count.trim().parse().unwrap_or(0))
        }),
    ] {
        while let Some((before, rest)) = text.split_once(begin) {
            let Some((inner, after)) = rest.split_once(end) else { break };
            text = format!("{before}{}{after}", form(inner));
        }
    }
    text
}

/// Turns `%41` into the character of that number.
fn unhex(text: &str) -> String {
    let mut parts = text.split('%');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                filled.push(char::from(byte));
                filled.push_str(&part[2..]);
            }
            None => {
                filled.push('%');
                filled.push_str(part);
            }
        }
    }
    filled
}
