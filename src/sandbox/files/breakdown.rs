//! The settlement breakdown: 23 columns, a row per movement with its fees beside it, adding up to the payout's amount.

use std::ops::Range;

use super::category::sum_of;
use super::csv::{Csv, Row};
use crate::sandbox::card::Card;
use crate::sandbox::currency::RATE_DECIMALS;
use crate::sandbox::effect::{Effect, effects};
use crate::sandbox::json::{decimal, entity_name};
use crate::sandbox::merchant::Merchant;
use crate::sandbox::report::Report;
use crate::sandbox::settlement::Settlement;

const COLUMNS: &str = "Client Entity ID,Client Entity Name,Processing Channel ID,Processing Channel Name,Type,Payment ID,\
    Reference,Processed On,Available On,Holding Currency,Payout ID,Gross In Holding Currency,\
    Deduction In Holding Currency,Net In Holding Currency,Processing Fee In Holding Currency,\
    Scheme Fee In Holding Currency,Interchange In Holding Currency,Tax In Holding Currency,Reserve In Holding Currency,\
    Processing Currency,Gross In Processing Currency,FX Rate Applied,Payment Method";

/// Writes a report's rows.
pub(super) fn write(merchant: &Merchant, report: &Report, part: Range<usize>) -> Csv {
    let mut csv = Csv::new(merchant.options().files, part, COLUMNS);
    let Some(settlement) = report.settlement else { return csv };
    let payout_id = settlement.id(merchant);
    for effect in effects(merchant, |account| account == settlement.account, settlement.from, settlement.to) {
        csv.row(|row| write_effect(row, merchant, &settlement, &payout_id, &effect));
    }
    let payout = settlement.payout(merchant).unwrap_or_default();
    for (reference, amount) in [("brought forward", payout.brought), ("carried forward", -payout.carried)] {
        if amount != 0 {
            csv.row(|row| write_carried(row, merchant, &settlement, &payout_id, (reference, amount)));
        }
    }
    csv
}

fn write_effect(row: &mut Row<'_>, merchant: &Merchant, settlement: &Settlement, payout_id: &str, effect: &Effect) {
    let (payment, entity) = (&effect.payment, settlement.known.entity);
    row.texts([&merchant.entity_id(entity), &entity_name(entity), &merchant.channel_id(payment), &channel_name(entity)]);
    row.texts([type_of(effect.action_type), &merchant.payment_id(payment.index)]);
    row.text(&merchant.reference(payment).unwrap_or_default());
    // Reserves are released by the balance itself, not booked by an action before.
    row.time(effect.action().map_or(effect.at, |action| action.processed_at));
    row.time(effect.at);
    row.texts([settlement.known.currency, payout_id]);
    let gross = effect.movements.first();
    let amount = gross.map_or(0, |gross| gross.holding);
    row.amount(amount);
    row.amount(effect.net() - amount);
    row.amount(effect.net());
    let (scheme, interchange) = (sum_of(effect, "Scheme"), sum_of(effect, "Interchange"));
    row.amount(effect.net() - amount + effect.reserve - scheme - interchange);
    row.amount(scheme);
    row.amount(interchange);
    row.amount(0);
    row.amount(-effect.reserve);
    row.text(gross.map_or("", |gross| gross.processing_currency));
    row.amount(gross.map_or(0, |gross| gross.processing));
    let is_exchanged = gross.is_some_and(|gross| gross.processing_currency != settlement.known.currency);
    row.text(&if is_exchanged { decimal(payment.currency.rate(), RATE_DECIMALS) } else { "1".to_owned() });
    row.text(&method_of(merchant, effect));
}

fn write_carried(
    row: &mut Row<'_>,
    merchant: &Merchant,
    settlement: &Settlement,
    payout_id: &str,
    (reference, amount): (&str, i128),
) {
    let entity = settlement.known.entity;
    row.texts([&merchant.entity_id(entity), &entity_name(entity), "", "", "Adjustment", "", reference]);
    row.time(settlement.last_instant());
    row.time(settlement.last_instant());
    row.texts([settlement.known.currency, payout_id]);
    for value in [amount, 0, amount, 0, 0, 0, 0, 0] {
        row.amount(value);
    }
    row.text(settlement.known.currency);
    row.amount(amount);
    row.texts(["1", ""]);
}

/// The scheme in capitals; nothing for money sent out.
pub(super) fn method_of(merchant: &Merchant, effect: &Effect) -> String {
    if effect.payment.is_payout() {
        return String::new();
    }
    Card::of(merchant.seed(), &effect.payment).product.scheme.to_uppercase()
}

/// Each entity has one channel.
pub(super) fn channel_name(entity: usize) -> String {
    format!("{} online", entity_name(entity))
}

/// The breakdown's word for an action.
fn type_of(action_type: &'static str) -> &'static str {
    match action_type {
        "Capture" => "Charge",
        "Partial Capture" => "Partial Charge",
        "Card Payout" => "Payout",
        "Return" => "Adjustment",
        same => same,
    }
}
