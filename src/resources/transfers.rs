//! Transfers: one row per transfer of money between entities. Source: `GET /transfers/{id}` on its own host.

use super::{Call, Resource, get, in_path};
use crate::api::request::Host;
use crate::schema::{
    Column,
    Kind::{Json, Text, Time, Word},
    Origin, Rows, col, minor,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "transfers",
    about: "One row per transfer of money between entities, for given ids.",
    calls: &[Call { host: Host::Transfers, rows: Rows::Document, ..get("transfers:view", "/transfers/{id}", in_path("id")) }],
    time: Some("requested_on"),
    cursor: None,
    raw: Origin::Row,
    columns: COLUMNS,
};

const COLUMNS: &[Column] = &[
    col("id", Text, "Transfer id (`tra_…`).").key(),
    col("reference", Text, "The merchant's own reference."),
    col("status", Word(&["pending", "completed", "rejected"]), "pending, completed or rejected."),
    col("transfer_type", Word(&["commission", "promotion", "refund"]), "commission, promotion or refund."),
    col("requested_on", Time, "When it was asked for, UTC."),
    col("source_entity_id", Text, "Entity (`ent_…`) the money leaves.").at("/source/entity_id"),
    col("amount", minor("currency"), "Amount transferred.").at("/source/amount"),
    col("currency", Text, "ISO 4217 code of `amount`.").at("/source/currency"),
    col("destination_entity_id", Text, "Entity (`ent_…`) the money goes to.").at("/destination/entity_id"),
    col("reason_codes", Json, "Why it was rejected, as a JSON array."),
];
