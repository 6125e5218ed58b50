//! Dates of HTTP (RFC 9110 section 5.6.7), as strict as a cache has to be: RFC 9111 section 4.2
//! wants letters of either case and no zone but GMT.

use urlsession_protocol::Timestamp;
use urlsession_protocol::calendar::days_since_1970;

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// A year of two digits that would be later than this many years from now was in the century
/// before.
const FUTURE_YEARS: u32 = 50;
/// The end of the year 9999, in seconds since 1970.
const LAST_SECOND: u64 = 253_402_300_799;

/// Reads a date in one of the three forms; `None` if it is in none of them.
pub(super) fn parse(text: &[u8], now: Timestamp) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.trim_matches([' ', '\t']).to_ascii_lowercase();
    let parts: Vec<&str> = text.split(' ').collect();
    match *parts {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [day, date, month, year, time, "gmt"] => {
            is_day(day.strip_suffix(',')?, 3).then_some(())?;
            moment(digits(year, 4)?, month_of(month)?, digits(date, 2)?, time)
        }
        // Sunday, 06-Nov-94 08:49:37 GMT
        [day, date, time, "gmt"] => {
            is_day(day.strip_suffix(',')?, usize::MAX).then_some(())?;
            let mut parts = date.split('-');
            let (date, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            parts.next().is_none().then_some(())?;
            let year = full_year(digits(year, 2)?, now)?;
            moment(year, month_of(month)?, digits(date, 2)?, time)
        }
        // Sun Nov  6 08:49:37 1994
        [day, month, "", date, time, year] if date.len() == 1 => {
            is_day(day, 3).then_some(())?;
            moment(digits(year, 4)?, month_of(month)?, digits(date, 1)?, time)
        }
        // Sun Nov 16 08:49:37 1994
        [day, month, date, time, year] => {
            is_day(day, 3).then_some(())?;
            moment(digits(year, 4)?, month_of(month)?, digits(date, 2)?, time)
        }
        _ => None,
    }
}

fn is_day(text: &str, length: usize) -> bool {
    DAYS.iter().any(|day| day[..length.min(day.len())] == *text)
}

fn month_of(text: &str) -> Option<u32> {
    (1..).zip(MONTHS).find(|(_, month)| *month == text).map(|(number, _)| number)
}

fn digits(text: &str, length: usize) -> Option<u32> {
    let whole = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    whole.then(|| text.parse().ok())?
}

fn full_year(two_digits: u32, now: Timestamp) -> Option<u32> {
    // Exact to a year, which is enough for half a century.
    let this_year = u32::try_from(1970 + now.0 / 31_556_952_000).ok()?;
    let year = this_year - this_year % 100 + two_digits;
    Some(if year > this_year + FUTURE_YEARS { year - 100 } else { year })
}

fn moment(year: u32, month: u32, day: u32, time: &str) -> Option<Timestamp> {
    let mut parts = time.split(':').map(|part| digits(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // 60 is a leap second.
    let is_legal = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    is_legal.then_some(())?;
    let days = u64::try_from(days_since_1970(year, month, day)?).ok()?;
    let seconds = days * 86_400 + u64::from(hour * 3600 + minute * 60 + second);
    // After a leap second comes the next year, which four digits must spell.
    (seconds <= LAST_SECOND).then_some(Timestamp(seconds * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// text => seconds since 1970
    const TABLE: &[(&str, Option<u64>)] = &[
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
        ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
        ("Wed Nov 16 08:49:37 1994", Some(784_975_777)),
        // The last one that can be spelled.
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
        ("Fri, 31 Dec 9999 23:59:60 GMT", None),
        // Letters of either case.
        ("SUN, 06 nOv 1994 08:49:37 gMT", Some(784_111_777)),
        // Two digits are a year not more than fifty from now, which is 2026 here.
        ("Thursday, 18-Aug-50 02:01:18 GMT", Some(2_544_400_878)),
        ("Thursday, 18-Aug-76 02:01:18 GMT", Some(3_364_941_678)),
        ("Thursday, 18-Aug-77 02:01:18 GMT", Some(240_717_678)),
        // The edges.
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Wed, 31 Dec 1969 23:59:59 GMT", None),
        ("Sat, 31 Dec 2016 23:59:60 GMT", Some(1_483_228_800)),
        ("Thu, 29 Feb 2024 00:00:00 GMT", Some(1_709_164_800)),
        ("Wed, 29 Feb 2023 00:00:00 GMT", None),
        ("Sun, 21 Nov 2286 04:46:39 GMT", Some(10_000_039_599)),
        // What is no date of HTTP.
        ("Thu, 18 Aug 2050 02:01:18 UTC", None),
        ("Thu, 18 Aug 2050 02:01:18 AEST", None),
        ("Thu, 18 Aug 2050 02:01:18", None),
        ("Thu, 18 Aug 50 02:01:18 GMT", None),
        ("Thu 18 Aug 2050 02:01:18 GMT", None),
        ("Thu, 18  Aug  2050 02:01:18 GMT", None),
        ("Thu, 18-Aug-2050 02:01:18 GMT", None),
        ("Thu, 18 Aug 2050 02.01.18 GMT", None),
        ("Thu, 18 Aug 2050 2:01:18 GMT", None),
        ("Thu, 18 Aug 2050 24:01:18 GMT", None),
        ("Day, 18 Aug 2050 02:01:18 GMT", None),
        ("18 Aug 2050 02:01:18 GMT", None),
        ("0", None),
        ("-1", None),
        ("", None),
        ("foo", None),
    ];

    #[test]
    fn dates_as_http_spells_them() {
        let now = Timestamp(1_780_000_000_000);
        for (text, expected) in TABLE {
            let expected = expected.map(|seconds| Timestamp(seconds * 1000));
            assert_eq!(parse(text.as_bytes(), now), expected, "{text}");
        }
    }
}
