//! What becomes of a value: nothing, a keyed hash of it, or its shape without its letters.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use ring::hmac;

use crate::error::{Error, ErrorKind, Result};
use crate::schema::splice::{Path, splice};
use crate::secret::Secret;

/// How to make a key.
pub(super) const ADVICE: &str =
    "make one with: openssl rand -hex 32; then set CKOSQL_POLICY_KEY, or key = { file = \"…\" } under [policy] in ckosql.toml";
/// Least bytes of a key: fewer can be tried.
const KEY_BYTES: usize = 32;
/// What is hashed to tell one key from another.
const PRINTED: &[u8] = b"ckosql policy key";
/// Bytes of the hash that tell one key from another.
const PRINT_BYTES: usize = 8;

/// The key of hashes: without it, short values could be found by trying all there are.
pub(super) struct Key {
    key: hmac::Key,
    /// Tells it from another, and nothing else.
    pub(super) print: String,
}

impl Key {
    /// # Errors
    /// [`ErrorKind::Config`] when the text is so short that it can be tried.
    pub(super) fn try_new(secret: &Secret) -> Result<Self> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() < KEY_BYTES {
            return Err(
                Error::new(ErrorKind::Config, format!("the key of [policy] has less than {KEY_BYTES} characters")).hint(ADVICE)
            );
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let print = hmac::sign(&key, PRINTED);
        Ok(Self { print: hex::encode(print.as_ref().first_chunk::<PRINT_BYTES>().unwrap_or(&[0; PRINT_BYTES])), key })
    }

    fn hash_of(&self, text: &str) -> String {
        hex::encode(hmac::sign(&self.key, text.as_bytes()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("print", &self.print).finish_non_exhaustive()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.hash(state);
    }
}

/// What becomes of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Rule {
    /// Nothing is left of it.
    Drop,
    /// The hash of its text under a key, in hex: equal texts stay equal.
    Hash(Arc<Key>),
    /// Its text with a star for each letter and digit; of an e-mail address the domain stays.
    Mask,
}

impl Rule {
    /// What becomes of a text.
    pub(super) fn of(&self, text: &str) -> Option<String> {
        match self {
            Self::Drop => None,
            Self::Hash(key) => Some(key.hash_of(text)),
            Self::Mask => Some(masked(text)),
        }
    }
}

/// What becomes of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Treatment {
    /// Each of its values is taken whole.
    Whole(Rule),
    /// Its values are JSON, in which the values at these places are taken.
    Within(Vec<(Path, Rule)>),
}

impl Treatment {
    /// What becomes of the values of a column.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when texts are wanted of a column that has none.
    pub(super) fn apply(&self, values: &ArrayRef) -> Result<ArrayRef> {
        let of = |text: &str| match self {
            Self::Whole(rule) => rule.of(text),
            // What cannot be read may hold anything.
            Self::Within(places) => splice(text, places, &|rule: &Rule, text| rule.of(text)).ok(),
        };
        if *self == Self::Whole(Rule::Drop) {
            return Ok(new_null_array(values.data_type(), values.len()));
        }
        let wrong = |error| Error::bug("a policy is for texts").caused_by(error);
        let texts = cast(values, &DataType::Utf8).map_err(wrong)?;
        let treated: StringArray = texts.as_string::<i32>().iter().map(|text| of(text?)).collect();
        cast(&treated, values.data_type()).map_err(wrong)
    }
}

/// A star for everything but white space and what punctuates; of an e-mail address the domain stays.
fn masked(text: &str) -> String {
    let (person, domain) = match text.split_once('@') {
        Some((person, domain)) if !person.is_empty() && is_domain(domain) => (person, Some(domain)),
        _ => (text, None),
    };
    let mut masked: String =
        person.chars().map(|letter| if letter.is_ascii_punctuation() || letter.is_whitespace() { letter } else { '*' }).collect();
    if let Some(domain) = domain {
        masked.push('@');
        masked.push_str(domain);
    }
    masked
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-');
    text.contains('.') && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Result<Key> {
        Key::try_new(&Secret::new(text))
    }

    #[test]
    fn a_hash_is_that_of_the_standard() {
        // printf a@b.c | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        let hash = key("0123456789abcdef0123456789abcdef").unwrap().hash_of("a@b.c");
        assert_eq!(hash, "3886181b3f62cb86a889165310b9fd1359155fe99a53ae3f03be7f10eb23d698");
    }

    #[test]
    fn a_key_that_can_be_tried_is_refused_and_none_is_shown() {
        let error = key("hunter2").unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Config, "the key of [policy] has less than 32 characters"));
        let text = "marker".repeat(6);
        let shown = format!("{:?}", key(&text).unwrap());
        assert!(!shown.contains("marker") && shown.contains(&key(&text).unwrap().print), "{shown}");
        assert_ne!(key(&text).unwrap(), key(&"another".repeat(6)).unwrap());
    }

    #[test]
    fn a_mask_keeps_the_shape_and_of_an_address_the_domain() {
        let masks = [
            ("Ada Lovelace-King", "*** ********-****"),
            ("ada.l+shop@mail.example.com", "***.*+****@mail.example.com"),
            ("4242", "****"),
            ("2001:db8::1", "****:***::*"),
            ("ada@localhost", "***@*********"),
            ("a@b@c.d", "*@*@*.*"),
            ("@b.c", "@*.*"),
            ("me@my house. No 7", "**@** *****. ** *"),
            ("Zo\u{eb} e\u{301}", "*** **"),
            ("", ""),
        ];
        for (text, mask) in masks {
            assert_eq!(masked(text), mask, "{text}");
        }
    }

    #[test]
    fn null_stays_null_and_what_cannot_be_read_is_lost() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("{\"a\":\"x\"}"), None, Some("{\"a\":\"x\""), Some("\"x\"")]));
        let places = vec![(vec!["a".to_owned()], Rule::Mask)];
        let treated = Treatment::Within(places).apply(&texts).unwrap();
        let expected: ArrayRef = Arc::new(StringArray::from(vec![Some("{\"a\":\"*\"}"), None, None, Some("\"x\"")]));
        assert_eq!(&treated, &expected);
        assert_eq!(Treatment::Whole(Rule::Drop).apply(&texts).unwrap().null_count(), 4);
    }

    proptest! {
        #[test]
        fn a_mask_has_no_letter_or_digit_before_the_domain(text in ".*") {
            let masked = masked(&text);
            let person = match masked.split_once('@') {
                Some((person, domain)) if is_domain(domain) => person,
                _ => masked.as_str(),
            };
            prop_assert!(!person.chars().any(char::is_alphanumeric), "{}", masked);
            prop_assert_eq!(text.chars().count(), masked.chars().count());
        }
    }
}
