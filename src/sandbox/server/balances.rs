//! Balances: `GET /balances/{entity_id}` on their own host.

use chrono::{DateTime, SecondsFormat, Utc};

use super::answer::{Answer, Asked, Routed};
use super::shared::Shared;
use crate::sandbox::balance::Balance;
use crate::sandbox::json::Json;

/// The currency accounts of an entity.
pub(super) fn balances(shared: &Shared, asked: &Asked, entity: &str) -> Routed {
    if !shared.merchant.entity_ids().iter().any(|known| known == entity) {
        return Err(Answer::not_found());
    }
    let currency = match asked.parameter("query").map(|query| query.split_once(':')) {
        None => None,
        Some(Some(("currency", code))) if code.len() == 3 => Some(code.to_uppercase()),
        Some(_) => return Err(Answer::invalid("query_invalid")),
    };
    let at = past_instant(shared, asked)?;
    let mut balances = shared.merchant.balances(at.unwrap_or_else(|| shared.merchant.end()));
    balances.retain(|balance| balance.entity_id == entity && currency.as_ref().is_none_or(|code| code == balance.currency));
    let with_id = asked.parameter("withCurrencyAccountId") == Some("true");
    Ok(Answer::json(Json::document(|json| {
        json.list("data", |json| {
            for balance in &balances {
                json.object(|json| write(json, balance, with_id, at));
            }
        });
    })))
}

/// `balancesAt`, which must not be in the future.
fn past_instant(shared: &Shared, asked: &Asked) -> Result<Option<DateTime<Utc>>, Answer> {
    let Some(text) = asked.parameter("balancesAt") else { return Ok(None) };
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) if at <= shared.merchant.end() => Ok(Some(at.to_utc())),
        _ => Err(Answer::error(400, "request_invalid", "balances_at_invalid")),
    }
}

fn write(json: &mut Json, balance: &Balance, with_id: bool, at: Option<DateTime<Utc>>) {
    if with_id {
        json.text("currency_account_id", &balance.currency_account_id);
    }
    json.text("descriptor", balance.descriptor);
    json.text("holding_currency", balance.currency);
    json.member("balances", |json| {
        json.plain("pending", balance.pending);
        json.plain("available", balance.available);
        json.plain("payable", balance.payable);
        json.plain("collateral", balance.collateral);
        json.member("collateral_breakdown", |json| {
            json.plain("fixed_reserve", 0);
            json.plain("rolling_reserve", balance.collateral);
        });
    });
    if let Some(at) = at {
        json.text("balances_as_of", &at.to_rfc3339_opts(SecondsFormat::Micros, true));
    }
}
