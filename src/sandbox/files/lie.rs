//! Lies in the books, told on request: each makes one identity of the report files fail, and no other, but for a breakdown
//! type that is not known, by which no line of a balance report adds up either.
//!
//! All but one are about one capture in another currency, the first after the middle of the merchant's history that is
//! large enough, or about its settlement or its day. No lie adds or takes a row, and the API goes on telling the truth.

use super::action_line::Line;
use super::category::Categories;
use crate::sandbox::balance::Pots;
use crate::sandbox::currency::{ACCOUNTS, Currency, exchange};
use crate::sandbox::effect::{Effect, effects};
use crate::sandbox::merchant::Merchant;
use crate::sandbox::movement::{CHARGEBACKS, GATEWAY, Movement, RESERVED, Rollup};
use crate::sandbox::report::{Content, Report};
use crate::sandbox::schedule::{DAY, Micros};
use crate::sandbox::settlement::Settlement;
use crate::sandbox::zone::Zone;

/// What is told wrongly in the report files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// A capture's amount is a minor unit more than the payment's action says.
    CapturedAmount,
    /// A payout's financial actions come to a minor unit less than its amount.
    PayoutRows,
    /// In a row of a settlement breakdown, net is a minor unit less than gross and deduction.
    BreakdownNet,
    /// In a row of a settlement breakdown, the fees are a minor unit less than the deduction.
    BreakdownFees,
    /// A payout's categories come to a minor unit less than its amount.
    PayoutColumns,
    /// What is available rises by a minor unit that no financial action brought.
    AvailableBalance,
    /// A day opens with a minor unit more pending than the day before closed with.
    OpeningBalance,
    /// A minor unit more is payable than was paid out.
    PayableBalance,
    /// The reserve rises by a minor unit that nothing was held back for.
    CollateralBalance,
    /// A chargeback is another payment's.
    DisputedPayment,
    /// A capture's gateway fee is another capture's.
    FeeAction,
    /// A capture's exchange rate is a thousandth too high.
    ExchangeRate,
    /// A minor unit of scheme fees is told as gateway fees.
    FeeCategory,
    /// A payout's capture is one that the payout before has settled.
    SettledTwice,
    /// A capture's scheme fee is of a breakdown type that there is none of.
    BreakdownType,
}

/// The merchant's books, with what is told wrongly in them.
#[derive(Debug)]
pub(in crate::sandbox) struct Books<'a> {
    pub merchant: &'a Merchant,
    lies: &'a [Lie],
    spot: Option<Spot>,
}

/// What the lies are about.
#[derive(Debug)]
pub(in crate::sandbox) struct Spot {
    /// The capture.
    pub capture: Effect,
    /// What settles it.
    pub settlement: Settlement,
    /// The day of the capture in its entity's zone, counted from 0.
    pub day: usize,
    /// Another capture of the account on that day.
    pub sibling: Effect,
    /// A capture that an earlier payout has settled.
    pub other: Effect,
    /// A disputed payment.
    pub disputed: Option<u64>,
}

/// Which balance of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Opening,
    Closing,
}

/// The scheme fee that each capture has, and what there is none of.
const SCHEME: &str = "Scheme Variable Fee";
const UNKNOWN: &str = "Scheme Surcharge Fee";
/// How far an exchanged amount may be from its rate, as the part of it that is one in so many.
const BAND: i128 = 200_000;
/// Days to look back for a payout with a capture.
const EARLIER: usize = 10;

impl Lie {
    /// Every lie with its name.
    pub(in crate::sandbox) const ALL: [(&'static str, Self); 15] = [
        ("captured_amount", Self::CapturedAmount),
        ("payout_rows", Self::PayoutRows),
        ("breakdown_net", Self::BreakdownNet),
        ("breakdown_fees", Self::BreakdownFees),
        ("payout_columns", Self::PayoutColumns),
        ("available_balance", Self::AvailableBalance),
        ("opening_balance", Self::OpeningBalance),
        ("payable_balance", Self::PayableBalance),
        ("collateral_balance", Self::CollateralBalance),
        ("disputed_payment", Self::DisputedPayment),
        ("fee_action", Self::FeeAction),
        ("exchange_rate", Self::ExchangeRate),
        ("fee_category", Self::FeeCategory),
        ("settled_twice", Self::SettledTwice),
        ("breakdown_type", Self::BreakdownType),
    ];
}

impl<'a> Books<'a> {
    /// The books of a merchant; without lies, the truth.
    pub(in crate::sandbox) fn new(merchant: &'a Merchant, lies: &'a [Lie]) -> Self {
        let spot = if lies.is_empty() { None } else { Spot::find(merchant) };
        Self { merchant, lies, spot }
    }

