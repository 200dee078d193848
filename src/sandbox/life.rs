//! The life of a payment: what happens to it and when, cut off at the merchant's present.
//!
//! A life is planned whole from the payment's own dice, whatever "now" is; the present only decides how much of the plan
//! has happened. So a payment never changes its past, and the balance at any past moment can be told.

use super::currency::Currency;
use super::dice::Dice;
use super::dispute::plan_dispute;
use super::payment::{Action, ActionKind, Outcome, Payment, PaymentKind, Response, Status, Totals};
use super::schedule::{DAY, HOUR, MINUTE, Micros, SECOND};

/// What a payment is born with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Birth {
    pub index: u64,
    pub kind: PaymentKind,
    pub currency: &'static Currency,
    pub amount: i64,
    pub requested_at: Micros,
    pub order: Option<u64>,
    pub customer: u64,
    pub card: u64,
    /// Whether the customer will try again, because this attempt is refused.
    pub retried: bool,
    /// Whether a dispute may be raised against it.
    pub disputable: bool,
}

static REFUSALS: [Response; 5] = [
    Response { code: "20005", summary: "Declined - Do Not Honour" },
    Response { code: "20051", summary: "Insufficient Funds" },
    Response { code: "20087", summary: "Bad Track Data (invalid CVV and/or expiry date)" },
    Response { code: "20154", summary: "3DS authentication required" },
    Response { code: "30004", summary: "Pick up card (No fraud)" },
];
/// How long an authorisation holds.
pub(super) const AUTHORISED_FOR: Micros = 7 * DAY;

/// Lives a payment up to `now`.
pub(super) fn live(birth: &Birth, dice: &mut Dice, now: Micros) -> Payment {
    let mut plan = Plan { actions: Vec::with_capacity(8), at: birth.requested_at, next: 1 };
    match birth.kind {
        PaymentKind::Sale => plan.sale(birth, dice),
        PaymentKind::CardVerification => plan.decide(dice, ActionKind::CardVerification, 0, 60),
        PaymentKind::BankPayout => plan.bank_payout(birth, dice),
        PaymentKind::CardPayout => plan.decide(dice, ActionKind::CardPayout, birth.amount, 40),
    }
    let dispute = if birth.disputable { plan_dispute(&plan.actions, birth.currency, dice, now) } else { None };
    let mut actions = plan.actions;
    actions.retain(|action| action.processed_at <= now);
    let totals = add_up(&actions);
    Payment {
        index: birth.index,
        kind: birth.kind,
        currency: birth.currency,
        amount: birth.amount,
        status: status_of(birth, &actions, totals, now),
        totals,
        actions,
        dispute,
        requested_at: birth.requested_at,
        order: birth.order,
        customer: birth.customer,
        card: birth.card,
    }
}

/// The actions planned so far, and when the last of them is.
struct Plan {
    actions: Vec<Action>,
    at: Micros,
    next: u64,
}

impl Plan {
    fn sale(&mut self, birth: &Birth, dice: &mut Dice) {
        if dice.chance(450) {
            self.authenticate(dice);
        }
        if dice.chance(60) {
            // The search shows authorisations that were waited for twice, under two ids.
            self.wait(dice, SECOND, 5 * SECOND);
            self.add(ActionKind::Authorization, Outcome::Pending, birth.amount);
        }
        self.wait(dice, SECOND / 2, 3 * SECOND);
        if birth.retried || dice.chance(80) {
            return self.add(ActionKind::Authorization, refusal(dice), birth.amount);
        }
        self.add(ActionKind::Authorization, Outcome::Approved, birth.amount);
        match dice.below(1000) {
            0..40 => {}
            40..80 => {
                self.wait(dice, 10 * MINUTE, 2 * DAY);
                self.add(ActionKind::Void, Outcome::Approved, birth.amount);
            }
            _ => self.capture_and_refund(birth, dice),
        }
    }

    fn authenticate(&mut self, dice: &mut Dice) {
        self.wait(dice, SECOND / 10, SECOND);
        let number = self.next;
        self.add(ActionKind::Authentication, Outcome::Pending, 0);
        self.wait(dice, 4 * SECOND, 90 * SECOND);
        // Both states of an authentication carry one id.
        self.next = number;
        self.add(ActionKind::Authentication, Outcome::Approved, 0);
    }

