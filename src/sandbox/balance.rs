//! Balances of a currency account at any past instant, from hourly totals of what was posted to it.
//!
//! The stand-in's rules: a posting takes effect at the end of its hour. A capture is pending for two days; then a
//! twentieth of it goes to the rolling reserve for 90 days and the rest is available. Everything else is available, or
//! taken from it, at once, but for some interchange, which is billed a day after its capture is available. Every day, 16
//! hours after the hour of the merchant's start, what is available becomes payable, and it leaves a day later. Less than
//! a minor unit stays behind, and a debt does. Now and then the bank sends a payout back, and the next one has its money.

use super::billing::BillingFee;
use super::currency::{ACCOUNTS, Currency};
use super::merchant::Merchant;
use super::movement::{Clearing, Posting};
use super::schedule::{DAY, HOUR, Micros};

/// The balances of one currency account at an instant; minor units of its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Entity that owns it.
    pub entity_id: String,
    /// Its id.
    pub currency_account_id: String,
    /// Its name.
    pub descriptor: &'static str,
    /// Its currency.
    pub currency: &'static str,
    /// Captured within the last two days.
    pub pending: i64,
    /// Can be paid out; negative after more refunds than sales.
    pub available: i64,
    /// On its way to the bank.
    pub payable: i64,
    /// Held as rolling reserve.
    pub collateral: i64,
}

/// What was posted to one currency account, hour by hour.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    /// Sums of each hour; after [`History::finish`], of all hours up to its end.
    hours: Vec<Sums>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// Net of captures.
    captured: i128,
    /// The part of captures that is reserved.
    reserved: i128,
    /// Everything that is not a capture, with late interchange.
    immediate: i128,
}

/// The balances of a currency account and its payout, exact: major units, eight decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pots {
    pub pending: i128,
    pub available: i128,
    pub payable: i128,
    pub collateral: i128,
}

/// What one day's payout of a currency account is made of: major units, eight decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Payout {
    /// Left over from the day before; negative after more refunds than sales.
    pub brought: i128,
    /// What the bank sent back of an earlier one.
    pub returned: i128,
    /// What it comes to: whole minor units, negative where money is owed.
    pub amount: i128,
    /// What it has beyond that, less than a minor unit.
    pub dust: i128,
    /// Sent to the bank: the amount, where that is not negative.
    pub sent: i128,
    /// Left for the day after.
    left: i128,
    /// Sent since the merchant's start and not returned, this payout included.
    paid: i128,
}

/// How long a capture is pending, and how long a part of it is reserved after that.
pub(super) const PENDING: Micros = 2 * DAY;
const PENDING_HOURS: usize = 48;
/// How long after its capture is available late interchange is billed.
pub(super) const LATE: Micros = DAY;
const LATE_HOURS: usize = 24;
pub(super) const RESERVED: Micros = 90 * DAY;
const RESERVED_HOURS: usize = 90 * 24;
const HOURS_A_DAY: usize = 24;
/// Hours into the merchant's day at which payouts are made.
const CUT_HOUR: usize = 16;
pub(super) const CUT: Micros = 16 * HOUR;
/// Every so many days, and on that day of them, the bank sends back the payout made two days before.
const RETURN_EVERY: usize = 37;
const RETURN_DAY: usize = 20;
/// Days from a payout to the one that has its money again.
pub(super) const RETURN_DAYS: usize = 2;
/// One part in so many is reserved.
const RESERVE: i128 = 20;

/// The part of a posting that is held back when it becomes available.
pub(super) fn reserve_of(posting: &Posting) -> i128 {
    match posting.clearing {
        Clearing::Immediate | Clearing::Late => 0,
        Clearing::Delayed => posting.movements.first().map_or(0, |gross| gross.holding) / RESERVE,
    }
}

impl Sums {
    fn add(&mut self, more: &Self) {
        self.captured += more.captured;
        self.reserved += more.reserved;
        self.immediate += more.immediate;
    }
}

impl History {
    /// Adds a posting, `hour` hours after the merchant's start.
    pub(super) fn post(&mut self, hour: usize, posting: &Posting) {
        let net: i128 = posting.movements.iter().map(|movement| movement.holding).sum();
        match posting.clearing {
            Clearing::Immediate => self.add(hour, &Sums { immediate: net, ..Sums::default() }),
            Clearing::Late => self.add(hour + PENDING_HOURS + LATE_HOURS, &Sums { immediate: net, ..Sums::default() }),
            Clearing::Delayed => self.add(hour, &Sums { captured: net, reserved: reserve_of(posting), immediate: 0 }),
        }
    }

    /// Adds a fee that no payment made.
    pub(super) fn bill(&mut self, hour: usize, fee: &BillingFee) {
        self.add(hour, &Sums { immediate: fee.holding, ..Sums::default() });
    }

    fn add(&mut self, hour: usize, more: &Sums) {
        if self.hours.len() <= hour {
            self.hours.resize(hour + 1, Sums::default());
        }
        if let Some(sums) = self.hours.get_mut(hour) {
            sums.add(more);
        }
    }

    /// Makes each hour's sums those of all hours up to it.
    pub(super) fn finish(&mut self) {
        let mut so_far = Sums::default();
        for sums in &mut self.hours {
            so_far.add(sums);
            *sums = so_far;
        }
    }

    /// The balances `hours` whole hours after the start.
    pub(super) fn pots(&self, currency: &Currency, hours: usize) -> Pots {
        let last = self.last_payout(currency, hours);
        Pots {
            pending: self.before(hours).captured - self.before(hours.saturating_sub(PENDING_HOURS)).captured,
            available: self.cleared(hours) - last.paid,
            payable: last.sent,
            collateral: self.held(hours),
        }
    }

