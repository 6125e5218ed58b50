//! `-z` and `--etag-…`: what is typed about the state of a file, as the fields of a request.

use crate::exit::{self, Failure};
use crate::hand_over::Since;
use crate::input;
use jiff::fmt::{rfc2822, strtime};
use std::path::Path;
use std::time::UNIX_EPOCH;
use urlsession::{Header, Timestamp};

/// Most bytes of a file that keeps an ETag.
const ETAG_FILE_LIMIT: u64 = 64 * 1024;
/// How dates without a form of their own are written, in UTC.
const FORMS: [&str; 8] = [
    "%b %d %H:%M:%S %Y",
    "%b %d %Y %H:%M:%S",
    "%d %b %y %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%d-%b-%y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y%m%d %H:%M:%S",
];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads `[-]DATE` or `[-]FILE`, which counts with the date of its last change.
pub(crate) fn since(text: &str) -> Result<Since, Failure> {
    let (text, until) = match text.strip_prefix('-') {
        Some(text) => (text, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    if let Ok(date) = date(text) {
        return Ok(Since(date, until));
    }
    let changed = std::fs::metadata(text).and_then(|about| about.modified()).map_err(|_| {
        Failure::usage(format!("-z: “{text}” is no date, and there is no such file"))
            .next("write a date such as 2030-01-31, or ‘Thu, 31 Jan 2030 12:00:00 GMT’")
    })?;
    let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Since(Timestamp(u64::try_from(changed.as_millis()).unwrap_or(u64::MAX)), until))
}

/// Reads a date as HTTP, mail, ISO 8601 or people write it; what names no zone is in UTC, a day
/// without a time begins at midnight, and which day of the week it was is not asked.
pub(crate) fn date(text: &str) -> Result<Timestamp, jiff::Error> {
    let text = without_weekday(text.trim());
    let bare = text.trim_end_matches("GMT").trim_end_matches("UTC").trim_end();
    let midnight = format!("{bare} 00:00:00");
    let in_form = |form: &str| {
        let time = strtime::parse(form, bare).or_else(|_| strtime::parse(form, &midnight));
        let time = time.and_then(|parts| parts.to_datetime());
        time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC)).map(|time| time.timestamp())
    };
    let read = text.parse::<jiff::Timestamp>();
    let read = read.or_else(|_| rfc2822::parse(text).map(|time| time.timestamp()));
    let moment = FORMS.iter().fold(read, |read, form| read.or_else(|_| in_form(form)))?;
    Ok(Timestamp(u64::try_from(moment.as_millisecond()).unwrap_or(0)))
}

fn without_weekday(text: &str) -> &str {
    let word = text.split([',', ' ']).next().unwrap_or_default();
    let is_one = word
        .get(..3)
        .is_some_and(|begin| WEEKDAYS.iter().any(|day| begin.eq_ignore_ascii_case(day)));
    if is_one { text[word.len()..].trim_start_matches([',', ' ']) } else { text }
}

/// Returns the field that asks for news.
pub(crate) fn field(since: Since) -> Result<Header, Failure> {
    let Since(Timestamp(moment), until) = since;
    let name = if until { "If-Unmodified-Since" } else { "If-Modified-Since" };
    let told = i64::try_from(moment).ok().and_then(|moment| {
        let moment = jiff::Timestamp::from_millisecond(moment).ok()?;
        rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).ok()
    });
    told.map(|date| Header::new(name, date))
        .ok_or_else(|| Failure::usage("-z: this date is too far away"))
}

/// Reads the file of `--etag-compare`; one that is not there, or empty, asks for everything.
pub(crate) fn etag_field(path: &Path) -> Result<Option<Header>, Failure> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let text = input::text(path, ETAG_FILE_LIMIT, exit::USAGE)?;
    let etag = text.trim();
    if etag.lines().count() > 1 {
        return Err(Failure::new(exit::USAGE, format!("{}: more than an ETag", path.display())));
    }
    Ok((!etag.is_empty()).then(|| Header::new("If-None-Match", etag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for text in [
            "Sun, 12 Dec 1999 12:00:00 GMT",
            "dec 12 12:00:00 1999 GMT",
            "12 Dec 1999 12:00:00",
            "Sun Dec 12 12:00:00 1999",
            "Tue, 12 Dec 1999 12:00:00 GMT",
            "Sunday, 12-Dec-99 12:00:00 GMT",
            "1999-12-12 12:00:00",
            "19991212 12:00:00",
            "1999-12-12T12:00:00Z",
            "1999-12-12T14:00:00+02:00",
            "Sun, 12 Dec 1999 13:00:00 +0100",
        ] {
            let got = date(text).map(|moment| moment.0);
            assert_eq!(got.ok(), Some(945_000_000_000), "{text}");
        }
        for text in [
            "1970-01-02",
            "19700102",
            "2 Jan 1970",
            "02 Jan 70",
            "Jan 2 1970",
            "Fri, 2 Jan 1970 GMT",
            "02-Jan-1970",
        ] {
            assert_eq!(date(text).ok(), Some(Timestamp(86_400_000)), "{text}");
        }
        for wrong in ["", "soon", "12", "1999-13-01", "/etc/passwd"] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_of_an_etag_has_one_and_no_more() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let longest = "x".repeat(64 * 1024);
        let longer = format!("{longest}x");
        for (text, expected) in [
            ("", Ok(None)),
            (" \"a\"\n", Ok(Some("\"a\""))),
            ("\"a\"\n\"b\"", Err(exit::USAGE)),
            (&longest, Ok(Some(&*longest))),
            (&longer, Err(exit::USAGE)),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let got = etag_field(file.path()).map_err(|failure| failure.code);
            let got = got.map(|field| field.map(|field| field.value.expose().to_owned()));
            assert_eq!(got, expected.map(|etag| etag.map(str::to_owned)), "{text:.20}");
        }
        assert!(etag_field(Path::new("/no/such/file")).unwrap().is_none());
    }

    #[test]
    fn what_is_typed_becomes_a_field() {
        let told = |text: &str| {
            let field = field(since(text).unwrap()).unwrap();
            format!("{}: {}", field.name, field.value.expose())
        };
        assert_eq!(told("1999-12-12"), "If-Modified-Since: Sun, 12 Dec 1999 00:00:00 GMT");
        assert_eq!(told("-1999-12-12"), "If-Unmodified-Since: Sun, 12 Dec 1999 00:00:00 GMT");
        let file = tempfile::NamedTempFile::new().unwrap();
        let moment = UNIX_EPOCH + std::time::Duration::from_secs(1);
        file.as_file().set_modified(moment).unwrap();
        let told = told(file.path().to_str().unwrap());
        assert_eq!(told, "If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT");
        assert!(since("/nonexistent").unwrap_err().message.contains("no date"));
    }
}
