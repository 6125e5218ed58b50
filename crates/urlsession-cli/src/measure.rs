//! Sizes, rates, durations and moments as people write and read them.

use std::num::NonZeroU64;
use std::time::Duration;
use urlsession::Timestamp;

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Spells a number of bytes in IEC units with three significant digits: `1.43 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    let mut value = bytes as f64;
    // 999.5 would be rounded to four digits.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// Spells bytes per second.
pub(crate) fn rate(bytes_per_second: f64) -> String {
    // A float-to-integer cast saturates, so a silly rate stays a rate.
    format!("{}/s", size(bytes_per_second.max(0.0) as u64))
}

/// Spells a duration with its two largest units: `1 h 02 min`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match seconds {
        86_400.. => format!("{days} d {hours:02} h"),
        3600.. => format!("{hours} h {minutes:02} min"),
        60.. => format!("{minutes} min {:02} s", seconds % 60),
        10.. => format!("{seconds} s"),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

/// Spells a moment in RFC 3339, UTC: what JSON output carries.
pub(crate) fn rfc3339(moment: Timestamp) -> String {
    i64::try_from(moment.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| "9999-12-31T23:59:59Z".to_owned(), |t| t.to_string())
}

/// Spells a moment in the user's time zone; the day only where it is another one than `now`'s.
pub(crate) fn local(moment: Timestamp, now: Timestamp) -> String {
    let zoned = |t: Timestamp| {
        let t = jiff::Timestamp::from_millisecond(i64::try_from(t.0).ok()?).ok()?;
        Some(t.to_zoned(jiff::tz::TimeZone::system()))
    };
    let (Some(moment_there), Some(now)) = (zoned(moment), zoned(now)) else {
        return rfc3339(moment);
    };
    let format = if moment_there.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    moment_there.strftime(format).to_string()
}

/// Reads a number of bytes such as `500`, `64K`, `2M` or `1.5GiB`; units are powers of 1024, as in
/// curl and wget.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("“{text}” is no size; write for example 500K or 2M");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let power = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 1,
        "m" | "mib" => 2,
        "g" | "gib" => 3,
        "t" | "tib" => 4,
        _ => return Err(wrong()),
    };
    let value: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = value * 1024_f64.powi(power);
    if bytes >= 1.0 && bytes < 2_f64.powi(63) { Ok(bytes as u64) } else { Err(wrong()) }
}

/// A number of bytes, all or a second, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<NonZeroU64>);

impl Limit {
    pub(crate) fn get(self) -> Option<u64> {
        self.0.map(NonZeroU64::get)
    }
}

/// Reads a number of bytes, or `none`, `off` and the `0` of curl and aria2.
pub(crate) fn parse_limit(text: &str) -> Result<Limit, String> {
    match text {
        "none" | "off" | "0" => Ok(Limit(None)),
        _ => parse_size(text).map(|rate| Limit(NonZeroU64::new(rate))),
    }
}

/// Reads a duration such as `90` (seconds), `500ms`, `60s`, `2h` or `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("“{text}” is no duration; write for example 60s, 5m or 2h");
    if text.is_empty() {
        return Err(wrong());
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let split = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(split);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let seconds = match unit {
            "ms" => 0.001,
            "" | "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        let value: f64 = number.parse().map_err(|_| wrong())?;
        let part = Duration::try_from_secs_f64(value * seconds).map_err(|_| wrong())?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = next;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1536, "1.50 KiB"),
            (10 * 1024, "10.0 KiB"),
            (100 * 1024, "100 KiB"),
            (1000 * 1024, "0.98 MiB"),
            (200 * 1024 * 1024, "200 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn durations_have_two_units() {
        for (milliseconds, expected) in [
            (0, "0.0 s"),
            (1540, "1.5 s"),
            (59_000, "59 s"),
            (61_000, "1 min 01 s"),
            (3_720_000, "1 h 02 min"),
            (7 * 86_400_000, "7 d 00 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn sizes_are_read_as_curl_reads_them() {
        for (text, expected) in [
            ("500", Some(500)),
            ("64k", Some(65_536)),
            ("2M", Some(2 << 20)),
            ("1.5GiB", Some(3 << 29)),
            ("", None),
            ("M", None),
            ("2X", None),
            ("-1", None),
            ("0", None),
            ("1e9", None),
            ("99999999T", None),
        ] {
            assert_eq!(parse_size(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_limit_may_be_none() {
        for (text, expected) in [
            ("2M", Some(NonZeroU64::new(2 << 20))),
            ("none", Some(None)),
            ("off", Some(None)),
            ("0", Some(None)),
            ("0.1", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(parse_limit(text).ok().map(|limit| limit.0), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_read_with_and_without_unit() {
        for (text, expected) in [
            ("90", Some(90_000)),
            ("1.5", Some(1500)),
            ("500ms", Some(500)),
            ("60s", Some(60_000)),
            ("1h30m", Some(5_400_000)),
            ("7d", Some(604_800_000)),
            ("", None),
            ("h", None),
            ("-5s", None),
            ("5 s", None),
            ("5y", None),
        ] {
            let read = parse_duration(text).ok().map(|d| d.as_millis());
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn moments_are_spelled_in_utc() {
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(Timestamp(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
        assert_eq!(rfc3339(Timestamp(u64::MAX)), "9999-12-31T23:59:59Z");
    }
}
