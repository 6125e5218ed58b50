//! Dates as servers spell them in cookies: the lenient algorithm of RFC 6265bis section 5.1.1.

use crate::Timestamp;
use crate::calendar::days_since_1970;

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

impl Timestamp {
    /// Reads the date of a cookie; `None` if a part of it is missing or impossible. One before 1970
    /// reads as 1970.
    #[must_use]
    pub fn of_cookie_date(text: &[u8]) -> Option<Self> {
        parse(text)
    }
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(|byte| is_delimiter(*byte)).filter(|token| !token.is_empty()) {
        // A token is the first part that it can be and that is still missing.
        if time.is_none() {
            time = time_of(token);
            if time.is_some() {
                continue;
            }
        }
        if day.is_none() {
            day = number(token, 1, 2);
            if day.is_some() {
                continue;
            }
        }
        if month.is_none() {
            month = month_of(token);
            if month.is_some() {
                continue;
            }
        }
        if year.is_none() {
            year = number(token, 2, 4);
        }
    }
    let ((hour, minute, second), day, month, year) = (time?, day?, month?, year?);
    let year = match year {
        70..=99 => year + 1900,
        0..=69 => year + 2000,
        _ => year,
    };
    let legal = year >= 1601 && hour <= 23 && minute <= 59 && second <= 59;
    let days = days_since_1970(year, month, day)?;
    let seconds = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    legal.then(|| Timestamp(u64::try_from(seconds).unwrap_or(0) * 1000))
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

fn time_of(token: &[u8]) -> Option<(u32, u32, u32)> {
    let mut fields = token.splitn(3, |byte| *byte == b':');
    let (hour, minute, second) = (fields.next()?, fields.next()?, fields.next()?);
    let whole = |field: &[u8]| field.iter().all(u8::is_ascii_digit);
    if !whole(hour) || !whole(minute) {
        return None;
    }
    Some((number(hour, 1, 2)?, number(minute, 1, 2)?, number(second, 1, 2)?))
}

fn month_of(token: &[u8]) -> Option<u32> {
    let name = token.get(..3)?.to_ascii_lowercase();
    (1..).zip(MONTHS).find(|(_, month)| *month == name).map(|(number, _)| number)
}

/// Reads so many digits at the begin of a token; what follows them must not be one more.
fn number(token: &[u8], least: usize, most: usize) -> Option<u32> {
    let digits = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = || token[..digits].iter().fold(0, |n, digit| n * 10 + u32::from(digit - b'0'));
    (least..=most).contains(&digits).then(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// text => seconds since 1970
    const TABLE: &[(&str, Option<u64>)] = &[
        // The three forms of RFC 9110 section 5.6.7.
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
        ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
        // What servers write.
        ("Sun, 06-Nov-1994 08:49:37 GMT", Some(784_111_777)),
        ("6 nOvEmBeR 94 8:49:37", Some(784_111_777)),
        ("1994 Nov 06 08:49:37", Some(784_111_777)),
        ("94 06 Nov 08:49:37", None),
        ("06 1994 Nov 08:49:37 ", Some(784_111_777)),
        ("08:49:37 06/Nov/1994", Some(784_111_777)),
        ("06 Nov 1994 08:49:37PM", Some(784_111_777)),
        ("06 Nov 1994 08:49:37.123", Some(784_111_777)),
        ("06th Nov 1994UTC 08:49:37", Some(784_111_777)),
        ("Sun, 06 Nov 1994 08:49:37 +0500", Some(784_111_777)),
        // Years of two digits.
        ("1 Jan 70 00:00:00", Some(0)),
        ("1 Jan 99 00:00:00", Some(915_148_800)),
        ("1 Jan 00 00:00:00", Some(946_684_800)),
        ("1 Jan 69 00:00:00", Some(3_124_224_000)),
        ("1 Jan 100 00:00:00", None),
        // The edges of the calendar.
        ("29 Feb 2024 00:00:00", Some(1_709_164_800)),
        ("29 Feb 2000 00:00:00", Some(951_782_400)),
        ("29 Feb 2100 00:00:00", None),
        ("29 Feb 2023 00:00:00", None),
        ("31 Apr 2026 00:00:00", None),
        ("0 Jan 2026 00:00:00", None),
        ("32 Jan 2026 00:00:00", None),
        ("31 Dec 9999 23:59:59", Some(253_402_300_799)),
        ("31 Dec 1969 23:59:59", Some(0)),
        ("1 Jan 1601 00:00:00", Some(0)),
        ("31 Dec 1600 23:59:59", None),
        // The edges of the clock.
        ("1 Jan 2026 23:59:59", Some(1_767_311_999)),
        ("1 Jan 2026 24:00:00", None),
        ("1 Jan 2026 00:60:00", None),
        ("1 Jan 2026 00:00:60", None),
        ("1 Jan 2026 0:0:0", Some(1_767_225_600)),
        ("1 Jan 2026 00:00", None),
        ("1 Jan 2026 000:00:00", None),
        ("1 Jan 20260 00:00:00", None),
        // Not dates.
        ("", None),
        ("0", None),
        ("tomorrow", None),
        ("Jan", None),
        ("1767225600", None),
        ("2026-01-01T00:00:00Z", None),
        ("\u{fc} 1 Jan 2026 00:00:00", Some(1_767_225_600)),
    ];

    #[test]
    fn dates_as_servers_spell_them() {
        for (text, expected) in TABLE {
            let expected = expected.map(|seconds| Timestamp(seconds * 1000));
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }
}
