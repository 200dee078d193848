//! The texts most like a text.

use std::cmp::Reverse;

use super::likeness::jaro_winkler;

/// A text that is like another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Similar {
    /// Its place in the list.
    pub row: u32,
    /// How alike they are, in millionths.
    pub likeness: u32,
}

/// The texts of a list that are most like this one and at least so much, in millionths: the most alike first, of those that
/// are equally so the one that is earlier in the list.
pub fn similar<'a>(text: &str, list: impl IntoIterator<Item = &'a str>, least: u32, most: usize) -> Vec<Similar> {
    let scored = (0..).zip(list).map(|(row, other)| Similar { row, likeness: jaro_winkler(text, other) });
    let mut found: Vec<Similar> = scored.filter(|similar| similar.likeness >= least).collect();
    found.sort_unstable_by_key(|similar| (Reverse(similar.likeness), similar.row));
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_come_first_and_then_the_earlier() {
        let found = similar("ORDER 1001", ["ORDER 1010", "INVOICE 7", "ORDER 1001", "ORDER 1010"], 800_000, 9);
        assert_eq!(found.iter().map(|similar| similar.row).collect::<Vec<_>>(), [2, 0, 3]);
        assert_eq!(similar("ORDER 1001", ["ORDER 1010", "ORDER 1001"], 0, 1)[0].row, 1);
    }
}
