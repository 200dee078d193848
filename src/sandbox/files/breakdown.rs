//! The settlement breakdown: 23 columns, a row per movement with its fees beside it, adding up to the payout's amount.

use std::ops::Range;

use super::csv::{Csv, Row};
use super::lie::Books;
use crate::sandbox::card::Card;
use crate::sandbox::currency::RATE_DECIMALS;
use crate::sandbox::effect::{Effect, effects};
use crate::sandbox::json::{decimal, entity_name};
use crate::sandbox::merchant::Merchant;
use crate::sandbox::movement::Rollup;
use crate::sandbox::report::Report;
use crate::sandbox::schedule::Micros;
use crate::sandbox::settlement::Settlement;

const COLUMNS: &str = "Client Entity ID,Client Entity Name,Processing Channel ID,Processing Channel Name,Type,Payment ID,\
    Reference,Processed On,Available On,Holding Currency,Payout ID,Gross In Holding Currency,\
    Deduction In Holding Currency,Net In Holding Currency,Processing Fee In Holding Currency,\
    Scheme Fee In Holding Currency,Interchange In Holding Currency,Tax In Holding Currency,Reserve In Holding Currency,\
    Processing Currency,Gross In Processing Currency,FX Rate Applied,Payment Method";

/// What is neither a payment nor its return.
const ADJUSTMENT: &str = "Adjustment";

/// Writes a report's rows.
pub(super) fn write(books: &Books<'_>, report: &Report, part: Range<usize>) -> Csv {
    let merchant = books.merchant;
    let mut csv = Csv::new(merchant.options().files, report.zone(), part, COLUMNS);
    let Some(settlement) = report.settlement else { return csv };
    let payout_id = settlement.id(merchant);
    for effect in effects(merchant, |account| account == settlement.account, settlement.from, settlement.to) {
        csv.row(|row| write_effect(row, books, &settlement, &payout_id, &effect));
    }
    for own in own_rows(merchant, &settlement) {
        csv.row(|row| own.write(row, merchant, &settlement, &payout_id));
    }
    csv
}

/// What no payment made.
struct OwnRow {
    reference: String,
    at: Micros,
    gross: i128,
    /// The vendor's fee.
    fee: i128,
}

/// The minimum billing fee, what the bank sent back, what earlier settlements left, and the dust that this one leaves.
fn own_rows(merchant: &Merchant, settlement: &Settlement) -> Vec<OwnRow> {
    let (payout, at) = (settlement.payout(merchant).unwrap_or_default(), settlement.last_instant());
    let fee =
        settlement.billing_fee(merchant).map(|fee| OwnRow { reference: String::new(), at: fee.at, gross: 0, fee: fee.holding });
    let adjusted = |reference: String, gross| OwnRow { reference, at, gross, fee: 0 };
    let brought = adjusted("brought forward".to_owned(), payout.brought);
    let dust = adjusted("carried forward".to_owned(), -payout.dust);
    let returned = settlement.returned(merchant).map(|(reference, amount)| adjusted(reference, amount));
    let adjusted = returned.into_iter().chain([brought, dust]).filter(|row| row.gross != 0);
    fee.into_iter().chain(adjusted).collect()
}

fn write_effect(row: &mut Row<'_>, books: &Books<'_>, settlement: &Settlement, payout_id: &str, effect: &Effect) {
    let merchant = books.merchant;
    let (payment, entity) = (&effect.payment, settlement.known.entity);
    row.texts([&merchant.entity_id(entity), &entity_name(entity), &merchant.channel_id(payment), &channel_name(entity)]);
    let kind = if effect.gross().is_some() { type_of(effect.action_type) } else { ADJUSTMENT };
    row.texts([kind, &merchant.payment_id(payment.index)]);
    row.text(&merchant.reference(payment).unwrap_or_default());
    // Reserves are released by the balance itself, not booked by an action before.
    row.time(effect.action().map_or(effect.at, |action| action.processed_at));
    row.time(effect.at);
    row.texts([settlement.known.currency, payout_id]);
    let gross = effect.gross();
    let amount = effect.sum(Rollup::Gross);
    row.amount(amount);
    row.amount(effect.net() - amount);
    row.amount(effect.net() - books.missing_net(effect));
    row.amount(effect.sum(Rollup::Processing) - books.missing_fees(effect));
    for of in [Rollup::Scheme, Rollup::Interchange, Rollup::Tax] {
        row.amount(effect.sum(of));
    }
    row.amount(-effect.reserve);
    row.text(gross.map_or(settlement.known.currency, |gross| gross.processing_currency));
    row.amount(gross.map_or(0, |gross| gross.processing));
    let is_exchanged = gross.is_some_and(|gross| gross.processing_currency != settlement.known.currency);
    row.text(&if is_exchanged { decimal(payment.currency.rate(), RATE_DECIMALS) } else { "1".to_owned() });
    row.text(&method_of(merchant, effect));
}

impl OwnRow {
    fn write(&self, row: &mut Row<'_>, merchant: &Merchant, settlement: &Settlement, payout_id: &str) {
        let entity = settlement.known.entity;
        row.texts([&merchant.entity_id(entity), &entity_name(entity), "", "", ADJUSTMENT, "", &self.reference]);
        row.time(self.at);
        row.time(self.at);
        row.texts([settlement.known.currency, payout_id]);
        for value in [self.gross, self.fee, self.gross + self.fee, self.fee, 0, 0, 0, 0] {
            row.amount(value);
        }
        row.text(settlement.known.currency);
        row.amount(self.gross);
        row.texts(["1", ""]);
    }
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
        "Return" => ADJUSTMENT,
        same => same,
    }
}