    /// The payout of a day, counted from 0.
    pub(super) fn payout(&self, currency: &Currency, day: usize) -> Payout {
        self.last_payout(currency, day * HOURS_A_DAY + CUT_HOUR)
    }

    /// The last payout made in the first `hours` hours.
    fn last_payout(&self, currency: &Currency, hours: usize) -> Payout {
        let (mut last, mut before) = (Payout::default(), Payout::default());
        for (day, cut) in (CUT_HOUR..=hours).step_by(HOURS_A_DAY).enumerate() {
            // It left a day after it was made, and is back another day later.
            let returned = if day % RETURN_EVERY == RETURN_DAY { before.sent } else { 0 };
            let due = self.cleared(cut) - last.paid + returned;
            let amount = currency.to_major(currency.to_minor(due));
            let (dust, sent) = (due - amount, amount.max(0));
            let paid = last.paid - returned + sent;
            before = last;
            last = Payout { brought: before.left, returned, amount, dust, sent, left: due - sent, paid };
        }
        last
    }

    /// All that has become available in the first `hours` hours, payouts not counted.
    fn cleared(&self, hours: usize) -> i128 {
        let cleared = self.before(hours.saturating_sub(PENDING_HOURS));
        self.before(hours).immediate + cleared.captured - self.held(hours)
    }

    fn held(&self, hours: usize) -> i128 {
        let cleared = self.before(hours.saturating_sub(PENDING_HOURS));
        cleared.reserved - self.before(hours.saturating_sub(PENDING_HOURS + RESERVED_HOURS)).reserved
    }

    /// Sums of the first `hours` hours.
    fn before(&self, hours: usize) -> Sums {
        let last = hours.min(self.hours.len());
        last.checked_sub(1).and_then(|last| self.hours.get(last)).copied().unwrap_or_default()
    }
}

/// The balances of one of [`ACCOUNTS`] at an instant.
pub(super) fn balance_at(merchant: &Merchant, account: usize, history: &History, at: Micros) -> Option<Balance> {
    let known = ACCOUNTS.get(account)?;
    let currency = Currency::find(known.currency)?;
    let hours = usize::try_from((at - merchant.started_at()) / HOUR).unwrap_or(0);
    let pots = history.pots(currency, hours);
    Some(Balance {
        entity_id: merchant.entity_id(known.entity),
        currency_account_id: merchant.account_id(account),
        descriptor: known.descriptor,
        currency: known.currency,
        pending: currency.to_minor(pots.pending),
        available: currency.to_minor(pots.available),
        payable: currency.to_minor(pots.payable),
        collateral: currency.to_minor(pots.collateral),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::MerchantOptions;
    use crate::sandbox::effect::effective_at;
    use crate::sandbox::movement::postings;
    use crate::sandbox::payment::instant;

    fn merchant() -> Merchant {
        Merchant::new(MerchantOptions { payments: 4_000, seed: 2, ..MerchantOptions::default() })
    }

    #[test]
    fn what_was_captured_in_two_days_is_pending() {
        let merchant = merchant();
        let at = merchant.started_at() + 40 * DAY + 5 * HOUR;
        for (account, balance) in merchant.balances(instant(at)).iter().enumerate() {
            let mut pending = 0;
            for payment in merchant.all_payments().filter(|payment| payment.currency.account == account) {
                let captures = postings(&payment).into_iter().filter(|posting| posting.clearing == Clearing::Delayed);
                for capture in captures.filter(|capture| (at - 2 * DAY..at).contains(&capture.at)) {
                    pending += capture.movements.iter().map(|movement| movement.holding).sum::<i128>();
                }
            }
            assert_eq!(balance.pending, Currency::find(balance.currency).unwrap().to_minor(pending), "{}", balance.descriptor);
        }
    }

    #[test]
    fn between_payouts_money_comes_and_goes_by_postings_only() {
        let merchant = merchant();
        let from = merchant.started_at() + 60 * DAY + 16 * HOUR;
        let day = |at: Micros| merchant.balances(instant(at));
        for (account, (before, after)) in day(from).iter().zip(day(from + DAY - HOUR)).enumerate() {
            let currency = Currency::find(before.currency).unwrap();
            let mut posted = 0;
            for payment in merchant.all_payments().filter(|payment| payment.currency.account == account) {
                for posting in postings(&payment) {
                    let at = if posting.clearing == Clearing::Late { effective_at(&posting) } else { posting.at };
                    if (from..from + DAY - HOUR).contains(&at) {
                        posted += posting.movements.iter().map(|movement| movement.holding).sum::<i128>();
                    }
                }
            }
            let total = |balance: &Balance| balance.pending + balance.available + balance.payable + balance.collateral;
            let change = total(&after) - total(before);
            // Four balances are each cut down to whole minor units, before and after.
            assert!((change - currency.to_minor(posted)).abs() <= 4, "{}: {change} {posted}", before.descriptor);
        }
    }

    #[test]
    fn a_merchant_has_nothing_at_its_start_and_much_at_its_end() {
        let merchant = merchant();
        assert!(merchant.balances(merchant.start()).iter().all(|balance| balance.pending == 0 && balance.available == 0));
        let end = merchant.balances(merchant.end());
        assert_eq!(end.len(), ACCOUNTS.len());
        assert!(end.iter().all(|balance| balance.collateral > 0) && end.iter().any(|balance| balance.available > 0), "{end:?}");
        assert_eq!(end, merchant.balances(instant(merchant.now() + 99 * DAY)));
    }
}
