//! Instants in the spellings the vendor's answers have been seen to use.

use std::fmt::Write as _;

use chrono::{Datelike, Timelike};

use crate::sandbox::payment::instant;
use crate::sandbox::schedule::Micros;

/// An instant in one of the vendor's spellings, chosen by the instant itself: with six or seven decimals, with `Z`, with
/// `+00:00`, or now and then without a zone, which means UTC.
///
/// The seventh decimal is beyond a microsecond and says nothing.
pub(crate) fn drifting(at: Micros) -> String {
    let tail = at.rem_euclid(7);
    match at.rem_euclid(10) {
        0 => spelled(at, &format!("{tail}")),
        1 | 2 => spelled(at, &format!("{tail}+00:00")),
        3 => spelled(at, &format!("{tail}Z")),
        _ => spelled(at, "Z"),
    }
}

/// An instant to the microsecond, with `Z`.
pub(crate) fn exact(at: Micros) -> String {
    spelled(at, "Z")
}

fn spelled(at: Micros, end: &str) -> String {
    let at = instant(at).naive_utc();
    let mut text = String::with_capacity(34);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}{end}",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.nanosecond() / 1000
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_differ_and_mean_the_same() {
        let spellings: Vec<String> = [0, 1, 3, 4].into_iter().map(|last| drifting(1_686_812_581_999_860 + last)).collect();
        let expected = [
            "2023-06-15T07:03:01.9998600",
            "2023-06-15T07:03:01.9998611+00:00",
            "2023-06-15T07:03:01.9998633Z",
            "2023-06-15T07:03:01.999864Z",
        ];
        assert_eq!(spellings, expected);
    }
}
