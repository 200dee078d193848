//! The payouts that the merchant is sent, with what becomes of each.

use chrono::NaiveDate;

use super::days::{after, before};
use super::fate::Fate;
use super::pick::spread;
use crate::sandbox::balance::RETURN_DAYS;
use crate::sandbox::currency::{ACCOUNTS, Currency};
use crate::sandbox::dice::Dice;
use crate::sandbox::effect::effects;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::payment::instant;
use crate::sandbox::settlement::Settlement;
use crate::sandbox::zone::Zone;

/// A payout that a report tells of.
#[derive(Debug, Clone)]
pub(super) struct Payout {
    /// Its id.
    pub id: String,
    /// Place of its currency account in [`ACCOUNTS`].
    pub account: usize,
    /// What is paid.
    pub currency: &'static Currency,
    /// How much, minor units.
    pub amount: i64,
    /// Day on which it was made, in its entity's zone.
    pub made_on: NaiveDate,
    /// Day on which the bank has it.
    pub arrives_on: NaiveDate,
    /// What becomes of it.
    pub fate: Fate,
}

/// Working days from a payout to the bank, by account.
const DAYS: [usize; 5] = [1, 1, 2, 2, 2];
/// Fates by account, in the order of time.
const PLANTED: [&[Fate]; 5] = [
    &[Fate::Lost, Fate::SmallLetters, Fate::Part, Fate::Parts, Fate::OtherId, Fate::Late, Fate::Alike],
    &[Fate::Fee, Fate::Blank, Fate::Unloaded, Fate::Debit, Fate::Merged, Fate::NoId],
    &[Fate::Twice, Fate::NoId, Fate::Again, Fate::Fee],
    &[Fate::NoId, Fate::Exchanged, Fate::Lost],
    &[Fate::NoId, Fate::SmallLetters],
];
/// Days at the start and at the end on which nothing is planted.
const QUIET_START: u64 = 10;
const QUIET_END: u64 = 32;
/// Less than this, in minor units, and nothing is planted: a fee would be more.
const LEAST: i64 = 10_000;
/// Days within which the bank sends a payout back, at the most.
const DAYS_BACK: i64 = 6;
const STREAM: u64 = 31;

/// Every payout that the merchant's reports tell of, by account and day.
pub(super) fn payouts(merchant: &Merchant) -> Vec<Payout> {
    (0..ACCOUNTS.len()).flat_map(|account| of_account(merchant, account)).collect()
}

fn of_account(merchant: &Merchant, account: usize) -> Vec<Payout> {
    let mut payouts = Vec::new();
    // No report tells of the last day.
    for day in 0..merchant.days().saturating_sub(1) {
        let made = || {
            let settlement = Settlement::of(merchant, account, day)?;
            let currency = Currency::find(settlement.known.currency)?;
            let payout = settlement.payout(merchant)?;
            let made_on = instant(Zone::of(settlement.known.entity).local(settlement.to)).date_naive();
            let arrives_on = after(made_on, DAYS.get(account).copied()?);
            let (id, amount) = (settlement.id(merchant), currency.to_minor(payout.amount));
            let fate = if amount > 0 { fate(merchant, account, day, arrives_on) } else { Fate::Carried };
            let is_reported = || {
                let has_effects = || !effects(merchant, |own| own == account, settlement.from, settlement.to).is_empty();
                amount > 0 || !settlement.is_bare(merchant) || has_effects()
            };
            is_reported().then_some(Payout { id, account, currency, amount, made_on, arrives_on, fate })
        };
        payouts.extend(made());
    }
    plant(merchant, account, &mut payouts);
    payouts
}

/// What becomes of a payout where nothing is planted.
fn fate(merchant: &Merchant, account: usize, day: usize, arrives_on: NaiveDate) -> Fate {
    let today = merchant.end().date_naive();
    let is_back = |day| {
        Settlement::of(merchant, account, day).and_then(|later| later.payout(merchant)).is_some_and(|later| later.returned != 0)
    };
    if arrives_on >= today {
        Fate::OnItsWay
    } else if is_back(day + RETURN_DAYS) && after(arrives_on, 1) < today {
        Fate::Returned
    } else {
        Fate::Plain
    }
}

/// Gives some payouts of an account a fate of their own.
fn plant(merchant: &Merchant, account: usize, payouts: &mut [Payout]) {
    let planted = PLANTED.get(account).copied().unwrap_or_default();
    let (start, end) = (merchant.start().date_naive(), merchant.end().date_naive());
    let is_quiet = |payout: &Payout| before(payout.made_on, QUIET_START) < start || payout.made_on >= before(end, QUIET_END);
    let eligible: Vec<usize> = payouts
        .iter()
        .enumerate()
        .filter(|(_, payout)| payout.fate == Fate::Plain && payout.amount >= LEAST && !is_quiet(payout))
        .map(|(place, _)| place)
        .collect();
    let mut dice = Dice::new(merchant.seed(), STREAM, account as u64);
    let fits = |fate: usize, place: usize| {
        let place = eligible.get(place).copied().unwrap_or(usize::MAX);
        planted.get(fate).is_some_and(|fate| suits(*fate, place, payouts))
    };
    for (fate, place) in planted.iter().zip(spread(&mut dice, eligible.len(), planted.len(), fits)) {
        let payout = place.and_then(|place| eligible.get(place)).and_then(|place| payouts.get_mut(*place));
        if let Some(payout) = payout {
            payout.fate = *fate;
        }
    }
}

/// Whether a payout can have a fate; most can have any.
fn suits(fate: Fate, place: usize, payouts: &[Payout]) -> bool {
    let Some(own) = payouts.get(place) else { return false };
    let next = payouts.get(place + 1);
    match fate {
        // Nothing else comes or goes on the day of the statement that is missing.
        Fate::Unloaded => {
            let is_near = |other: &&Payout| {
                let days = (own.arrives_on - other.arrives_on).num_days();
                days == 0 || other.fate == Fate::Returned && (0..=DAYS_BACK).contains(&days)
            };
            payouts.iter().filter(is_near).count() == 1
        }
        Fate::Merged => next.is_some_and(|next| next.fate == Fate::Plain && next.arrives_on == own.arrives_on),
        _ => true,
    }
}
