//! Days of the Gregorian calendar, for whoever reads dates.

/// Counts the days from the first of 1970 to a date, whose month and day begin with 1; `None` if its
/// month does not have that day.
#[must_use]
pub fn days_since_1970(year: u32, month: u32, day: u32) -> Option<i64> {
    (1..=days_in(year, month)).contains(&day).then_some(())?;
    // A year begins with March here, so that the day that may be missing is its last.
    let year = i64::from(year) - i64::from(month <= 2);
    let month = i64::from((month + 9) % 12);
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(days + (153 * month + 2) / 5 + i64::from(day) - 719_469)
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        for (date, expected) in [
            ((1970, 1, 1), Some(0)),
            ((1969, 12, 31), Some(-1)),
            ((2000, 2, 29), Some(11_016)),
            ((2000, 3, 1), Some(11_017)),
            ((2100, 2, 29), None),
            ((2024, 12, 31), Some(20_088)),
            ((9999, 12, 31), Some(2_932_896)),
            ((1601, 1, 1), Some(-134_774)),
            ((0, 1, 1), Some(-719_528)),
            ((2026, 4, 31), None),
            ((2026, 1, 0), None),
            ((2026, 13, 1), None),
        ] {
            let (year, month, day) = date;
            assert_eq!(days_since_1970(year, month, day), expected, "{date:?}");
        }
    }
}
