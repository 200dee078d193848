//! JSON text with the values at some places replaced, and every other byte as it was.
//!
//! A place is a path of member names; it leads through every element of an array on its way. Names are compared by their
//! words, as headers of files are: what is spelled otherwise here and there is found all the same.

use super::grammar::Form;
use super::scan::{Raw, Scan};
use super::value;
use crate::error::{Error, ErrorKind, Result};

/// Names of members, from the outermost in.
pub type Path = Vec<String>;

/// The path that a JSON pointer means.
pub fn path(pointer: &str) -> Path {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

/// Whether two names are the same words: `Client Entity ID` and `client_entity_id` are.
pub fn is_same_name(one: &str, other: &str) -> bool {
    one == other || words(one).eq(words(other))
}

/// The words of a name, with a blank behind each.
fn words(name: &str) -> impl Iterator<Item = char> {
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.flat_map(|word| word.chars().flat_map(char::to_lowercase).chain([' ']))
}

/// The text with each value at one of the places as `replace` has it: another text, or null.
///
/// It is given what belongs to the place, and the text of the value: that of a string, or anything else as it is written. What
/// is null stays so.
///
/// # Errors
/// [`ErrorKind::Unavailable`] and [`ErrorKind::Decode`] when the text is not JSON.
pub fn splice<T>(text: &str, places: &[(Path, T)], replace: &impl Fn(&T, &str) -> Option<String>) -> Result<String> {
    let wanted: Vec<Wanted<'_, T>> = places.iter().map(|(path, what)| (path.as_slice(), what)).collect();
    let mut splice =
        Splice { scan: Scan::new(text.as_bytes())?, text, kept: 0, spliced: String::with_capacity(text.len()), replace };
    splice.value(&wanted)?;
    splice.scan.end()?;
    splice.keep(text.len());
    Ok(splice.spliced)
}

/// What is left of the way to a place, and what belongs to it.
type Wanted<'p, T> = (&'p [String], &'p T);

struct Splice<'a, F> {
    scan: Scan<'a>,
    text: &'a str,
    /// The end of what is taken over so far.
    kept: usize,
    spliced: String,
    replace: &'a F,
}

