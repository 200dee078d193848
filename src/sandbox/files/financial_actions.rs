//! Financial actions, by date range or by payout: 36 columns, a row per action and breakdown.
//!
//! Both add up to the last of eight decimals: a day's rows to the change of what is available, where payouts to the bank
//! are rows too; a payout's rows, where what the one before left is a row too, to its amount and less than a minor unit.
//! A payout's file also has rows without its id, which are not part of it: interchange that is billed later, and the
//! minimum billing fee of another account.

use std::ops::Range;

use super::action_line::Line;
use super::csv::Csv;
use super::lie::Books;
use crate::sandbox::billing::{BILLING_FEE, MINIMUM};
use crate::sandbox::currency::{ACCOUNTS, CurrencyAccount};
use crate::sandbox::dice::mix;
use crate::sandbox::effect::{Effect, effects};
use crate::sandbox::movement::{Movement, RESERVED};
use crate::sandbox::report::Report;
use crate::sandbox::settlement::Settlement;

const COLUMNS: &str = "Client Entity ID,Client Entity Name,Sub Entity ID,Sub Entity Name,Processing Channel ID,\
    Merchant Category Code,Currency Account ID,Currency Account Name,Currency Account Custom ID,Action Type,Action ID,\
    Payment ID,Requested On,Processed On,Processing Currency,FX Rate Applied,Holding Currency,FX Trade ID,Payout ID,\
    Reference,Payment Method,Card Type,Card Category,Issuer Country,Entity Country,Region,MID,Response Code,\
    Response Description,Breakdown Type,Processing Currency Amount,Holding Currency Amount,Entity Country Tax Currency,\
    Tax Fx Rate,Tax Currency Amount,Fee Detail";
const OPTIONAL: &str = ",Acquirer Reference Number,Requested On UTC,Processed On UTC,Timezone";
/// The entity whose files have more columns, where any has.
const OPTIONAL_OF: usize = 1;

/// Breakdown types, and action types where they stand alone.
const CARRIED: &str = "Transaction Amount Discrepancy";
const PAID_OUT: &str = "Merchant Payout";

/// Writes a report's rows.
pub(super) fn write(books: &Books<'_>, report: &Report, part: Range<usize>) -> Csv {
    let options = books.merchant.options().files;
    let has_optional = options.more_columns && report.entity == OPTIONAL_OF;
    let columns = if has_optional { format!("{COLUMNS}{OPTIONAL}") } else { COLUMNS.to_owned() };
    let mut csv = Csv::new(options, report.zone(), part, &columns);
    each(books, report, &mut |line, payout_id, movement| {
        csv.row(|row| {
            line.write(row, books.merchant, payout_id, movement);
            if has_optional {
                line.write_optional(row, report.zone());
            }
        });
    });
    csv
}

/// Tells of each of a report's rows: what it is of, the payout that it is part of, and what it moves.
pub(in crate::sandbox) fn each(books: &Books<'_>, report: &Report, tell: &mut dyn FnMut(&Line<'_>, &str, &Movement)) {
    let is_corrected_later = report.is_corrected(books.merchant);
    let mut file = File { books, tell, is_corrected_later };
    match report.settlement {
        Some(settlement) => file.settlement(report, &settlement),
        None => file.day(report),
    }
}

struct File<'a> {
    books: &'a Books<'a>,
    /// Who is told of the rows.
    tell: &'a mut dyn FnMut(&Line<'_>, &str, &Movement),
    is_corrected_later: bool,
}

