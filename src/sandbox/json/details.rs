//! A payment as `GET /payments/{id}` and `GET /payments?reference=` show it: the reference's spelling, all sums, ids of
//! customer and instrument, links.

use super::instant::drifting;
use super::source::{
    Spelling, detail_bits, payment_type, write_3ds, write_customer, write_destination, write_metadata, write_risk, write_source,
};
use super::writer::Json;
use crate::sandbox::life::AUTHORISED_FOR;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::payment::{Payment, PaymentKind, Status};
use crate::sandbox::schedule::DAY;

/// Fills an object with a payment; `base` is the address of the main host, for links.
pub(in crate::sandbox) fn write_details(json: &mut Json, merchant: &Merchant, payment: &Payment, base: &str) {
    json.text("id", &merchant.payment_id(payment.index));
    json.text("requested_on", &drifting(payment.requested_at));
    if let Some(action) = payment.final_actions().next() {
        json.text("processed_on", &drifting(action.processed_at));
    }
    write_source(json, merchant, payment, Spelling::Details);
    write_destination(json, merchant, payment);
    json.plain("amount", payment.amount);
    json.plain("amount_requested", payment.amount);
    json.text("currency", payment.currency.code);
    json.text("payment_type", payment_type(payment));
    json.text("processing_channel_id", &merchant.channel_id(payment));
    json.some_text("reference", merchant.reference(payment).as_deref());
    json.text("status", payment.status.word());
    match (payment.kind, payment.status) {
        (PaymentKind::CardPayout, Status::Pending) => json.null("approved"),
        _ => json.plain("approved", payment.is_approved()),
    }
    if payment.is_payout() {
        write_payout(json, payment);
    } else {
        write_sale(json, merchant, payment);
    }
    write_metadata(json, payment);
    write_links(json, &format!("{base}payments/{}", merchant.payment_id(payment.index)), payment);
}

fn write_sale(json: &mut Json, merchant: &Merchant, payment: &Payment) {
    if payment.kind == PaymentKind::Sale && payment.is_approved() {
        json.text("expires_on", &drifting(payment.requested_at + AUTHORISED_FOR));
    }
    write_balances(json, payment);
    write_3ds(json, payment, Spelling::Details);
    write_risk(json, payment);
    write_customer(json, merchant, payment, Spelling::Details);
    json.member("billing_descriptor", |json| {
        json.text("name", "Sample Shop");
        json.text("city", "London");
    });
    let bits = detail_bits(payment, 9);
    json.text("payment_ip", &format!("192.0.2.{}", bits % 254 + 1));
    json.member("processing", |json| {
        json.text("retrieval_reference_number", &format!("{:012}", detail_bits(payment, 6) % 1_000_000_000_000));
        // A number here, a text elsewhere: the vendor's answers differ.
        match bits % 3 {
            0 => json.text("merchant_category_code", "5311"),
            _ => json.plain("merchant_category_code", 5311),
        }
    });
    json.text("eci", "05");
    json.text("scheme_id", &format!("{:015}", bits % 1_000_000_000_000_000));
    json.text("pan_type_processed", if bits.is_multiple_of(2) { "fpan" } else { "dpan" });
}

fn write_balances(json: &mut Json, payment: &Payment) {
    let totals = payment.totals;
    let open = if payment.status == Status::Authorized { totals.authorized } else { 0 };
    let capturable = match payment.status {
        Status::PartiallyCaptured => totals.authorized - totals.captured,
        _ => open,
    };
    json.member("balances", |json| {
        json.plain("total_authorized", totals.authorized);
        json.plain("total_voided", totals.voided);
        json.plain("available_to_void", open);
        json.plain("total_captured", totals.captured);
        json.plain("available_to_capture", capturable);
        json.plain("total_refunded", totals.refunded);
        json.plain("available_to_refund", totals.captured - totals.refunded);
    });
}

fn write_payout(json: &mut Json, payment: &Payment) {
    json.member("billing_descriptor", |json| json.text("reference", "Withdrawal"));
    json.member("sender", |json| {
        json.text("type", "instrument");
        json.text("reference", &format!("{:013}", detail_bits(payment, 10) % 10_000_000_000_000));
    });
    json.member("instruction", |json| {
        if payment.kind == PaymentKind::BankPayout {
            json.text("value_date", &drifting(payment.requested_at + DAY));
            json.text("purpose", "Wallet withdrawal");
        } else {
            json.text("funds_transfer_type", "AA");
        }
    });
}

fn write_links(json: &mut Json, href: &str, payment: &Payment) {
    let more: &[&str] = match payment.status {
        Status::Authorized => &["captures", "voids"],
        Status::Captured | Status::PartiallyCaptured | Status::PartiallyRefunded => &["refunds"],
        _ => &[],
    };
    json.member("_links", |json| {
        json.member("self", |json| json.text("href", href));
        json.member("actions", |json| json.text("href", &format!("{href}/actions")));
        for name in more {
            json.member(name.trim_end_matches('s'), |json| json.text("href", &format!("{href}/{name}")));
        }
    });
}
