//! JSON: objects, one after another or in one array. Values are kept as they are written, so numbers keep their digits.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Columns;
use crate::error::{Error, ErrorKind, Result};

/// The columns of a text: the members of its objects, each as text, and what is inside of them as JSON.
///
/// # Errors
/// [`ErrorKind::Decode`] with the line when it is not JSON, or not of objects.
pub(super) fn read(text: &str) -> Result<Columns> {
    let text = text.trim_start();
    let objects: Vec<&RawValue> = if text.starts_with('[') {
        serde_json::from_str(text).map_err(wrong)?
    } else {
        serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().map_err(wrong)?
    };
    let mut names: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut rows = Vec::with_capacity(objects.len());
    for (index, object) in objects.iter().enumerate() {
        let mut read = serde_json::Deserializer::from_str(object.get());
        let members = read.deserialize_map(Members).map_err(|error| {
            Error::new(ErrorKind::Decode, "a record is no JSON object").with("row", index + 1).caused_by(error)
        })?;
        let mut cells = vec![None; names.len()];
        for (name, value) in members {
            let place = *places.entry(name.clone()).or_insert(names.len());
            if place == names.len() {
                names.push(name);
                cells.push(None);
            }
            if let Some(cell) = cells.get_mut(place) {
                *cell = plain(value);
            }
        }
        rows.push((cells, object.get().to_owned()));
    }
    Ok(Columns::of_texts(&names, rows))
}

/// serde's words about JSON, which never repeat the text.
fn wrong(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Decode, "not JSON").with("line", error.line()).with("column", error.column()).caused_by(error)
}

/// A text without its quotes, anything else as it is written, and nothing for null.
fn plain(value: &RawValue) -> Option<String> {
    match value.get() {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str(text).ok(),
        other => Some(other.to_owned()),
    }
}

/// The members of an object, in its order.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}
