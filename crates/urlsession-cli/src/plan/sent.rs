//! What a request sends: a file, a part of it, data or a form, and how its path is spelled.

use super::asked::offset;
use super::{What, existing, special};
use crate::args::{GetArgs, HeaderFields};
use crate::bare_url;
use crate::data;
use crate::exit::{self, Failure};
use crate::form::Form;
use crate::hand_over::HandOver;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::Path;
use urlsession::{Header, RequestPolicy, UploadSource};

/// Most bytes of a request body that come from standard input or the command line.
const BODY_LIMIT: u64 = 256 * 1024 * 1024;
/// What data is taken for, as by curl.
const FORM: &str = "application/x-www-form-urlencoded";
/// What a path cannot have as it stands.
const ILLEGAL: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');
/// What the name of a file cannot have in a path.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What `--data` or `-F` has a request send.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// What stands between the parts of a form.
    pub(super) boundary: Option<String>,
}

impl Body {
    pub(super) fn of(args: &GetArgs) -> Result<Option<Self>, Failure> {
        if !args.form.0.is_empty() {
            let Form { boundary, body } = Form::read(&args.form.0, args.form_escape)?;
            return Ok(Some(Self { bytes: body, boundary: Some(boundary) }));
        }
        if args.data.0.is_empty() || args.get {
            return Ok(None);
        }
        Ok(Some(Self { bytes: data::read(&args.data.0)?, boundary: None }))
    }

    /// Says how it is to be read, whatever the method: as what was typed, else as what it is.
    pub(super) fn announce(&self, typed: &HeaderFields, headers: &mut Vec<Header>) {
        let name = "Content-Type";
        let own = headers.iter_mut().find(|field| field.name.eq_ignore_ascii_case(name));
        match (own, &self.boundary) {
            (Some(field), Some(boundary)) => {
                let kind = format!("{}; boundary={boundary}", field.value.expose());
                *field = Header::new(name, kind);
            }
            (Some(_), None) => {}
            (None, _) if typed.speaks_of(name) => {}
            (None, Some(boundary)) => {
                let kind = format!("multipart/form-data; boundary={boundary}");
                headers.push(Header::new(name, kind));
            }
            (None, None) => headers.push(Header::new(name, FORM)),
        }
    }
}

/// Returns what is sent, and how its place in the whole is told if it is a part.
pub(super) fn upload(
    file: &Path,
    from: Option<&str>,
    answer: HandOver,
) -> Result<(What, Option<Header>), Failure> {
    // Nobody knows how much of it the server has.
    let from = from.filter(|from| *from != "-").map(offset).transpose()?.unwrap_or(0);
    let rest = |mut bytes: Vec<u8>| {
        drop(bytes.drain(..usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len())));
        bytes
    };
    let bytes = if is_input(file) {
        rest(bounded(io::stdin().lock(), "standard input")?)
    } else if special::is_shells(file) {
        // Once: to open it a second time could find nobody who writes.
        let opened = File::open(file).map_err(|error| Failure::file(file, &error))?;
        rest(bounded(opened, &file.display().to_string())?)
    } else {
        let path = existing(file)?;
        if from == 0 {
            return Ok((What::Upload(UploadSource::File(path), answer), None));
        }
        let rest = File::open(&path).and_then(|mut opened| {
            opened.seek(SeekFrom::Start(from))?;
            Ok(opened)
        });
        bounded(rest.map_err(|error| Failure::file(&path, &error))?, &path.display().to_string())?
    };
    if from > 0 && bytes.is_empty() {
        // To send nothing would empty what the server has.
        let why = format!("-C: {} has no bytes from {from} on", file.display());
        return Err(Failure::new(exit::FILE, why).next("send all of it without -C"));
    }
    let end = from + bytes.len() as u64;
    let range = || Header::new("Content-Range", format!("bytes {from}-{}/{end}", end - 1));
    let range = (from > 0).then(range);
    Ok((What::Upload(UploadSource::Bytes(bytes), answer), range))
}

/// Has a file that is sent with POST go without a type where none is given, as curl has it: it is no
/// form, which is what a POST is taken for otherwise.
pub(super) fn untyped(method: &str, headers: &[Header], policy: &mut RequestPolicy) {
    const TYPE: &str = "Content-Type";
    let is_typed = headers.iter().any(|field| field.name.eq_ignore_ascii_case(TYPE));
    if method.eq_ignore_ascii_case("POST") && !is_typed {
        policy.omitted_headers.push(TYPE.to_owned());
    }
}

/// Says whether a file that is sent is standard input; curl has two names for it.
fn is_input(file: &Path) -> bool {
    matches!(file.to_str(), Some("-" | "."))
}

/// Adds the name of a file that is sent to a URL that ends with a slash or has no path, as curl does.
/// Who types a query says all there is to be asked.
pub(super) fn with_name(url: &str, file: &Path) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (path, rest) = url.split_at(end);
    let (place, is_url) = match path.split_once("://") {
        Some((_, place)) => (place, !place.is_empty()),
        // A word that stands alone is no host, and must not look like one.
        None => (path, bare_url::begins_with_host(path)),
    };
    let slash = match place.contains('/') {
        true if place.ends_with('/') => "",
        false if is_url => "/",
        _ => return url.to_owned(),
    };
    match file.file_name() {
        Some(name) if !rest.starts_with('?') && !is_input(file) => {
            let name = utf8_percent_encode(&name.to_string_lossy(), ENCODED).to_string();
            format!("{path}{slash}{name}{rest}")
        }
        _ => url.to_owned(),
    }
}

/// Returns path and query of a URL as they are typed, without what a URL cannot have.
pub(super) fn path_as_is(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let path = &rest[rest.find(['/', '?', '#'])?..];
    let path = path.split('#').next().unwrap_or_default();
    let path = utf8_percent_encode(path, ILLEGAL).to_string();
    Some(if path.starts_with('/') { path } else { format!("/{path}") })
}

/// Reads all of what may be the body of a request.
pub(crate) fn bounded(from: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(BODY_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(exit::FILE, format!("{name}: {error}")))?;
    if bytes.len() as u64 > BODY_LIMIT {
        let why = format!("{name}: more than {}", crate::measure::size(BODY_LIMIT));
        return Err(Failure::new(exit::FILE, why).next("save it to a file and send that"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_as_they_are_typed() {
        for (url, expected) in [
            ("http://h/a/../b?c#d", Some("/a/../b?c")),
            ("http://h?a", Some("/?a")),
            ("http://h", None),
            ("http://h/a b/\u{e4}", Some("/a%20b/%C3%A4")),
        ] {
            assert_eq!(path_as_is(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn folders_get_the_name_of_the_file() {
        for (url, file, expected) in [
            ("http://h/d/", "a/b c", "http://h/d/b%20c"),
            ("http://h/d/?q", "b", "http://h/d/?q"),
            ("http://h/d/#f", "b", "http://h/d/b#f"),
            ("http://h/d", "b", "http://h/d"),
            ("http://h/d/", "-", "http://h/d/"),
            ("http://h", "a/b c", "http://h/b%20c"),
            ("http://h?q", "b", "http://h?q"),
            ("http://h#f", "b", "http://h/b#f"),
            ("http://h", "-", "http://h"),
            ("h.org:80", "b", "h.org:80/b"),
            ("nonsense", "b", "nonsense"),
            ("http://", "b", "http://"),
        ] {
            assert_eq!(with_name(url, Path::new(file)), expected);
        }
    }
}