impl File<'_> {
    /// What a payout is made of, and, without its id, what is not part of it.
    fn settlement(&mut self, report: &Report, settlement: &Settlement) {
        let merchant = self.books.merchant;
        let payout_id = settlement.id(merchant);
        for effect in effects(merchant, |account| account == settlement.account, report.from, report.to) {
            self.effect(report, &payout_id, &effect);
            for later in effect.billed_later() {
                self.row(report, "", self.line(&effect), later);
            }
        }
        for account in accounts_of(report.entity) {
            let payout_id = if account == settlement.account { &payout_id } else { "" };
            Settlement::of(merchant, account, report.day).iter().for_each(|of| self.billing_fee(report, payout_id, of));
        }
        self.returned(report, &payout_id, settlement);
        let brought = settlement.payout(merchant).unwrap_or_default().brought;
        let movement = held(settlement.known, CARRIED, brought);
        self.adjustment(report, &payout_id, self.own_line(settlement, "Adjustment", 0, "brought forward"), movement);
    }

    /// What changed that day, of all accounts.
    fn day(&mut self, report: &Report) {
        let merchant = self.books.merchant;
        let is_of_entity = |account| accounts_of(report.entity).any(|own| own == account);
        for effect in effects(merchant, is_of_entity, report.from, report.to) {
            self.effect(report, "", &effect);
        }
        for paid in accounts_of(report.entity).filter_map(|account| Settlement::of(merchant, account, report.day)) {
            self.billing_fee(report, "", &paid);
            self.returned(report, "", &paid);
            let (id, sent) = (paid.id(merchant), paid.payout(merchant).unwrap_or_default().sent);
            self.adjustment(report, "", self.own_line(&paid, PAID_OUT, 2, &id), held(paid.known, PAID_OUT, -sent));
        }
    }

    fn effect(&mut self, report: &Report, payout_id: &str, effect: &Effect) {
        for movement in &effect.movements {
            if let Some(movement) = self.told(effect, movement) {
                self.row(report, payout_id, self.line(effect), movement);
            }
        }
        if effect.reserve != 0 {
            let action_id = effect.reserve_id(self.books.merchant);
            let line = Line { action_type: RESERVED, action_id, ..self.line(effect) };
            self.row(report, payout_id, line, held(effect.payment.currency.settled_to(), RESERVED, -effect.reserve));
        }
    }

    /// A movement as this report has it: where a later one corrects it, some interchange is estimated and some missing.
    fn told(&self, effect: &Effect, movement: &Movement) -> Option<Movement> {
        const HUNDREDTH: i128 = 1_000_000;
        if !self.is_corrected_later || !movement.breakdown_type.starts_with("Interchange") {
            return Some(*movement);
        }
        let estimate = movement.holding / HUNDREDTH * HUNDREDTH;
        match mix(effect.payment.index) % 5 {
            0 => None,
            1 => Some(Movement { holding: estimate, processing: estimate, ..*movement }),
            _ => Some(*movement),
        }
    }

    fn billing_fee(&mut self, report: &Report, payout_id: &str, of: &Settlement) {
        let merchant = self.books.merchant;
        if let Some(fee) = of.billing_fee(merchant) {
            let line = Line { at: fee.at, ..self.own_line(of, BILLING_FEE, 3, "") };
            self.adjustment(report, payout_id, line, held(of.known, MINIMUM, fee.holding));
        }
    }

    fn returned(&mut self, report: &Report, payout_id: &str, of: &Settlement) {
        if let Some((reference, amount)) = of.returned(self.books.merchant) {
            self.adjustment(report, payout_id, self.own_line(of, "Adjustment", 1, &reference), held(of.known, CARRIED, amount));
        }
    }

    /// A row that no payment made; none for nothing.
    fn adjustment(&mut self, report: &Report, payout_id: &str, line: Line<'_>, movement: Movement) {
        if movement.holding != 0 {
            self.row(report, payout_id, line, movement);
        }
    }

    fn row(&mut self, report: &Report, payout_id: &str, mut line: Line<'_>, mut movement: Movement) {
        self.books.bend_action(report.kind.content, &mut line, &mut movement);
        (self.tell)(&line, payout_id, &movement);
    }

    fn line<'e>(&self, effect: &'e Effect) -> Line<'e> {
        let (merchant, payment) = (self.books.merchant, &effect.payment);
        Line {
            account: payment.currency.account,
            effect: Some(effect),
            action_type: effect.action_type,
            action_id: effect.action_id(merchant),
            payment_id: merchant.payment_id(payment.index),
            rate: payment.currency.rate(),
            at: effect.at,
            reference: merchant.reference(payment).unwrap_or_default(),
        }
    }

    /// The line of what a settlement does itself.
    fn own_line(&self, of: &Settlement, action_type: &'static str, number: u64, reference: &str) -> Line<'static> {
        Line {
            account: of.account,
            effect: None,
            action_type,
            action_id: of.adjustment_id(self.books.merchant, number),
            payment_id: String::new(),
            rate: 0,
            at: of.last_instant(),
            reference: reference.to_owned(),
        }
    }
}

fn accounts_of(entity: usize) -> impl Iterator<Item = usize> {
    let accounts = ACCOUNTS.iter().enumerate().filter(move |(_, known)| known.entity == entity);
    accounts.map(|(account, _)| account)
}

/// A movement of the holding currency alone.
const fn held(account: &CurrencyAccount, breakdown_type: &'static str, amount: i128) -> Movement {
    let processing_currency = account.currency;
    Movement { breakdown_type, holding: amount, processing: amount, processing_currency, fee_detail: None }
}
