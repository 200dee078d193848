//! Exchange rates: `GET /forex/rates`, for the merchant's currencies.

use super::answer::{Answer, Asked, Routed};
use super::shared::Shared;
use crate::sandbox::currency::{Currency, ENTITIES, MOVEMENT_DECIMALS};
use crate::sandbox::json::{Json, decimal};

/// Products, and what a rate costs with each, in thousandths.
const PRODUCTS: [(&str, i128); 3] = [("card_payouts", 20), ("daily_acquiring", 12), ("scheme_acquiring", 5)];
/// Sources, and what a rate costs with each beside that.
const SOURCES: [(&str, i128); 2] = [("visa", 0), ("mastercard", 1)];

/// The rates of the pairs asked for; pairs that are not offered stand apart.
pub(super) fn rates(shared: &Shared, asked: &Asked) -> Routed {
    let (product, dear) = known(asked, "product", &PRODUCTS)?;
    let (source, dearer) = known(asked, "source", &SOURCES)?;
    check_channel(shared, required(asked, "processing_channel_id")?)?;
    let pairs: Vec<&str> = required(asked, "currency_pairs")?.split(',').map(str::trim).collect();
    let (offered, invalid): (Vec<&str>, Vec<&str>) = pairs.into_iter().partition(|pair| currencies(pair).is_some());
    Ok(Answer::json(Json::document(|json| {
        json.text("product", product);
        json.text("source", source);
        json.list("rates", |json| {
            for (pair, (from, into)) in offered.iter().filter_map(|pair| Some((pair, currencies(pair)?))) {
                json.object(|json| {
                    json.plain("exchange_rate", decimal(from.rate_into(into, dear + dearer), MOVEMENT_DECIMALS));
                    json.text("currency_pair", pair);
                });
            }
        });
        match invalid.as_slice() {
            // The vendor's answers differ: one has been seen as plain text.
            [one] => json.text("invalid_currency_pairs", one),
            all => json.list("invalid_currency_pairs", |json| all.iter().for_each(|pair| json.element(pair))),
        }
    })))
}

fn required<'a>(asked: &'a Asked, name: &str) -> Result<&'a str, Answer> {
    asked.parameter(name).ok_or_else(|| Answer::invalid(&format!("{name}_required")))
}

/// One of the words a parameter may be, with its margin.
fn known(asked: &Asked, name: &str, words: &[(&'static str, i128)]) -> Result<(&'static str, i128), Answer> {
    let wanted = required(asked, name)?;
    let found = words.iter().find(|(word, _)| *word == wanted).copied();
    found.ok_or_else(|| Answer::invalid(&format!("{name}_invalid")))
}

/// Whether the channel is the merchant's; each entity has one.
fn check_channel(shared: &Shared, id: &str) -> Result<(), Answer> {
    match shared.merchant.ids().read("pc_", id) {
        Some((entity, 0)) if entity < ENTITIES as u64 => Ok(()),
        _ => Err(Answer::invalid("processing_channel_id_invalid")),
    }
}

/// The two currencies of a pair.
fn currencies(pair: &str) -> Option<(&'static Currency, &'static Currency)> {
    let (from, into) = pair.split_at_checked(3)?;
    Some((Currency::find(from)?, Currency::find(into)?)).filter(|(from, into)| from != into)
}
