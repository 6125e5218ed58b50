//! What must hold for every input of the parsers of this room, whoever wrote it: the targets.

use crate::{args::parse, config, escape, known_hosts, list, measure, netrc, netscape};
use known_hosts::Form;
use std::time::Duration;

/// What is done with bytes.
pub type Target = fn(&[u8]);

/// The targets by their names.
pub const TARGETS: &[(&str, Target)] = &[
    ("arguments", arguments),
    ("cookie_file", cookie_file),
    ("hosts_file", hosts_file),
    ("list", list),
    ("netrc", netrc),
];

/// Words of the command line: sizes, durations, digests, sessions, header fields, text to show.
pub fn arguments(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(size) = measure::parse_size(&text) {
        assert!(size > 0 && size < 1 << 63, "{size}");
        assert_eq!(measure::parse_size(&size.to_string()), Ok(size));
    }
    if let Ok(duration) = measure::parse_duration(&text) {
        let seconds = duration.as_secs();
        let again = measure::parse_duration(&format!("{}s", seconds >> 12 << 12));
        assert_eq!(again, Ok(Duration::from_secs(seconds >> 12 << 12)));
    }
    if let Ok(checksum) = parse::checksum(&text) {
        assert!([32, 64, 128].contains(&checksum.hex.len()));
        assert!(checksum.hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    }
    if let Ok(key) = parse::session(&text) {
        assert_eq!(format!("{}/{}", key.application.as_str(), key.session.as_str()), text);
    }
    if !text.starts_with('@')
        && let Ok(fields) = parse::header_fields(&[text.to_string()])
    {
        assert_eq!(fields.sent.len() + fields.omitted.len(), 1, "{fields:?}");
    }
    let shown = escape::shown(&text);
    assert!(!shown.chars().any(escape::is_dangerous), "{shown:?}");
    assert_eq!(escape::shown(&shown), shown, "what is safe stays as it is");
    assert!(escape::shortened(&shown, 20).chars().count() <= 20);
}

/// A file of cookies that was written from what was read says the same.
pub fn cookie_file(bytes: &[u8]) {
    let file = netscape::read(bytes, &["h".to_owned()], urlsession::Timestamp(0));
    let lines = bytes.split(|byte| *byte == b'\n').count();
    assert!(file.cookies.len() + file.illegible.len() <= lines);
    let (written, left_out) = netscape::write(&file.cookies);
    let again = netscape::read(written.as_bytes(), &[], urlsession::Timestamp(0));
    assert_eq!(again.illegible, [0_usize; 0], "{written:?}");
    assert_eq!(again.cookies.len() + left_out, file.cookies.len(), "{written:?}");
    assert_eq!(netscape::write(&again.cookies), (written, 0));
}

/// A file of known hosts that was written from what was read says the same.
pub fn hosts_file(bytes: &[u8]) {
    let Ok(hosts) = known_hosts::read(&String::from_utf8_lossy(bytes)) else { return };
    let written = known_hosts::write(&hosts, Form::Curl, urlsession::Timestamp(0));
    assert_eq!(known_hosts::read(&written).as_ref().map(Vec::len), Ok(hosts.len()), "{written:?}");
}

/// A list has no more URLs than lines, and names the line that is wrong without what it says.
pub fn list(bytes: &[u8]) {
    // A file of options is one, too.
    let text = String::from_utf8_lossy(bytes);
    let options = config::read(&text);
    assert!(options.len() <= text.lines().count());
    assert!(options.iter().all(|line| !line.name.contains(char::is_whitespace)));
    let lines = bytes.split(|byte| *byte == b'\n').count();
    match list::read(bytes, "list") {
        Ok(entries) => {
            assert!(entries.len() <= lines);
            assert!(entries.iter().all(|entry| !entry.url.is_empty() && !entry.url.contains('\n')));
        }
        Err(failure) => {
            assert!(failure.message.starts_with("list, line "), "{}", failure.message);
            assert!(failure.message.len() < 120, "{}", failure.message);
        }
    }
}

/// A machine gets the password of its own entry or of the one for all, never another one's.
pub fn netrc(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(netrc) = netrc::parse(&text) else { return };
    let found = netrc.find("a.test", Some("me"));
    if let Some((user, _)) = &found {
        assert_eq!(user, "me");
    }
    if !text.contains("default") && !text.to_ascii_lowercase().contains("a.test") {
        // A quoted name can be spelled with escapes.
        assert!(found.is_none() || text.contains('\\'), "{found:?}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_input_that_is_kept_or_drawn() {
        urlsession_testkit::mutation::play(super::TARGETS);
    }
}
