//! Instants in every spelling the API has been seen to use, read to microseconds, UTC.
//!
//! `2023-06-15T07:03:01.9998684`, `…T04:20:19.8099000+00:00`, `…T10:30:48Z`, `…24.3448464ZZ`, `2022-02-17`. No zone
//! means UTC, no time means midnight, and what is finer than a microsecond is cut off. A spelling beyond these is
//! refused, not guessed at. A hot path, hence read by position.

use arrow::array::timezone::Tz;
use chrono::{DateTime, TimeZone as _};

const MICROS: i64 = 1_000_000;

/// Microseconds since 1970-01-01T00:00:00Z, or `None` when the text is no instant.
///
/// ```
/// assert_eq!(ckosql::schema::time::parse("1970-01-02T00:00:01.5Z"), Some(86_401_500_000));
/// ```
pub fn parse(text: &str) -> Option<i64> {
    let (date, rest) = text.as_bytes().split_first_chunk::<10>()?;
    let midnight = days(*date)? * 86_400 * MICROS;
    match rest {
        [] => Some(midnight),
        [b'T' | b't' | b' ', time @ ..] => Some(midnight + time_of_day(time)?),
        _ => None,
    }
}

/// Microseconds since 1970-01-01T00:00:00 by the same clock, or `None` when the text is no local time: with a zone it
/// is an instant.
pub fn parse_local(text: &str) -> Option<i64> {
    let (_, time) = text.as_bytes().split_first_chunk::<10>()?;
    let has_zone = time.iter().any(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-'));
    if has_zone { None } else { parse(text) }
}

/// Days since 1970-01-01 of the day that is printed, or `None` when the text is no local time.
pub fn parse_date(text: &str) -> Option<i32> {
    i32::try_from(parse_local(text)?.div_euclid(86_400 * MICROS)).ok()
}

/// The zone of this name or offset, such as `Europe/London`, `UTC` or `+02:00`.
pub fn zone(name: &str) -> Option<Tz> {
    name.trim().parse().ok()
}

/// The instant that a clock in a zone shows a local time at; `None` when it shows it twice, or never.
pub fn instant_in(local: i64, zone: Tz) -> Option<i64> {
    let shown = DateTime::from_timestamp_micros(local)?.naive_utc();
    Some(zone.from_local_datetime(&shown).single()?.timestamp_micros())
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
fn days(date: [u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day < 1 || day > last {
        return None;
    }
    // Years counted from March, so that the leap day is the last of its year: the civil calendar without tables
    // (https://howardhinnant.github.io/date_algorithms.html). Years are 0 to 9999, so no sign to care for: the cycle of
    // 400 years that is added keeps January of year 0 positive.
    let (shifted, from_march) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    Some(shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719_468 - 146_097)
}

/// Microseconds since midnight UTC of `HH:MM:SS`, perhaps with a fraction, perhaps with a zone.
fn time_of_day(time: &[u8]) -> Option<i64> {
    let ([h1, h2, b':', m1, m2, b':', s1, s2], rest) = time.split_first_chunk::<8>()? else { return None };
    let (hour, minute, second) = (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (micros, zone) = match rest {
        [b'.', rest @ ..] => fraction(rest)?,
        _ => (0, rest),
    };
    Some((hour * 3600 + minute * 60 + second) * MICROS + micros - offset(zone)? * MICROS)
}

/// Microseconds of one to nine decimals, and what follows them.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length)?;
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let micros = (0..6).fold(0, |value, place| value * 10 + digits.get(place).map_or(0, |digit| i64::from(digit - b'0')));
    Some((micros, rest))
}

/// Seconds east of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, hour, minute) = match *zone {
        [] | [b'Z' | b'z'] | [b'Z', b'Z'] => return Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            (sign, two(h1, h2)?, two(m1, m2)?)
        }
        _ => return None,
    };
    if hour > 23 || minute > 59 {
        return None;
    }
    let east = hour * 3600 + minute * 60;
    Some(if sign == b'-' { -east } else { east })
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, Utc};
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        parse(text).map(|micros| DateTime::<Utc>::from_timestamp_micros(micros).unwrap().to_rfc3339())
    }

    #[test]
    fn every_spelling_seen_is_read() {
        for (text, instant) in [
            ("2023-06-15T07:03:01.9998684", "2023-06-15T07:03:01.999868+00:00"),
            ("2023-05-31T04:20:19.8099000+00:00", "2023-05-31T04:20:19.809900+00:00"),
            ("2018-01-20T10:30:48Z", "2018-01-20T10:30:48+00:00"),
            ("2022-12-11T03:00:23.859192", "2022-12-11T03:00:23.859192+00:00"),
            ("2022-02-17T00:00:00.000Z", "2022-02-17T00:00:00+00:00"),
            ("2023-08-25T14:15:24.3448464ZZ", "2023-08-25T14:15:24.344846+00:00"),
            ("2023-08-25T14:15:24+0000", "2023-08-25T14:15:24+00:00"),
            ("2023-08-25T00:15:24.5+02:30", "2023-08-24T21:45:24.500+00:00"),
            ("2023-08-25 23:15:24-0130", "2023-08-26T00:45:24+00:00"),
            ("2024-02-29", "2024-02-29T00:00:00+00:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(instant), "{text}");
        }
    }

    #[test]
    fn any_other_spelling_is_refused() {
        for text in [
            "2023-08-24T14:15:3448464Z",
            "2023-08-24T14:15Z",
            "2023-08-24T14:15:22.Z",
            "2023-08-24T14:15:22.1234567890Z",
            "2023-08-24T24:00:00Z",
            "2023-08-24T14:60:00Z",
            "2023-08-24T14:15:60Z",
            "2023-08-24T14:15:22ZZZ",
            "2023-08-24T14:15:22+24:00",
            "2023-08-24T14:15:22+00",
            "2023-08-24T14:15:22 UTC",
            "2023-08-24T",
            "2023-08-24Z",
            "2023-02-29",
            "1900-02-29",
            "2023-13-01",
            "2023-00-01",
            "2023-04-31",
            "2023-01-00",
            "2023-1-1",
            "24/08/2023",
            "1692886522",
            "",
            "٢٠٢٣-08-24",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_local_time_is_taken_as_printed_and_has_no_zone() {
        assert_eq!(parse_local("1970-01-02 00:00:01.5"), Some(86_401_500_000));
        for text in ["2023-08-24T14:15:22Z", "2023-08-24T14:15:22+01:00", "2023-08-24T14:15:22-01:00", "2023-08-24T14:15Z"] {
            assert_eq!(parse_local(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_is_the_day_that_is_printed() {
        for (text, days) in [("1970-01-02", 1), ("1970-01-02T23:59:59.999", 1), ("1969-12-31 00:00:00.001", -1)] {
            assert_eq!(parse_date(text), Some(days), "{text}");
        }
        for text in ["1970-01-02T00:00:00Z", "1970-01-02T00:00:00+01:00", "1970-02-30", ""] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn a_local_time_is_an_instant_where_its_zone_has_it_once() {
        let instant = |text: &str, name: &str| instant_in(parse_local(text).unwrap(), zone(name).unwrap());
        assert_eq!(instant("2026-07-01T12:00:00", "Europe/London"), parse("2026-07-01T11:00:00Z"));
        assert_eq!(instant("2026-07-01T12:00:00", " +02:00 "), parse("2026-07-01T10:00:00Z"));
        assert_eq!(instant("2026-01-01T00:30:00", "UTC"), parse("2026-01-01T00:30:00Z"));
        // The clock goes back at 02:00, and forward at 01:00.
        assert_eq!(instant("2026-11-01T01:30:00", "America/Los_Angeles"), None);
        assert_eq!(instant("2026-03-29T01:30:00", "Europe/London"), None);
        assert!(zone("Nowhere/Else").is_none());
    }

    proptest! {
        #[test]
        fn an_instant_is_what_chrono_says(
            days in -719_528_i64..=2_932_896, nanos in 0_i64..86_400_000_000_000, decimals in 1_usize..=9, east in -1439_i32..=1439
        ) {
            let zone = chrono::FixedOffset::east_opt(east * 60).unwrap();
            let date = NaiveDate::from_epoch_days(i32::try_from(days).unwrap()).unwrap();
            let local = date.and_hms_opt(0, 0, 0).unwrap() + chrono::TimeDelta::nanoseconds(nanos);
            let fraction = format!("{:09}", nanos % 1_000_000_000);
            let text = format!("{}.{}{zone}", local.format("%Y-%m-%dT%H:%M:%S"), &fraction[..decimals]);
            // Cut, not rounded, also before 1970.
            let cut = 10_i64.pow(9 - u32::try_from(decimals.min(6)).unwrap());
            let micros = days * 86_400_000_000 + nanos / cut * cut / 1000;
            prop_assert_eq!(parse(&text), Some(micros - i64::from(east) * 60_000_000), "{}", text);
        }

        #[test]
        fn no_text_is_a_crash(text in ".{0,40}") {
            parse(&text);
        }
    }
}
