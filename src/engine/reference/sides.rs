//! The section of the sides of the shipped rules.

use std::fmt::Write as _;

use super::super::sides::Side;
use super::cell;

/// The section of some sides.
pub(super) fn section(sides: &[Side]) -> String {
    let mut text = "## Sides\n\nIn schema `sides`: the rows that the shipped matching rules match. Those of the other side \
                    are there where a source of their shape is configured.\n\n| Side | One row per | What it has |\n|---|---|---|\n"
        .to_owned();
    for side in sides {
        let grain = side.header("grain").unwrap_or_default();
        // Writing to a String cannot fail.
        let _written = writeln!(text, "| `{}` | {} | {} |", side.name, cell(grain), cell(side.about));
    }
    text.push('\n');
    text
}
