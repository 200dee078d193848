//! The evidence given to a dispute, and the files its scheme sent.

use super::writer::Json;
use crate::sandbox::card::Card;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::payment::{Dispute, Payment};

/// The answer about a dispute's evidence: a file and a text of the kind its category asks for, once it was answered.
pub(in crate::sandbox) fn write_evidence(merchant: &Merchant, payment: &Payment, dispute: &Dispute, base: &str) -> String {
    let href = format!("{base}disputes/{}", merchant.dispute_id(payment.index));
    let kind = kind_of(dispute.category);
    Json::document(|json| {
        if was_answered(dispute) {
            json.text(&format!("{kind}_file"), &file_id(merchant, payment, 1));
            json.text(&format!("{kind}_text"), "Sent, and signed for.\nSee the file.");
            json.null("additional_evidence_file");
        }
        if was_taken_further(dispute) {
            json.text("arbitration_review_required_text", "The file shows what was bought.");
            json.list("arbitration_review_required_files", |json| {
                json.element(&file_id(merchant, payment, 2));
                json.element(&file_id(merchant, payment, 3));
            });
        }
        json.member("_links", |json| {
            json.member("self", |json| json.text("href", &format!("{href}/evidence")));
            json.member("parent", |json| json.text("href", &href));
        });
    })
}

/// The answer about the files a scheme sent; only Visa sends any.
pub(in crate::sandbox) fn write_scheme_files(
    merchant: &Merchant,
    payment: &Payment,
    dispute: &Dispute,
    base: &str,
) -> Option<String> {
    if Card::of(merchant.seed(), payment).product.scheme != "Visa" {
        return None;
    }
    let id = merchant.dispute_id(payment.index);
    Some(Json::document(|json| {
        json.text("id", &id);
        json.list("files", |json| {
            write_file(json, "dispute_evidence_required", &file_id(merchant, payment, 11));
            if matches!(dispute.status, "won" | "lost") {
                write_file(json, &format!("dispute_{}", dispute.status), &file_id(merchant, payment, 12));
            }
        });
        json.member("_links", |json| {
            json.member("self", |json| json.text("href", &format!("{base}disputes/{id}/schemefiles")));
        });
    }))
}

fn write_file(json: &mut Json, status: &str, file: &str) {
    json.object(|json| {
        json.text("dispute_status", status);
        json.text("file", file);
    });
}

fn was_answered(dispute: &Dispute) -> bool {
    matches!(dispute.status, "evidence_under_review" | "won" | "lost") || was_taken_further(dispute)
}

fn was_taken_further(dispute: &Dispute) -> bool {
    matches!(dispute.status, "arb_evidence_submitted" | "arbitration_won" | "arbitration_lost")
}

fn kind_of(category: &str) -> &'static str {
    match category {
        "product_service_not_received" => "proof_of_delivery_or_service",
        "canceled_recurring" => "recurring_transaction_agreement",
        "credit_not_issued" => "refund_or_cancellation_policy",
        "duplicate" => "invoice_showing_distinct_transactions",
        "not_as_described" => "customer_communication",
        _ => "invoice_or_receipt",
    }
}

/// `file_…`; number 0 is that of a report.
fn file_id(merchant: &Merchant, payment: &Payment, number: u64) -> String {
    merchant.ids().make("file_", payment.index, number)
}
