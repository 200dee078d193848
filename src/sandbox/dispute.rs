//! The life of a dispute: raised weeks after a capture, answered or not, won or lost.

use super::currency::Currency;
use super::dice::Dice;
use super::payment::{Action, ActionKind, Dispute, Outcome};
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

/// How disputes go on after they were received: the steps, and whether the merchant has the money back at the end.
type Course = (&'static [&'static str], End);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum End {
    #[default]
    Kept,
    GivenBack,
    Resolved,
}

const COURSES: [(u64, Course); 7] = [
    (25, (&["evidence_required", "evidence_under_review", "won"], End::GivenBack)),
    (25, (&["evidence_required", "evidence_under_review", "lost"], End::Kept)),
    (20, (&["evidence_required", "expired"], End::Kept)),
    (12, (&["evidence_required", "accepted"], End::Kept)),
    (8, (&["resolved"], End::Resolved)),
    (5, (&["evidence_required", "canceled"], End::GivenBack)),
    (5, (&["evidence_required", "evidence_under_review", "lost", "arb_evidence_submitted", "arbitration_won"], End::GivenBack)),
];

/// The dispute against the first capture of a payment, as it stands at `now`; none before it is received, and none for
/// money that was never taken or that was given back before.
pub(super) fn plan_dispute(plan: &[Action], currency: &Currency, dice: &mut Dice, now: Micros) -> Option<Dispute> {
    let capture = plan.iter().find(|action| action.kind == ActionKind::Capture && action.outcome == Outcome::Approved)?;
    let received_at = capture.processed_at + dice.between(3 * DAY, 75 * DAY);
    let (category, reason_code) = dice.weighted(&REASONS);
    let (steps, end) = dice.weighted(&COURSES);
    let amount = if dice.chance(900) { capture.amount } else { currency.round(capture.amount / 2).min(capture.amount) };
    let refunded = plan.iter().any(|action| action.kind == ActionKind::Refund && action.processed_at < received_at);
    if refunded || received_at > now {
        return None;
    }
    let (mut status, mut updated_at, mut at) = ("evidence_required", received_at, received_at);
    let mut reversed_at = None;
    for (place, step) in steps.iter().enumerate() {
        if at > now {
            break;
        }
        (status, updated_at) = (*step, at);
        if place + 1 == steps.len() && end == End::GivenBack {
            reversed_at = Some(at);
        }
        at += dice.between(12 * HOUR, 14 * DAY);
    }
    let resolved_reason = (end == End::Resolved).then_some("rapid_dispute_resolution");
    let capture = capture.number;
    Some(Dispute { capture, status, category, reason_code, amount, resolved_reason, received_at, updated_at, reversed_at })
}
