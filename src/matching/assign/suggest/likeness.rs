//! How alike two texts are, by Jaro and Winkler, in whole millionths: the fractions are added exactly and cut off once, so
//! no binary float enters a score.

/// Of two texts that are equal.
pub const MILLION: u32 = 1_000_000;

/// The likeness of two texts, letter by letter: 0 when they share none, [`MILLION`] when they are equal.
///
/// A common start of up to four letters counts a tenth each of what is missing, as Winkler's where the likeness is above
/// seven tenths.
///
/// ```
/// assert_eq!(ckosql::matching::assign::suggest::jaro_winkler("MARTHA", "MARHTA"), 961_111);
/// ```
pub fn jaro_winkler(one: &str, other: &str) -> u32 {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one == other {
        return MILLION;
    }
    let (matches, moved) = common(&one, &other);
    if matches == 0 {
        return 0;
    }
    // The mean of matches / one, matches / other and (matches - moved) / matches, over one denominator.
    let wide = |number: usize| u128::try_from(number).unwrap_or(u128::MAX);
    let (m, a, b) = (wide(matches), wide(one.len()), wide(other.len()));
    let (numerator, denominator) = (m * m * b + m * m * a + (m - wide(moved)) * a * b, 3 * m * a * b);
    let start = one.iter().zip(&other).take(4).take_while(|(one, other)| one == other).count();
    let (numerator, denominator) = if numerator * 10 > denominator * 7 {
        (numerator * 10 + wide(start) * (denominator - numerator), denominator * 10)
    } else {
        (numerator, denominator)
    };
    u32::try_from(numerator * u128::from(MILLION) / denominator).unwrap_or(MILLION)
}

/// How many letters both have at about the same place, and half of those that are in another order, rounded down.
fn common(one: &[char], other: &[char]) -> (usize, usize) {
    let reach = (one.len().max(other.len()) / 2).saturating_sub(1);
    let mut is_taken = vec![false; other.len()];
    let mut found = Vec::new();
    for (place, letter) in one.iter().enumerate() {
        let (from, to) = (place.saturating_sub(reach), place + reach + 1);
        let near = other.iter().zip(&mut is_taken).take(to).skip(from);
        for (candidate, is_taken) in near {
            if candidate == letter && !*is_taken {
                *is_taken = true;
                found.push(*letter);
                break;
            }
        }
    }
    let there = other.iter().zip(&is_taken).filter_map(|(letter, is_taken)| is_taken.then_some(*letter));
    let moved = found.iter().zip(there).filter(|(here, there)| **here != *there).count();
    (found.len(), moved / 2)
}

#[cfg(test)]
#[expect(clippy::float_arithmetic, reason = "compared with floats")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_floats_make_of_it(one in "[A-D0-2 é]{0,14}", other in "[A-D0-2 é]{0,14}") {
            // Floats miss seven tenths itself, and then take it for more.
            prop_assume!((strsim::jaro(&one, &other) - 0.7).abs() > 1e-9);
            let expected = strsim::jaro_winkler(&one, &other);
            let got = f64::from(jaro_winkler(&one, &other)) / f64::from(MILLION);
            prop_assert!((expected - got).abs() <= 0.000_002, "{expected} {got}");
        }
    }
}
