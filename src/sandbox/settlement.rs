//! A settlement: what one currency account was paid for a day, which is what the by-payout files tell of.
//!
//! There is one a day and account, whatever is paid. What is left over, less than a minor unit or a debt, is brought into
//! the next one, so that its rows always add up to its amount and less than a minor unit.

use super::balance::{CUT, Payout, RETURN_DAYS};
use super::billing::BillingFee;
use super::currency::{ACCOUNTS, Currency, CurrencyAccount};
use super::merchant::Merchant;
use super::schedule::{DAY, Micros, SECOND};

/// The settlement of an account and a day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settlement {
    /// Place of the account in [`ACCOUNTS`].
    pub account: usize,
    /// The account.
    pub known: &'static CurrencyAccount,
    /// First instant of the effects that it settles.
    pub from: Micros,
    /// When it was made, and the end of what it settles.
    pub to: Micros,
    day: usize,
}

const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ID_LENGTH: u32 = 12;
/// Higher than the index of any payment.
const BEYOND_PAYMENTS: u64 = 1 << 40;

impl Settlement {
    /// The settlement of a day, counted from 0.
    pub(super) fn of(merchant: &Merchant, account: usize, day: usize) -> Option<Self> {
        let known = ACCOUNTS.get(account)?;
        let to = merchant.started_at() + Micros::try_from(day).ok()? * DAY + CUT;
        let from = if day == 0 { merchant.started_at() } else { to - DAY };
        Some(Self { account, known, from, to, day })
    }

    /// Whether it is the same one.
    pub(super) const fn is(&self, other: &Self) -> bool {
        self.account == other.account && self.day == other.day
    }

    /// What it pays.
    pub(super) fn payout(&self, merchant: &Merchant) -> Option<Payout> {
        let currency = Currency::find(self.known.currency)?;
        Some(merchant.ledger().history(self.account)?.payout(currency, self.day))
    }

    /// Whether there is nothing in it besides these effects: then it is in no report without them.
    pub(super) fn is_bare(&self, merchant: &Merchant) -> bool {
        let payout = self.payout(merchant).unwrap_or_default();
        payout.brought == 0 && payout.returned == 0 && self.billing_fee(merchant).is_none()
    }

    /// The minimum billing fee that is part of it.
    pub(super) fn billing_fee(&self, merchant: &Merchant) -> Option<BillingFee> {
        BillingFee::of(merchant, self.account, self.day)
    }

    /// What the bank sent back of an earlier settlement, and the words that name it.
    pub(super) fn returned(&self, merchant: &Merchant) -> Option<(String, i128)> {
        let amount = self.payout(merchant)?.returned;
        let earlier = Self::of(merchant, self.account, self.day.checked_sub(RETURN_DAYS)?)?;
        (amount != 0).then(|| (format!("returned {}", earlier.id(merchant)), amount))
    }

    /// The last millisecond of what it settles, which is when its own rows are.
    pub(super) const fn last_instant(&self) -> Micros {
        self.to - SECOND / 1_000
    }

    /// `adj_…` of a row that it makes itself.
    pub(super) fn adjustment_id(&self, merchant: &Merchant, number: u64) -> String {
        merchant.ids().make("adj_", BEYOND_PAYMENTS + self.ordinal(), number)
    }

    /// Twelve characters, as a bank statement shows them.
    pub(super) fn id(&self, merchant: &Merchant) -> String {
        let mut left = 5_000_000 + merchant.seed() % 1_000 * 100_000 + self.ordinal() * 7;
        let mut letters = Vec::new();
        for _ in 0..ID_LENGTH {
            let digit = usize::try_from(left % 36).ok().and_then(|digit| DIGITS.get(digit));
            letters.push(char::from(digit.copied().unwrap_or(b'0')));
            left /= 36;
        }
        letters.into_iter().rev().collect()
    }

    const fn ordinal(&self) -> u64 {
        (self.day * ACCOUNTS.len() + self.account) as u64
    }
}
