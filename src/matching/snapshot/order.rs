//! The order of texts: which row is first, which second.

use arrow::array::{Array, StringArray, UInt32Array};

/// The rows in the order of their texts, nulls first; `None` where they are in it.
pub(in crate::matching) fn order(texts: &StringArray) -> Option<UInt32Array> {
    let text = |row: usize| texts.is_valid(row).then(|| texts.value(row));
    if (1..texts.len()).all(|row| text(row - 1) <= text(row)) {
        return None;
    }
    // Ids begin alike, `pay_` or a year: what they have in common tells none from another.
    let common = texts.iter().flatten().map(str::as_bytes).reduce(common).unwrap_or_default().len();
    let mut rows: Vec<(u64, u32)> =
        (0_u32..).zip(texts).map(|(row, text)| (text.map_or(0, |text| word(text, common)), row)).collect();
    let whole = |row: u32| usize::try_from(row).ok().and_then(text);
    rows.sort_unstable_by(|(one, row), (other, another)| {
        one.cmp(other).then_with(|| whole(*row).cmp(&whole(*another))).then(row.cmp(another))
    });
    Some(UInt32Array::from_iter_values(rows.into_iter().map(|(_, row)| row)))
}

fn common<'a>(one: &'a [u8], other: &'a [u8]) -> &'a [u8] {
    let length = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    one.get(..length).unwrap_or_default()
}

/// The eight bytes after the first of a text, which compare as they do.
fn word(text: &str, first: usize) -> u64 {
    let mut word = [0; 8];
    word.iter_mut().zip(text.as_bytes().iter().skip(first)).for_each(|(place, byte)| *place = *byte);
    u64::from_be_bytes(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_the_texts(texts in prop::collection::vec(prop::option::of("(pay_)?[a\0]{0,11}"), 0..40)) {
            let array: StringArray = texts.iter().map(Option::as_deref).collect();
            let mut expected: Vec<usize> = (0..texts.len()).collect();
            expected.sort_by_key(|row| &texts[*row]);
            let rows: Vec<usize> = match order(&array) {
                Some(order) => order.values().iter().map(|row| *row as usize).collect(),
                None => (0..texts.len()).collect(),
            };
            prop_assert_eq!(rows, expected);
        }
    }
}
