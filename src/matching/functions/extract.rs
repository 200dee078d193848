//! References in texts that people and banks have handled: cut into words, put together again where blanks or ends of lines have
//! cut them. Only what begins as a reference is put together: words that happen to stand side by side are none.
//!
//! What is found is what is written. A letter O where a 0 belongs stays an O, so such an id equals no other.

use super::norm::fold;
use crate::error::{Error, ErrorKind, Result};

/// Length of a payout id.
const PAYOUT: usize = 12;
/// Length of an id after its prefix.
const ID: usize = 26;
/// Digits that make a number a reference.
const NUMBER: usize = 4;
/// What Checkout.com prints before a payout id.
const ISSUER: &str = "CKO";

/// What kind of reference is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Payout,
    Payment,
    Action,
    Iban,
    Number,
}

/// Names of the kinds.
const KINDS: [(&str, Kind); 5] = [
    ("cko_payout", Kind::Payout),
    ("cko_payment", Kind::Payment),
    ("cko_action", Kind::Action),
    ("iban", Kind::Iban),
    ("number", Kind::Number),
];

impl Kind {
    /// The kind of a name.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] with all names when there is none.
    pub(super) fn named(name: &str) -> Result<Self> {
        let kind = KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        kind.ok_or_else(|| {
            Error::new(ErrorKind::Query, "there is no such kind of reference")
                .with("kind", name)
                .hint(format!("the kinds are {}", KINDS.map(|(name, _)| name).join(", ")))
        })
    }
}

/// A word of capitals and digits, and what stands before it.
#[derive(Debug)]
struct Word {
    text: String,
    gap: Gap,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Blank,
    Underscore,
    Other,
}

/// The references of a kind that a text holds, each once, in order.
pub(super) fn extract(text: &str, kind: Kind) -> Vec<String> {
    let words = words(text);
    let mut found = match kind {
        Kind::Payout => payouts(&words),
        Kind::Payment => ids(&words, "PAY", "pay_"),
        Kind::Action => ids(&words, "ACT", "act_"),
        Kind::Iban => ibans(&words),
        Kind::Number => words.into_iter().map(|word| word.text).filter(|word| word.len() >= NUMBER && is_digits(word)).collect(),
    };
    let mut seen = std::collections::HashSet::new();
    found.retain(|found| seen.insert(found.clone()));
    found
}

fn words(text: &str) -> Vec<Word> {
    let mut folded = String::with_capacity(text.len());
    text.chars().for_each(|letter| fold(letter, &mut folded));
    let mut words: Vec<Word> = Vec::new();
    let mut gap = Some(Gap::Other);
    for letter in folded.chars() {
        if letter.is_ascii_alphanumeric() {
            if let Some(gap) = gap.take() {
                words.push(Word { text: String::new(), gap });
            }
            if let Some(word) = words.last_mut() {
                word.text.push(letter);
            }
            continue;
        }
        let new = match letter {
            '_' => Gap::Underscore,
            letter if letter.is_whitespace() => Gap::Blank,
            _ => Gap::Other,
        };
        gap = Some(match gap {
            None => new,
            Some(before) if before == new => new,
            Some(_) => Gap::Other,
        });
    }
    words
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Payout ids: words of twelve, or words after the issuer's name that blanks or ends of lines have cut into several.
fn payouts(words: &[Word]) -> Vec<String> {
    let mut found = Vec::new();
    let mut place = 0;
    while let Some(word) = words.get(place) {
        let is_named = place.checked_sub(1).and_then(|before| words.get(before)).is_some_and(|before| before.text == ISSUER);
        let (first, is_named) = match word.text.strip_prefix(ISSUER) {
            Some(rest) if !rest.is_empty() => (rest, true),
            _ => (word.text.as_str(), is_named),
        };
        let id = if first.len() == PAYOUT {
            Some((first.to_owned(), place + 1)).filter(|(id, _)| is_payout(id, is_named))
        } else if is_named {
            joined(words, place, first, PAYOUT).filter(|(id, end)| is_payout(id, false) && is_cut(words, place + 1..*end))
        } else {
            None
        };
        match id {
            Some((id, end)) => {
                found.push(id);
                place = end;
            }
            None => place += 1,
        }
    }
    found
}

/// Whether words are rests of one that was cut: what has no digit may be a word of its own.
fn is_cut(words: &[Word], rests: std::ops::Range<usize>) -> bool {
    let has_digit = |word: &Word| word.text.bytes().any(|byte| byte.is_ascii_digit());
    words.get(rests).unwrap_or_default().iter().all(has_digit)
}

/// Whether twelve characters look like a payout id: they start with noughts, or with an O for one. Of digits only it may be
/// anything, unless the issuer stands before it.
fn is_payout(id: &str, is_named: bool) -> bool {
    let has_letter = id.bytes().any(|byte| byte.is_ascii_alphabetic());
    let has_digit = id.bytes().any(|byte| byte.is_ascii_digit());
    id.starts_with(['0', 'O']) && has_digit && (has_letter || is_named)
}

/// The words from here on that make one of this length, and where they end; all but the first stand after blanks.
fn joined(words: &[Word], place: usize, first: &str, length: usize) -> Option<(String, usize)> {
    let mut whole = first.to_owned();
    let mut end = place + 1;
    while whole.len() < length {
        let next = words.get(end).filter(|next| next.gap == Gap::Blank)?;
        // A word that is an id by itself is no part of another.
        if next.text.len() >= length {
            return None;
        }
        whole.push_str(&next.text);
        end += 1;
    }
    (whole.len() == length).then_some((whole, end))
}

/// Ids of a prefix: after its underscore they may be cut, else they are one word.
fn ids(words: &[Word], prefix: &str, written: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let Some(rest) = word.text.strip_prefix(prefix) else { continue };
        let next = words.get(place + 1);
        let id = match next {
            _ if rest.len() == ID => Some(rest.to_owned()),
            Some(next) if rest.is_empty() && next.gap == Gap::Underscore => {
                joined(words, place + 1, &next.text, ID).map(|(id, _)| id)
            }
            Some(next) if rest.is_empty() && next.text.len() == ID => Some(next.text.clone()),
            _ => None,
        };
        let is_base32 = |id: &String| id.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'));
        if let Some(id) = id.filter(is_base32) {
            found.push(format!("{written}{}", id.to_ascii_lowercase()));
        }
    }
    found
}

/// Lengths of IBANs by country (<https://www.swift.com/standards/data-standards/iban-international-bank-account-number>).
const IBANS: [(&str, usize); 46] = [
    ("AD", 24),
    ("AE", 23),
    ("AT", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("CH", 21),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("EE", 20),
    ("ES", 24),
    ("FI", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MC", 27),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PL", 28),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("SA", 24),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("TR", 26),
];

/// IBANs, whose parts may stand after blanks.
fn ibans(words: &[Word]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let length = IBANS.iter().find(|(country, _)| word.text.starts_with(country)).map(|(_, length)| *length);
        let whole = length.and_then(|length| joined(words, place, &word.text, length));
        found.extend(whole.map(|(iban, _)| iban).filter(|iban| is_iban(iban)));
    }
    found
}

/// Whether the check digits are right: with the first four characters moved to the end and letters as 10 to 35, the number
/// is 1 more than a multiple of 97.
fn is_iban(iban: &str) -> bool {
    let (country, account) = iban.split_at_checked(4).unwrap_or_default();
    let mut rest = 0;
    for letter in account.chars().chain(country.chars()) {
        let Some(value) = letter.to_digit(36) else { return false };
        rest = (rest * if value < 10 { 10 } else { 100 } + value) % 97;
    }
    rest == 1
}
