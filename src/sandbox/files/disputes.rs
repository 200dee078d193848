//! The disputes report: a row per dispute that was raised on the day, or came to another state with an indicator. The vendor's columns after
//! `Dispute Indicator` are not public; those here are named after its API.

use std::ops::Range;

use super::breakdown::channel_name;
use super::csv::{Csv, Row};
use crate::sandbox::card::Card;
use crate::sandbox::json::{MCC, dispute_arn, entity_name};
use crate::sandbox::merchant::Merchant;
use crate::sandbox::payment::{Dispute, Payment};
use crate::sandbox::report::Report;

const COLUMNS: &str = "Dispute ID,Dispute Issue Date UTC,Dispute Created Date UTC,Client Name,Client Entity Name,\
    Sub Entity Name,Processing Channel Name,Merchant Category Code,Dispute Indicator,Payment ID,Reference,\
    Acquirer Reference Number,Payment Method,Dispute Category,Dispute Reason Code,Dispute Currency,Dispute Amount";
/// A name that has to be quoted.
const CLIENT: &str = "The \"Sample Shop\" Group, London";

/// Writes a report's rows.
pub(super) fn write(merchant: &Merchant, report: &Report, part: Range<usize>) -> Csv {
    let mut csv = Csv::new(merchant.options().files, report.zone(), part, COLUMNS);
    let day = report.from..report.to;
    // A dispute changes for the last time when anything else has happened to it.
    for (_, index) in merchant.disputed().range((report.from, 0)..) {
        let payment = merchant.payment(*index);
        let Some(dispute) = payment.dispute.filter(|_| payment.currency.settled_to().entity == report.entity) else { continue };
        for (status, _) in dispute.timeline().filter(|(_, at)| day.contains(at)) {
            if let Some(indicator) = dispute.indicator(status) {
                csv.row(|row| write_dispute(row, merchant, &payment, &dispute, indicator));
            }
        }
    }
    csv
}

fn write_dispute(row: &mut Row<'_>, merchant: &Merchant, payment: &Payment, dispute: &Dispute, indicator: &str) {
    let entity = payment.currency.settled_to().entity;
    row.text(&merchant.dispute_id(payment.index));
    row.time_utc(dispute.received_at);
    row.time_utc(dispute.received_at);
    row.texts([CLIENT, &entity_name(entity), "", &channel_name(entity), MCC, indicator]);
    row.text(&merchant.payment_id(payment.index));
    row.text(&merchant.reference(payment).unwrap_or_default());
    row.text(&dispute_arn(payment, dispute).unwrap_or_default());
    row.text(&Card::of(merchant.seed(), payment).product.scheme.to_uppercase());
    row.texts([dispute.category, dispute.reason_code, payment.currency.code]);
    row.amount(payment.currency.to_major(dispute.amount));
}