    /// What a lie is about, where it is told.
    pub(in crate::sandbox) fn told(&self, lie: Lie) -> Option<&Spot> {
        self.spot.as_ref().filter(|_| self.lies.contains(&lie))
    }

    /// Bends a row of financial actions.
    pub(super) fn bend_action(&self, content: Content, line: &mut Line<'_>, movement: &mut Movement) {
        let (Some(spot), Some(effect)) = (&self.spot, line.effect) else { return };
        let told = |lie| self.lies.contains(&lie);
        let (is_capture, is_gross) = (effect.is(&spot.capture), movement.rollup() == Rollup::Gross);
        let is_reserve = movement.breakdown_type == RESERVED;
        let by_payout = content == Content::ActionsByPayout;
        if told(Lie::CapturedAmount) && is_capture && is_gross && !is_reserve {
            movement.processing += effect.payment.currency.to_major(1);
        }
        if told(Lie::ExchangeRate) && is_capture && is_gross && !is_reserve {
            line.rate += line.rate / 1_000;
        }
        if told(Lie::PayoutRows) && by_payout && is_capture && is_reserve {
            movement.holding -= spot.unit();
            movement.processing -= spot.unit();
        }
        if told(Lie::FeeAction) && is_capture && movement.breakdown_type == GATEWAY {
            line.action_id = spot.sibling.action_id(self.merchant);
            line.payment_id = self.merchant.payment_id(spot.sibling.payment.index);
        }
        if told(Lie::SettledTwice) && by_payout && is_capture && is_gross && !is_reserve {
            line.action_id = spot.other.action_id(self.merchant);
            line.payment_id = self.merchant.payment_id(spot.other.payment.index);
            // Settled twice, it takes effect when it did.
            line.at = spot.other.at;
        }
        if told(Lie::BreakdownType) && is_capture && movement.breakdown_type == SCHEME {
            movement.breakdown_type = UNKNOWN;
        }
        if told(Lie::DisputedPayment) && is_gross && spot.has_raised(effect) {
            line.payment_id = self.merchant.payment_id(spot.other.payment.index);
        }
    }

    /// How much too low the net of a movement is in its settlement's breakdown.
    pub(super) fn missing_net(&self, effect: &Effect) -> i128 {
        self.told(Lie::BreakdownNet).filter(|spot| effect.is(&spot.capture)).map_or(0, Spot::unit)
    }

    /// How much too low the fees on a movement are in its settlement's breakdown.
    pub(super) fn missing_fees(&self, effect: &Effect) -> i128 {
        self.told(Lie::BreakdownFees).filter(|spot| effect.is(&spot.capture)).map_or(0, Spot::unit)
    }

    /// Bends the categories of a settlement.
    pub(super) fn bend_payout(&self, settlement: &Settlement, categories: &mut Categories) {
        let spot = self.told(Lie::PayoutColumns).filter(|spot| spot.settlement.is(settlement));
        categories.add_to(super::category::GATEWAY_FEES, -spot.map_or(0, Spot::unit));
    }

    /// Bends the categories of a day and a payment method.
    pub(super) fn bend_movements(&self, report: &Report, account: usize, method: &str, categories: &mut Categories) {
        let Some(spot) = self.told(Lie::FeeCategory) else { return };
        let is_meant = spot.day == report.day && spot.settlement.account == account;
        if is_meant && method == super::breakdown::method_of(self.merchant, &spot.capture) {
            categories.add_to(super::category::GATEWAY_FEES, -spot.unit());
            categories.add_to(super::category::SCHEME_FEES, spot.unit());
        }
    }

