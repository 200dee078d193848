//! The sections of the other side's shapes: what a row is, and its columns.

use super::{COLUMNS, column};
use crate::books::shapes::{SHAPES, STATEMENTS, Shape};
use crate::engine::BOOKS;

/// The sections of all of them.
pub(super) fn sections() -> String {
    let all: String = SHAPES.into_iter().chain([&STATEMENTS]).map(of).collect();
    format!(
        "## The other side\n\nIn schema `{BOOKS}`, a table for each source of the configuration (`[books.NAME]`). A source has \
         one of these shapes, with more columns where it maps more, or only columns of its own. All sources of a shape are \
         also one table of the shape's name (`{BOOKS}.bank_lines`), unless a source has that name.\n\n{all}"
    )
}

/// The section of the shape of a name.
pub(super) fn section(name: &str) -> Option<String> {
    SHAPES.into_iter().chain([&STATEMENTS]).find(|shape| shape.name == name).map(of)
}

fn of(shape: &'static Shape) -> String {
    let mut text = format!("### {}\n\n{}\n\n{COLUMNS}", shape.name, shape.about);
    for field in shape.schema().fields() {
        let declared = shape.columns.iter().find(|column| column.name == field.name());
        let mark = match declared {
            _ if field.name() == "line_id" => "key",
            Some(column) if column.is_needed => "never null",
            _ => "",
        };
        text.push_str(&column(field, mark));
    }
    text.push('\n');
    text
}
