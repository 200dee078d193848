//! Settlement breakdown: one row per movement inside a settlement, its fees as columns. Source: Settlement Breakdown files.
//!
//! The payout's own amount is no row: it is in `settlements`.

use super::report_kind::SETTLEMENT_BREAKDOWN;
use super::{Resource, files, history};
use crate::schema::{
    Column,
    Kind::{Decimal, LocalTime, Text, Time},
    Origin, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "settlement_breakdown",
    about: "One row per movement inside a settlement.",
    calls: &[files(&SETTLEMENT_BREAKDOWN)],
    time: None,
    cursor: Some("report_created_on"),
    raw: Origin::Row,
    columns: COLUMNS,
};

/// The same without leaving out what a later report tells anew.
pub(super) static HISTORY: Resource = Resource {
    name: "settlement_breakdown_history",
    about: "One row per movement inside a settlement, in every report that has it.",
    calls: &[history(&SETTLEMENT_BREAKDOWN)],
    ..RESOURCE
};

const COLUMNS: &[Column] = rows_of_files![
    col("entity_id", Text, "Entity (`ent_…`).").at("Client Entity ID"),
    col("entity_name", Text, "Name of the entity.").at("Client Entity Name"),
    col("processing_channel_id", Text, "Processing channel (`pc_…`); none on rows that no payment made."),
    col("processing_channel_name", Text, "Name of the processing channel."),
    col("type", Text, "Charge, Refund, Chargeback, Merchant Payout …; an open list."),
    col("payment_id", Text, "Payment (`pay_…`); none on the payout's own row."),
    col("reference", Text, "The merchant's reference."),
    col("processed_on", Time, "When it was booked on the balance, UTC; where the zone is known.").at("Processed On UTC"),
    col("processed_on_local", LocalTime, "When it was booked on the balance, as printed.").at("Processed On"),
    col("available_on", Time, "When it became available, UTC; where the zone is known.").at("Available On UTC"),
    col("available_on_local", LocalTime, "When it became available, as printed.").at("Available On"),
    col("holding_currency", Text, "ISO 4217 code of the amounts in holding currency."),
    col("payout_id", Text, "Settlement, as printed in the row."),
    col("gross_in_holding_currency", Decimal, "Amount before fees."),
    col("deduction_in_holding_currency", Decimal, "Sum of the fees, tax and reserve; zero or less."),
    col("net_in_holding_currency", Decimal, "Gross and deduction together."),
    col("processing_fee_in_holding_currency", Decimal, "Checkout.com's fees."),
    col("scheme_fee_in_holding_currency", Decimal, "The scheme's fees."),
    col("interchange_in_holding_currency", Decimal, "Interchange."),
    col("tax_in_holding_currency", Decimal, "Tax."),
    col("reserve_in_holding_currency", Decimal, "Held as reserve; positive when released."),
    col("processing_currency", Text, "ISO 4217 code of the amounts in processing currency."),
    col("gross_in_processing_currency", Decimal, "Amount before fees, in the processing currency."),
    col("fx_rate_applied", Decimal, "Processing to holding currency."),
    col("payment_method", Text, "Card scheme or payment method."),
    col("net_in_processing_currency", Decimal, "Net amount in the processing currency."),
    col("card_type", Text, "Credit, Debit …."),
    col("card_category", Text, "Consumer or Commercial."),
    col("issuer_country", Text, "Country of the issuing bank, two letters."),
    col("entity_country", Text, "Country of the entity, two letters."),
    col("region", Text, "Domestic, EEA, International …."),
    col("mid", Text, "Merchant id at the acquirer."),
    col("merchant_category_code", Text, "Merchant category, four digits."),
    col("acquirer_reference_number", Text, "ARN."),
    col("account_funding_transaction", Text, "Whether it funds an account, as printed."),
    col("entity_segment", Text, "Segment of the entity."),
    col("issuing_bank", Text, "Name of the issuing bank."),
    col("bin", Text, "First digits of the card.").personal(),
    col("payment_type", Text, "Regular, Recurring …."),
    col("udf_1", Text, "The merchant's own field.").personal(),
    col("udf_2", Text, "The merchant's own field.").personal(),
    col("udf_3", Text, "The merchant's own field.").personal(),
    col("udf_4", Text, "The merchant's own field.").personal(),
    col("udf_5", Text, "The merchant's own field.").personal(),
    col("action_id", Text, "Action (`act_…`, `adj_…`, `opg_…`, …)."),
    col("timezone", Text, "Zone of the printed times, where the report says it."),
    col("card_product_type", Text, "Product of the card."),
    col(
        "report_payout_id",
        Text,
        "Settlement that the report is of, in capitals: told by its tags or its name, or else by the row.",
    )
    .at("Payout ID"),
];
