//! What a payment does to the merchant's currency account: the action's money and the fees on it, in exact decimals.
//!
//! Both the financial actions and the balances are made of these, so they cannot disagree. Only the amount in the
//! holding currency adds up; fees are charged in it.

use super::currency::Currency;
use super::dice::mix;
use super::payment::{Action, ActionKind, Dispute, Outcome, Payment};
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
    /// Billed a day after the capture that it is a fee on is effective: some interchange.
    Late,
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

/// What is held back, as action type and as breakdown type.
pub(super) const RESERVED: &str = "Rolling Reserve Deducted";

/// What a breakdown type counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rollup {
    /// The money itself.
    Gross,
    Interchange,
    Scheme,
    /// The vendor's own fees.
    Processing,
    Tax,
}

/// Number of the first action a dispute makes; far above those of the payment's own.
const CHARGEBACK: u64 = 200;
/// The action type of all of them.
pub(super) const CHARGEBACKS: &str = "Chargeback";

pub(super) const GATEWAY: &str = "Gateway Fixed Fee";
const CHARGED_BACK: &str = "Chargeback Fixed Fee";

/// Fixed fees in euro cents.
const GATEWAY_FEE: i64 = 8;
const REFUND_FEE: i64 = 15;
const PAYOUT_FEE: i64 = 40;
const CHARGEBACK_FEE: i64 = 1_500;
const ARBITRATION_FEE: i64 = 5_000;
const INTERCHANGE_FEE: i64 = 5;
const ACCESS_FEE: i64 = 1;
/// Interchange in hundredths of a percent, by card.
const INTERCHANGE: [i128; 4] = [20, 20, 30, 150];
/// Scheme fee in thousandths of a percent.
const SCHEME_FEE: i128 = 85;
/// The premium in hundredths of a percent.
const PREMIUM: i128 = 10;
/// The tax on some fees is a fifth, where the entity is taxed.
const TAX: i128 = 5;
const TAXED_ENTITY: usize = 0;
/// The interchange of one payment in so many is late.
const LATE: u64 = 8;
/// Cards whose scheme charges for access, once on the way there and once on the way back: two rows that are the same.
const CHARGED_TWICE: u64 = 2;
/// Cards with fixed interchange and a premium.
const DEAR: u64 = 3;

impl Movement {
    pub(super) fn rollup(&self) -> Rollup {
        let name = self.breakdown_type;
        match name {
            _ if name.ends_with(" Tax") => Rollup::Tax,
            _ if name.starts_with("Interchange ") => Rollup::Interchange,
            _ if name.starts_with("Scheme ") => Rollup::Scheme,
            _ if name.ends_with(" Fee") => Rollup::Processing,
            _ => Rollup::Gross,
        }
    }
}

/// What a payment did to its currency account so far, in the order of time.
pub(super) fn postings(payment: &Payment) -> Vec<Posting> {
    let mut postings: Vec<Posting> = payment.final_actions().filter_map(|action| posting_of(payment, action)).collect();
    if mix(payment.index).is_multiple_of(LATE) {
        let late: Vec<Posting> = postings.iter_mut().filter_map(late_interchange).collect();
        postings.extend(late);
    }
    if let Some(dispute) = &payment.dispute {
        postings.extend(chargebacks(payment.currency, dispute));
    }
    postings.sort_by_key(|posting| (posting.at, posting.number));
    postings
}

/// Takes the interchange out of a capture.
fn late_interchange(capture: &mut Posting) -> Option<Posting> {
    let is_interchange = |movement: &mut Movement| movement.rollup() == Rollup::Interchange;
    let movements: Vec<Movement> = capture.movements.extract_if(.., is_interchange).collect();
    (!movements.is_empty()).then(|| Posting { clearing: Clearing::Late, movements, ..capture.clone() })
}

/// What a dispute does: the money goes, and comes back or not, and arbitration that is lost costs.
fn chargebacks(currency: &Currency, dispute: &Dispute) -> Vec<Posting> {
    let mut postings = Vec::new();
    for (status, at) in dispute.timeline() {
        let money = |breakdown_type, sign| money(currency, breakdown_type, sign * dispute.amount);
        let movements = match dispute.indicator(status) {
            Some("ADJM") => vec![money("Chargeback (ADJM)", -1), fixed_fee(currency, CHARGED_BACK, CHARGEBACK_FEE)],
            Some("ARWS") => vec![money("Chargeback (ARWS)", -1), fixed_fee(currency, CHARGED_BACK, CHARGEBACK_FEE)],
            Some("AUTO") if postings.is_empty() => vec![money("Chargeback (AUTO)", -1)],
            Some("AUTO") => vec![money("Chargeback (AUTO)", 1)],
            Some("CBRV") => vec![money("Chargeback (CBRV)", 1)],
            Some("RPDW") => vec![money("Chargeback (RPDW)", 1)],
            Some("ARBW") => vec![money("Chargeback (ARBW)", 1)],
            Some("ARBL") => vec![fixed_fee(currency, "Chargeback (ARBL)", ARBITRATION_FEE)],
            _ => continue,
        };
        let number = CHARGEBACK + postings.len() as u64;
        postings.push(Posting { number, action_type: CHARGEBACKS, at, clearing: Clearing::Immediate, movements });
    }
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
    let by_card = mix(payment.card) % 4;
    let rate = usize::try_from(by_card).ok().and_then(|card| INTERCHANGE.get(card)).copied().unwrap_or(20);
    let scheme = |movement| Movement { fee_detail: Some("Acquirer Network Fee"), ..movement };
    let access = || Movement { fee_detail: Some("Network Access Fee"), ..fixed_fee(currency, "Scheme Fixed Fee", ACCESS_FEE) };
    let mut movements = vec![gross, fee(currency, "Interchange Variable Fee", gross.holding * rate / 10_000)];
    movements.extend((by_card == DEAR).then(|| fixed_fee(currency, "Interchange Fixed Fee", INTERCHANGE_FEE)));
    movements.extend((by_card == CHARGED_TWICE).then(access));
    movements.push(scheme(fee(currency, "Scheme Variable Fee", gross.holding * SCHEME_FEE / 100_000)));
    movements.extend((by_card == CHARGED_TWICE).then(access));
    let gateway = fixed_fee(currency, GATEWAY, GATEWAY_FEE);
    movements.push(gateway);
    movements.extend((by_card == DEAR).then(|| fee(currency, "Premium Variable Fee", gross.holding * PREMIUM / 10_000)));
    let is_taxed = currency.settled_to().entity == TAXED_ENTITY;
    movements.extend(is_taxed.then(|| fee(currency, "Gateway Fixed Fee Tax", -gateway.holding / TAX)));
    movements
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