    fn capture_and_refund(&mut self, birth: &Birth, dice: &mut Dice) {
        let part = |amount: i64, percent: i64| birth.currency.round(amount / 100 * percent);
        if dice.chance(700) {
            self.wait(dice, SECOND, 20 * SECOND);
        } else {
            self.wait(dice, HOUR, 3 * DAY);
        }
        let mut captured = birth.amount;
        match dice.below(1000) {
            0..50 => {
                captured = part(birth.amount, dice.between(30, 95)).min(birth.amount);
                self.add(ActionKind::Capture, Outcome::Approved, captured);
            }
            50..120 => {
                let first = part(birth.amount, dice.between(20, 70)).min(birth.amount);
                self.add(ActionKind::Capture, Outcome::Approved, first);
                self.wait(dice, HOUR, 2 * DAY);
                self.add_positive(ActionKind::Capture, birth.amount - first);
            }
            _ => self.add(ActionKind::Capture, Outcome::Approved, captured),
        }
        match dice.below(1000) {
            0..50 => {
                self.wait(dice, HOUR, 40 * DAY);
                self.add(ActionKind::Refund, Outcome::Approved, captured);
            }
            50..75 => {
                self.wait(dice, HOUR, 40 * DAY);
                let first = part(captured, dice.between(10, 60)).min(captured);
                self.add(ActionKind::Refund, Outcome::Approved, first);
                if dice.chance(300) {
                    self.wait(dice, HOUR, 20 * DAY);
                    self.add_positive(ActionKind::Refund, part(captured, 20).min(captured - first));
                }
            }
            _ => {}
        }
    }

    fn bank_payout(&mut self, birth: &Birth, dice: &mut Dice) {
        self.decide(dice, ActionKind::Payout, birth.amount, 30);
        let refused = self.actions.iter().any(|action| matches!(action.outcome, Outcome::Declined(_)));
        if !refused && dice.chance(60) {
            self.wait(dice, 20 * HOUR, 4 * DAY);
            self.add(ActionKind::Return, Outcome::Approved, birth.amount);
        }
    }

    /// One action that is refused `refused` times in a thousand.
    fn decide(&mut self, dice: &mut Dice, kind: ActionKind, amount: i64, refused: u64) {
        self.wait(dice, SECOND, 5 * MINUTE);
        let outcome = if dice.chance(refused) { refusal(dice) } else { Outcome::Approved };
        self.add(kind, outcome, amount);
    }

    fn wait(&mut self, dice: &mut Dice, least: Micros, most: Micros) {
        self.at += dice.between(least, most);
    }

    fn add_positive(&mut self, kind: ActionKind, amount: i64) {
        if amount > 0 {
            self.add(kind, Outcome::Approved, amount);
        }
    }

    fn add(&mut self, kind: ActionKind, outcome: Outcome, amount: i64) {
        self.actions.push(Action { number: self.next, kind, outcome, amount, processed_at: self.at });
        self.next += 1;
    }
}

fn refusal(dice: &mut Dice) -> Outcome {
    let [first, ..] = &REFUSALS;
    let at = usize::try_from(dice.below(REFUSALS.len() as u64)).unwrap_or(0);
    Outcome::Declined(REFUSALS.get(at).unwrap_or(first))
}

fn add_up(actions: &[Action]) -> Totals {
    let mut totals = Totals::default();
    for action in actions.iter().filter(|action| action.outcome == Outcome::Approved) {
        match action.kind {
            ActionKind::Authorization => totals.authorized += action.amount,
            ActionKind::Void => totals.voided += action.amount,
            ActionKind::Capture => totals.captured += action.amount,
            ActionKind::Refund => totals.refunded += action.amount,
            _ => {}
        }
    }
    totals
}

