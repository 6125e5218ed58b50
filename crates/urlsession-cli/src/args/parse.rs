//! Texts of the command line that become values: digests, sessions, header fields.

use crate::exit::{self, Failure};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use urlsession::{
    ApplicationId, Checksum, ChecksumAlgorithm, Header, SEGMENTS_LIMIT, Segments,
    SessionIdentifier, SessionKey,
};

/// Most bytes of a file of header fields: more than a request may carry.
const HEADER_FILE_LIMIT: u64 = 512 * 1024;

/// Fields that a request has by itself.
const OWN: &[&str] = &[
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Host",
    "User-Agent",
];

/// Reads `sha-256=HEX` as aria2c does; the name also without its dash.
pub(crate) fn checksum(text: &str) -> Result<Checksum, String> {
    let (name, hex) = text.split_once('=').ok_or("write TYPE=HEX, such as sha-256=9f86…")?;
    let (algorithm, digits) = match name.to_ascii_lowercase().as_str() {
        "sha-256" | "sha256" => (ChecksumAlgorithm::Sha256, 64),
        "sha-512" | "sha512" => (ChecksumAlgorithm::Sha512, 128),
        "md5" => (ChecksumAlgorithm::Md5, 32),
        _ => return Err("the type is sha-256, sha-512 or md5".to_owned()),
    };
    let hex = hex.trim().to_ascii_lowercase();
    if hex.len() != digits || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(format!("a digest of this type has {digits} hexadecimal digits"));
    }
    Ok(Checksum { algorithm, hex })
}

/// Reads a number of connections, or leaves it to what is measured.
pub(crate) fn segments(text: &str) -> Result<Segments, String> {
    if matches!(text, "auto" | "automatic") {
        return Ok(Segments::Automatic);
    }
    let number = text.parse().ok().and_then(Segments::count);
    number.ok_or_else(|| format!("it is a number from 1 to {SEGMENTS_LIMIT}, or ‘auto’"))
}

/// Reads `APP/SESSION`.
pub(crate) fn session(text: &str) -> Result<SessionKey, String> {
    let (application, session) = text.rsplit_once('/').ok_or("a session is called APP/SESSION")?;
    Ok(SessionKey {
        application: ApplicationId::new(application).map_err(|e| e.to_string())?,
        session: SessionIdentifier::new(session).map_err(|e| e.to_string())?,
    })
}

/// Reads the values of `-H`: fields, or `@FILE` with one field a line.
pub(crate) fn header_fields(texts: &[String]) -> Result<Vec<Header>, Failure> {
    let mut fields = Vec::new();
    for text in texts {
        match text.strip_prefix('@') {
            None => fields.extend(header_field(text)?),
            Some(path) => {
                let lines = header_file(Path::new(path))?;
                for line in lines.lines().filter(|line| !line.trim().is_empty()) {
                    fields.extend(header_field(line)?);
                }
            }
        }
    }
    Ok(fields)
}

/// Reads `Name: value`, or `Name;` for an empty value, as curl does. `Name:` takes away what would be
/// sent, which is nothing for most. Never repeats a value.
fn header_field(text: &str) -> Result<Option<Header>, Failure> {
    let blank = [' ', '\t'];
    if let Some((name, value)) = text.split_once(':') {
        let value = value.trim_matches(blank);
        if !value.is_empty() {
            return Ok(Some(Header::new(name.trim_end_matches(blank), value)));
        }
        let name = name.trim();
        if OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            let why = format!("the header field {name} cannot be left out");
            return Err(Failure::usage(why).next("write ‘Name;’ to send it without a value"));
        }
        if !name.is_empty() {
            return Ok(None);
        }
    } else if let Some(name) = text.strip_suffix(';') {
        return Ok(Some(Header::new(name, "")));
    }
    Err(Failure::usage("a header field is ‘Name: value’, or ‘Name;’ to send it without a value"))
}

fn header_file(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = File::open(path)
        .and_then(|file| file.take(HEADER_FILE_LIMIT + 1).read_to_string(&mut text))
        .map_err(|error| Failure::file(path, &error))?;
    if read as u64 > HEADER_FILE_LIMIT {
        let why = format!("{}: more than {HEADER_FILE_LIMIT} bytes", path.display());
        return Err(Failure::new(exit::USAGE, why));
    }
    Ok(text)
}
