//! Which keys a table of the file has, which of them was probably meant, and whether a value fits one.
//!
//! The list is what the settings' own type tells serde, so that a key added there is known here.

use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use crate::error::{Error, ErrorKind};

/// The keys of such settings.
pub(super) fn of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // The probe refuses to give values once it knows the names, so this always is an error, and no one's.
    let _refused = T::deserialize(Probe(&mut fields));
    fields
}

/// Why a value does not fit a key, or `None` when it does.
pub(super) fn misfit<T: DeserializeOwned>(key: &str, value: &toml::Value) -> Option<String> {
    let table = toml::Table::from_iter([(key.to_owned(), value.clone())]);
    let error = T::deserialize(table).err()?;
    Some(reason(error.message(), value))
}

/// Settings from keys that were found to fit, each by itself.
pub(super) fn settings<T: DeserializeOwned>(keys: toml::Table) -> Result<T, Error> {
    let value = toml::Value::Table(keys.clone());
    T::deserialize(keys)
        .map_err(|error| Error::new(ErrorKind::Config, format!("settings cannot be read: {}", reason(error.message(), &value))))
}

/// A message of serde without the value it is about.
fn reason(message: &str, value: &toml::Value) -> String {
    let mut leaves = Vec::new();
    collect_leaves(value, &mut leaves);
    let leaks = |text: &str| leaves.iter().any(|leaf| text.contains(leaf.as_str()));
    if !leaks(message) {
        return message.to_owned();
    }
    // "invalid type: string "…", expected u32": the end is serde's own words.
    match message.rsplit_once(", expected ") {
        Some((_, "u32" | "u64" | "usize")) => "expected a whole number".to_owned(),
        Some((_, expected)) if !leaks(expected) => format!("expected {expected}"),
        _ => "the value is not of the right kind".to_owned(),
    }
}

fn collect_leaves(value: &toml::Value, leaves: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => table.values().for_each(|value| collect_leaves(value, leaves)),
        toml::Value::Array(values) => values.iter().for_each(|value| collect_leaves(value, leaves)),
        toml::Value::String(text) if text.is_empty() => {}
        toml::Value::String(text) => leaves.push(text.clone()),
        other => leaves.push(other.to_string()),
    }
}

struct Probe<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(Self::Error::custom("only the names were wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
