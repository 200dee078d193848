//! How a table is kept true: which parts of it are read, and which rows of an older reading a row takes the place of.
//!
//! Derived from the table's own declaration; nothing here knows a table by name.

use crate::resources::{By, Files, Resource};

/// How a table is kept true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// What is read in one piece.
    pub unit: Unit,
    /// Which rows are the same one.
    pub identity: Identity,
}

/// What is read in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A span of this column, in which a row lies forever: what a span is read to hold is all it holds.
    Spans(&'static str),
    /// A span of this column, which moves when a row changes: rows are added and replaced, never taken away. Where older
    /// reports are told anew, what is new is taken from the table that has all reports.
    Changes(&'static str),
    /// All rows: what was there and is no more is taken away.
    Whole,
    /// All rows, kept beside those of earlier readings.
    Snapshots,
}

/// Which rows are the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Those alike in the columns of the table's key.
    Key,
    /// Those alike in these columns: all rows of a newer report take the place of all those of an older one. A row with
    /// nothing in the first of them is the same as itself only.
    Restated(&'static [&'static str]),
    /// Each reading has rows of its own.
    Reading,
}

impl Manner {
    /// The manner of a table; `None` where rows are known only to those who have their keys.
    pub fn of(resource: &Resource) -> Option<Self> {
        let call = resource.calls.last()?;
        let spans = |column| Self { unit: Unit::Spans(column), identity: Identity::Key };
        match call.by {
            By::Windows(column) => Some(spans(column)),
            By::Listing if resource.cursor == resource.time => resource.cursor.map(spans),
            By::Listing => resource.cursor.map(|cursor| Self { unit: Unit::Changes(cursor), identity: Identity::Key }),
            By::Files(Files { kind, newest_only }) => resource.cursor.map(|cursor| {
                if newest_only && !kind.restated.is_empty() {
                    Self { unit: Unit::Changes(cursor), identity: Identity::Restated(kind.restated) }
                } else {
                    spans(cursor)
                }
            }),
            By::Entity if call.moment().is_some() => Some(Self { unit: Unit::Snapshots, identity: Identity::Reading }),
            By::Entity => Some(Self { unit: Unit::Whole, identity: Identity::Key }),
            By::Key(_) => None,
        }
    }

    /// The column whose spans are read, where there is one.
    pub fn column(self) -> Option<&'static str> {
        match self.unit {
            Unit::Spans(column) | Unit::Changes(column) => Some(column),
            Unit::Whole | Unit::Snapshots => None,
        }
    }

    /// Whether rows of newer reports take the place of those of older ones.
    pub fn is_restated(self) -> bool {
        matches!(self.identity, Identity::Restated(_))
    }
}
