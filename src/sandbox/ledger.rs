//! The truth about a merchant as a whole, in one pass over its payments: what every answer of the API must add up to.
//!
//! It is worked out from the core rows, never from JSON, so it can be held against what was read through the API.

use std::collections::BTreeMap;

use super::balance::{Balance, History, balance_at};
use super::billing::BillingFee;
use super::currency::ACCOUNTS;
use super::effect::Late;
use super::merchant::Merchant;
use super::movement::postings;
use super::payment::{ActionKind, Payment, Status};
use super::schedule::{HOUR, Micros};

/// Counts and sums over all payments at the merchant's present.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Payments, and the sum of their amounts in minor units, by currency.
    pub currencies: BTreeMap<&'static str, Sum>,
    /// Payments by status.
    pub statuses: BTreeMap<Status, u64>,
    /// Actions that `GET /payments/{id}/actions` shows over all payments, by kind.
    pub actions: BTreeMap<ActionKind, u64>,
    /// Elements of `actions[]` over all search rows: with pending ones, authentications and disputes.
    pub searched_actions: u64,
    /// Disputes by status.
    pub disputes: BTreeMap<&'static str, u64>,
    accounts: Vec<History>,
    late: Late,
}

/// A count, and a sum in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// How much, minor units.
    pub amount: i128,
}

impl Ledger {
    pub(super) fn of(merchant: &Merchant) -> Self {
        let mut ledger = Self { accounts: vec![History::default(); ACCOUNTS.len()], ..Self::default() };
        for payment in merchant.all_payments() {
            ledger.count(&payment);
            ledger.post(&payment, merchant.started_at());
        }
        for (account, history) in ledger.accounts.iter_mut().enumerate() {
            for day in 0..merchant.days() {
                let fee = BillingFee::of(merchant, account, day);
                fee.iter().for_each(|fee| history.bill(hours(fee.at - merchant.started_at()), fee));
            }
            history.finish();
        }
        ledger
    }

    /// Payments in all.
    pub fn payments(&self) -> u64 {
        self.currencies.values().map(|sum| sum.count).sum()
    }

    /// Actions in all, as `GET /payments/{id}/actions` shows them.
    pub fn final_actions(&self) -> u64 {
        self.actions.values().sum()
    }

    /// Disputes in all.
    pub fn disputed(&self) -> u64 {
        self.disputes.values().sum()
    }

    pub(super) fn balance(&self, merchant: &Merchant, account: usize, at: Micros) -> Option<Balance> {
        balance_at(merchant, account, self.accounts.get(account)?, at)
    }

    pub(super) fn history(&self, account: usize) -> Option<&History> {
        self.accounts.get(account)
    }

    /// The payments with effects long after they were asked for.
    pub(super) fn late(&self) -> &Late {
        &self.late
    }

    fn count(&mut self, payment: &Payment) {
        let sum = self.currencies.entry(payment.currency.code).or_default();
        sum.count += 1;
        sum.amount += i128::from(payment.amount);
        *self.statuses.entry(payment.status).or_default() += 1;
        for action in payment.final_actions() {
            *self.actions.entry(action.kind).or_default() += 1;
        }
        self.searched_actions += payment.searched_actions();
        if let Some(dispute) = &payment.dispute {
            *self.disputes.entry(dispute.status).or_default() += 1;
        }
    }

    fn post(&mut self, payment: &Payment, start: Micros) {
        let Some(history) = self.accounts.get_mut(payment.currency.account) else { return };
        for posting in postings(payment) {
            self.late.note(payment, &posting);
            history.post(hours(posting.at - start), &posting);
        }
    }
}

/// Whole hours.
fn hours(time: Micros) -> usize {
    usize::try_from(time / HOUR).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::sandbox::MerchantOptions;
    use crate::sandbox::json::{Json, write_actions, write_search_row};

    /// Adds up the JSON of every payment, as somebody who only knows the API would.
    fn by_reading(merchant: &Merchant) -> Ledger {
        let mut ledger = Ledger::default();
        let statuses: BTreeMap<String, Status> =
            merchant.all_payments().map(|payment| (payment.status.word().to_lowercase(), payment.status)).collect();
        for payment in merchant.all_payments() {
            let text = Json::document(|json| json.list("data", |json| write_search_row(json, merchant, &payment)));
            let page: Value = serde_json::from_str(&text).unwrap();
            let row = &page["data"][0];
            let sum = ledger.currencies.entry(payment.currency.code).or_default();
            assert_eq!(row["currency"], payment.currency.code);
            sum.count += 1;
            sum.amount += i128::from(row["amount"].as_i64().unwrap());
            *ledger.statuses.entry(statuses[row["status"].as_str().unwrap()]).or_default() += 1;
            ledger.searched_actions += row["actions"].as_array().unwrap().len() as u64;
            let actions: Value = serde_json::from_str(&write_actions(merchant, &payment)).unwrap();
            for (action, known) in actions.as_array().unwrap().iter().rev().zip(payment.final_actions()) {
                assert_eq!(action["type"], known.kind.word());
                *ledger.actions.entry(known.kind).or_default() += 1;
            }
            if let Some(dispute) = &payment.dispute {
                *ledger.disputes.entry(dispute.status).or_default() += 1;
            }
        }
        ledger
    }

    #[test]
    fn the_ledger_is_what_the_answers_add_up_to() {
        let merchant = Merchant::new(MerchantOptions { payments: 3_000, seed: 5, ..MerchantOptions::default() });
        let (ledger, read) = (merchant.ledger(), by_reading(&merchant));
        assert_eq!(ledger.currencies, read.currencies);
        assert_eq!(ledger.statuses, read.statuses);
        assert_eq!(ledger.actions, read.actions);
        assert_eq!(ledger.searched_actions, read.searched_actions);
        assert_eq!(ledger.disputes, read.disputes);
        assert_eq!((ledger.payments(), ledger.currencies.len()), (3_000, 10));
    }
}
