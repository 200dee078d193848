//! Column declarations, and how they become Arrow: fields, and JSON pages and CSV files turned into record batches.
//!
//! A [`Column`] is plain data in a resource's file. From it [`fields`] derives the Arrow schema, [`decode`] the reader
//! of pages and [`csv`] the reader of files; [`splice`] replaces values in a JSON text; nothing here knows a table by name.

pub mod csv;
pub mod decode;
pub mod fields;
pub mod splice;
pub mod time;

mod block;
mod builders;
mod columns;
mod grammar;
mod malformed;
mod order;
mod plan;
mod scan;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod walk;

use std::borrow::Cow;

/// A declared column: name, type, where its value stands in the JSON, and what it means.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Name in SQL.
    pub name: &'static str,
    /// Type, and how JSON becomes it.
    pub kind: Kind,
    /// Which JSON object the path starts from.
    pub origin: Origin,
    /// JSON pointer of the value, empty meaning `/` and the name; in a file, the header, empty meaning the one whose
    /// words the name is made of.
    pub path: &'static str,
    /// JSON pointer, or header, of the value where [`Column::path`] leads to none; empty means that there is no other.
    pub other_path: &'static str,
    /// One sentence for the reference: meaning and unit.
    pub about: &'static str,
    /// Whether the column is (part of) the row's identity.
    pub role: Role,
    /// Whether it says something of a person, or may: it has free text, or whatever the merchant puts there.
    pub is_personal: bool,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text; numbers and booleans are taken as they are written, objects and arrays as JSON.
    Text,
    /// One of the vendor's words, spelled here as the vendor's reference does whatever the case it comes in; a word
    /// that is not in the list is kept as it comes.
    Word(&'static [&'static str]),
    /// A boolean; also taken from the texts `true` and `false`.
    Flag,
    /// A 64-bit whole number; also taken from text.
    Int,
    /// A decimal of up to eight places, major units: decimal(38,8); also taken from text.
    Decimal,
    /// An instant, UTC, in microseconds.
    Time,
    /// A date and time of day as printed, in a zone that is not: timestamp in microseconds without zone. A value that
    /// names a zone is refused.
    LocalTime,
    /// The day of a date and time of day as printed.
    Date,
    /// Any JSON, as text.
    Json,
    /// Whole minor units of the currency in the named column (of the same origin). Two columns: the name in major
    /// units, decimal(18,3), and `<name>_minor`, bigint.
    Minor(&'static str),
    /// Like [`Kind::Minor`], where the vendor does not state the unit: the account's `balances_unit` decides.
    AssumedMinor(&'static str),
}

/// Which JSON object a column's path starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The row itself: an element of the page, or of the exploded array.
    Row,
    /// The object around an exploded array, or the parent document of a call that has one.
    Parent,
}

/// What a column is to its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Part of the row's identity.
    Key,
    /// Anything else.
    Value,
}

/// A column of the row, found at `/` and its name.
pub const fn col(name: &'static str, kind: Kind, about: &'static str) -> Column {
    Column { name, kind, origin: Origin::Row, path: "", other_path: "", about, role: Role::Value, is_personal: false }
}

/// Shorthand for [`Kind::Minor`].
pub const fn minor(currency: &'static str) -> Kind {
    Kind::Minor(currency)
}

impl Column {
    /// Found at this JSON pointer, or under this header.
    #[must_use]
    pub const fn at(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    /// Found at this JSON pointer, or under this header, where there is nothing at the first: the vendor writes the same thing in two ways.
    #[must_use]
    pub const fn or_at(mut self, path: &'static str) -> Self {
        self.other_path = path;
        self
    }

    /// Found in the parent object.
    #[must_use]
    pub const fn of_parent(mut self) -> Self {
        self.origin = Origin::Parent;
        self
    }

    /// JSON pointer of the value, from the object of [`Column::origin`].
    pub fn pointer(&self) -> Cow<'static, str> {
        if self.path.is_empty() { Cow::Owned(format!("/{}", self.name)) } else { Cow::Borrowed(self.path) }
    }

    /// Says something of a person, or may.
    #[must_use]
    pub const fn personal(mut self) -> Self {
        self.is_personal = true;
        self
    }

    /// Is (part of) the row's identity.
    #[must_use]
    pub const fn key(mut self) -> Self {
        self.role = Role::Key;
        self
    }
}

/// Where the rows stand in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// The document is the row.
    Document,
    /// The array at this JSON pointer holds the rows; an empty pointer is a bare array.
    Array(&'static str),
    /// The document's members are the rows, each read as `{"key": its name, "value": its value}`. Members that are null
    /// and those whose name begins with `_` (such as `_links`) are none; `_raw` holds the value.
    Members,
}

/// The shape of a page: where its rows stand, and which array of a row makes the rows of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Where the rows stand.
    pub rows: Rows,
    /// The array inside each row whose elements are the table's rows.
    pub explode: Option<Explode>,
    /// Which object `_raw` holds.
    pub raw: Origin,
    /// Columns whose value stands elsewhere than they declare: name and JSON pointer.
    pub moved: &'static [(&'static str, &'static str)],
}

impl Shape {
    /// The JSON pointer of a column in pages of this shape.
    pub fn pointer(&self, column: &Column) -> Cow<'static, str> {
        match self.moved.iter().find(|(name, _)| *name == column.name) {
            Some((_, pointer)) => Cow::Borrowed(pointer),
            None => column.pointer(),
        }
    }
}

/// An array inside each row whose elements are the table's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explode {
    /// JSON pointer of the array, from the row.
    pub path: &'static str,
    /// What becomes of a row whose array is empty or missing.
    pub when_empty: WhenEmpty,
}

/// What becomes of a row whose exploded array is empty or missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenEmpty {
    /// It gives no row.
    Skip,
    /// It gives one row with the parent's columns only.
    KeepParent,
}
