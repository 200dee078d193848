//! Dispute evidence: one row per item of evidence given to a dispute. Source: `GET /disputes/{id}/evidence`.
//!
//! The answer is one object whose members are the items; which there are is an open list. What was submitted in the end
//! (`…/evidence/submitted`) is another call, about files only.

use super::disputes::SCOPE;
use super::{Call, Resource, get, in_path};
use crate::schema::{Column, Kind::Text, Origin, Rows, col};

pub(super) static RESOURCE: Resource = Resource {
    name: "dispute_evidence",
    about: "One row per item of evidence given to a dispute, for given disputes.",
    calls: &[Call { rows: Rows::Members, ..get(SCOPE, "/disputes/{dispute_id}/evidence", in_path("dispute_id")) }],
    time: None,
    cursor: None,
    raw: Origin::Row,
    columns: COLUMNS,
};

const COLUMNS: &[Column] = &[
    col("dispute_id", Text, "The dispute (`dsp_…`).").key(),
    col("item", Text, "Kind of evidence, ending in `_file` or `_text`: `invoice_or_receipt_file` …; an open list.")
        .at("/key")
        .key(),
    col("value", Text, "The file's id (`file_…`) or the text; JSON where the item holds several.").at("/value").personal(),
];
