//! The actions of a payment as `GET /payments/{id}/actions` shows them: a bare array, newest first, final ones only.

use super::instant::drifting;
use super::source::detail_bits;
use super::writer::Json;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::payment::{Action, ActionKind, Outcome, Payment, Response};

static APPROVED: Response = Response { code: "10000", summary: "Approved" };
static RETURNED: Response = Response { code: "30046", summary: "Bank Account Closed" };

/// The whole answer.
pub(in crate::sandbox) fn write_actions(merchant: &Merchant, payment: &Payment) -> String {
    Json::bare_array(|json| {
        for action in payment.final_actions().rev() {
            json.object(|json| write_action(json, merchant, payment, action));
        }
    })
}

fn write_action(json: &mut Json, merchant: &Merchant, payment: &Payment, action: &Action) {
    json.text("id", &action_id(merchant, payment, action));
    json.text("type", action.kind.word());
    json.text("processed_on", &drifting(action.processed_at));
    json.plain("amount", action.amount);
    json.plain("approved", action.outcome == Outcome::Approved);
    if matches!(action.kind, ActionKind::Authorization | ActionKind::CardVerification) {
        json.text("auth_code", &auth_code(payment));
        json.text("authorization_type", "Final");
    }
    if let Some(response) = response(action) {
        // The vendor's answers have the code as text, and at times as a number.
        if action.processed_at.rem_euclid(9) == 0 {
            json.plain("response_code", response.code);
        } else {
            json.text("response_code", response.code);
        }
        json.text("response_summary", response.summary);
    }
    json.some_text("reference", merchant.reference(payment).as_deref());
    json.member("processing", |json| {
        json.text("acquirer_transaction_id", &format!("{:010}", detail_bits(payment, 5) % 10_000_000_000));
        match action.kind {
            ActionKind::Capture | ActionKind::Refund => json.text("acquirer_reference_number", &arn(payment, action)),
            _ => json.text("retrieval_reference_number", &format!("{:012}", detail_bits(payment, 6) % 1_000_000_000_000)),
        }
    });
}

/// `act_…`, or `sid_…` for an authentication.
pub(super) fn action_id(merchant: &Merchant, payment: &Payment, action: &Action) -> String {
    let prefix = if action.kind == ActionKind::Authentication { "sid_" } else { "act_" };
    merchant.ids().make(prefix, payment.index, action.number)
}

/// Six digits.
pub(super) fn auth_code(payment: &Payment) -> String {
    format!("{:06}", detail_bits(payment, 7) % 1_000_000)
}

/// The acquirer reference number of an action: 23 digits.
pub(in crate::sandbox) fn arn(payment: &Payment, action: &Action) -> String {
    format!("7454{:019}", detail_bits(payment, 32 + action.number) % 1_000_000_000_000_000_000)
}

/// What the gateway said; nothing while it is pending.
pub(super) fn response(action: &Action) -> Option<&'static Response> {
    match action.outcome {
        Outcome::Pending => None,
        Outcome::Declined(response) => Some(response),
        Outcome::Approved if action.kind == ActionKind::Return => Some(&RETURNED),
        Outcome::Approved => Some(&APPROVED),
    }
}
