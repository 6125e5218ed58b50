//! What a server calls the body: `Content-Disposition` (RFC 6266, RFC 8187) as servers send it.

use base64::Engine as _;
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use urlsession_protocol::{FileName, Response};

/// Endings of common types, for names that have none.
const ENDINGS: [(&str, &str); 16] = [
    ("application/gzip", "gz"),
    ("application/json", "json"),
    ("application/pdf", "pdf"),
    ("application/xml", "xml"),
    ("application/zip", "zip"),
    ("audio/mpeg", "mp3"),
    ("audio/ogg", "ogg"),
    ("image/gif", "gif"),
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/svg+xml", "svg"),
    ("image/webp", "webp"),
    ("text/csv", "csv"),
    ("text/html", "html"),
    ("text/plain", "txt"),
    ("video/mp4", "mp4"),
];

/// Returns what the body may be called: by the server, else by the URL and the type.
pub(super) fn suggested(headers: &HeaderMap, url: &str) -> FileName {
    if let Some(name) = named(headers) {
        return name;
    }
    let name = FileName::of_url(url);
    if name.as_str().contains('.') {
        return name;
    }
    let mime = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = mime.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let found = ENDINGS.iter().find(|(mime, _)| essence.eq_ignore_ascii_case(mime));
    found.map_or(name.clone(), |(_, ending)| FileName::sanitized(&format!("{name}.{ending}")))
}

/// Returns what the server calls the body, if it says that.
pub(super) fn named(headers: &HeaderMap) -> Option<FileName> {
    let fields = headers.get_all(header::CONTENT_DISPOSITION).iter();
    fields.map(|field| text(field.as_bytes())).find_map(|text| safe_name(&text))
}

/// Returns what the server called the body of this response: in the field, else by a redirect to a
/// URL of another name than the one that was `asked` for.
pub(super) fn of_response(response: &Response, asked: &str) -> Option<FileName> {
    let mut fields = response.headers.iter().filter(|(name, _)| name == "content-disposition");
    if fields.any(|(_, field)| safe_name(field).is_some()) {
        return response.suggested_filename.clone();
    }
    let (first, last) = (FileName::of_url(asked), FileName::of_url(&response.url));
    (first != last).then(|| seen(last))
}

/// A server must not leave files that are not seen, least of all such as shells read.
fn seen(name: FileName) -> FileName {
    let is_hidden = name.as_str().starts_with('.');
    if is_hidden { FileName::sanitized(&format!("_{name}")) } else { name }
}

fn safe_name(field: &str) -> Option<FileName> {
    let name = file_name(field)?;
    // RFC 6266 section 4.3: only the last segment counts, whosever separators they are.
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_empty = last.trim_matches(['.', ' ']).is_empty();
    (!is_empty).then(|| seen(FileName::sanitized(last)))
}

/// The bytes of a field are UTF-8 or, in old servers, Latin-1.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// The extended parameter wins, wherever it stands; of two alike the first.
fn file_name(field: &str) -> Option<String> {
    let mut plain = None;
    let mut extended = None;
    for (name, value) in Parameters(field) {
        match name.to_ascii_lowercase().as_str() {
            "filename" if plain.is_none() => plain = Some(relaxed(value)),
            "filename*" if extended.is_none() => extended = extended_value(&value),
            _ => {}
        }
    }
    extended.or(plain)
}

