//! The sections of the schema `ref`: what ckosql takes as known.

use super::super::declared::{Declared, TABLES};
use super::{COLUMNS, column};

/// The sections of all tables.
pub(super) fn sections() -> String {
    let all: String = TABLES.iter().map(of).collect();
    format!("## What is taken as known\n\nIn schema `ref`.\n\n{all}")
}

/// The section of the table of a name.
pub(super) fn section(name: &str) -> Option<String> {
    TABLES.iter().find(|known| known.table.name == name).map(of)
}

fn of(known: &Declared) -> String {
    let mut text = format!("### {}\n\n{}\n\n{COLUMNS}", known.table.name, known.about);
    for (place, field) in known.table.schema().fields().iter().enumerate() {
        text.push_str(&column(field, if place == 0 { "key" } else { "" }));
    }
    text.push('\n');
    text
}
