//! Days and moments in ISO 8601, as APIs write them, read without losing a digit unnoticed.

use jiff::civil::Date;

const MICROSECONDS_A_SECOND: i64 = 1_000_000;
const SECONDS_A_DAY: i64 = 86_400;

/// What a text says that has the shape of a day or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A day.
    Day {
        /// Days since 1970.
        days: i32,
    },
    /// A point in time. Without an offset it is taken for UTC.
    Instant {
        /// Microseconds since 1970 UTC.
        microseconds: i64,
        /// Whether digits beyond the microsecond, other than zeros, are left out of that.
        is_cut: bool,
    },
    /// The shape only: there is no such day, no such time, or none that readers in other languages hold (outside the
    /// years 1 to 9999, and leap seconds).
    Impossible,
}

/// Reads a checked string value. Nothing if it has not the shape `YYYY-MM-DD` or `YYYY-MM-DDThh:mm[:ss[.f]][offset]`.
pub fn read(raw: &str) -> Option<Moment> {
    let text = raw.as_bytes().get(1..raw.len() - 1)?;
    let (date, time) = text.split_at_checked(10)?;
    let (year, month, day) = match date {
        [year @ .., b'-', m1, m2, b'-', d1, d2] => (number(year)?, number(&[*m1, *m2])?, number(&[*d1, *d2])?),
        _ => return None,
    };
    let days = days(year, month, day);
    let [b'T' | b't' | b' ', clock @ ..] = time else {
        return time.is_empty().then(|| days.map_or(Moment::Impossible, |days| Moment::Day { days }));
    };
    let clock = Clock::read(clock)?;
    let instant = days.and_then(|days| clock.instant(days));
    Some(instant.unwrap_or(Moment::Impossible))
}

/// The time of day, as written.
struct Clock<'a> {
    hour: i64,
    minute: i64,
    second: i64,
    fraction: &'a [u8],
    offset: Offset,
}

/// How far from UTC a moment is written.
enum Offset {
    Seconds(i64),
    Impossible,
}

impl<'a> Clock<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        let [h1, h2, b':', m1, m2, rest @ ..] = text else { return None };
        let (hour, minute) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
        let (second, rest) = match rest {
            [b':', s1, s2, rest @ ..] => (number(&[*s1, *s2])?, rest),
            _ => (0, rest),
        };
        let (fraction, rest) = match rest {
            [b'.' | b',', rest @ ..] => rest.split_at(rest.iter().take_while(|byte| byte.is_ascii_digit()).count()),
            _ => (&[][..], rest),
        };
        Some(Self { hour, minute, second, fraction, offset: offset(rest)? })
    }

    fn instant(&self, days: i32) -> Option<Moment> {
        let Offset::Seconds(offset) = self.offset else { return None };
        if self.hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let (kept, cut) = self.fraction.split_at(self.fraction.len().min(6));
        let microseconds = kept.iter().chain(&b"000000"[kept.len()..]).fold(0, |sum, digit| sum * 10 + value(*digit));
        let seconds = i64::from(days) * SECONDS_A_DAY + self.hour * 3_600 + self.minute * 60 + self.second - offset;
        let microseconds = seconds * MICROSECONDS_A_SECOND + microseconds;
        let first = i64::from(days_of(1, 1, 1)?);
        let last = i64::from(days_of(9999, 12, 31)?);
        (first..=last)
            .contains(&seconds.div_euclid(SECONDS_A_DAY))
            .then(|| Moment::Instant { microseconds, is_cut: cut.iter().any(|digit| *digit != b'0') })
    }
}

/// The offset at the end of a moment: absent, `Z`, `+hh`, `+hhmm` or `+hh:mm`. Nothing if it is something else.
fn offset(text: &[u8]) -> Option<Offset> {
    let (sign, hours, minutes) = match text {
        [] | [b'Z' | b'z'] => return Some(Offset::Seconds(0)),
        [sign @ (b'+' | b'-'), h1, h2] => (sign, number(&[*h1, *h2])?, 0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            (sign, number(&[*h1, *h2])?, number(&[*m1, *m2])?)
        }
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return Some(Offset::Impossible);
    }
    let seconds = hours * 3_600 + minutes * 60;
    Some(Offset::Seconds(if *sign == b'-' { -seconds } else { seconds }))
}

