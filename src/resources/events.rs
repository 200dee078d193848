//! Events: one row per event about a subject, such as a payment. Source: `GET /workflows/events/subject/{id}`.

use super::{Resource, get, in_path};
use crate::schema::{
    Column,
    Kind::{Text, Time},
    Origin, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "events",
    about: "One row per event that Checkout.com told about a subject, for given subjects.",
    calls: &[get("flow:events", "/workflows/events/subject/{subject_id}", in_path("subject_id"))],
    time: Some("timestamp"),
    cursor: None,
    raw: Origin::Row,
    columns: COLUMNS,
};

const COLUMNS: &[Column] = &[
    col("id", Text, "Event id (`evt_…`).").key(),
    col("subject_id", Text, "What it is about: a payment (`pay_…`), a dispute (`dsp_…`) …."),
    col("type", Text, "payment_approved, payment_captured …; an open list."),
    col("timestamp", Time, "When it happened, UTC."),
];