    /// Bends the balances of a day.
    pub(super) fn bend_pots(&self, account: usize, day: usize, end: End, pots: &mut Pots) {
        let Some(spot) = self.spot.as_ref().filter(|spot| spot.settlement.account == account) else { return };
        // Closing is the next day's opening.
        let opened = if end == End::Closing { day + 1 } else { day };
        let bend = |lie, is_meant| if self.lies.contains(&lie) && is_meant { spot.unit() } else { 0 };
        pots.available += bend(Lie::AvailableBalance, opened > spot.day);
        pots.collateral += bend(Lie::CollateralBalance, opened > spot.day);
        pots.payable += bend(Lie::PayableBalance, opened == spot.day + 1);
        pots.pending += bend(Lie::OpeningBalance, end == End::Opening && day == spot.day);
    }
}

impl Spot {
    fn find(merchant: &Merchant) -> Option<Self> {
        let middle = merchant.days() / 2;
        let settlements = (middle..merchant.days()).flat_map(|day| (0..ACCOUNTS.len()).map(move |account| (account, day)));
        let (capture, settlement, day, sibling, other) = settlements.into_iter().find_map(|(account, day)| {
            let settlement = Settlement::of(merchant, account, day)?;
            let capture = paid_captures(merchant, &settlement).into_iter().find(is_fit)?;
            let mut earlier = (day.saturating_sub(EARLIER)..day).rev().filter_map(|day| Settlement::of(merchant, account, day));
            let other = earlier.find_map(|settlement| paid_captures(merchant, &settlement).pop())?;
            let day = Zone::of(settlement.known.entity).day_of(merchant, capture.at)?;
            let sibling = captures_of_day(merchant, &settlement, day).into_iter().find(|effect| !effect.is(&capture))?;
            Some((capture, settlement, day, sibling, other))
        })?;
        let from = merchant.started_at() + Micros::try_from(middle).ok()? * DAY;
        let raised = merchant.disputed().iter().map(|(_, index)| merchant.payment(*index)).filter_map(|payment| {
            let at = payment.dispute?.received_at;
            (at >= from && payment.index != other.payment.index).then_some((at, payment.index))
        });
        let disputed = raised.min().map(|(_, index)| index);
        Some(Self { capture, settlement, day, sibling, other, disputed })
    }

    /// A minor unit of the account's currency.
    fn unit(&self) -> i128 {
        Currency::find(self.settlement.known.currency).map_or(0, |currency| currency.to_major(1))
    }

    /// Whether this is how the disputed payment's dispute began.
    pub(in crate::sandbox) fn has_raised(&self, effect: &Effect) -> bool {
        let raised_at = effect.payment.dispute.map(|dispute| dispute.received_at);
        effect.action_type == CHARGEBACKS && Some(effect.payment.index) == self.disputed && Some(effect.at) == raised_at
    }
}

/// The captures of a settlement; none of one that was not paid.
fn paid_captures(merchant: &Merchant, settlement: &Settlement) -> Vec<Effect> {
    if settlement.payout(merchant).is_none_or(|payout| payout.sent == 0) {
        return Vec::new();
    }
    let mut found = effects(merchant, |account| account == settlement.account, settlement.from, settlement.to);
    found.retain(|effect| effect.reserve > 0);
    found
}

/// The captures that take effect on a day of a settlement's account.
fn captures_of_day(merchant: &Merchant, settlement: &Settlement, day: usize) -> Vec<Effect> {
    let from = Zone::of(settlement.known.entity).start_of(merchant, day);
    let mut found = effects(merchant, |account| account == settlement.account, from, from + DAY);
    found.retain(|effect| effect.reserve > 0);
    found
}

/// Whether a minor unit more is still within what an exchanged amount may be off.
fn is_fit(capture: &Effect) -> bool {
    let currency = capture.payment.currency;
    let Some(gross) = capture.gross().filter(|gross| gross.processing_currency != currency.settled_to().currency) else {
        return false;
    };
    let off = exchange(gross.processing + currency.to_major(1), currency.rate()) - gross.holding;
    off.abs() * BAND < gross.holding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::MerchantOptions;

    #[test]
    fn there_is_something_to_lie_about_from_a_thousand_payments_on() {
        for (seed, payments) in [(1, 1_000), (2, 1_000), (3, 1_000), (1, 10_000)] {
            let merchant = Merchant::new(MerchantOptions { seed, payments, ..MerchantOptions::default() });
            let spot = Spot::find(&merchant).unwrap();
            let (latest, middle) = (merchant.days() - 10, merchant.days() / 2);
            assert!(spot.disputed.is_some() && (middle - 1..latest).contains(&spot.day), "{seed} {payments}: {}", spot.day);
        }
    }
}
