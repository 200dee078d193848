//! What lies in the merchant's reports leave, and for which reason.
//!
//! Some leave nothing: no flow goes by the breakdown and the categories of settlements, nor by balances other than what is
//! available, and which capture a payout settles changes no sum. Checks tell of those.

use super::reports::{ACTIONS, BALANCES, DISPUTES, FEES, SETTLEMENTS, rows_of};
use super::row;
use super::truth::Truth;
use crate::sandbox::effect::{Effect, effects};
use crate::sandbox::files::{Books, Lie, Spot};
use crate::sandbox::payment::instant;
use crate::sandbox::schedule::{DAY, Micros};

/// Tells of all lies.
pub(super) fn tell(books: &Books<'_>, truth: &mut Truth) {
    for (_, lie) in Lie::ALL {
        if let Some(spot) = books.told(lie) {
            tell_lie(books, lie, spot, truth);
        }
    }
}

fn tell_lie(books: &Books<'_>, lie: Lie, spot: &Spot, truth: &mut Truth) {
    match lie {
        Lie::CapturedAmount => {
            let id = spot.capture.action_id(books.merchant);
            let reported = format!("{id}/{}", spot.capture.payment.currency.code);
            for row in [["left", "payment_actions", &id], ["right", "reported_actions", &reported]] {
                truth.tell(ACTIONS, row, "AMOUNT_MISMATCH", "reports tell of a minor unit more");
            }
        }
        Lie::PayoutRows => tell_settlement(books, spot, truth),
        Lie::AvailableBalance => {
            let day = day_of(books, spot);
            for row in [["left", "balance_days", &day], ["right", "balance_movements", &day]] {
                truth.tell(BALANCES, row, "IDENTITY_BROKEN", "what is available rose by a minor unit more");
            }
        }
        Lie::OpeningBalance => {
            let (day, why) = (day_of(books, spot), "the day opens with a minor unit more than the day before closed with");
            truth.tell(BALANCES, ["left", "balance_days", &day], "IDENTITY_BROKEN", why);
            truth.tell(BALANCES, ["right", "balance_movements", &day], "NO_COUNTERPART_RIGHT", why);
        }
        Lie::DisputedPayment => tell_dispute(books, spot, truth),
        Lie::FeeAction => tell_fees(books, &spot.sibling, ("FEE_VARIANCE", "it has another capture's gateway fee, too"), truth),
        Lie::ExchangeRate => tell_fees(books, &spot.capture, ("FX_OUT_OF_BAND", "its rate is a thousandth too high"), truth),
        Lie::BreakdownType => {
            tell_fees(books, &spot.capture, ("UNKNOWN_BREAKDOWN_TYPE", "its scheme fee is of a type there is none of"), truth);
        }
        Lie::BreakdownNet
        | Lie::BreakdownFees
        | Lie::PayoutColumns
        | Lie::PayableBalance
        | Lie::CollateralBalance
        | Lie::FeeCategory
        | Lie::SettledTwice => {}
    }
}

/// A settlement that does not come to its amount: none of its rows is matched.
fn tell_settlement(books: &Books<'_>, spot: &Spot, truth: &mut Truth) {
    let (reason, why) = ("IDENTITY_BROKEN", "its financial actions come to a minor unit less than its amount");
    truth.tell(SETTLEMENTS, ["right", "settlements", &spot.settlement.id(books.merchant)], reason, why);
    for row in rows_of(books, &spot.settlement).iter().filter(|row| !row.is_without_payout) {
        truth.tell(SETTLEMENTS, ["left", "settlement_rows", &row.id], reason, why);
    }
}

/// A chargeback that names a payment which is not disputed, and the dispute that has none.
fn tell_dispute(books: &Books<'_>, spot: &Spot, truth: &mut Truth) {
    let merchant = books.merchant;
    let Some(dispute) = spot.disputed.and_then(|disputed| merchant.payment(disputed).dispute) else { return };
    let at = dispute.received_at;
    let raised = effects(merchant, |_| true, at, at + 1).into_iter().find(|effect| spot.has_raised(effect));
    let Some((raised, disputed)) = raised.zip(spot.disputed) else { return };
    truth.tell(DISPUTES, ["left", "disputes", &merchant.dispute_id(disputed)], "OVERDUE", "its chargeback names another payment");
    if let Some(id) = row::of_chargeback(merchant, &raised, spot.other.payment.index) {
        truth.tell(DISPUTES, ["right", "chargebacks", &id], "NO_COUNTERPART_RIGHT", "it names a payment that is not disputed");
    }
}

/// The fees of a capture.
fn tell_fees(books: &Books<'_>, capture: &Effect, (reason, why): (&str, &str), truth: &mut Truth) {
    let id = row::of_account(books.merchant, capture.payment.currency.account, &capture.action_id(books.merchant));
    truth.tell(FEES, ["left", "captured_fees", &id], reason, why);
}

/// The account and the day that lies are about.
fn day_of(books: &Books<'_>, spot: &Spot) -> String {
    let day = books.merchant.started_at() + Micros::try_from(spot.day).unwrap_or_default() * DAY;
    row::of_account(books.merchant, spot.settlement.account, &instant(day).date_naive().to_string())
}
