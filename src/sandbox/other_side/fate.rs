//! What becomes of a payout on its way to the bank, and the words that the truth has for it.

/// What becomes of a payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives, and the bank says which it is.
    Plain,
    /// Its id arrives in small letters.
    SmallLetters,
    /// Its id arrives with a blank inside.
    Blank,
    /// It arrives in two parts.
    Parts,
    /// It arrives together with the payout after it.
    Merged,
    /// It arrives without its id.
    NoId,
    /// It is of nothing, or below it, and part of the one after it.
    Carried,
    /// It was made too late to be there.
    OnItsWay,
    /// The bank sends it back.
    Returned,
    /// It never arrives.
    Lost,
    /// The statement of its day is missing.
    Unloaded,
    /// The bank takes a fee off.
    Fee,
    /// Only a part of it arrives.
    Part,
    /// It arrives again on the day after.
    Again,
    /// Its line is in the export twice.
    Twice,
    /// It arrives without its id, and the day after something of the same amount without any.
    Alike,
    /// It arrives on an account of another currency.
    Exchanged,
    /// It arrives weeks later.
    Late,
    /// It arrives under an id that no payout has.
    OtherId,
    /// The bank takes it from the account.
    Debit,
}

impl Fate {
    /// The reason for which its lines are left, where it is not that of the payout itself.
    pub(super) const fn reason_of_lines(self) -> Option<&'static str> {
        match self {
            // What is there twice is too much for the payout.
            Self::Again | Self::Twice => Some("DUPLICATE_RIGHT"),
            _ => None,
        }
    }

    /// The reason for which it is left, and why in words; `None` where it is matched.
    pub(super) const fn reason(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Plain | Self::SmallLetters | Self::Blank | Self::Parts | Self::Merged | Self::NoId => return None,
            Self::Carried => ("CARRIED_FORWARD", "nothing was paid out"),
            Self::OnItsWay => ("NOT_DUE_YET", "made too late to have arrived"),
            Self::Returned => ("SETTLEMENT_RETURNED", "sent back by the bank; a later payout has its money"),
            Self::Lost => ("OVERDUE", "never arrived"),
            Self::Unloaded => ("SOURCE_INCOMPLETE", "the statement of the day it arrived on is missing"),
            Self::Fee => ("AMOUNT_MISMATCH", "the bank took a fee off"),
            Self::Part => ("SHORT_PAID", "three fifths of it arrived"),
            Self::Again => ("OVER_PAID", "arrived on two days"),
            Self::Twice => ("OVER_PAID", "its line is in the export twice"),
            Self::Alike => ("AMBIGUOUS_WINDOW", "two lines of its amount, both without an id"),
            Self::Exchanged => ("CURRENCY_MISMATCH", "arrived on an account of another currency"),
            Self::Late => ("DATE_OUT_OF_WINDOW", "arrived after three weeks"),
            Self::OtherId => ("REFERENCE_CONFLICT", "the line of its amount names another payout"),
            Self::Debit => ("SIGN_CONFLICT", "taken from the account instead of paid in"),
        })
    }
}
