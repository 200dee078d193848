//! The payouts report: 42 columns, a row per settlement; its categories add up to its amount.

use std::ops::Range;

use super::category::{ADJUSTMENTS, CATEGORIES, Categories};
use super::csv::{Csv, Row};
use super::lie::Books;
use crate::sandbox::currency::ACCOUNTS;
use crate::sandbox::effect::effects;
use crate::sandbox::json::entity_name;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::report::Report;
use crate::sandbox::settlement::Settlement;

const COLUMNS: &str = "Client Entity ID,Client Entity Name,Sub Entity ID,Sub Entity Name,Currency Account ID,\
    Currency Account Name,Holding Currency,Payout ID,Payout Date,Reporting Start Date,Reporting End Date,Payout Amount";

/// Writes a report's rows.
pub(super) fn write(books: &Books<'_>, report: &Report, part: Range<usize>) -> Csv {
    let merchant = books.merchant;
    let mut csv = Csv::new(merchant.options().files, report.zone(), part, &format!("{COLUMNS},{CATEGORIES}"));
    for account in 0..ACCOUNTS.len() {
        let settlement = Settlement::of(merchant, account, report.day);
        if let Some(settlement) = settlement.filter(|settlement| settlement.known.entity == report.entity) {
            write_settlement(&mut csv, books, report, &settlement);
        }
    }
    csv
}

/// A settlement without any row of its own is left out.
fn write_settlement(csv: &mut Csv, books: &Books<'_>, report: &Report, settlement: &Settlement) {
    let merchant = books.merchant;
    let payout = settlement.payout(merchant).unwrap_or_default();
    let found = effects(merchant, |account| account == settlement.account, settlement.from, settlement.to);
    let fee = settlement.billing_fee(merchant);
    if found.is_empty() && settlement.is_bare(merchant) {
        return;
    }
    let mut categories = Categories::default();
    found.iter().for_each(|effect| categories.add(effect));
    categories.add_to(ADJUSTMENTS, payout.brought + payout.returned - payout.dust + fee.map_or(0, |fee| fee.holding));
    books.bend_payout(settlement, &mut categories);
    csv.row(|row| {
        write_names(row, merchant, settlement);
        row.time(settlement.to);
        row.time(report.from);
        row.time(report.to);
        row.amount(payout.amount);
        CATEGORIES.split(',').for_each(|category| row.amount(categories.of(category)));
    });
}

fn write_names(row: &mut Row<'_>, merchant: &Merchant, settlement: &Settlement) {
    let entity = settlement.known.entity;
    row.texts([&merchant.entity_id(entity), &entity_name(entity), "", ""]);
    row.texts([&merchant.account_id(settlement.account), settlement.known.descriptor, settlement.known.currency]);
    row.text(&settlement.id(merchant));
}
