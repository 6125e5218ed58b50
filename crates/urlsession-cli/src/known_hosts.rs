//! Files of the hosts that are asked over https only, as curl and wget read and write them.
//!
//! ```text
//! curl  .host "YYYYMMDD HH:MM:SS"         a dot in front is for all names below; UTC, or "unlimited"
//! wget  host port 0|1 created max-age     parted by tabs; 1 is for all names below; seconds
//! ```

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::fmt::Write as _;
use urlsession::{KnownHost, Timestamp};

/// How curl spells an end.
const END: &str = "%Y%m%d %H:%M:%S";
/// How it spells none.
const NO_END: &str = "unlimited";

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Curl,
    Wget,
}

/// Reads the text of a file in either form, or says which line is none, from 1.
pub(crate) fn read(text: &str) -> Result<Vec<KnownHost>, usize> {
    let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(number, line)| of_curl(line).or_else(|| of_wget(line)).ok_or(number)).collect()
}

/// Writes a file. An end is not told more exactly than in whole seconds.
pub(crate) fn write(hosts: &[KnownHost], form: Form, now: Timestamp) -> String {
    let mut text = "# Hosts that are asked over https only (RFC 6797)\n".to_owned();
    for KnownHost { host, include_subdomains, expires } in hosts {
        let _ = match form {
            Form::Curl => {
                let below = if *include_subdomains { "." } else { "" };
                writeln!(text, "{below}{host} \"{}\"", spelled(*expires))
            }
            Form::Wget => {
                let (created, age) = (now.0 / 1000, now.until(*expires).as_secs());
                let below = u8::from(*include_subdomains);
                writeln!(text, "{host}\t0\t{below}\t{created}\t{age}")
            }
        };
    }
    text
}

fn of_curl(line: &str) -> Option<KnownHost> {
    let (host, rest) = line.split_once([' ', '\t'])?;
    let end = rest.trim_start().strip_prefix('"')?.strip_suffix('"')?;
    let expires = match end {
        NO_END => Timestamp(u64::MAX),
        end => moment(end)?,
    };
    let (host, include_subdomains) = match host.strip_prefix('.') {
        Some(host) => (host, true),
        None => (host, false),
    };
    (!host.is_empty()).then(|| KnownHost { host: host.to_owned(), include_subdomains, expires })
}

fn of_wget(line: &str) -> Option<KnownHost> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [host, port, below, created, age] = fields[..] else { return None };
    // A host is known whatever its port.
    port.parse::<u16>().ok()?;
    if host.starts_with('.') {
        return None;
    }
    let include_subdomains = match below {
        "0" => false,
        "1" => true,
        _ => return None,
    };
    let seconds = created.parse::<u64>().ok()?.saturating_add(age.parse().ok()?);
    let expires = Timestamp(seconds.saturating_mul(1000));
    Some(KnownHost { host: host.to_owned(), include_subdomains, expires })
}

fn moment(end: &str) -> Option<Timestamp> {
    let zoned = DateTime::strptime(END, end).ok()?.to_zoned(TimeZone::UTC).ok()?;
    u64::try_from(zoned.timestamp().as_millisecond()).ok().map(Timestamp)
}

fn spelled(end: Timestamp) -> String {
    let milliseconds = i64::try_from(end.0).ok();
    let moment = milliseconds.and_then(|all| jiff::Timestamp::from_millisecond(all).ok());
    moment.map_or_else(|| NO_END.to_owned(), |moment| moment.strftime(END).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn known(host: &str, include_subdomains: bool, seconds: u64) -> KnownHost {
        let expires = Timestamp(seconds.saturating_mul(1000));
        KnownHost { host: host.to_owned(), include_subdomains, expires }
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let hosts = [known("a.test", false, 1_800_000_000), known("b.test", true, 1_700_000_001)];
        let curl = write(&hosts, Form::Curl, NOW);
        assert!(curl.ends_with("\na.test \"20270115 08:00:00\"\n.b.test \"20231114 22:13:21\"\n"));
        let wget = write(&hosts, Form::Wget, NOW);
        let lines = "\na.test\t0\t0\t1700000000\t100000000\nb.test\t0\t1\t1700000000\t1\n";
        assert!(wget.ends_with(lines), "{wget}");
        for text in [curl, wget] {
            assert_eq!(read(&text).as_deref(), Ok(&hosts[..]), "{text}");
        }
        let endless = [known("a.test", false, u64::MAX)];
        let text = write(&endless, Form::Curl, NOW);
        assert!(text.contains("a.test \"unlimited\""), "{text}");
        assert_eq!(read(&text).unwrap()[0].expires, Timestamp(u64::MAX));
    }

    /// a line => its host, whether names below are meant, and its end
    #[test]
    fn what_others_write_is_understood() {
        for (line, expected) in [
            ("a.test \"20231201 15:20:00\"", Some(known("a.test", false, 1_701_444_000))),
            (" .a.test\t \"20231201 15:20:00\" \r", Some(known("a.test", true, 1_701_444_000))),
            ("a.test\t8443\t1\t1700000000\t60", Some(known("a.test", true, 1_700_000_060))),
            ("a.test 0 0 1 18446744073709551615", Some(known("a.test", false, u64::MAX))),
            ("a.test", None),
            ("a.test 20231201", None),
            ("a.test \"20231301 15:20:00\"", None),
            ("a.test \"20231201\"", None),
            ("a.test \"19691231 23:59:59\"", None),
            (". \"unlimited\"", None),
            ("a.test \"unlimited\" x", None),
            ("a.test 0 2 1 1", None),
            ("a.test x 0 1 1", None),
            (".a.test 0 0 1 1", None),
            ("a.test 0 0 -1 1", None),
            ("a.test 0 0 1 1 1", None),
        ] {
            let expected = expected.map(|known| vec![known]).ok_or(3);
            assert_eq!(read(&format!("# one\n\n{line}\n")), expected, "{line:?}");
        }
        assert_eq!(read("\n# nothing\n"), Ok(Vec::new()));
    }
}
