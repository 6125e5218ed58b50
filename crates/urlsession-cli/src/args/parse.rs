//! Texts of the command line that become values: digests, sessions, header fields.

use crate::escape::shown;
use crate::exit::{self, Failure};
use crate::input;
use crate::measure;
use crate::terminal;
use std::path::Path;
use urlsession::{
    ApplicationId, Checksum, ChecksumAlgorithm, Header, LOWEST_SPEED_SECONDS_LIMIT, SEGMENTS_LIMIT,
    Segments, SessionIdentifier, SessionKey,
};

/// Most bytes of a file of header fields: more than a request may carry.
const HEADER_FILE_LIMIT: u64 = 512 * 1024;

/// Most redirects that any task follows, whatever it asks for.
const REDIRECTS: u32 = 100;

/// Fields that every request has.
const KEPT: &[&str] = &["Content-Length", "Host"];

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

/// Reads how many redirects are followed; curl's -1, which is any number, is as many as there can be.
pub(crate) fn redirects(text: &str) -> Result<u32, String> {
    match text.parse::<i64>() {
        Ok(-1) => Some(REDIRECTS),
        Ok(number) => u32::try_from(number).ok().filter(|number| *number <= REDIRECTS),
        Err(_) => None,
    }
    .ok_or_else(|| format!("write a number from 0 to {REDIRECTS}; -1 is as many as there can be"))
}

/// Reads a number of connections, or leaves it to what is measured.
pub(crate) fn segments(text: &str) -> Result<Segments, String> {
    if matches!(text, "auto" | "automatic") {
        return Ok(Segments::Automatic);
    }
    let number = text.parse().ok().and_then(Segments::count);
    number.ok_or_else(|| format!("it is a number from 1 to {SEGMENTS_LIMIT}, or ‘auto’"))
}

/// Reads for how many seconds a try may be too slow; 0 is for ever.
pub(crate) fn speed_time(text: &str) -> Result<u32, String> {
    let time = measure::parse_duration(text)?;
    let seconds = u32::try_from(time.as_secs()).ok();
    let whole = seconds.filter(|_| time.subsec_nanos() == 0);
    whole.filter(|seconds| *seconds <= LOWEST_SPEED_SECONDS_LIMIT).ok_or_else(|| {
        format!("it is a whole number of seconds, up to {LOWEST_SPEED_SECONDS_LIMIT}")
    })
}

/// Reads the id of an application.
pub(crate) fn application(text: &str) -> Result<ApplicationId, String> {
    ApplicationId::new(text).map_err(|error| error.to_string())
}

/// Reads `APP/SESSION`.
pub(crate) fn session(text: &str) -> Result<SessionKey, String> {
    let (application, session) = text.rsplit_once('/').ok_or("a session is called APP/SESSION")?;
    Ok(SessionKey {
        application: ApplicationId::new(application).map_err(|e| e.to_string())?,
        session: SessionIdentifier::new(session).map_err(|e| e.to_string())?,
    })
}

/// What `-H` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HeaderFields {
    /// What is sent.
    pub(crate) sent: Vec<Header>,
    /// Names of what is not sent by itself.
    pub(crate) omitted: Vec<String>,
}

/// Reads header fields, or `@FILE` with one a line. A line of a file that is no field is left out and
/// told.
pub(crate) fn header_fields(texts: &[String]) -> Result<HeaderFields, Failure> {
    let mut fields = HeaderFields::default();
    texts.iter().try_for_each(|text| fields.take(text))?;
    Ok(fields)
}

/// Reads the values of an option of curl's: what is no field is left out, as curl does, and told.
pub(crate) fn typed_fields(option: &str, texts: &[String]) -> Result<HeaderFields, Failure> {
    let mut fields = HeaderFields::default();
    for (number, text) in (1..).zip(texts) {
        if text.starts_with('@') || is_field(text) {
            fields.take(text)?;
        } else {
            let which = if texts.len() > 1 { format!(" number {number}") } else { String::new() };
            leave_out(&format!("{option}{which}: what it says is"))?;
        }
    }
    Ok(fields)
}

impl HeaderFields {
    fn take(&mut self, text: &str) -> Result<(), Failure> {
        let Some(path) = text.strip_prefix('@') else { return self.add(text) };
        let lines = input::text(Path::new(path), HEADER_FILE_LIMIT, exit::USAGE)?;
        for (number, line) in (1..).zip(lines.lines()) {
            if !line.trim().is_empty() && (!is_field(line) || self.add(line).is_err()) {
                leave_out(&format!("{}:{number}:", shown(path)))?;
            }
        }
        Ok(())
    }

    /// Reads `Name: value`, or `Name;` for an empty value, or `Name:` for a field that is not sent, as
    /// curl does. Never repeats a value.
    fn add(&mut self, text: &str) -> Result<(), Failure> {
        let blank = [' ', '\t'];
        if let Some((name, value)) = text.split_once(':') {
            let value = value.trim_matches(blank);
            if !value.is_empty() {
                self.sent.push(Header::new(name.trim_end_matches(blank), value));
                return Ok(());
            }
            let name = name.trim();
            if KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(name)) {
                let why = format!("the header field {name} cannot be left out");
                return Err(Failure::usage(why).next("without it a server cannot read the request"));
            }
            if !name.is_empty() {
                self.omitted.push(name.to_owned());
                return Ok(());
            }
        } else if let Some(name) = text.strip_suffix(';') {
            self.sent.push(Header::new(name, ""));
            return Ok(());
        }
        let why = "a header field is ‘Name: value’, ‘Name;’ to send it without a value, or ‘Name:’ to leave it out";
        Err(Failure::usage(why))
    }

    /// Says whether a field is sent or left out: then nothing is to be added of that name.
    pub(crate) fn speaks_of(&self, name: &str) -> bool {
        let is_it = |other: &str| other.eq_ignore_ascii_case(name);
        self.sent.iter().any(|field| is_it(&field.name)) || self.omitted.iter().any(|o| is_it(o))
    }

    /// Tells which fields do not go out as they are typed, which for curl they do.
    pub(crate) fn tell_unsent(&self, quiet: bool) -> Result<(), Failure> {
        let unsent = self.sent.iter().filter(|field| !quiet && field.is_of_connection());
        for Header { name, .. } in unsent {
            let why = "how a request goes over its connection is not for its fields to say";
            terminal::say(&format!("urlsession: {} is left out: {why}", shown(name)))?;
        }
        Ok(())
    }
}

/// Tells that what stands there is left out. What it says may be a secret.
pub(crate) fn leave_out(place: &str) -> Result<(), Failure> {
    Ok(terminal::say(&format!("urlsession: {place} no header field, left out"))?)
}

/// Says whether it is `Name: value`, `Name:` or `Name;`, with what can be a name.
pub(crate) fn is_field(text: &str) -> bool {
    let name = match text.split_once(':') {
        Some((name, _)) => Some(name.trim_end()),
        None => text.strip_suffix(';'),
    };
    name.is_some_and(|name| Header::new(name, "").has_legal_name())
}
