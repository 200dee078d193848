//! FX rates: one row per currency pair, for a product and a source. Source: `GET /forex/rates`.
//!
//! Secret keys are not let in: it takes an access key with the scope `fx`. All four parameters are required; a pair that
//! is not offered gives no row.

use super::{Call, Resource, eq, get, in_query};
use crate::schema::{
    Column,
    Kind::{Decimal, Text},
    Origin, Rows, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "fx_rates",
    about: "One row per currency pair: the rate now, for a given product, source and processing channel.",
    calls: &[Call {
        rows: Rows::Array("/rates"),
        needs: &["product", "source", "processing_channel_id"],
        narrow: &[eq("product", "product"), eq("source", "source"), eq("processing_channel_id", "processing_channel_id")],
        ..get("fx", "/forex/rates", in_query("currency_pair", "currency_pairs"))
    }],
    time: None,
    cursor: None,
    raw: Origin::Row,
    columns: COLUMNS,
};

const COLUMNS: &[Column] = &[
    col("currency_pair", Text, "Two ISO 4217 codes, from and to (`GBPEUR`).").key(),
    col("product", Text, "What the rate is for: card_payouts, daily_acquiring or scheme_acquiring.").key(),
    col("source", Text, "Whose rate it is: visa or mastercard.").key(),
    col("processing_channel_id", Text, "Processing channel (`pc_…`) the rate is for.").key(),
    col("exchange_rate", Decimal, "What one unit of the first currency is worth in the second, margin included."),
];
