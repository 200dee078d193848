//! Payment actions: one row per action of a payment. Sources: `actions[]` of `POST /payments/search` rows, and
//! `GET /payments/{id}/actions`.
//!
//! There is no listing of actions over payments; the search carries them with each payment, so a span of time costs no
//! more calls than the payments themselves. The call by payment leaves out the currency, which is then read from the
//! payment. That call knows fewer kinds of actions (no disputes, no authentications, nothing pending) and has `approved`
//! where the search has `status`; a filter by a column that one of them lacks is answered by the other.

use super::payments::{DETAILS, SEARCH};
use super::{Call, Resource, code, get, in_path, term};
use crate::schema::{
    Column, Explode,
    Kind::{Flag, Json, Text, Time},
    Origin, Rows, WhenEmpty, col, minor,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "payment_actions",
    about: "One row per action of a payment: authorisation, capture, refund, void, dispute, authentication ….",
    calls: &[
        Call {
            rows: Rows::Array(""),
            is_partial: true,
            parent: Some("/payments/{payment_id}"),
            lacks: &["status", "reason_code", "authentication_experience", "authentication_transaction_id"],
            ..get(DETAILS, "/payments/{payment_id}/actions", in_path("payment_id"))
        },
        Call {
            explode: Some(Explode { path: "/actions", when_empty: WhenEmpty::Skip }),
            narrow: &[term("payment_id", "id"), term("payment_reference", "reference"), code("currency", "currency")],
            lacks: &["approved", "authorization_type", "acquirer_transaction_id", "retrieval_reference_number"],
            ..SEARCH
        },
    ],
    time: Some("requested_on"),
    cursor: None,
    raw: Origin::Row,
    columns: COLUMNS,
};

const COLUMNS: &[Column] = &[
    col("id", Text, "Action id (`act_…`, `dsp_…` for a dispute, `sid_…` for an authentication).").key(),
    col("payment_id", Text, "The payment acted on.").at("/id").of_parent(),
    col("type", Text, "Authorization, Capture, Refund, Void, Card Verification, Payout, Return, Dispute, Authentication …."),
    col("status", Text, "Approved, Pending, Declined …; rows from the search only.").key(),
    col("approved", Flag, "Whether it was approved; rows by payment only."),
    col("processed_on", Time, "When it was processed, UTC.").key(),
    col("amount", minor("currency"), "Amount of the action."),
    col("currency", Text, "ISO 4217 code of the payment.").of_parent(),
    col("reference", Text, "The merchant's reference of the action."),
    col("reason_code", Text, "The scheme's reason of a dispute."),
    col("auth_code", Text, "Authorisation code."),
    col("response_code", Text, "Gateway response code, five digits."),
    col("response_summary", Text, "Gateway response in words."),
    col("authorization_type", Text, "Final, Estimated or Incremental."),
    col("acquirer_reference_number", Text, "ARN.").at("/processing/acquirer_reference_number"),
    col("acquirer_transaction_id", Text, "The acquirer's transaction id.").at("/processing/acquirer_transaction_id"),
    col("retrieval_reference_number", Text, "The acquirer's retrieval reference.").at("/processing/retrieval_reference_number"),
    col("authentication_experience", Text, "3ds or google_spa."),
    col("authentication_transaction_id", Text, "Transaction id of an authentication."),
    col("amount_allocations", Json, "Split over sub-entities; amounts in minor units."),
    col("metadata", Json, "The merchant's own keys.").personal(),
    col("requested_on", Time, "When the payment was asked for, UTC.").of_parent(),
    col("payment_reference", Text, "The merchant's reference of the payment.").at("/reference").of_parent(),
];
