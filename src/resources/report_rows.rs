//! Report rows: one row per row of any other report, by header name in `_raw`. Source: the CSV files that no other table reads.

use super::report_kind::OTHER;
use super::{Resource, history};
use crate::schema::{Column, Kind::Text, Origin, col};

pub(super) static RESOURCE: Resource = Resource {
    name: "report_rows",
    about: "One row per row of any other report; `_raw` has its cells by header, as text.",
    calls: &[history(&OTHER)],
    time: None,
    cursor: Some("report_created_on"),
    raw: Origin::Row,
    columns: COLUMNS,
};

const COLUMNS: &[Column] = rows_of_files![
    col("report_type", Text, "Kind of report; an open list."),
    col("filename", Text, "Name of the file."),
    col("entity_id", Text, "Entity (`ent_…`) the report is for."),
];