/// RFC 8187: charset, language and percent-encoded bytes between apostrophes.
fn extended_value(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    // Half an escape is no end of a name: something is missing.
    let is_whole = |after: &str| {
        matches!(after.as_bytes(), [high, low, ..]
        if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    };
    if !encoded.split('%').skip(1).all(is_whole) {
        return None;
    }
    let bytes: Vec<u8> = percent_decode_str(encoded).collect();
    match charset.trim().to_ascii_lowercase().as_str() {
        // The second is no name of it, and servers use it.
        "utf-8" | "utf8" => String::from_utf8(bytes).ok(),
        "iso-8859-1" => Some(bytes.into_iter().map(char::from).collect()),
        _ => None,
    }
}

/// Undoes what servers do to a plain name although no RFC has it: percent-encoding, and the
/// encoded words of mail (RFC 2047).
fn relaxed(value: String) -> String {
    if let Some(decoded) = encoded_words(&value) {
        return decoded;
    }
    match percent_decode_str(&value).decode_utf8() {
        Ok(decoded) => decoded.into_owned(),
        Err(_) => value,
    }
}

fn encoded_words(value: &str) -> Option<String> {
    let mut decoded = String::new();
    for word in value.split_ascii_whitespace() {
        let mut parts = word.strip_prefix("=?")?.strip_suffix("?=")?.splitn(3, '?');
        let (charset, coding, data) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = match coding {
            "B" | "b" => base64::engine::general_purpose::STANDARD.decode(data).ok()?,
            "Q" | "q" => {
                let percent = data.replace('%', "%25").replace('=', "%").replace('_', " ");
                percent_decode_str(&percent).collect()
            }
            _ => return None,
        };
        match charset.to_ascii_lowercase().as_str() {
            "utf-8" => decoded.push_str(&String::from_utf8(bytes).ok()?),
            "iso-8859-1" => decoded.extend(bytes.into_iter().map(char::from)),
            _ => return None,
        }
    }
    (!decoded.is_empty()).then_some(decoded)
}

/// The parameters of a field, the disposition's type left out.
struct Parameters<'a>(&'a str);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, String);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.0.trim_start_matches([';', ' ', '\t']);
            if rest.is_empty() {
                return None;
            }
            let end = rest.find([';', '=']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let Some(value) = after.strip_prefix('=') else {
                self.0 = after;
                continue;
            };
            let value = value.trim_start_matches([' ', '\t']);
            let (value, after) = match value.strip_prefix('"') {
                Some(quoted) => unquoted(quoted),
                None => {
                    let (value, after) = value.split_at(value.find(';').unwrap_or(value.len()));
                    (value.trim_end().to_owned(), after)
                }
            };
            self.0 = after;
            return Some((name.trim(), value));
        }
    }
}

