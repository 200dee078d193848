//! Disputes: one row per dispute, at its latest state. Sources: `GET /disputes`, `GET /disputes/{id}`.

use super::payments::SCHEMES;
use super::{By, Call, Paging, Resource, any_of, eq, get, in_path, range};
use crate::schema::{
    Column,
    Kind::{Flag, Text, Time, Word},
    Origin, Rows, col, minor,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "disputes",
    about: "One row per dispute, at its latest state.",
    calls: &[
        Call {
            rows: Rows::Document,
            moved: &[
                ("processing_channel_id", "/payment/processing_channel_id"),
                ("payment_id", "/payment/id"),
                ("payment_action_id", "/payment/action_id"),
                ("payment_reference", "/payment/reference"),
                ("payment_arn", "/payment/arn"),
                ("payment_mcc", "/payment/mcc"),
                ("payment_method", "/payment/method"),
            ],
            ..get(SCOPE, "/disputes/{id}", in_path("id"))
        },
        Call {
            paging: Paging::SkipLimit(250),
            narrow: &[
                range("last_update", "from", "to"),
                eq("payment_id", "payment_id"),
                eq("payment_reference", "payment_reference"),
                eq("payment_arn", "payment_arn"),
                eq("payment_mcc", "payment_mcc"),
                any_of("entity_id", "entity_ids"),
                any_of("sub_entity_id", "sub_entity_ids"),
                any_of("processing_channel_id", "processing_channel_ids"),
                any_of("segment_id", "segment_ids"),
                any_of("status", "statuses"),
            ],
            ..get(SCOPE, "/disputes", By::Listing)
        },
    ],
    time: Some("received_on"),
    cursor: Some("last_update"),
    raw: Origin::Row,
    columns: COLUMNS,
};

/// The scope of all reading of disputes.
pub(super) const SCOPE: &str = "disputes:view";

const STATUSES: &[&str] = &[
    "evidence_required",
    "evidence_under_review",
    "resolved",
    "won",
    "lost",
    "canceled",
    "expired",
    "accepted",
    "arbitration_under_review",
    "arbitration_won",
    "arbitration_lost",
    "arb_evidence_submitted",
];

const COLUMNS: &[Column] = &[
    col("id", Text, "Dispute id (`dsp_…`).").key(),
    col("entity_id", Text, "Entity (`ent_…`)."),
    col("sub_entity_id", Text, "Sub-entity (`ent_…`)."),
    col("processing_channel_id", Text, "Processing channel (`pc_…`).").at("/processing_channel"),
    col("segment_id", Text, "Entity segment."),
    col("category", Text, "Kind of reason: fraudulent, not_as_described, duplicate …."),
    col("status", Word(STATUSES), "evidence_required, evidence_under_review, won, lost, expired, accepted …."),
    col("amount", minor("currency"), "Disputed amount; can be negative."),
    col("currency", Text, "ISO 4217 code of `amount`."),
    col("reason_code", Text, "The scheme's reason (`10.4`)."),
    col("payment_id", Text, "The disputed payment."),
    col("payment_action_id", Text, "The disputed action."),
    col("payment_reference", Text, "The merchant's reference of the payment."),
    col("payment_arn", Text, "ARN of the disputed action."),
    col("payment_mcc", Text, "Merchant category, four digits."),
    col("payment_method", Word(SCHEMES), "Card scheme or payment method."),
    col("evidence_required_by", Time, "When evidence is due, UTC."),
    col("received_on", Time, "When the dispute came in, UTC."),
    col("last_update", Time, "Last change, UTC."),
    col("resolved_reason", Text, "rapid_dispute_resolution, negative_amount or already_refunded."),
    col("is_ce_candidate", Flag, "Whether compelling evidence may be used."),
];
