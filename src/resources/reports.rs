//! Reports: one row per report. Sources: `GET /reports`, `GET /reports/{id}`.

use super::{By, Call, Paging, Resource, get, in_path, range};
use crate::schema::{
    Column,
    Kind::{Json, Text, Time},
    Origin, Rows, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "reports",
    about: "One row per report that Checkout.com has made for the account.",
    calls: &[Call { rows: Rows::Document, ..get(SCOPE, "/reports/{id}", in_path("id")) }, LISTING],
    time: Some("created_on"),
    cursor: Some("created_on"),
    raw: Origin::Row,
    columns: COLUMNS,
};

/// The scope of all reading of reports.
pub(super) const SCOPE: &str = "reports:view";

/// The listing, which also carries the files of each report.
pub(super) const LISTING: Call = Call {
    paging: Paging::Token(100),
    // Its `entity_id` is not used: it knows no sub-entities, so it could leave out wanted rows.
    narrow: &[range("created_on", "created_after", "created_before")],
    ..get(SCOPE, "/reports", By::Listing)
};

const COLUMNS: &[Column] = &[
    col("id", Text, "Report id (`rpt_…`).").key(),
    col("created_on", Time, "When it was made, UTC."),
    col("last_modified_on", Time, "When it was last changed, UTC."),
    col("type", Text, "Kind of report; an open list."),
    col("description", Text, "What it is, in words."),
    col("client_id", Text, "Client (`cli_…`).").at("/account/client_id"),
    col("entity_id", Text, "Entity (`ent_…`).").at("/account/entity_id"),
    col("from", Time, "Start of what it covers, UTC."),
    col("to", Time, "End of what it covers, UTC."),
    col("tags", Json, "Tags, such as `payout_id:…`."),
    col("files", Json, "Its files; see `report_files`."),
];
