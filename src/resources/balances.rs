//! Balances: one row per currency account of an entity, now or at a past moment. Source: `GET /balances/{entity_id}`.
//!
//! The vendor does not state the unit of the numbers; the account's `balances_unit` says minor (the default) or major.

use super::{By, Call, Resource, get, moment};
use crate::api::request::Host;
use crate::schema::{
    Column,
    Kind::{AssumedMinor, Text, Time},
    Origin, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "balances",
    about: "One row per currency account of an entity, now or at a past moment.",
    calls: &[Call {
        host: Host::Balances,
        fixed: &[("withCurrencyAccountId", "true")],
        narrow: &[moment("as_of", "balancesAt")],
        ..get("balances:view", "/balances/{entity_id}", By::Entity)
    }],
    time: None,
    cursor: None,
    raw: Origin::Row,
    columns: COLUMNS,
};

const COLUMNS: &[Column] = &[
    col("entity_id", Text, "Entity (`ent_…`) the account belongs to.").key(),
    col("currency_account_id", Text, "Currency account (`ca_…`).").key(),
    col("descriptor", Text, "Name of the currency account."),
    col("holding_currency", Text, "ISO 4217 code of the balances."),
    col("pending", AssumedMinor("holding_currency"), "Not yet available.").at("/balances/pending"),
    col("available", AssumedMinor("holding_currency"), "Can be paid out.").at("/balances/available"),
    col("payable", AssumedMinor("holding_currency"), "On its way out.").at("/balances/payable"),
    col("collateral", AssumedMinor("holding_currency"), "Held as reserve.").at("/balances/collateral"),
    col("fixed_reserve", AssumedMinor("holding_currency"), "Fixed part of the reserve.")
        .at("/balances/collateral_breakdown/fixed_reserve"),
    col("rolling_reserve", AssumedMinor("holding_currency"), "Rolling part of the reserve.")
        .at("/balances/collateral_breakdown/rolling_reserve"),
    col("as_of", Time, "The past moment asked for with `as_of = …`, UTC; null means now.").key(),
    col("balances_as_of", Time, "The moment the answer is for, UTC, where it says so."),
];
