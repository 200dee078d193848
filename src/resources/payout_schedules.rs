//! Payout schedules: one row per entity and currency: when its funds are paid out. Source:
//! `GET /accounts/entities/{id}/payout-schedules`.
//!
//! The answer is one object, keyed by currency. The reference puts everything under `recurrence` and the days under
//! `recurrence/schedule`; the SDKs know a flatter form. Both are read. The unit of the threshold is not documented, so
//! it stays as it is printed; that of the minimum balance is.

use super::entities::SCOPE;
use super::{By, Call, Resource, get};
use crate::schema::{
    Column,
    Kind::{Decimal, Flag, Text, Word},
    Origin, Rows, col, minor,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "payout_schedules",
    about: "One row per entity and currency: when its funds are paid out.",
    calls: &[Call {
        rows: Rows::Members,
        may_have_none: true,
        ..get(SCOPE, "/accounts/entities/{entity_id}/payout-schedules", By::Entity)
    }],
    time: None,
    cursor: None,
    raw: Origin::Row,
    columns: COLUMNS,
};

const COLUMNS: &[Column] = &[
    col("entity_id", Text, "Entity (`ent_…`) that is paid out.").key(),
    col("currency", Text, "ISO 4217 code of the funds.").at("/key").key(),
    col("enabled", Flag, "Whether payouts are made.").at("/value/recurrence/enabled").or_at("/value/enabled"),
    col("threshold", Decimal, "Balance from which a payout is made, as printed; the vendor does not state the unit.")
        .at("/value/recurrence/threshold")
        .or_at("/value/threshold"),
    col("frequency", Word(&["daily", "weekly", "monthly"]), "daily, weekly or monthly.")
        .at("/value/recurrence/schedule/frequency")
        .or_at("/value/recurrence/frequency"),
    col("by_day", Text, "Day of a weekly payout: monday …; JSON where there are several.")
        .at("/value/recurrence/schedule/by_day")
        .or_at("/value/recurrence/by_day"),
    col("by_month_day", Text, "Day of the month of a monthly payout; JSON where there are several.")
        .at("/value/recurrence/schedule/by_month_day")
        .or_at("/value/recurrence/by_month_day"),
    col("balance_minimum", minor("currency"), "What is never paid out.")
        .at("/value/recurrence/balance_minimum")
        .or_at("/value/balance_minimum"),
    col("payment_instrument_id", Text, "Bank account (`ppi_…`) that is paid out to.")
        .at("/value/recurrence/payment_instrument_id")
        .or_at("/value/payment_instrument_id"),
];
