//! Report files: one row per file of a report. Sources: `files[]` of `GET /reports` and `GET /reports/{id}`.

use super::reports::{LISTING, SCOPE};
use super::{Call, Resource, get, in_path};
use crate::schema::{
    Column, Explode,
    Kind::{Json, Text, Time},
    Origin, Rows, WhenEmpty, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "report_files",
    about: "One row per file of a report.",
    calls: &[
        Call { rows: Rows::Document, explode: FILES, ..get(SCOPE, "/reports/{report_id}", in_path("report_id")) },
        Call { explode: FILES, ..LISTING },
    ],
    time: Some("created_on"),
    cursor: Some("created_on"),
    raw: Origin::Row,
    columns: COLUMNS,
};

const FILES: Option<Explode> = Some(Explode { path: "/files", when_empty: WhenEmpty::Skip });

const COLUMNS: &[Column] = &[
    col("id", Text, "File id (`file_…`).").key(),
    col("report_id", Text, "Report (`rpt_…`) the file belongs to.").at("/id").of_parent().key(),
    col("filename", Text, "Name of the file."),
    col("format", Text, "CSV, PDF …."),
    col("report_type", Text, "Kind of report.").at("/type").of_parent(),
    col("entity_id", Text, "Entity (`ent_…`).").at("/account/entity_id").of_parent(),
    col("created_on", Time, "When the report was made, UTC.").of_parent(),
    col("from", Time, "Start of what the report covers, UTC.").of_parent(),
    col("to", Time, "End of what the report covers, UTC.").of_parent(),
    col("tags", Json, "Tags of the report.").of_parent(),
];
