//! Sums of effects by the vendor's categories, which are columns of the Payouts and the Balance report.

use std::collections::BTreeMap;

use crate::sandbox::effect::Effect;

/// Columns 13 to 42 of the Payouts report, between commas.
pub(super) const CATEGORIES: &str = "Merchant Payout Fees,Payments,Refunds,Chargebacks,Pay To Cards,\
    Card Payment Interchange Fees,Card Payment Scheme Fees,Acquiring Premiums,Card Payment Gateway Fees,\
    Card Payment Blended Fees,Refunded Interchange Fees,Refund Scheme Fees,Refund Gateway Fees,Chargeback Fees,\
    Retrieval Fees,Representment Fees,Pay To Card Interchange Fees,Pay To Card Scheme Fees,Pay To Card Fees,\
    Alternative Payment Method Fees,Adjustments,Tax,Account Updater Fees,Transfers In,Transfers Out,\
    Authentication Fees,Authentication Scheme Fees,Risk Engine Fees,Intelligent Acceptance Fees,Network Token Fees";
/// Reserves, and what is carried from one settlement to the next.
pub(super) const ADJUSTMENTS: &str = "Adjustments";

/// Sums by category; major units, eight decimals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Categories {
    sums: BTreeMap<&'static str, i128>,
}

impl Categories {
    pub(super) fn add(&mut self, effect: &Effect) {
        for movement in &effect.movements {
            self.add_to(category_of(movement.breakdown_type), movement.holding);
        }
        self.add_to(ADJUSTMENTS, -effect.reserve);
    }

    pub(super) fn add_to(&mut self, category: &'static str, amount: i128) {
        *self.sums.entry(category).or_default() += amount;
    }

    pub(super) fn of(&self, category: &str) -> i128 {
        self.sums.get(category).copied().unwrap_or_default()
    }
}

/// Money sent to a bank account has no category of its own; it is a transfer out.
fn category_of(breakdown_type: &str) -> &'static str {
    match breakdown_type {
        "Capture" | "Partial Capture" => "Payments",
        "Refund" => "Refunds",
        "Card Payout" => "Pay To Cards",
        "Payout" => "Transfers Out",
        "Return" => "Transfers In",
        "Interchange Variable Fee" => "Card Payment Interchange Fees",
        "Scheme Variable Fee" => "Card Payment Scheme Fees",
        "Gateway Fixed Fee" => "Card Payment Gateway Fees",
        "Refund Fixed Fee" => "Refund Gateway Fees",
        "Chargeback Fixed Fee" => "Chargeback Fees",
        "Payout Confirmed Fixed Fee" => "Pay To Card Fees",
        chargeback if chargeback.starts_with("Chargeback (") => "Chargebacks",
        _ => ADJUSTMENTS,
    }
}

/// The sum of an effect's movements whose breakdown type starts so.
pub(super) fn sum_of(effect: &Effect, start: &str) -> i128 {
    let meant = effect.movements.iter().filter(|movement| movement.breakdown_type.starts_with(start));
    meant.map(|movement| movement.holding).sum()
}
