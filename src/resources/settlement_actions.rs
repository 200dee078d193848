//! Settlement actions: one row per action and breakdown of a settlement. Source: Financial Actions by Payout ID files.
//!
//! A file also has rows that are not in its payout, such as interchange that is billed later: their `payout_id` is empty. The
//! rows of a settlement are those with its `payout_id`.

use super::report_kind::ACTIONS_BY_PAYOUT;
use super::{Resource, files, history};
use crate::schema::{
    Column,
    Kind::{Decimal, LocalTime, Text, Time},
    Origin, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "settlement_actions",
    about: "One row per action and breakdown inside a settlement.",
    calls: &[files(&ACTIONS_BY_PAYOUT)],
    time: None,
    cursor: Some("report_created_on"),
    raw: Origin::Row,
    columns: COLUMNS,
};

/// The same without leaving out what a later report tells anew.
pub(super) static HISTORY: Resource = Resource {
    name: "settlement_actions_history",
    about: "One row per action and breakdown inside a settlement, in every report that has it.",
    calls: &[history(&ACTIONS_BY_PAYOUT)],
    ..RESOURCE
};

const COLUMNS: &[Column] = rows_of_files![
    col("entity_id", Text, "Entity (`ent_…`).").at("Client Entity ID"),
    col("entity_name", Text, "Name of the entity.").at("Client Entity Name"),
    col("sub_entity_id", Text, "Sub-entity (`ent_…`)."),
    col("sub_entity_name", Text, "Name of the sub-entity."),
    col("processing_channel_id", Text, "Processing channel (`pc_…`); none on rows that no payment made."),
    col("merchant_category_code", Text, "Merchant category, four digits."),
    col("currency_account_id", Text, "Currency account (`ca_…`)."),
    col("currency_account_name", Text, "Name of the currency account."),
    col("currency_account_custom_id", Text, "The merchant's own id of the currency account."),
    col("action_type", Text, "Capture, Refund, Chargeback …; an open list."),
    col("action_id", Text, "Action (`act_…`, `adj_…`, `opg_…`, …)."),
    col("payment_id", Text, "Payment (`pay_…`), or another id for actions without one."),
    col("requested_on", Time, "When it was asked for, UTC; where the zone is known.").at("Requested On UTC"),
    col("requested_on_local", LocalTime, "When it was asked for, as printed.").at("Requested On"),
    col("processed_on", Time, "When it took effect on the balance, UTC; where the zone is known.").at("Processed On UTC"),
    col("processed_on_local", LocalTime, "When it took effect on the balance, as printed: in the entity's settlement zone.")
        .at("Processed On"),
    col("timezone", Text, "Zone of the printed times, where the report says it."),
    col("processing_currency", Text, "ISO 4217 code of `processing_currency_amount`."),
    col("fx_rate_applied", Decimal, "Processing to holding currency."),
    col("holding_currency", Text, "ISO 4217 code of `holding_currency_amount`."),
    col("fx_trade_id", Text, "FX trade (`trd_…`)."),
    col("payout_id", Text, "Settlement, as printed in the row; none on rows that are billed later."),
    col("reference", Text, "The merchant's reference."),
    col("payment_method", Text, "Card scheme or payment method."),
    col("card_type", Text, "Credit, Debit …."),
    col("card_category", Text, "Consumer or Commercial."),
    col("issuer_country", Text, "Country of the issuing bank, two letters."),
    col("entity_country", Text, "Country of the entity, two letters."),
    col("region", Text, "Domestic, EEA, International …."),
    col("mid", Text, "Merchant id at the acquirer."),
    col("response_code", Text, "Gateway response code; the scheme's reason on chargebacks."),
    col("response_description", Text, "Gateway response in words."),
    col("breakdown_type", Text, "Capture, Interchange Fixed Fee …; an open list, see `ref.breakdown_types`."),
    col("processing_currency_amount", Decimal, "Signed amount as processed, major units."),
    col("holding_currency_amount", Decimal, "Signed effect on the balance, major units; the additive column."),
    col("entity_country_tax_currency", Text, "ISO 4217 code of `tax_currency_amount`."),
    col("tax_fx_rate", Decimal, "Holding to tax currency."),
    col("tax_currency_amount", Decimal, "Tax, major units."),
    col("fee_detail", Text, "Name of the scheme's fee."),
    col("acquirer_reference_number", Text, "ARN."),
    col("account_funding_transaction", Text, "Whether it funds an account, as printed."),
    col("transaction_currency", Text, "ISO 4217 code of `transaction_currency_amount`."),
    col("transaction_currency_amount", Decimal, "Amount in the payer's currency, major units."),
    col("processing_to_transaction_currency_fx_rate", Decimal, "Processing to transaction currency."),
    col("transaction_to_holding_currency_fx_rate", Decimal, "Transaction to holding currency."),
    col("reserve_rate", Text, "Rate of the reserve, as printed (`5%`)."),
    col("reserve_release_date_local", LocalTime, "When the reserve is released, as printed.").at("Reserve Release Date"),
    col("reserve_deducted_date_local", LocalTime, "When the reserve was deducted, as printed.").at("Reserve Deducted Date"),
    col(
        "report_payout_id",
        Text,
        "Settlement that the report is of, in capitals: told by its tags or its name, or else by the row.",
    )
    .at("Payout ID"),
];