impl<F> Splice<'_, F> {
    fn value<T>(&mut self, wanted: &[Wanted<'_, T>]) -> Result<()>
    where
        F: Fn(&T, &str) -> Option<String>,
    {
        let token = self.scan.token();
        if let Some((_, what)) = wanted.iter().find(|(path, _)| path.is_empty()) {
            return self.replace(what);
        }
        match token {
            b'{' if !wanted.is_empty() => self.members(wanted),
            b'[' if !wanted.is_empty() => self.elements(wanted),
            _ => self.scan.value().map(drop),
        }
    }

    fn members<T>(&mut self, wanted: &[Wanted<'_, T>]) -> Result<()>
    where
        F: Fn(&T, &str) -> Option<String>,
    {
        self.scan.open();
        let mut first = true;
        while self.scan.more(b'}', &mut first)? {
            let name = text_of(self.scan.name()?)?;
            let inside: Vec<Wanted<'_, T>> = wanted.iter().filter_map(|wanted| behind(*wanted, &name)).collect();
            self.value(&inside)?;
        }
        Ok(())
    }

    fn elements<T>(&mut self, wanted: &[Wanted<'_, T>]) -> Result<()>
    where
        F: Fn(&T, &str) -> Option<String>,
    {
        self.scan.open();
        let mut first = true;
        while self.scan.more(b']', &mut first)? {
            self.value(wanted)?;
        }
        Ok(())
    }

    fn replace<T>(&mut self, what: &T) -> Result<()>
    where
        F: Fn(&T, &str) -> Option<String>,
    {
        let start = self.scan.position();
        let raw = self.scan.value()?;
        if raw.form == Form::Null {
            return Ok(());
        }
        let replaced = (self.replace)(what, &text_of(raw)?);
        self.keep(start);
        match replaced {
            Some(text) => self.spliced.push_str(&serde_json::Value::from(text).to_string()),
            None => self.spliced.push_str("null"),
        }
        self.kept = self.scan.position();
        Ok(())
    }

    /// Takes over what was not, up to here.
    fn keep(&mut self, end: usize) {
        self.spliced.push_str(self.text.get(self.kept..end).unwrap_or_default());
        self.kept = end;
    }
}

/// What is wanted of the member of this name.
fn behind<'p, T>((path, what): Wanted<'p, T>, name: &str) -> Option<Wanted<'p, T>> {
    let (first, rest) = path.split_first()?;
    is_same_name(first, name).then_some((rest, what))
}

fn text_of(raw: Raw<'_>) -> Result<std::borrow::Cow<'_, str>> {
    value::text(raw).map_err(|why| Error::new(ErrorKind::Decode, why))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    /// What stands at these places replaced by its length in a text, or by null where that is even.
    fn measured(text: &str, pointers: &[&str]) -> Result<String> {
        let places: Vec<(Path, ())> = pointers.iter().map(|pointer| (path(pointer), ())).collect();
        splice(text, &places, &|(), text| (text.len() % 2 == 1).then(|| text.len().to_string()))
    }

    #[test]
    fn what_is_not_at_a_place_keeps_every_byte() {
        let text = r#" {"a" : 0.10,"b":{ "c":"é1", "d":12345678901234567.890 },"e":["x",  {"c":"abc"}]} "#;
        let spliced = measured(text, &["/b/c", "/nowhere"]).unwrap();
        assert_eq!(spliced, text.replace(r#""é1""#, r#""3""#));
    }

    #[test]
    fn a_name_is_found_however_it_is_spelled_and_however_often() {
        let text = r#"{"\u0061 b":"x","A_B":"xyz","a b":null,"ab":"x"}"#;
        assert_eq!(measured(text, &["/a_b"]).unwrap(), r#"{"\u0061 b":"1","A_B":"3","a b":null,"ab":"x"}"#);
    }

    #[test]
    fn a_place_leads_through_arrays_and_takes_objects_whole() {
        let text = r#"{"a":[{"b":"x"},[{"b":{"c":1}}],{"c":"x"}]}"#;
        assert_eq!(measured(text, &["/a/b"]).unwrap(), r#"{"a":[{"b":"1"},[{"b":"7"}],{"c":"x"}]}"#);
    }

    #[test]
    fn the_outer_of_two_places_wins() {
        let text = r#"{"a":{"b":"xyz"}}"#;
        assert_eq!(measured(text, &["/a/b", "/a"]).unwrap(), r#"{"a":"11"}"#);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "{\"a\":1}x", "{\"a\":\"\\ud800\"}"] {
            assert!(measured(text, &["/a"]).is_err(), "{text}");
        }
    }

    /// Objects within objects and arrays, their members of few names.
    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[abc]", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    /// The document with `gone` in the place of what stands there, done the slow way.
    fn replaced(value: &mut Value, path: &[String]) {
        match (value, path) {
            (Value::Null, []) => {}
            (value, []) => *value = Value::from("gone"),
            (Value::Array(elements), path) => elements.iter_mut().for_each(|element| replaced(element, path)),
            (Value::Object(members), [first, rest @ ..]) => {
                if let Some(member) = members.get_mut(first) {
                    replaced(member, rest);
                }
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn what_stands_there_is_replaced_and_nothing_else(document in document(), pointer in "(/[abc]){1,3}") {
            let places = [(path(&pointer), ())];
            let text = serde_json::to_string_pretty(&document).unwrap();
            let mut expected = document;
            replaced(&mut expected, &places[0].0);
            prop_assert_eq!(splice(&text, &places, &|(), _| Some("gone".to_owned())).unwrap(), serde_json::to_string_pretty(&expected).unwrap());
        }
    }
}
