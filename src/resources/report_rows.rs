//! Report rows: one row per row of any other report, by header name in `_raw`. Source: the CSV files that no other table reads.

use super::report_kind::OTHER;
use super::{Resource, history};
use crate::schema::{
    Column,
    Kind::{Int, Text, Time},
    Origin, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "report_rows",
    about: "One row per row of any other report; `_raw` has its cells by header, as text.",
    calls: &[history(&OTHER)],
    time: None,
    cursor: Some("report_created_on"),
    raw: Origin::Row,
    columns: COLUMNS,
};

const COLUMNS: &[Column] = &[
    col("report_type", Text, "Kind of report; an open list."),
    col("filename", Text, "Name of the file."),
    col("entity_id", Text, "Entity (`ent_…`) the report is for."),
    col("report_id", Text, "Report (`rpt_…`) the row comes from; none for a file of one's own."),
    col("file_id", Text, "File (`file_…`) the row comes from; the name of a file of one's own.").key(),
    col("row_number", Int, "Number of the row in its file, from 1.").key(),
    col("report_created_on", Time, "When the report was made, UTC."),
];
