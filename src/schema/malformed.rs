//! Errors about values that cannot be read: which row, which field, and the value where it is nobody's personal data.

use std::fmt::Display;

use super::Origin;
use super::columns::Unreadable;
use super::plan::{Output, Plan};
use super::tree::Member;
use crate::error::{Error, ErrorKind};

/// How much of a value an error shows, in characters.
const SHOWN: usize = 40;
/// Words in the name of a column whose values no error shows.
const PERSONAL: [&str; 8] = ["name", "email", "ip", "last4", "bin", "number", "iban", "value"];

/// Something that stands where an object or an array is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stray<'p> {
    /// The member it is; `None` for a row or an element itself.
    pub(super) member: Option<&'p Member>,
    /// The exploded element it is in.
    pub(super) element: Option<usize>,
    /// What it should be.
    pub(super) wanted: &'static str,
}

impl Stray<'_> {
    /// The error that it is, in the row of this name. Its value is left out: what an object holds can be anything.
    pub(super) fn into_error(self, plan: &Plan, row: &str) -> Error {
        let (name, pointer) = self.member.map_or(("row", ""), |member| (member.name.as_str(), member.pointer.as_str()));
        cannot_read(name, self.wanted, row, field(plan, self.element, pointer))
    }
}

impl Unreadable<'_> {
    /// The error that it is, in the row of this name, in the exploded element of this index.
    pub(super) fn into_error(self, plan: &Plan, row: &str, element: usize) -> Error {
        let Output { column, place, .. } = self.output;
        let name = column.map_or("row", |column| column.name);
        let pointer = match column {
            Some(column) if self.elsewhere && !column.other_path.is_empty() => column.other_path.into(),
            Some(column) => plan.shape.pointer(column),
            None => Default::default(),
        };
        let error = cannot_read(name, &self.why, row, field(plan, (place.origin == Origin::Row).then_some(element), &pointer));
        with_value(error, name, &self.value)
    }
}

/// Adds the start of the value of a column, unless it may be personal data.
pub(super) fn with_value(error: Error, name: &str, value: &str) -> Error {
    if PERSONAL.iter().any(|word| name.contains(word)) {
        return error;
    }
    let mut shown: String = value.chars().take(SHOWN).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    error.with("value", shown)
}

fn cannot_read(name: &str, why: &str, row: &str, field: impl Display) -> Error {
    Error::new(ErrorKind::Decode, format!("cannot read {name}: {why}")).with("row", row).with("field", field)
}

/// The JSON pointer from the page's row.
fn field(plan: &Plan, element: Option<usize>, pointer: &str) -> String {
    match (plan.shape.explode, element) {
        (Some(explode), Some(element)) => format!("{}/{element}{pointer}", explode.path),
        _ => pointer.to_owned(),
    }
}
