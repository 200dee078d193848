//! A payment as the stand-in knows it: the core row, from which every JSON shape, balance and total is derived.

use chrono::{DateTime, Utc};

use super::currency::Currency;
use super::schedule::Micros;

/// A payment at the merchant's present.
#[derive(Debug, Clone)]
pub struct Payment {
    /// Its place in the order of time, from 0; its id is made of this.
    pub index: u64,
    /// What kind of payment it is.
    pub kind: PaymentKind,
    /// Currency of all its amounts.
    pub currency: &'static Currency,
    /// Amount asked for, minor units.
    pub amount: i64,
    /// State at the merchant's present.
    pub status: Status,
    /// Sums of its actions.
    pub totals: Totals,
    /// What happened to it so far, oldest first; also what only the search shows.
    pub actions: Vec<Action>,
    /// The dispute raised against it, if any.
    pub dispute: Option<Dispute>,
    pub(super) requested_at: Micros,
    pub(super) order: Option<u64>,
    pub(super) customer: u64,
    pub(super) card: u64,
}

/// What kind of payment it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PaymentKind {
    /// A sale.
    #[default]
    Sale,
    /// A check of a card, amount 0.
    CardVerification,
    /// Money sent to a bank account.
    BankPayout,
    /// Money sent to a card.
    CardPayout,
}

/// State of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Not decided yet.
    Pending,
    /// Refused.
    Declined,
    /// Authorised, not captured yet.
    Authorized,
    /// A card was checked.
    CardVerified,
    /// Authorised, then given up.
    Voided,
    /// Authorised, never captured, over.
    Expired,
    /// Less captured than asked for.
    PartiallyCaptured,
    /// Captured.
    Captured,
    /// Less refunded than captured.
    PartiallyRefunded,
    /// All captured money refunded.
    Refunded,
    /// A bank payout that arrived.
    Paid,
    /// A bank payout that came back.
    Returned,
    /// A card payout that arrived.
    Approved,
}

/// Sums of a payment's actions, minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Authorised.
    pub authorized: i64,
    /// Given up before capture.
    pub voided: i64,
    /// Captured.
    pub captured: i64,
    /// Given back after capture.
    pub refunded: i64,
}

/// Something that happened to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// Its number under the payment; its id is made of this.
    pub number: u64,
    /// What happened.
    pub kind: ActionKind,
    /// How it ended.
    pub outcome: Outcome,
    /// Amount, minor units.
    pub amount: i64,
    pub(super) processed_at: Micros,
}

/// What happened to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActionKind {
    /// The payer proved who they are; `sid_`, shown by the search only.
    Authentication,
    /// The bank was asked for the money.
    Authorization,
    /// The bank was asked about the card.
    CardVerification,
    /// The money was taken.
    Capture,
    /// The authorisation was given up.
    Void,
    /// Money was given back.
    Refund,
    /// Money was sent to a bank account.
    Payout,
    /// Money sent to a bank account came back.
    Return,
    /// Money was sent to a card.
    CardPayout,
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was done.
    Approved,
    /// It was asked for; the search shows such rows beside their final ones.
    Pending,
    /// It was refused, with one of the vendor's response codes.
    Declined(&'static Response),
}

/// A response code of the gateway and its words.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Response {
    /// Five digits.
    pub code: &'static str,
    /// In words.
    pub summary: &'static str,
}

/// States a dispute goes through at the most.
pub(super) const STEPS: usize = 5;

/// A dispute at the merchant's present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispute {
    /// Number of the capture it is about.
    pub capture: u64,
    /// The vendor's word for the state.
    pub status: &'static str,
    /// The vendor's word for the reason.
    pub category: &'static str,
    /// The scheme's reason.
    pub reason_code: &'static str,
    /// Disputed amount, minor units.
    pub amount: i64,
    /// Why it ended without a fight, if it did.
    pub resolved_reason: Option<&'static str>,
    pub(super) received_at: Micros,
    pub(super) updated_at: Micros,
    /// The states it has been in.
    pub(super) steps: &'static [&'static str],
    /// When each of them came to be.
    pub(super) times: [Micros; STEPS],
    pub(super) is_automatic: bool,
}

impl Payment {
    /// When it was asked for.
    pub fn requested_on(&self) -> DateTime<Utc> {
        instant(self.requested_at)
    }

    /// Whether the bank, or the gateway for payouts, said yes.
    pub fn is_approved(&self) -> bool {
        !matches!(self.status, Status::Declined | Status::Pending)
    }

    /// Actions that happened to the money, oldest first: what `GET /payments/{id}/actions` shows.
    pub fn final_actions(&self) -> impl DoubleEndedIterator<Item = &Action> {
        self.actions.iter().filter(|action| action.kind != ActionKind::Authentication && action.outcome != Outcome::Pending)
    }

    /// How many elements `actions[]` of a search row has: every action, and the dispute.
    pub fn searched_actions(&self) -> u64 {
        self.actions.len() as u64 + u64::from(self.dispute.is_some())
    }

    /// Whether money goes out rather than in.
    pub(super) fn is_payout(&self) -> bool {
        matches!(self.kind, PaymentKind::BankPayout | PaymentKind::CardPayout)
    }
}

impl Action {
    /// When it was processed.
    pub fn processed_on(&self) -> DateTime<Utc> {
        instant(self.processed_at)
    }
}

impl Dispute {
    /// When it came in.
    pub fn received_on(&self) -> DateTime<Utc> {
        instant(self.received_at)
    }

    /// When it last changed.
    pub fn last_update(&self) -> DateTime<Utc> {
        instant(self.updated_at)
    }
}

impl Status {
    /// The reference's spelling.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Declined => "Declined",
            Self::Authorized => "Authorized",
            Self::CardVerified => "Card Verified",
            Self::Voided => "Voided",
            Self::Expired => "Expired",
            Self::PartiallyCaptured => "Partially Captured",
            Self::Captured => "Captured",
            Self::PartiallyRefunded => "Partially Refunded",
            Self::Refunded => "Refunded",
            Self::Paid => "Paid",
            Self::Returned => "Returned",
            Self::Approved => "Approved",
        }
    }
}

impl ActionKind {
    /// The reference's spelling.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Authentication => "Authentication",
            Self::Authorization => "Authorization",
            Self::CardVerification => "Card Verification",
            Self::Capture => "Capture",
            Self::Void => "Void",
            Self::Refund => "Refund",
            Self::Payout => "Payout",
            Self::Return => "Return",
            Self::CardPayout => "Card Payout",
        }
    }
}

impl Outcome {
    /// The reference's spelling.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Approved => "Approved",
            Self::Pending => "Pending",
            Self::Declined(_) => "Declined",
        }
    }
}

/// Microseconds as an instant; the epoch for what no calendar reaches.
pub(super) fn instant(at: Micros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at).unwrap_or_default()
}
