//! Why a row is left: the reason codes, the most telling first.

/// Of two reasons that are found of a row the one that comes first here is told.
pub const REASONS: [(&str, &str); 31] = [
    ("CURRENCY_MISMATCH", "It belongs to rows of another currency."),
    ("REFERENCE_CONFLICT", "A row of its amount names another one."),
    ("SIGN_CONFLICT", "What it belongs to has the opposite sign."),
    ("AMOUNT_MISMATCH", "What it belongs to is of another amount."),
    ("SHORT_PAID", "What came for it is less."),
    ("DUPLICATE_LEFT", "Another row of the left side says the same, and one would do."),
    ("DUPLICATE_RIGHT", "Another row of the right side says the same, and one would do."),
    ("OVER_PAID", "What came for it is more."),
    ("FX_OUT_OF_BAND", "The amount is not what the rate makes of the other."),
    ("FEE_VARIANCE", "The fee is not what was agreed."),
    ("IDENTITY_BROKEN", "Sums that must be equal are not."),
    ("UNKNOWN_BREAKDOWN_TYPE", "It is of a breakdown type that is not known."),
    ("AMBIGUOUS_KEY", "It has several candidates, or its only one has."),
    ("AMBIGUOUS_WINDOW", "It has several candidates in its window of days, or its only one has."),
    (AMBIGUOUS_SUBSET, "Several sets of rows add up to it."),
    (TOO_MANY_CANDIDATES, "It has more candidates than sets of them are tried."),
    ("CARRIED_FORWARD", "It was not paid out: it is part of a later settlement."),
    ("SETTLEMENT_RETURNED", "It was sent back, and is part of a later settlement."),
    ("RESERVE_HELD", "It is held back until its day."),
    ("FEE_PENDING", "Its fees are not all told yet."),
    ("UNALLOCATED_TO_PAYOUT", "It is in a file of a payout, and in no payout."),
    ("ZONE_UNRESOLVED", "Its local time is twice a year the same, and its instant is not told."),
    ("RESTATED", "A later report tells it otherwise."),
    ("SUGGESTED", "A rule tells what it may belong to; a person decides."),
    (DATE_OUT_OF_WINDOW, "Its only candidates lie outside its window of days."),
    ("NOT_DUE_YET", "It has no counterpart, and there is still time."),
    ("SOURCE_INCOMPLETE", "It has no counterpart on the days that are known, which are not all."),
    ("OVERDUE", "It has no counterpart, and its time is over."),
    (LATE_CHANGE, "It belongs to what came after its period was closed; nothing new is matched there."),
    (NO_COUNTERPART_LEFT, "A row of the left side without counterpart."),
    (NO_COUNTERPART_RIGHT, "A row of the right side without counterpart."),
];
/// Several sets of rows add up to it.
pub(super) const AMBIGUOUS_SUBSET: &str = "AMBIGUOUS_SUBSET";
/// Sets of its candidates are not tried.
pub(super) const TOO_MANY_CANDIDATES: &str = "TOO_MANY_CANDIDATES";
/// A closed period keeps a match as it is, or a row from one.
pub(super) const LATE_CHANGE: &str = "LATE_CHANGE_TO_CLOSED_PERIOD";
/// Its only candidates lie outside its window of days.
pub(super) const DATE_OUT_OF_WINDOW: &str = "DATE_OUT_OF_WINDOW";
/// A row of the left side without counterpart.
pub(super) const NO_COUNTERPART_LEFT: &str = "NO_COUNTERPART_LEFT";
/// A row of the right side without counterpart.
pub(super) const NO_COUNTERPART_RIGHT: &str = "NO_COUNTERPART_RIGHT";

/// Reasons that do not keep a row from a later rule.
const LETS_GO: [&str; 4] = ["NOT_DUE_YET", "OVERDUE", "SOURCE_INCOMPLETE", "SUGGESTED"];

/// Which of two reasons comes first.
pub(super) fn rank(reason: &str) -> usize {
    REASONS.iter().position(|(known, _)| *known == reason).unwrap_or(REASONS.len())
}

/// Whether a row of this reason is kept from later rules.
pub(super) fn holds(reason: &str) -> bool {
    !LETS_GO.contains(&reason)
}