/// Reads to the closing quote or the end. A backslash escapes only a quote or another one:
/// elsewhere it is the separator of a path that somebody sent whole.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let after = &text[at + 1..];
                return (value, &after[after.find(';').unwrap_or(after.len())..]);
            }
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            _ => value.push(character),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    /// the field => the name
    const TABLE: &[(&[u8], &str)] = &[
        // RFC 6266 section 5 and RFC 8187 section 3.2.
        (b"Attachment; filename=example.html", "example.html"),
        (b"INLINE; FILENAME= \"an example.html\"", "an example.html"),
        (b"attachment; filename*= UTF-8''%e2%82%ac%20rates", "€ rates"),
        (b"attachment; filename=\"EURO rates\"; filename*=utf-8''%e2%82%ac%20rates", "€ rates"),
        (b"attachment; filename*=utf-8'en'%C2%A3%20rates; filename=x", "£ rates"),
        (b"attachment; filename*=iso-8859-1'en'%A3%20rates", "£ rates"),
        // What servers and their enemies send.
        (b"attachment", "-"),
        (b"", "-"),
        (b"inline", "-"),
        (b"filename=bare.txt", "bare.txt"),
        (b"attachment;filename=a.txt;", "a.txt"),
        (b"attachment; filename=a b.txt", "a b.txt"),
        (b"attachment; filename=a.txt; filename=b.txt", "a.txt"),
        (b"attachment; filename=\"a;b.txt\"; size=1", "a;b.txt"),
        (b"attachment; filename=\"a\\\"b.txt\"", "a_b.txt"),
        (b"attachment; filename=\"unclosed.txt", "unclosed.txt"),
        (b"attachment; filename=\"a.txt\"junk; x=y", "a.txt"),
        (b"attachment; filename==a.txt", "=a.txt"),
        (b"attachment; filename=", "-"),
        (b"attachment; filename=\"\"", "-"),
        (b"attachment; filename", "-"),
        (b"attachment; xfilename=a.txt", "-"),
        (b"attachment; filename=\"a%20b%C3%BC.txt\"", "a bü.txt"),
        (b"attachment; filename=\"100%.txt\"", "100%.txt"),
        (b"attachment; filename=\"\xc3\xbc.txt\"", "ü.txt"),
        (b"attachment; filename=\"\xfc.txt\"", "ü.txt"),
        (b"attachment; filename*=UTF-8''%ff.txt; filename=a.txt", "a.txt"),
        (b"attachment; filename*=UTF-16''a.txt; filename=a.txt", "a.txt"),
        (b"attachment; filename*=utf8''%c3%bc.txt", "ü.txt"),
        (b"attachment; filename*=UTF-8''b%2; filename=a.txt", "a.txt"),
        (b"attachment; filename*=UTF-8''b%zz; filename=a.txt", "a.txt"),
        (b"attachment; filename*=UTF-8''b%\xc3\xbc; filename=a.txt", "a.txt"),
        (b"attachment; filename*=broken; filename=a.txt", "a.txt"),
        (b"attachment; filename=\"=?UTF-8?B?w7wudHh0?=\"", "ü.txt"),
        (b"attachment; filename=\"=?utf-8?q?=C3=BC_b.txt?=\"", "ü b.txt"),
        (b"attachment; filename=\"=?nope?=\"", "=_nope_="),
        (b"attachment; filename=\"C:\\Users\\me\\a.txt\"", "a.txt"),
        (b"attachment; filename=\"../../etc/passwd\"", "passwd"),
        (b"attachment; filename=\"..\\..\\evil.exe\"", "evil.exe"),
        (b"attachment; filename*=UTF-8''..%2f..%2fetc%2fpasswd", "passwd"),
        (b"attachment; filename=\"/etc/\"", "-"),
        (b"attachment; filename=\"..\"", "-"),
        (b"attachment; filename=\".\"", "-"),
        (b"attachment; filename=\"a%00b%0d%0a.txt\"", "a_b__.txt"),
        (b"attachment; filename*=UTF-8''photo%E2%80%AEgpj.exe", "photo_gpj.exe"),
        (b"attachment; filename=NUL", "_NUL"),
        (b"attachment; filename=com1.txt", "_com1.txt"),
        (b"attachment; filename=.bashrc", "_.bashrc"),
        (b"attachment; filename=\" ..rc\"", "_..rc"),
        (b"attachment; filename=\"~/.ssh/authorized_keys\"", "authorized_keys"),
        (b"attachment; filename=\"file:///etc/passwd\"", "passwd"),
        (b"attachment; filename=\"a.txt/\"", "-"),
        (b"attachment; filename=\"....\"", "-"),
        (b"attachment; filename=\" \"", "-"),
        (b"attachment; filename=\"%2e%2e%2fa.txt\"", "a.txt"),
        (b"attachment; filename*=UTF-8''%00", "_"),
        (b"attachment; filename=\"-rf\"", "-rf"),
        (b"attachment; filename=\"a.txt. \"", "a.txt"),
    ];

    #[test]
    fn names_of_servers() {
        for (field, expected) in TABLE {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_bytes(field).unwrap());
            let got = named(&headers).map_or("-".to_owned(), |name| name.to_string());
            assert_eq!(got, *expected, "{}", String::from_utf8_lossy(field));
        }
    }

    #[test]
    fn a_nameless_body_is_called_by_its_url_and_type() {
        for (url, mime, expected) in [
            ("http://h/a/report?x=y", "application/pdf; version=1.7", "report.pdf"),
            ("http://h/a/report.txt", "application/pdf", "report.txt"),
            ("http://h/a/report", "application/octet-stream", "report"),
            ("http://h/", "application/pdf", "index.html"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
            assert_eq!(suggested(&headers, url).as_str(), expected, "{url} {mime}");
        }
    }
}
