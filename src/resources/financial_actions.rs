//! Financial actions: one row per action and breakdown, on the available balance. Sources: Financial Actions by Date Range
//! files; `GET /financial-actions` for given payments or actions.
//!
//! Amounts are decimals in major units of up to eight places; only the holding-currency amount adds up. Files print times
//! in the entity's settlement zone; the call tells them in UTC.

use super::report_kind::ACTIONS_BY_DATE;
use super::{Call, Paging, Resource, files, get, history, in_query};
use crate::schema::{
    Column, Explode,
    Kind::{Decimal, Flag, LocalTime, Text, Time},
    Origin, WhenEmpty, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "financial_actions",
    about: "One row per financial action and breakdown, on the available balance.",
    calls: &[
        Call { by: in_query("payment_id", "payment_id"), ..OF_ONE },
        Call { by: in_query("action_id", "action_id"), ..OF_ONE },
        Call { moved: HEADERS, ..files(&ACTIONS_BY_DATE) },
    ],
    time: Some("processed_on"),
    cursor: Some("report_created_on"),
    raw: Origin::Parent,
    columns: COLUMNS,
};

/// The same without leaving out what a later report tells anew.
pub(super) static HISTORY: Resource = Resource {
    name: "financial_actions_history",
    about: "One row per financial action and breakdown, in every report that has it.",
    calls: &[Call { moved: HEADERS, ..history(&ACTIONS_BY_DATE) }],
    ..RESOURCE
};

/// The call for a payment or an action, which has no file to come from.
const OF_ONE: Call = Call {
    paging: Paging::Token(100),
    explode: Some(Explode { path: "/breakdown", when_empty: WhenEmpty::KeepParent }),
    lacks: &[
        "entity_name",
        "sub_entity_name",
        "currency_account_name",
        "currency_account_custom_id",
        "requested_on_local",
        "processed_on_local",
        "timezone",
        "payout_id",
        "entity_country",
        "reserve_release_date_local",
        "reserve_deducted_date_local",
        "report_id",
        "file_id",
        "row_number",
        "report_created_on",
    ],
    ..get("financial-actions:view", "/financial-actions", in_query("payment_id", "payment_id"))
};

/// The headers of files that are not the words of the column.
const HEADERS: &[(&str, &str)] = &[
    ("entity_id", "Client Entity ID"),
    ("entity_name", "Client Entity Name"),
    ("requested_on", "Requested On UTC"),
    ("requested_on_local", "Requested On"),
    ("processed_on", "Processed On UTC"),
    ("processed_on_local", "Processed On"),
    ("reserve_release_date", "Reserve Release Date UTC"),
    ("reserve_release_date_local", "Reserve Release Date"),
    ("reserve_deducted_date", "Reserve Deducted Date UTC"),
    ("reserve_deducted_date_local", "Reserve Deducted Date"),
];

const COLUMNS: &[Column] = rows_of_files![
    col("payment_id", Text, "Payment (`pay_…`), or another id for actions without one.").of_parent().key(),
    col("action_id", Text, "Action (`act_…`, `adj_…`, `opg_…`, …).").of_parent().key(),
    col("action_type", Text, "Capture, Refund, Chargeback …; an open list.").of_parent(),
    col("entity_id", Text, "Entity (`ent_…`).").of_parent(),
    col("sub_entity_id", Text, "Sub-entity (`ent_…`).").of_parent(),
    col("currency_account_id", Text, "Currency account (`ca_…`).").of_parent(),
    col("processing_channel_id", Text, "Processing channel (`pc_…`).").of_parent(),
    col("processed_on", Time, "When it took effect on the balance, UTC.").of_parent(),
    col("requested_on", Time, "When it was asked for, UTC.").of_parent(),
    col("breakdown_type", Text, "Capture, Interchange Fixed Fee …; an open list.").key(),
    col("holding_currency", Text, "ISO 4217 code of `holding_currency_amount`."),
    col("holding_currency_amount", Decimal, "Signed effect on the balance, major units; the additive column."),
    col("processing_currency", Text, "ISO 4217 code of `processing_currency_amount`."),
    col("processing_currency_amount", Decimal, "Signed amount as processed, major units."),
    col("fx_rate_applied", Decimal, "Processing to holding currency."),
    col("fx_trade_id", Text, "FX trade (`trd_…`).").of_parent(),
    col("transaction_currency", Text, "ISO 4217 code of `transaction_currency_amount`."),
    col("transaction_currency_amount", Decimal, "Amount in the payer's currency, major units."),
    col("processing_to_transaction_currency_fx_rate", Decimal, "Processing to transaction currency."),
    col("transaction_to_holding_currency_fx_rate", Decimal, "Transaction to holding currency."),
    col("fee_detail", Text, "Name of the scheme's fee."),
    col("reserve_rate", Text, "Rate of the reserve, as printed (`5%`)."),
    col("reserve_release_date", Time, "When the reserve is released, UTC."),
    col("reserve_deducted_date", Time, "When the reserve was deducted, UTC."),
    col("entity_country_tax_currency", Text, "ISO 4217 code of `tax_currency_amount`."),
    col("tax_currency_amount", Text, "Tax, as printed: the API has been seen to answer with words here."),
    col("tax_fx_rate", Decimal, "Holding to tax currency."),
    col("scheme_fx_adjustment_processing_currency", Text, "ISO 4217 code of the scheme's adjustment."),
    col("scheme_fx_adjustment_rate_applied", Decimal, "Rate of the scheme's adjustment."),
    col("scheme_fx_adjustment_eligible", Flag, "Whether the scheme adjusts the rate.").of_parent(),
    col("payment_method", Text, "Card scheme or payment method.").of_parent(),
    col("card_type", Text, "Credit, Debit ….").of_parent(),
    col("card_category", Text, "Consumer or Commercial.").of_parent(),
    col("issuer_country", Text, "Country of the issuing bank, two letters.").of_parent(),
    col("region", Text, "Domestic, EEA, International ….").of_parent(),
    col("mid", Text, "Merchant id at the acquirer.").of_parent(),
    col("merchant_category_code", Text, "Merchant category, four digits.").of_parent(),
    col("response_code", Text, "Gateway response code; the scheme's reason on chargebacks.").of_parent(),
    col("response_description", Text, "Gateway response in words.").of_parent(),
    col("reference", Text, "The merchant's reference.").of_parent(),
    col("acquirer_reference_number", Text, "ARN.").of_parent(),
    col("account_funding_transaction", Flag, "Whether it funds an account.").of_parent(),
    col("entity_name", Text, "Name of the entity."),
    col("sub_entity_name", Text, "Name of the sub-entity."),
    col("currency_account_name", Text, "Name of the currency account."),
    col("currency_account_custom_id", Text, "The merchant's own id of the currency account."),
    col("requested_on_local", LocalTime, "When it was asked for, as printed."),
    col("processed_on_local", LocalTime, "When it took effect on the balance, as printed: in the entity's settlement zone."),
    col("timezone", Text, "Zone of the printed times, where the report says it."),
    col("payout_id", Text, "Settlement, as printed in the row; none on rows that are billed later."),
    col("entity_country", Text, "Country of the entity, two letters."),
    col("reserve_release_date_local", LocalTime, "When the reserve is released, as printed."),
    col("reserve_deducted_date_local", LocalTime, "When the reserve was deducted, as printed."),
];
