//! A dispute, as a row of `GET /disputes` and as `GET /disputes/{id}`.

use super::action::arn;
use super::instant::exact;
use super::writer::Json;
use crate::sandbox::card::Card;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::payment::{Dispute, Payment};
use crate::sandbox::schedule::{DAY, Micros};

/// How long the merchant has to answer.
const TIME_TO_ANSWER: Micros = 14 * DAY;

/// The merchant's category: department stores.
pub(in crate::sandbox) const MCC: &str = "5311";

/// Writes the row of a listing as an element.
pub(in crate::sandbox) fn write_dispute_summary(
    json: &mut Json,
    merchant: &Merchant,
    payment: &Payment,
    dispute: &Dispute,
    base: &str,
) {
    let card = Card::of(merchant.seed(), payment);
    json.object(|json| {
        write_common(json, merchant, payment, dispute);
        json.text("payment_id", &merchant.payment_id(payment.index));
        json.text("payment_action_id", &merchant.ids().make("act_", payment.index, dispute.capture));
        json.some_text("payment_reference", merchant.reference(payment).as_deref());
        json.some_text("payment_arn", dispute_arn(payment, dispute).as_deref());
        json.text("payment_mcc", MCC);
        json.text("payment_method", &card.product.scheme.to_uppercase());
        write_links(json, &format!("{base}disputes/{}", merchant.dispute_id(payment.index)));
    });
}

/// The whole answer for one dispute.
pub(in crate::sandbox) fn write_dispute(merchant: &Merchant, payment: &Payment, dispute: &Dispute, base: &str) -> String {
    let card = Card::of(merchant.seed(), payment);
    let capture = payment.actions.iter().find(|action| action.number == dispute.capture);
    Json::document(|json| {
        write_common(json, merchant, payment, dispute);
        json.some_text("reference", merchant.reference(payment).as_deref());
        json.list("relevant_evidence", |json| json.element("proof_of_delivery_or_service"));
        json.member("payment", |json| {
            json.text("id", &merchant.payment_id(payment.index));
            json.text("action_id", &merchant.ids().make("act_", payment.index, dispute.capture));
            json.text("processing_channel_id", &merchant.channel_id(payment));
            json.plain("amount", payment.amount);
            json.text("currency", payment.currency.code);
            json.some_text("reference", merchant.reference(payment).as_deref());
            json.text("method", card.product.scheme);
            json.some_text("arn", dispute_arn(payment, dispute).as_deref());
            json.text("mcc", MCC);
            json.plain("has_refund", payment.totals.refunded > 0);
            json.some_text("processed_on", capture.map(|action| exact(action.processed_at)).as_deref());
        });
        write_links(json, &format!("{base}disputes/{}", merchant.dispute_id(payment.index)));
    })
}

/// The acquirer reference number of the disputed capture.
pub(in crate::sandbox) fn dispute_arn(payment: &Payment, dispute: &Dispute) -> Option<String> {
    payment.actions.iter().find(|action| action.number == dispute.capture).map(|action| arn(payment, action))
}

fn write_common(json: &mut Json, merchant: &Merchant, payment: &Payment, dispute: &Dispute) {
    json.text("id", &merchant.dispute_id(payment.index));
    json.text("entity_id", &merchant.entity_id(payment.currency.settled_to().entity));
    json.text("processing_channel", &merchant.channel_id(payment));
    json.text("category", dispute.category);
    json.text("status", dispute.status);
    json.plain("amount", dispute.amount);
    json.text("currency", payment.currency.code);
    json.text("reason_code", dispute.reason_code);
    if dispute.status == "evidence_required" {
        json.text("evidence_required_by", &exact(dispute.received_at + TIME_TO_ANSWER));
    }
    json.text("received_on", &exact(dispute.received_at));
    json.text("last_update", &exact(dispute.updated_at));
    json.some_text("resolved_reason", dispute.resolved_reason);
    json.plain("is_ce_candidate", dispute.reason_code == "10.4");
}

fn write_links(json: &mut Json, href: &str) {
    json.member("_links", |json| {
        json.member("self", |json| json.text("href", href));
        json.member("evidence", |json| json.text("href", &format!("{href}/evidence")));
    });
}
