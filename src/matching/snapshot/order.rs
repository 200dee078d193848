//! The order of texts: which row is first, which second.

use arrow::array::{Array, StringArray, UInt32Array};

/// The rows in the order of their texts, nulls first; `None` where they are in it.
pub(in crate::matching) fn order(texts: &StringArray) -> Option<UInt32Array> {
    let text = |row: usize| texts.is_valid(row).then(|| texts.value(row));
    if (1..texts.len()).all(|row| text(row - 1) <= text(row)) {
        return None;
    }
    let spelling = Spelling::of(texts);
    let words = || texts.iter().map(|text| text.map_or(0, |text| spelling.word(text)));
    let row_bits = usize::BITS - texts.len().leading_zeros();
    if spelling.is_whole && texts.null_count() == 0 && spelling.bits() + row_bits <= u64::BITS {
        let mut rows: Vec<u64> = (0_u64..).zip(words()).map(|(row, word)| (word << row_bits) | row).collect();
        rows.sort_unstable();
        let row = |row: u64| u32::try_from(row & ((1 << row_bits) - 1)).unwrap_or_default();
        return Some(UInt32Array::from_iter_values(rows.into_iter().map(row)));
    }
    let mut rows: Vec<(u64, u32)> = words().zip(0_u32..).collect();
    let whole = |row: u32| usize::try_from(row).ok().and_then(text);
    rows.sort_unstable_by(|(one, row), (other, another)| {
        one.cmp(other).then_with(|| whole(*row).cmp(&whole(*another))).then(row.cmp(another))
    });
    Some(UInt32Array::from_iter_values(rows.into_iter().map(|(_, row)| row)))
}

/// How texts are written: ids begin alike, `pay_` or a year, and what follows is digits, so that many bytes make one word.
struct Spelling {
    /// Of each place, as far as a word goes: the least byte, and how many things there may be, one of which is nothing where some
    /// text has ended.
    places: Vec<Place>,
    /// Whether words say all of texts.
    is_whole: bool,
}

#[derive(Clone, Copy)]
struct Place {
    least: u8,
    most: u8,
    /// Whether some text has ended before.
    may_end: bool,
}

impl Place {
    fn things(self) -> u64 {
        u64::from(self.most - self.least) + 1 + u64::from(self.may_end)
    }

    /// What is at a place, as a number below that of things.
    fn thing(self, byte: Option<u8>) -> u64 {
        byte.map_or(0, |byte| u64::from(byte.saturating_sub(self.least)) + u64::from(self.may_end))
    }
}

impl Spelling {
    fn of(texts: &StringArray) -> Self {
        let mut places: Vec<Place> = Vec::new();
        let mut shortest = usize::MAX;
        for text in texts.iter().flatten().map(str::as_bytes) {
            shortest = shortest.min(text.len());
            for (place, byte) in places.iter_mut().zip(text) {
                (place.least, place.most) = (place.least.min(*byte), place.most.max(*byte));
            }
            let new = text.iter().skip(places.len()).map(|byte| Place { least: *byte, most: *byte, may_end: false });
            places.extend(new);
        }
        places.iter_mut().skip(shortest).for_each(|place| place.may_end = true);
        let mut all = 1_u64;
        let fits = |place: &&Place| match all.checked_mul(place.things()) {
            Some(more) => {
                all = more;
                true
            }
            None => false,
        };
        let fitting = places.iter().take_while(fits).count();
        let is_whole = fitting == places.len();
        places.truncate(fitting);
        Self { places, is_whole }
    }

    /// The bits that words have.
    fn bits(&self) -> u32 {
        let most = self.places.iter().fold(0_u64, |word, place| word * place.things() + (place.things() - 1));
        u64::BITS - most.leading_zeros()
    }

    /// A text as far as a word goes; words compare as they do.
    fn word(&self, text: &str) -> u64 {
        let bytes = text.as_bytes();
        let things = self.places.iter().enumerate().map(|(at, place)| (place.things(), place.thing(bytes.get(at).copied())));
        things.fold(0, |word, (things, thing)| word * things + thing)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ordered(texts: &[Option<String>]) -> Vec<usize> {
        let array: StringArray = texts.iter().map(Option::as_deref).collect();
        match order(&array) {
            Some(order) => order.values().iter().map(|row| *row as usize).collect(),
            None => (0..texts.len()).collect(),
        }
    }

    fn expected(texts: &[Option<String>]) -> Vec<usize> {
        let mut expected: Vec<usize> = (0..texts.len()).collect();
        expected.sort_by_key(|row| &texts[*row]);
        expected
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_texts(texts in prop::collection::vec(prop::option::of("(pay_)?[a\0]{0,11}"), 0..40)) {
            prop_assert_eq!(ordered(&texts), expected(&texts));
        }

        #[test]
        fn texts_that_are_words_are_ordered_alike(texts in prop::collection::vec("pay_[0-9]{0,3}".prop_map(Some), 0..40)) {
            prop_assert_eq!(ordered(&texts), expected(&texts));
        }

        #[test]
        fn texts_that_are_longer_than_words_are_ordered_alike(texts in prop::collection::vec(prop::option::of("[a-zä]{0,30}"), 0..40)) {
            prop_assert_eq!(ordered(&texts), expected(&texts));
        }
    }

    #[test]
    fn ids_of_many_digits_are_words() {
        let texts = StringArray::from(vec!["pay_000000019", "pay_999999999", "pay_100000000"]);
        let spelling = Spelling::of(&texts);
        assert!(spelling.is_whole && spelling.bits() <= 31);
    }
}
