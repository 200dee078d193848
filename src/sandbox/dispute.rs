//! The life of a dispute: raised weeks after a capture, answered or not, won or lost.

use super::currency::Currency;
use super::dice::Dice;
use super::payment::{Action, ActionKind, Dispute, Outcome, STEPS};
use super::schedule::{DAY, HOUR, Micros};

/// The vendor's categories with the schemes' reason codes, and how often they come.
const REASONS: [(u64, (&str, &str)); 7] = [
    (45, ("fraudulent", "10.4")),
    (20, ("product_service_not_received", "13.1")),
    (12, ("not_as_described", "13.3")),
    (8, ("canceled_recurring", "13.2")),
    (6, ("credit_not_issued", "13.6")),
    (5, ("duplicate", "12.6.1")),
    (4, ("general", "4853")),
];

/// Who answers a dispute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Answer {
    #[default]
    ByMerchant,
    /// The acquirer, by itself.
    Automatic,
}

/// How disputes go on from the state in which they are received, and how often.
type Course = (&'static [&'static str], Answer);

const COURSES: [(u64, Course); 9] = [
    (25, (&["evidence_required", "evidence_under_review", "won"], Answer::ByMerchant)),
    (25, (&["evidence_required", "evidence_under_review", "lost"], Answer::ByMerchant)),
    (20, (&["evidence_required", "expired"], Answer::ByMerchant)),
    (12, (&["evidence_required", "accepted"], Answer::ByMerchant)),
    (8, (&["resolved"], Answer::ByMerchant)),
    (3, (&["evidence_required", "canceled"], Answer::ByMerchant)),
    (2, (&["evidence_required", "canceled"], Answer::Automatic)),
    (
        3,
        (
            &["evidence_required", "evidence_under_review", "lost", "arb_evidence_submitted", "arbitration_won"],
            Answer::ByMerchant,
        ),
    ),
    (
        2,
        (
            &["evidence_required", "evidence_under_review", "lost", "arb_evidence_submitted", "arbitration_lost"],
            Answer::ByMerchant,
        ),
    ),
];

/// The dispute against the first capture of a payment, as it stands at `now`; none before it is received, and none for
/// money that was never taken or that was given back before.
pub(super) fn plan_dispute(plan: &[Action], currency: &Currency, dice: &mut Dice, now: Micros) -> Option<Dispute> {
    let capture = plan.iter().find(|action| action.kind == ActionKind::Capture && action.outcome == Outcome::Approved)?;
    let received_at = capture.processed_at + dice.between(3 * DAY, 75 * DAY);
    let (category, reason_code) = dice.weighted(&REASONS);
    let (steps, answer) = dice.weighted(&COURSES);
    let amount = if dice.chance(900) { capture.amount } else { currency.round(capture.amount / 2).min(capture.amount) };
    let refunded = plan.iter().any(|action| action.kind == ActionKind::Refund && action.processed_at < received_at);
    if refunded || received_at > now {
        return None;
    }
    let (mut times, mut happened, mut at) = ([Micros::MAX; STEPS], 0, received_at);
    for time in times.iter_mut().take(steps.len()) {
        if at > now {
            break;
        }
        *time = at;
        happened += 1;
        at += dice.between(12 * HOUR, 14 * DAY);
    }
    let steps = steps.get(..happened).unwrap_or_default();
    let (status, updated_at) = steps.iter().copied().zip(times).next_back()?;
    let resolved_reason = (status == "resolved").then_some("rapid_dispute_resolution");
    let (capture, is_automatic) = (capture.number, answer == Answer::Automatic);
    Some(Dispute {
        capture,
        status,
        category,
        reason_code,
        amount,
        resolved_reason,
        received_at,
        updated_at,
        steps,
        times,
        is_automatic,
    })
}

impl Dispute {
    /// The states it has been in, each with when it came to be.
    pub(super) fn timeline(&self) -> impl Iterator<Item = (&'static str, Micros)> {
        self.steps.iter().copied().zip(self.times)
    }

    /// The vendor's indicator of one of its states; some have none.
    pub(super) fn indicator(&self, status: &str) -> Option<&'static str> {
        Some(match status {
            "evidence_required" | "canceled" if self.is_automatic => "AUTO",
            "evidence_required" => "ADJM",
            "canceled" => "CBRV",
            "resolved" => "ARWS",
            "evidence_under_review" => "RPDR",
            "won" => "RPDW",
            "lost" => "RPDL",
            "arb_evidence_submitted" => "ARBR",
            "arbitration_won" => "ARBW",
            "arbitration_lost" => "ARBL",
            _ => return None,
        })
    }
}
