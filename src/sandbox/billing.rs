//! The minimum billing fee: what some currency accounts pay once a month, whatever they sell. No payment makes it.

use super::currency::{ACCOUNTS, Currency};
use super::merchant::Merchant;
use super::schedule::{DAY, HOUR, Micros};

/// A minimum billing fee.
#[derive(Debug, Clone, Copy)]
pub(super) struct BillingFee {
    /// When it is taken.
    pub at: Micros,
    /// Effect on the balance: major units, eight decimals.
    pub holding: i128,
}

/// The fee, as action type and as breakdown type.
pub(super) const BILLING_FEE: &str = "Billing Fee";
pub(super) const MINIMUM: &str = "Minimum Billing Fee";
/// The accounts that pay it, as places in [`ACCOUNTS`].
const BILLED: [usize; 2] = [1, 3];
/// Days of a month, and the day of it on which the fee is taken.
const MONTH: usize = 30;
const DAY_OF_MONTH: usize = 14;
/// The hour of the day, before the day's payout is made.
const BILLED_AT: Micros = 6 * HOUR;
/// In euro cents.
const FEE: i64 = 1_250;

impl BillingFee {
    /// The fee that an account pays on a day, counted from 0.
    pub(super) fn of(merchant: &Merchant, account: usize, day: usize) -> Option<Self> {
        let currency = Currency::find(ACCOUNTS.get(account)?.currency)?;
        let is_due = BILLED.contains(&account) && day % MONTH == DAY_OF_MONTH;
        let at = merchant.started_at() + Micros::try_from(day).ok()? * DAY + BILLED_AT;
        is_due.then(|| Self { at, holding: -currency.worth(FEE) })
    }
}
