//! What Checkout.com told about a payment or a dispute, as `GET /workflows/events/subject/{id}`.

use super::instant::drifting;
use super::writer::Json;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::payment::{Action, ActionKind, Dispute, Outcome, Payment};
use crate::sandbox::schedule::Micros;

/// What an event is about.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) enum Subject<'a> {
    /// A payment.
    Payment(&'a Payment),
    /// The dispute against a payment.
    Dispute(&'a Payment, &'a Dispute),
}

/// Events of disputes are numbered from here on.
const DISPUTE: u64 = 1000;

/// The events of a subject, oldest first.
pub(in crate::sandbox) fn write_events(merchant: &Merchant, subject: Subject<'_>, base: &str) -> String {
    let (index, events) = match subject {
        Subject::Payment(payment) => (payment.index, of_payment(payment)),
        Subject::Dispute(payment, dispute) => (payment.index, of_dispute(dispute)),
    };
    Json::document(|json| {
        json.list("data", |json| {
            for (number, word, at) in events {
                let id = merchant.ids().make("evt_", index, number);
                json.object(|json| {
                    json.text("id", &id);
                    json.text("type", &word);
                    json.text("timestamp", &drifting(at));
                    json.member("_links", |json| {
                        json.member("self", |json| json.text("href", &format!("{base}workflows/events/{id}")));
                    });
                });
            }
        });
    })
}

fn of_payment(payment: &Payment) -> Vec<(u64, String, Micros)> {
    let event = |action: &Action| (action.number, word_of(action).to_owned(), action.processed_at);
    payment.final_actions().map(event).collect()
}

fn of_dispute(dispute: &Dispute) -> Vec<(u64, String, Micros)> {
    let received = (DISPUTE, "dispute_received".to_owned(), dispute.received_at);
    let word = match dispute.status {
        "evidence_under_review" => "evidence_submitted",
        status => status,
    };
    vec![received, (DISPUTE + 1, format!("dispute_{word}"), dispute.updated_at)]
}

const fn word_of(action: &Action) -> &'static str {
    let was_declined = matches!(action.outcome, Outcome::Declined(_));
    match action.kind {
        ActionKind::CardVerification if was_declined => "card_verification_declined",
        ActionKind::CardVerification => "card_verified",
        ActionKind::Capture if was_declined => "payment_capture_declined",
        ActionKind::Capture => "payment_captured",
        ActionKind::Void if was_declined => "payment_void_declined",
        ActionKind::Void => "payment_voided",
        ActionKind::Refund if was_declined => "payment_refund_declined",
        ActionKind::Refund => "payment_refunded",
        ActionKind::Return => "payment_returned",
        ActionKind::Payout | ActionKind::CardPayout if !was_declined => "payment_paid",
        _ if was_declined => "payment_declined",
        _ => "payment_approved",
    }
}