fn days(year: i64, month: i64, day: i64) -> Option<i32> {
    days_of(i16::try_from(year).ok().filter(|year| *year > 0)?, i8::try_from(month).ok()?, i8::try_from(day).ok()?)
}

fn days_of(year: i16, month: i8, day: i8) -> Option<i32> {
    Some((Date::new(year, month, day).ok()? - Date::constant(1970, 1, 1)).get_days())
}

fn number(digits: &[u8]) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + value(*digit)))
}

fn value(digit: u8) -> i64 {
    i64::from(digit - b'0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Moment::*, *};

    fn of(text: &str) -> Option<Moment> {
        read(&format!("\"{text}\""))
    }

    fn instant(microseconds: i64) -> Moment {
        Instant { microseconds, is_cut: false }
    }

    #[test]
    fn moments_are_read_with_any_offset() {
        assert_eq!(of("1970-01-01T01:00:00+01:00"), Some(instant(0)));
        assert_eq!(of("1970-01-01T01:00:00+0100"), Some(instant(0)));
        assert_eq!(of("1969-12-31t19:30-04:30"), Some(instant(0)));
        assert_eq!(of("1970-01-01T02:00+02"), Some(instant(0)));
        assert_eq!(of("1970-01-01T00:00:01.5Z"), Some(instant(1_500_000)));
        assert_eq!(of("1970-01-01 00:00:01,000001"), Some(instant(1_000_001)));
    }

    #[test]
    fn the_extremes_that_other_systems_write_are_moments() {
        assert_eq!(of("0001-01-01T00:00:00"), Some(instant(-62_135_596_800_000_000)));
        assert_eq!(of("9999-12-31T23:59:59.999999Z"), Some(instant(253_402_300_799_999_999)));
        let cut = Instant { microseconds: 253_402_300_799_999_999, is_cut: true };
        assert_eq!(of("9999-12-31T23:59:59.9999999Z"), Some(cut));
        assert_eq!(of("9999-12-31T23:59:59.9999990Z"), Some(instant(253_402_300_799_999_999)));
        assert_eq!(of("0001-01-01"), Some(Day { days: -719_162 }));
        assert_eq!(of("9999-12-31"), Some(Day { days: 2_932_896 }));
    }

    #[test]
    fn what_is_shaped_like_a_day_and_is_none_is_told_from_text() {
        for impossible in [
            "2025-02-30",
            "0000-00-00",
            "2025-13-01",
            "2025-02-28T24:00:00",
            "2016-12-31T23:59:60Z",
            "2025-02-28T10:61",
            "2025-02-28T10:00+25:00",
            "0001-01-01T00:00:00+02:00",
            "9999-12-31T23:00:00-02:00",
        ] {
            assert_eq!(of(impossible), Some(Impossible), "{impossible}");
        }
        for text in [
            "",
            "2025",
            "2025-02-28x",
            "2025-02-28T",
            "2025-02-28 - talk",
            "2025-02-28T10:00 CET",
            "20250228",
            "2025-W09-5",
            "+025-02-28",
            "2025-02-28T10:00:00.5.5",
            "äöü-02-28",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_reads_back(microseconds in -62_135_596_800_000_000i64..=253_402_207_200_000_000) {
            let written = jiff::Timestamp::from_microsecond(microseconds).unwrap().to_string();
            prop_assert_eq!(of(&written), Some(instant(microseconds)), "{}", written);
        }

        #[test]
        fn no_text_is_too_strange(text in "[0-9:.,+ TtZz-]{0,30}|.{0,20}") {
            of(&text);
        }
    }
}
