//! The balance report: for each currency account a row of balances at the start and the end, and a row of movements for
//! each payment method. The vendor's columns after `Refunds` are not public; those here are named after its other files.

use std::collections::BTreeMap;
use std::ops::Range;

use super::breakdown::method_of;
use super::category::{ADJUSTMENTS, CATEGORIES, Categories};
use super::csv::{Csv, Row};
use super::lie::{Books, End};
use crate::sandbox::balance::Pots;
use crate::sandbox::currency::{ACCOUNTS, Currency};
use crate::sandbox::effect::effects;
use crate::sandbox::json::entity_name;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::report::Report;
use crate::sandbox::schedule::{HOUR, Micros};
use crate::sandbox::settlement::Settlement;

const COLUMNS: &str = "Report ID,Entity ID,Entity Name,Currency Account ID,Currency Account Name,Holding Currency,\
    Report Date,Reporting Start Date,Reporting End Date,Description,Opening Available Balance,Opening Pending Balance,\
    Opening Payable Balance,Opening Collateral Balance,Payment Method";
const CLOSING: &str =
    "Payouts,Closing Available Balance,Closing Pending Balance,Closing Payable Balance,Closing Collateral Balance";

/// Writes a report's rows.
pub(super) fn write(books: &Books<'_>, report: &Report, part: Range<usize>) -> Csv {
    let movements: Vec<&str> = movements().collect();
    let columns = format!("{COLUMNS},{},{CLOSING}", movements.join(","));
    let mut csv = Csv::new(books.merchant.options().files, report.zone(), part, &columns);
    for account in 0..ACCOUNTS.len() {
        let settlement = Settlement::of(books.merchant, account, report.day);
        if let Some(settlement) = settlement.filter(|settlement| settlement.known.entity == report.entity) {
            write_balances(&mut csv, books, report, &settlement);
            write_movements(&mut csv, books, report, &settlement);
        }
    }
    csv
}

/// The categories as this report orders them.
fn movements() -> impl Iterator<Item = &'static str> {
    let first = ["Payments", "Refunds"];
    first.into_iter().chain(CATEGORIES.split(',').filter(move |category| !first.contains(category)))
}

fn write_balances(csv: &mut Csv, books: &Books<'_>, report: &Report, settlement: &Settlement) {
    let merchant = books.merchant;
    let at = |end| pots(books, settlement, report, end);
    let paid = settlement.payout(merchant).unwrap_or_default().sent;
    csv.row(|row| {
        write_names(row, merchant, report, settlement, "Balances & Payouts");
        write_pots(row, at(End::Opening));
        row.text("");
        movements().for_each(|_| row.text(""));
        row.amount(-paid);
        write_pots(row, at(End::Closing));
    });
}

fn write_movements(csv: &mut Csv, books: &Books<'_>, report: &Report, settlement: &Settlement) {
    let merchant = books.merchant;
    let mut methods: BTreeMap<String, Categories> = BTreeMap::new();
    for effect in effects(merchant, |account| account == settlement.account, report.from, report.to) {
        methods.entry(method_of(merchant, &effect)).or_default().add(&effect);
    }
    if let Some(fee) = settlement.billing_fee(merchant) {
        methods.entry(String::new()).or_default().add_to(ADJUSTMENTS, fee.holding);
    }
    if let Some((_, amount)) = settlement.returned(merchant) {
        methods.entry(String::new()).or_default().add_to(ADJUSTMENTS, amount);
    }
    for (method, mut categories) in methods {
        books.bend_movements(report, settlement.account, &method, &mut categories);
        csv.row(|row| {
            write_names(row, merchant, report, settlement, "Breakdown");
            row.texts(["", "", "", "", &method]);
            movements().for_each(|category| row.amount(categories.of(category)));
            row.texts(["", "", "", "", ""]);
        });
    }
}

fn write_names(row: &mut Row<'_>, merchant: &Merchant, report: &Report, settlement: &Settlement, description: &str) {
    let known = settlement.known;
    row.texts([&report.id(merchant), &merchant.entity_id(known.entity), &entity_name(known.entity)]);
    row.texts([&merchant.account_id(settlement.account), known.descriptor, known.currency]);
    let times: [Micros; 3] = [report.created_at, report.from, report.to];
    times.into_iter().for_each(|at| row.time(at));
    row.text(description);
}

fn write_pots(row: &mut Row<'_>, pots: Pots) {
    [pots.available, pots.pending, pots.payable, pots.collateral].into_iter().for_each(|pot| row.amount(pot));
}

fn pots(books: &Books<'_>, settlement: &Settlement, report: &Report, end: End) -> Pots {
    let at = if end == End::Closing { report.to } else { report.from };
    let hours = usize::try_from((at - books.merchant.started_at()) / HOUR).unwrap_or(0);
    let history = books.merchant.ledger().history(settlement.account).zip(Currency::find(settlement.known.currency));
    let mut pots = history.map(|(history, currency)| history.pots(currency, hours)).unwrap_or_default();
    books.bend_pots(settlement.account, report.day, end, &mut pots);
    pots
}
