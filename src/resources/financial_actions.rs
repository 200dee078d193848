//! Financial actions: one row per action and breakdown. Source: `GET /financial-actions` for a payment or an action.
//!
//! The call has no listing: `payment_id` or `action_id` must be given. Amounts are decimals in major units of up to
//! eight places; only the holding-currency amount adds up.

use super::{Call, Paging, Resource, get, in_query};
use crate::schema::{
    Column, Explode,
    Kind::{Decimal, Flag, Text, Time},
    Origin, WhenEmpty, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "financial_actions",
    about: "One row per financial action and breakdown, for given payments or actions.",
    calls: &[
        Call { paging: PAGES, explode: BREAKDOWN, ..get(SCOPE, "/financial-actions", in_query("payment_id", "payment_id")) },
        Call { paging: PAGES, explode: BREAKDOWN, ..get(SCOPE, "/financial-actions", in_query("action_id", "action_id")) },
    ],
    time: Some("processed_on"),
    cursor: None,
    raw: Origin::Parent,
    columns: COLUMNS,
};

const SCOPE: &str = "financial-actions:view";
const PAGES: Paging = Paging::Token(100);
const BREAKDOWN: Option<Explode> = Some(Explode { path: "/breakdown", when_empty: WhenEmpty::KeepParent });

const COLUMNS: &[Column] = &[
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
];
