//! When a posting changes what is available, which is what report files tell of: captures after their pending time, with
//! a part held back and released much later.
//!
//! The effects of a span of time are found without looking at every payment: most follow their payment within days,
//! releases come a fixed time later, and the ledger notes the few payments with any other.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::balance::{LATE, PENDING, RESERVED, reserve_of};
use super::currency::Currency;
use super::merchant::Merchant;
use super::movement::{Clearing, Movement, Posting, Rollup, postings};
use super::payment::{Action, Payment};
use super::schedule::{DAY, Micros};

/// A change of what is available on a currency account.
#[derive(Debug, Clone)]
pub(super) struct Effect {
    /// The payment it comes from.
    pub payment: Rc<Payment>,
    /// The vendor's action type.
    pub action_type: &'static str,
    /// When it takes effect.
    pub at: Micros,
    /// Its rows: the money first, then the fees.
    pub movements: Vec<Movement>,
    /// Held back from it.
    pub reserve: i128,
    number: u64,
    is_release: bool,
}

/// The payments with an effect that comes late, by the day it comes.
#[derive(Debug, Clone, Default)]
pub(super) struct Late {
    days: BTreeMap<Micros, Vec<u64>>,
}

/// Release of a reserve, as action type and as breakdown type.
pub(super) const RELEASED: &str = "Rolling Reserve Released";
/// The latest effect, after the payment was asked for, of those that are not late.
const PROMPT: Micros = 8 * DAY;
/// Numbers of releases under a payment; beyond those of its actions.
const RELEASES: u64 = 1 << 10;

impl Effect {
    /// `act_…` as in the API's answers, or `adj_…`.
    pub(super) fn action_id(&self, merchant: &Merchant) -> String {
        let prefix = if self.is_release { "adj_" } else { "act_" };
        merchant.ids().make(prefix, self.payment.index, self.number)
    }

    /// `adj_…` of what is held back from it.
    pub(super) fn reserve_id(&self, merchant: &Merchant) -> String {
        merchant.ids().make("adj_", self.payment.index, self.number)
    }

    /// Whether it is the same one.
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.payment.index, self.number, self.at) == (other.payment.index, other.number, other.at)
    }

    /// The fees on it that are billed later.
    pub(super) fn billed_later(&self) -> Vec<Movement> {
        let mut all = postings(&self.payment);
        all.retain(|posting| posting.clearing == Clearing::Late && posting.number == self.number && self.reserve != 0);
        all.into_iter().flat_map(|posting| posting.movements).collect()
    }

    /// The action of the payment that it is the effect of; none for disputes and releases.
    pub(super) fn action(&self) -> Option<&Action> {
        self.payment.actions.iter().find(|action| action.number == self.number)
    }

    /// The sum of those of its movements that count as this.
    pub(super) fn sum(&self, of: Rollup) -> i128 {
        let meant = self.movements.iter().filter(|movement| movement.rollup() == of);
        meant.map(|movement| movement.holding).sum()
    }

    /// Its money, if it is not of fees alone.
    pub(super) fn gross(&self) -> Option<&Movement> {
        self.movements.iter().find(|movement| movement.rollup() == Rollup::Gross)
    }

    /// What it changes in all.
    pub(super) fn net(&self) -> i128 {
        self.movements.iter().map(|movement| movement.holding).sum::<i128>() - self.reserve
    }
}

impl Late {
    /// Notes the payment, if the posting's effect is late.
    pub(super) fn note(&mut self, payment: &Payment, posting: &Posting) {
        let at = effective_at(posting);
        if at - payment.requested_at > PROMPT {
            self.days.entry(at.div_euclid(DAY)).or_default().push(payment.index);
        }
    }

    fn between(&self, from: Micros, to: Micros) -> impl Iterator<Item = u64> {
        self.days.range(from.div_euclid(DAY)..=to.div_euclid(DAY)).flat_map(|(_, payments)| payments.iter().copied())
    }
}

/// The effects from `from` to before `to` on the accounts that are wanted, in the order of time.
pub(super) fn effects(merchant: &Merchant, is_wanted: impl Fn(usize) -> bool, from: Micros, to: Micros) -> Vec<Effect> {
    let released_after = PENDING + RESERVED;
    let mut indices: BTreeSet<u64> = merchant.window(from - PROMPT, to).collect();
    indices.extend(merchant.window(from - released_after - PROMPT, to - released_after));
    indices.extend(merchant.ledger().late().between(from, to));
    let mut found = Vec::new();
    for index in indices {
        let payment = merchant.payment(index);
        if is_wanted(payment.currency.account) {
            let all = effects_of(payment).into_iter();
            found.extend(all.filter(|effect| (from..to).contains(&effect.at)));
        }
    }
    found.sort_by_key(|effect| (effect.at, effect.payment.index, effect.number));
    found
}

fn effects_of(payment: Payment) -> Vec<Effect> {
    let payment = Rc::new(payment);
    let mut effects = Vec::new();
    for posting in postings(&payment) {
        let (at, reserve) = (effective_at(&posting), reserve_of(&posting));
        effects.extend((reserve != 0).then(|| Effect {
            payment: Rc::clone(&payment),
            action_type: RELEASED,
            at: at + RESERVED,
            movements: vec![released(payment.currency, reserve)],
            reserve: 0,
            number: RELEASES + posting.number,
            is_release: true,
        }));
        effects.push(Effect {
            payment: Rc::clone(&payment),
            action_type: posting.action_type,
            at,
            movements: posting.movements,
            reserve,
            number: posting.number,
            is_release: false,
        });
    }
    effects
}

/// Reserves are held in the holding currency.
fn released(currency: &Currency, reserve: i128) -> Movement {
    let processing_currency = currency.settled_to().currency;
    Movement { breakdown_type: RELEASED, holding: reserve, processing: reserve, processing_currency, fee_detail: None }
}

/// When a posting changes what is available.
pub(super) fn effective_at(posting: &Posting) -> Micros {
    match posting.clearing {
        Clearing::Immediate => posting.at,
        Clearing::Delayed => posting.at + PENDING,
        Clearing::Late => posting.at + PENDING + LATE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::MerchantOptions;
    use crate::sandbox::schedule::HOUR;

    #[test]
    fn no_effect_of_a_span_is_missed() {
        for seed in 0..3 {
            let merchant = Merchant::new(MerchantOptions { payments: 1_500, seed, ..MerchantOptions::default() });
            let all: Vec<Effect> = merchant.all_payments().flat_map(effects_of).collect();
            for day in [0, 1, 50, 100, 140, 181] {
                let (from, to) = (merchant.started_at() + day * DAY - 8 * HOUR, merchant.started_at() + (day + 1) * DAY);
                let mut wanted: Vec<_> = all.iter().filter(|effect| (from..to).contains(&effect.at)).collect();
                wanted.sort_by_key(|effect| (effect.at, effect.payment.index, effect.number));
                let found = effects(&merchant, |_| true, from, to);
                let key = |effect: &Effect| (effect.at, effect.action_id(&merchant), effect.net());
                assert_eq!(found.iter().map(key).collect::<Vec<_>>(), wanted.into_iter().map(key).collect::<Vec<_>>());
            }
        }
    }
}
