//! A row of `POST /payments/search`: words in lower case, three sums only, and every action with the dispute among them.

use super::action::{action_id, arn, auth_code, response};
use super::instant::drifting;
use super::source::{
    Spelling, payment_type, write_3ds, write_customer, write_destination, write_metadata, write_risk, write_source,
};
use super::writer::Json;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::payment::{Action, ActionKind, Dispute, Outcome, Payment};

/// Writes a search row as an element.
pub(in crate::sandbox) fn write_search_row(json: &mut Json, merchant: &Merchant, payment: &Payment) {
    let reference = merchant.reference(payment);
    json.object(|json| {
        json.text("id", &merchant.payment_id(payment.index));
        json.text("requested_on", &drifting(payment.requested_at));
        write_source(json, merchant, payment, Spelling::Search);
        write_destination(json, merchant, payment);
        json.plain("amount", payment.amount);
        json.plain("amount_requested", payment.amount);
        json.text("currency", payment.currency.code);
        json.text("payment_type", &payment_type(payment).to_lowercase());
        json.text("processing_channel_id", &merchant.channel_id(payment));
        json.some_text("reference", reference.as_deref());
        json.text("status", &payment.status.word().to_lowercase());
        if !payment.is_payout() {
            json.member("balances", |json| {
                json.plain("total_authorized", payment.totals.authorized);
                json.plain("total_captured", payment.totals.captured);
                json.plain("total_refunded", payment.totals.refunded);
            });
            write_3ds(json, payment, Spelling::Search);
            write_risk(json, payment);
            write_customer(json, merchant, payment, Spelling::Search);
            json.member("billing_descriptor", |json| {
                json.text("name", "Sample Shop");
                json.text("city", "London");
            });
        }
        write_metadata(json, payment);
        json.list("actions", |json| write_all(json, merchant, payment, reference.as_deref()));
    });
}

/// The actions and the dispute, newest first.
fn write_all(json: &mut Json, merchant: &Merchant, payment: &Payment, reference: Option<&str>) {
    let mut dispute = payment.dispute.as_ref();
    for action in payment.actions.iter().rev() {
        if let Some(newer) = dispute.take_if(|dispute| dispute.received_at >= action.processed_at) {
            write_dispute_action(json, merchant, payment, newer);
        }
        write_action(json, merchant, payment, action, reference);
    }
}

fn write_dispute_action(json: &mut Json, merchant: &Merchant, payment: &Payment, dispute: &Dispute) {
    json.object(|json| {
        json.text("id", &merchant.dispute_id(payment.index));
        json.text("type", "Dispute");
        json.text("processed_on", &drifting(dispute.received_at));
        json.text("status", &title_case(dispute.status));
        json.plain("amount", dispute.amount);
        json.text("reason_code", dispute.reason_code);
    });
}

fn write_action(json: &mut Json, merchant: &Merchant, payment: &Payment, action: &Action, reference: Option<&str>) {
    json.object(|json| {
        json.text("id", &action_id(merchant, payment, action));
        json.text("type", action.kind.word());
        json.text("processed_on", &drifting(action.processed_at));
        json.text("status", action.outcome.word());
        if action.kind == ActionKind::Authentication {
            if action.outcome == Outcome::Approved {
                json.text("authentication_experience", "3ds");
                json.text("authentication_transaction_id", &action_id(merchant, payment, action));
            }
            return;
        }
        json.plain("amount", action.amount);
        if let Some(response) = response(action) {
            json.text("auth_code", &auth_code(payment));
            json.text("response_code", response.code);
            json.text("response_summary", response.summary);
        }
        json.some_text("reference", reference);
        if matches!(action.kind, ActionKind::Capture | ActionKind::Refund) {
            json.member("processing", |json| json.text("acquirer_reference_number", &arn(payment, action)));
        }
    });
}

/// `evidence_required` as `Evidence Required`.
fn title_case(words: &str) -> String {
    let mut title = String::with_capacity(words.len());
    for word in words.split('_') {
        if !title.is_empty() {
            title.push(' ');
        }
        let mut letters = word.chars();
        title.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        title.push_str(letters.as_str());
    }
    title
}
