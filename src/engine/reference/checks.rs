//! The section of the checks: what each says, and how exactly.

use std::fmt::Write as _;

use super::super::checks::{BROKEN, Check, DAYS, SUMMARY};
use super::cell;

/// The section of some checks.
pub(super) fn section(checks: &[Check]) -> String {
    let mut text = format!(
        "## Checks\n\nIn schema `checks`. Each has no row while what it says is so, and else a row for all that is not: `day`, \
         `entity_id`, `payout_id`, `subject`, `currency`, `expected`, `found`, `difference` (found less expected) and `file_id`. \
         `where day >= …` is enough to read no more files than that takes. `checks.{BROKEN}` has the rows of all of them, and \
         `checks.{SUMMARY}` how each went in the last {DAYS} days.\n\n| Check | Identity | What it says | Exactness | Day |\n|---|---|---|---|---|\n"
    );
    for check in checks {
        let Check { name, identity, says, exactness, day, .. } = check;
        // Writing to a String cannot fail.
        let _written = writeln!(text, "| `{name}` | {identity} | {} | {} | {} |", cell(says), cell(exactness), cell(day));
    }
    text.push('\n');
    text
}
