//! What is true of Checkout.com's own side, the API and the reports, with nothing planted: reports do not tell of the last
//! day yet, some fees are billed later, and reserves are held back.
//!
//! Everything else there is matched, or nothing is expected for it, and is not told one by one.

use std::collections::BTreeMap;

use super::row;
use super::truth::Truth;
use crate::sandbox::balance::LATE;
use crate::sandbox::currency::ACCOUNTS;
use crate::sandbox::effect::{Effect, RELEASED, effects};
use crate::sandbox::files::{self, Books};
use crate::sandbox::merchant::Merchant;
use crate::sandbox::movement::CHARGEBACKS;
use crate::sandbox::payment::ActionKind;
use crate::sandbox::report::{Content, Report};
use crate::sandbox::schedule::{DAY, Micros};
use crate::sandbox::settlement::Settlement;
use crate::sandbox::zone::Zone;

/// The flow of actions.
pub(super) const ACTIONS: &str = "payment_to_actions";
/// The flow of what settlements are made of.
pub(super) const SETTLEMENTS: &str = "actions_to_payout";
/// The flow of disputes.
pub(super) const DISPUTES: &str = "dispute_to_actions";
/// The flow of balances and reserves.
pub(super) const BALANCES: &str = "balance_rollforward";
/// The flow of fees.
pub(super) const FEES: &str = "fee_audit";
/// How far beyond the present something that has happened takes effect, releases of reserves aside.
const AHEAD: Micros = 8 * DAY;
/// The cost of an arbitration that was lost, which is no part of what was disputed.
const ARBITRATION: &str = "Chargeback (ARBL)";

/// Tells of all of it.
pub(super) fn tell(books: &Books<'_>, truth: &mut Truth) {
    let merchant = books.merchant;
    let all = effects(merchant, |_| true, merchant.started_at(), merchant.now() + AHEAD);
    let (told, untold): (Vec<&Effect>, Vec<&Effect>) = all.iter().partition(|effect| is_told(merchant, effect, effect.at));
    tell_actions(merchant, &untold, truth);
    tell_fees(merchant, &untold, truth);
    tell_unsettled(books, truth);
    tell_reserves(merchant, &told, truth);
    tell_disputes(merchant, &told, &untold, truth);
}

/// Whether a report by date tells of what took effect then, on the effect's account.
fn is_told(merchant: &Merchant, effect: &Effect, at: Micros) -> bool {
    let zone = Zone::of(effect.payment.currency.settled_to().entity);
    zone.day_of(merchant, at).is_some_and(|day| day + 1 < merchant.days())
}

/// Captures and refunds that no report tells of yet.
fn tell_actions(merchant: &Merchant, untold: &[&Effect], truth: &mut Truth) {
    for effect in untold.iter().filter(|effect| effect.gross().is_some()) {
        if effect.action().is_some_and(|action| matches!(action.kind, ActionKind::Capture | ActionKind::Refund)) {
            let id = effect.action_id(merchant);
            truth.tell(ACTIONS, ["left", "payment_actions", &id], "NOT_DUE_YET", "no report tells of its day yet");
        }
    }
}

/// Whether it is interchange that is billed later than its capture.
fn is_billed_later(effect: &Effect) -> bool {
    effect.gross().is_none() && effect.action().is_some_and(|action| action.kind == ActionKind::Capture)
}

/// Captures that reports tell of, and whose interchange they do not yet.
fn tell_fees(merchant: &Merchant, untold: &[&Effect], truth: &mut Truth) {
    for late in untold.iter().filter(|effect| is_billed_later(effect)) {
        if is_told(merchant, late, late.at - LATE) {
            let id = row::of_account(merchant, late.payment.currency.account, &late.action_id(merchant));
            truth.tell(FEES, ["left", "captured_fees", &id], "FEE_PENDING", "its interchange is billed on a later day");
        }
    }
}

