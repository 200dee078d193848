//! By what rows of reports are known in ckosql: by what they say, as the views of `sql/sides` have it.
//!
//! Rows of settlements and of chargebacks say their account, too, which is here that of the stand-in.

use crate::sandbox::currency::{ACCOUNTS, MOVEMENT_DECIMALS};
use crate::sandbox::effect::Effect;
use crate::sandbox::files::Line;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::movement::Movement;
use crate::sandbox::payment::instant;
use crate::sandbox::server::Sandbox;
use crate::sandbox::settlement::Settlement;
use crate::sandbox::zone::Zone;

/// Something of a currency account.
pub(super) fn of_account(merchant: &Merchant, account: usize, what: &str) -> String {
    joined(&[&merchant.account_id(account), what])
}

/// A row of a settlement's file, but for the so many-th it is of those that say the same.
pub(super) fn of_settlement(
    merchant: &Merchant,
    settlement: &Settlement,
    payout_id: &str,
    line: &Line<'_>,
    movement: &Movement,
) -> String {
    let Some(account) = ACCOUNTS.get(line.account) else { return String::new() };
    joined(&[
        &settlement.id(merchant),
        payout_id,
        Sandbox::ACCOUNT,
        &merchant.entity_id(account.entity),
        &merchant.account_id(line.account),
        line.action_type,
        &line.action_id,
        &line.payment_id,
        movement.breakdown_type,
        movement.fee_detail.unwrap_or_default(),
        account.currency,
        &exact(movement.holding),
    ])
}

/// The money of a chargeback, which is told to be of a payment.
pub(super) fn of_chargeback(merchant: &Merchant, effect: &Effect, payment: u64) -> Option<String> {
    let (gross, account) = (effect.gross()?, effect.payment.currency.account);
    let entity = ACCOUNTS.get(account)?.entity;
    Some(joined(&[
        Sandbox::ACCOUNT,
        &merchant.entity_id(entity),
        &merchant.account_id(account),
        &merchant.payment_id(payment),
        &effect.action_id(merchant),
        &merchant.reference(&effect.payment).unwrap_or_default(),
        gross.breakdown_type,
        gross.processing_currency,
        &exact(gross.processing),
        &instant(Zone::of(entity).local(effect.at)).date_naive().to_string(),
        "1",
    ]))
}

/// Parts with strokes between them; an empty one is a dash, and a blank is none.
fn joined(parts: &[&str]) -> String {
    let part = |part: &&str| if part.is_empty() { "-".to_owned() } else { part.replace(' ', "_") };
    parts.iter().map(part).collect::<Vec<_>>().join("/")
}

/// Major units with all their decimals.
fn exact(amount: i128) -> String {
    let (sign, digits) = (if amount < 0 { "-" } else { "" }, amount.unsigned_abs());
    let unit = 10_u128.pow(MOVEMENT_DECIMALS);
    format!("{sign}{}.{:08}", digits / unit, digits % unit)
}
