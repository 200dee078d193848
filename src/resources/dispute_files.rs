//! Dispute files: one row per file the scheme sent about a dispute. Source: `GET /disputes/{id}/schemefiles`.

use super::{Call, Resource, get, in_path};
use crate::schema::{Column, Kind::Text, Origin, Rows, col};

pub(super) static RESOURCE: Resource = Resource {
    name: "dispute_files",
    about: "One row per file the card scheme sent about a dispute, for given disputes; Visa only.",
    calls: &[Call {
        rows: Rows::Array("/files"),
        ..get("disputes:scheme-files", "/disputes/{dispute_id}/schemefiles", in_path("dispute_id"))
    }],
    time: None,
    cursor: None,
    raw: Origin::Row,
    columns: COLUMNS,
};

const COLUMNS: &[Column] = &[
    col("dispute_id", Text, "The dispute (`dsp_…`).").key(),
    col("file_id", Text, "The file (`file_…`).").at("/file").key(),
    col("dispute_status", Text, "State of the dispute that the file belongs to: dispute_lost …; an open list."),
];