fn status_of(birth: &Birth, actions: &[Action], totals: Totals, now: Micros) -> Status {
    let Some(last) = actions.iter().rfind(|action| action.outcome != Outcome::Pending) else {
        return Status::Pending;
    };
    if matches!(last.outcome, Outcome::Declined(_)) {
        return Status::Declined;
    }
    match last.kind {
        ActionKind::Authentication => Status::Pending,
        ActionKind::CardVerification => Status::CardVerified,
        ActionKind::CardPayout => Status::Approved,
        ActionKind::Return => Status::Returned,
        ActionKind::Payout if now < last.processed_at + DAY => Status::Pending,
        ActionKind::Payout => Status::Paid,
        ActionKind::Void => Status::Voided,
        ActionKind::Authorization if now < birth.requested_at + AUTHORISED_FOR => Status::Authorized,
        ActionKind::Authorization => Status::Expired,
        ActionKind::Capture if totals.captured < birth.amount => Status::PartiallyCaptured,
        ActionKind::Capture => Status::Captured,
        ActionKind::Refund if totals.refunded < totals.captured => Status::PartiallyRefunded,
        ActionKind::Refund => Status::Refunded,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sandbox::currency::CURRENCIES;

    fn birth(seed: u64) -> (Birth, Dice) {
        let mut dice = Dice::new(seed, 0, 0);
        let currency = Currency::any(&mut dice);
        let kind = dice.weighted(&[
            (6, PaymentKind::Sale),
            (1, PaymentKind::CardVerification),
            (1, PaymentKind::BankPayout),
            (1, PaymentKind::CardPayout),
        ]);
        let amount = if kind == PaymentKind::CardVerification { 0 } else { currency.price(&mut dice) };
        let (order, customer, card, retried, disputable) = (Some(1), 1, 1, false, kind == PaymentKind::Sale);
        (Birth { index: 1, kind, currency, amount, requested_at: 0, order, customer, card, retried, disputable }, dice)
    }

    proptest! {
        #[test]
        fn the_present_only_decides_how_much_has_happened(seed: u64, early in 0..200 * DAY, later in 0..200 * DAY) {
            let (birth, dice) = birth(seed);
            let (now, end) = (live(&birth, &mut dice.clone(), early), live(&birth, &mut dice.clone(), early + later));
            prop_assert!(end.actions.starts_with(&now.actions));
            prop_assert!(now.actions.iter().all(|action| action.processed_at <= early));
            if let Some(dispute) = now.dispute {
                prop_assert!(dispute.updated_at <= early);
                prop_assert_eq!(end.dispute.map(|end| (end.received_at, end.amount)), Some((dispute.received_at, dispute.amount)));
            }
        }

        #[test]
        fn no_more_is_given_back_than_taken_and_no_more_taken_than_allowed(seed: u64, now in 0..200 * DAY) {
            let (birth, mut dice) = birth(seed);
            let payment = live(&birth, &mut dice, now);
            let totals = payment.totals;
            prop_assert!(totals.refunded <= totals.captured && totals.captured <= totals.authorized);
            prop_assert!(totals.voided + totals.captured <= totals.authorized && totals.authorized <= payment.amount);
            prop_assert!(payment.dispute.is_none_or(|dispute| dispute.amount <= totals.captured));
            prop_assert!(payment.actions.iter().all(|action| action.amount % birth.currency.step == 0));
            prop_assert!(payment.actions.is_sorted_by_key(|action| action.processed_at));
        }

        #[test]
        fn the_status_says_what_the_actions_say(seed: u64, now in 0..200 * DAY) {
            let (birth, mut dice) = birth(seed);
            let payment = live(&birth, &mut dice, now);
            let totals = payment.totals;
            let has = |kind| payment.actions.iter().any(|action| action.kind == kind && action.outcome == Outcome::Approved);
            let refused = payment.actions.iter().any(|action| matches!(action.outcome, Outcome::Declined(_)));
            let captured = totals.captured > 0;
            let holds = match payment.status {
                Status::Pending => !refused && totals == Totals::default(),
                Status::Declined => refused && totals == Totals::default(),
                Status::Authorized => totals.authorized > 0 && totals.voided + totals.captured == 0 && now < AUTHORISED_FOR,
                Status::Expired => totals.authorized > 0 && totals.voided + totals.captured == 0 && now >= AUTHORISED_FOR,
                Status::Voided => totals.voided == payment.amount && !captured,
                Status::PartiallyCaptured => captured && totals.captured < payment.amount && totals.refunded == 0,
                Status::Captured => totals.captured == payment.amount && totals.refunded == 0,
                Status::PartiallyRefunded => 0 < totals.refunded && totals.refunded < totals.captured,
                Status::Refunded => captured && totals.refunded == totals.captured,
                Status::CardVerified => has(ActionKind::CardVerification) && payment.amount == 0,
                Status::Paid => has(ActionKind::Payout) && !has(ActionKind::Return),
                Status::Returned => has(ActionKind::Return),
                Status::Approved => has(ActionKind::CardPayout),
            };
            prop_assert!(holds, "{:?}", payment);
        }
    }

    #[test]
    fn every_currency_is_used() {
        let mut dice = Dice::new(1, 0, 0);
        let used: std::collections::BTreeSet<_> = (0..1_000).map(|_| Currency::any(&mut dice).code).collect();
        assert_eq!(used.len(), CURRENCIES.len());
    }
}
