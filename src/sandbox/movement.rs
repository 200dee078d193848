//! What a payment does to the merchant's currency account: the action's money and the fees on it, in exact decimals.
//!
//! Both the financial actions and the balances are made of these, so they cannot disagree. Only the amount in the
//! holding currency adds up; fees are charged in it.

use super::currency::Currency;
use super::dice::mix;
use super::payment::{Action, ActionKind, Outcome, Payment};
use super::schedule::Micros;

/// A financial action: something with an effect on the balance.
#[derive(Debug, Clone)]
pub(super) struct Posting {
    /// Number its action id is made of.
    pub number: u64,
    /// The vendor's action type.
    pub action_type: &'static str,
    /// When it takes effect.
    pub at: Micros,
    /// Whether it waits before it can be paid out.
    pub clearing: Clearing,
    /// Its rows: the money first, then the fees.
    pub movements: Vec<Movement>,
}

/// Whether money waits before it can be paid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clearing {
    /// Pending first, with a reserve held back: captures.
    Delayed,
    /// Effective at once: everything else.
    Immediate,
}

/// One row of a financial action; amounts in major units, eight decimals, signed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Movement {
    /// The vendor's breakdown type.
    pub breakdown_type: &'static str,
    /// Effect on the balance.
    pub holding: i128,
    /// Amount as processed.
    pub processing: i128,
    /// Currency of `processing`.
    pub processing_currency: &'static str,
    /// Name of the scheme's fee.
    pub fee_detail: Option<&'static str>,
}

/// Numbers of the actions a dispute makes; far above those of the payment's own.
pub(super) const CHARGEBACK: u64 = 200;
const REVERSAL: u64 = 201;
/// The action type of both.
pub(super) const CHARGEBACKS: &str = "Chargeback";

/// Fixed fees in euro cents.
const GATEWAY_FEE: i64 = 8;
const REFUND_FEE: i64 = 15;
const PAYOUT_FEE: i64 = 40;
const CHARGEBACK_FEE: i64 = 1_500;
/// Interchange in hundredths of a percent, by card.
const INTERCHANGE: [i128; 4] = [20, 20, 30, 150];
/// Scheme fee in thousandths of a percent.
const SCHEME_FEE: i128 = 85;

/// What a payment did to its currency account so far, in the order of time.
pub(super) fn postings(payment: &Payment) -> Vec<Posting> {
    let mut postings: Vec<Posting> = payment.final_actions().filter_map(|action| posting_of(payment, action)).collect();
    if let Some(dispute) = &payment.dispute {
        let money = |breakdown_type, sign| money(payment.currency, breakdown_type, sign * dispute.amount);
        let given_back = match dispute.status {
            "won" => "Chargeback (RPDW)",
            "arbitration_won" => "Chargeback (ARBW)",
            _ => "Chargeback (CBRV)",
        };
        postings.push(Posting {
            number: CHARGEBACK,
            action_type: CHARGEBACKS,
            at: dispute.received_at,
            clearing: Clearing::Immediate,
            movements: vec![money("Chargeback (ADJM)", -1), fixed_fee(payment.currency, "Chargeback Fixed Fee", CHARGEBACK_FEE)],
        });
        postings.extend(dispute.reversed_at.map(|at| Posting {
            number: REVERSAL,
            action_type: CHARGEBACKS,
            at,
            clearing: Clearing::Immediate,
            movements: vec![money(given_back, 1)],
        }));
    }
    postings.sort_by_key(|posting| (posting.at, posting.number));
    postings
}

fn posting_of(payment: &Payment, action: &Action) -> Option<Posting> {
    if action.outcome != Outcome::Approved {
        return None;
    }
    let currency = payment.currency;
    let partial = action.amount < payment.amount;
    let (action_type, movements) = match action.kind {
        ActionKind::Capture => {
            let word = if partial { "Partial Capture" } else { "Capture" };
            (word, capture(payment, word, action.amount))
        }
        ActionKind::Refund => {
            let word = if partial { "Partial Refund" } else { "Refund" };
            (word, vec![money(currency, "Refund", -action.amount), fixed_fee(currency, "Refund Fixed Fee", REFUND_FEE)])
        }
        ActionKind::Payout | ActionKind::CardPayout => {
            let fee = fixed_fee(currency, "Payout Confirmed Fixed Fee", PAYOUT_FEE);
            (action.kind.word(), vec![money(currency, action.kind.word(), -action.amount), fee])
        }
        ActionKind::Return => ("Return", vec![money(currency, "Return", action.amount)]),
        _ => return None,
    };
    let clearing = if action.kind == ActionKind::Capture { Clearing::Delayed } else { Clearing::Immediate };
    Some(Posting { number: action.number, action_type, at: action.processed_at, clearing, movements })
}

fn capture(payment: &Payment, word: &'static str, amount: i64) -> Vec<Movement> {
    let currency = payment.currency;
    let gross = money(currency, word, amount);
    let by_card = usize::try_from(mix(payment.card) % 4).unwrap_or(0);
    let interchange = gross.holding * INTERCHANGE.get(by_card).copied().unwrap_or(20) / 10_000;
    let scheme = gross.holding * SCHEME_FEE / 100_000;
    vec![
        gross,
        fee(currency, "Interchange Variable Fee", interchange),
        Movement { fee_detail: Some("Acquirer Network Fee"), ..fee(currency, "Scheme Variable Fee", scheme) },
        fixed_fee(currency, "Gateway Fixed Fee", GATEWAY_FEE),
    ]
}

fn money(currency: &Currency, breakdown_type: &'static str, amount: i64) -> Movement {
    let (holding, processing) = (currency.to_settled(amount), currency.to_major(amount));
    Movement { breakdown_type, holding, processing, processing_currency: currency.code, fee_detail: None }
}

fn fixed_fee(currency: &Currency, breakdown_type: &'static str, euro_cents: i64) -> Movement {
    let worth = Currency::find(currency.settled_to().currency).map_or(0, |holding| holding.worth(euro_cents));
    fee(currency, breakdown_type, worth)
}

fn fee(currency: &Currency, breakdown_type: &'static str, amount: i128) -> Movement {
    let processing_currency = currency.settled_to().currency;
    Movement { breakdown_type, holding: -amount, processing: -amount, processing_currency, fee_detail: None }
}