/// Interchange that stands beside its capture in the file of the last settlement: that which it is part of is still to come.
fn tell_unsettled(books: &Books<'_>, truth: &mut Truth) {
    let merchant = books.merchant;
    let last = |account| Settlement::of(merchant, account, merchant.days().checked_sub(2)?);
    for settlement in (0..ACCOUNTS.len()).filter_map(last) {
        for row in rows_of(books, &settlement).iter().filter(|row| row.is_without_payout && row.is_of_payment) {
            let why = "billed with a settlement that is still to come";
            truth.tell(SETTLEMENTS, ["left", "settlement_rows", &row.id], "UNALLOCATED_TO_PAYOUT", why);
        }
    }
}

/// A row of a settlement's file.
pub(super) struct SettlementRow {
    /// By what it is known.
    pub id: String,
    /// Whether it is in the file, and not in the settlement.
    pub is_without_payout: bool,
    /// Whether a payment made it.
    is_of_payment: bool,
}

/// The rows of the newest file of a settlement.
pub(super) fn rows_of(books: &Books<'_>, settlement: &Settlement) -> Vec<SettlementRow> {
    let merchant = books.merchant;
    let is_meant = |report: &Report| {
        report.kind.content == Content::ActionsByPayout && report.settlement.is_some_and(|own| own.is(settlement))
    };
    let (mut rows, mut times) = (Vec::new(), BTreeMap::new());
    if let Some(report) = Report::all(merchant).filter(is_meant).last() {
        files::each_action(books, &report, &mut |line, payout_id, movement| {
            let told = row::of_settlement(merchant, settlement, payout_id, line, movement);
            let nth: &mut u32 = times.entry(told.clone()).or_default();
            *nth += 1;
            let (is_without_payout, is_of_payment) = (payout_id.is_empty(), line.effect.is_some());
            rows.push(SettlementRow { id: format!("{told}/{nth}"), is_without_payout, is_of_payment });
        });
    }
    rows
}

/// Reserves of which not all was released.
fn tell_reserves(merchant: &Merchant, told: &[&Effect], truth: &mut Truth) {
    let mut reserves: BTreeMap<u64, (usize, i128, i128)> = BTreeMap::new();
    for effect in told {
        let account = effect.payment.currency.account;
        let (_, held, released) = reserves.entry(effect.payment.index).or_insert((account, 0, 0));
        *held += effect.reserve;
        if effect.action_type == RELEASED {
            *released += effect.net();
        }
    }
    for (payment, (account, held, released)) in reserves {
        let id = row::of_account(merchant, account, &merchant.payment_id(payment));
        if held > released {
            truth.tell(BALANCES, ["left", "reservations", &id], "RESERVE_HELD", "it is held back");
        }
        if released != 0 && held > released {
            truth.tell(BALANCES, ["right", "releases", &id], "RESERVE_HELD", "the rest is held back");
        }
    }
}

/// Disputes that no report tells of yet, and those that were won and no report tells yet of what was given back.
fn tell_disputes(merchant: &Merchant, told: &[&Effect], untold: &[&Effect], truth: &mut Truth) {
    for late in untold.iter().filter(|effect| is_disputed_money(effect)) {
        let (payment, id) = (late.payment.index, merchant.dispute_id(late.payment.index));
        let taken = || told.iter().filter(|effect| effect.payment.index == payment && is_disputed_money(effect));
        let (reason, why) = match taken().next() {
            Some(_) => ("SOURCE_INCOMPLETE", "no report tells yet of what was given back"),
            None => ("NOT_DUE_YET", "no report tells of its day yet"),
        };
        truth.tell(DISPUTES, ["left", "disputes", &id], reason, why);
        for line in taken().filter_map(|effect| row::of_chargeback(merchant, effect, payment)) {
            truth.tell(DISPUTES, ["right", "chargebacks", &line], reason, why);
        }
    }
}

/// Whether it is of what was disputed, and no fee.
pub(super) fn is_disputed_money(effect: &Effect) -> bool {
    let gross = effect.gross().filter(|_| effect.action_type == CHARGEBACKS);
    gross.is_some_and(|gross| gross.breakdown_type != ARBITRATION)
}
