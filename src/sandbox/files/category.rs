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
pub(super) const SCHEME_FEES: &str = "Card Payment Scheme Fees";
pub(super) const GATEWAY_FEES: &str = "Card Payment Gateway Fees";
/// Reserves, the minimum billing fee, and what is carried from one settlement to the next.
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
pub(super) fn category_of(breakdown_type: &str) -> &'static str {
    match breakdown_type {
        "Capture" | "Partial Capture" => "Payments",
        "Refund" => "Refunds",
        "Card Payout" => "Pay To Cards",
        "Payout" => "Transfers Out",
        "Return" => "Transfers In",
        "Interchange Fixed Fee" | "Interchange Variable Fee" => "Card Payment Interchange Fees",
        "Scheme Fixed Fee" | "Scheme Variable Fee" => SCHEME_FEES,
        "Premium Variable Fee" => "Acquiring Premiums",
        "Gateway Fixed Fee" => GATEWAY_FEES,
        "Refund Fixed Fee" => "Refund Gateway Fees",
        "Chargeback Fixed Fee" => "Chargeback Fees",
        "Payout Confirmed Fixed Fee" => "Pay To Card Fees",
        chargeback if chargeback.starts_with("Chargeback (") => "Chargebacks",
        tax if tax.ends_with(" Tax") => "Tax",
        _ => ADJUSTMENTS,
    }
}
