//! The functions over JSON, for `_raw`, `metadata` and the other columns of JSON text, those over times, those that rows are
//! matched with, and those that look back in the lake. All else is DataFusion's SQL.

use std::fmt::Write as _;

use crate::engine::times;
use crate::lake::history;
use crate::matching::calendar::CALENDARS;
use crate::matching::functions;

/// Name, arguments and meaning of each.
const FUNCTIONS: [(&str, &str, &str); 13] = [
    ("json_as_text", "json, key, …", "The value at a path, as text; also `json ->> key`. Exact for money: digits are kept."),
    ("json_contains", "json, key, …", "Whether there is a value at a path; also `json ? key`."),
    ("json_from_scalar", "value", "A value as JSON."),
    ("json_get", "json, key, …", "The value at a path, to be cast or used further; also `json -> key`."),
    ("json_get_array", "json, key, …", "The array at a path, as a list of JSON texts."),
    ("json_get_bool", "json, key, …", "The boolean at a path."),
    ("json_get_float", "json, key, …", "The number at a path as a binary float: not for money."),
    ("json_get_int", "json, key, …", "The whole number at a path."),
    ("json_get_json", "json, key, …", "The value at a path, as JSON text."),
    ("json_get_str", "json, key, …", "The text at a path."),
    ("json_length", "json, key, …", "Number of members or elements at a path."),
    ("json_object_keys", "json, key, …", "Names of the members at a path, as a list."),
    ("json_union_to_text", "value", "What `json_get` gives, as text."),
];

/// The section of all of them.
pub(super) fn section() -> String {
    let mut text = "## Functions\n\nDataFusion's, and these over JSON, where a key is a member's name or an element's number \
                    from 0.\n\n| Function | Meaning |\n|---|---|\n"
        .to_owned();
    for (name, arguments, about) in FUNCTIONS {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "| `{name}({arguments})` | {about} |");
    }
    text.push_str(
        "\n## Functions over times\n\nAs PostgreSQL has them. A template is one of PostgreSQL's, as in `'YYYY-MM-DD HH24:MI'`, or where it \
         has a `%` a format of DataFusion, as in `'%Y-%m-%d'`.\n\n| Function | Meaning |\n|---|---|\n",
    );
    for (name, arguments, about) in times::FUNCTIONS {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "| `{name}({arguments})` | {about} |");
    }
    text.push_str(
        "\n## Functions for matching\n\nOf references, amounts and days, to compare both sides of a match. Amounts are decimals or \
         whole numbers in major units. Each gives null for null.\n\n| Function | Meaning |\n|---|---|\n",
    );
    for (name, arguments, about) in functions::list() {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "| `{name}({arguments})` | {about} |");
    }
    text.push_str("\n| Calendar | Business days |\n|---|---|\n");
    for (name, about) in CALENDARS {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "| `{name}` | {about} |");
    }
    text.push_str(
        "\n## Table functions\n\nOf a lake, written where a table is. An instant is that at which a sync committed what it read, by \
         the clock of its machine; a whole number means a version of the Delta table (`ckosql lake history TABLE` shows \
         both). Arguments are constants.\n\n| Function | Meaning |\n|---|---|\n",
    );
    for (name, arguments, about) in history::FUNCTIONS {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "| `{name}({arguments})` | {about} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::config::Config;

    #[test]
    fn every_function_over_json_that_a_session_has_is_told_of() {
        let session = Engine::try_new(Config::default()).unwrap().session().unwrap();
        let state = session.context.state();
        let mut names: Vec<&str> =
            state.scalar_functions().values().map(|function| function.name()).filter(|name| name.contains("json")).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, FUNCTIONS.map(|(name, ..)| name));
    }
}
