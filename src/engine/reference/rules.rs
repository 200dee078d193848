//! The section of matching rules: what their header says.

use std::fmt::Write as _;

use super::cell;
use crate::matching::reasons::REASONS;
use crate::matching::rule::KEYS;

/// The section.
pub(super) fn section() -> String {
    let mut text = "## Matching rules\n\nA file `NAME.sql`: lines that begin with `---` and say what the rule promises, and one SELECT \
                    that gives `left_id` and `right_id`, and where it likes `score` and `why`. `ckosql rules check` reads and plans \
                    it, `ckosql rules test` runs the cases beside it.\n\n| Key | Meaning |\n|---|---|\n"
        .to_owned();
    for (key, about) in KEYS {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "| `{key}` | {} |", cell(about));
    }
    text.push_str("\n| Reason | Why a row is left |\n|---|---|\n");
    for (reason, about) in REASONS {
        let _written = writeln!(text, "| `{reason}` | {about} |");
    }
    text.push('\n');
    text
}
