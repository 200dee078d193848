//! Settlements: one row per payout to the bank and currency account. Source: Payouts report files.

use super::report_kind::PAYOUTS;
use super::{Resource, files, history};
use crate::schema::{
    Column,
    Kind::{Date, Decimal, LocalTime, Text},
    Origin, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "settlements",
    about: "One row per payout to the bank and currency account.",
    calls: &[files(&PAYOUTS)],
    time: None,
    cursor: Some("report_created_on"),
    raw: Origin::Row,
    columns: COLUMNS,
};

/// The same without leaving out what a later report tells anew.
pub(super) static HISTORY: Resource = Resource {
    name: "settlements_history",
    about: "One row per payout to the bank and currency account, in every report that has it.",
    calls: &[history(&PAYOUTS)],
    ..RESOURCE
};

const COLUMNS: &[Column] = rows_of_files![
    col("entity_id", Text, "Entity (`ent_…`).").at("Client Entity ID"),
    col("entity_name", Text, "Name of the entity.").at("Client Entity Name"),
    col("sub_entity_id", Text, "Sub-entity (`ent_…`)."),
    col("sub_entity_name", Text, "Name of the sub-entity."),
    col("currency_account_id", Text, "Currency account (`ca_…`)."),
    col("currency_account_name", Text, "Name of the currency account."),
    col("holding_currency", Text, "ISO 4217 code of all amounts."),
    col("payout_id", Text, "Settlement: 12 letters and digits, printed in the bank statement.").key(),
    col("payout_date", Date, "Day the settlement was made, as printed: in the entity's settlement zone."),
    col("payout_date_local", LocalTime, "When the settlement was made, as printed.").at("Payout Date"),
    col("reporting_start_date_local", LocalTime, "Start of what the report covers, as printed.").at("Reporting Start Date"),
    col("reporting_end_date_local", LocalTime, "End of what the report covers, as printed.").at("Reporting End Date"),
    col("payout_amount", Decimal, "Money sent to the bank."),
    col("merchant_payout_fees", Decimal, "Fees of the payout itself."),
    col("payments", Decimal, "Gross payments."),
    col("refunds", Decimal, "Gross refunds."),
    col("chargebacks", Decimal, "Gross chargebacks."),
    col("pay_to_cards", Decimal, "Gross payouts to cards."),
    col("card_payment_interchange_fees", Decimal, "Card payment interchange fees; negative when charged."),
    col("card_payment_scheme_fees", Decimal, "Card payment scheme fees; negative when charged."),
    col("acquiring_premiums", Decimal, "Acquiring premiums; negative when charged."),
    col("card_payment_gateway_fees", Decimal, "Card payment gateway fees; negative when charged."),
    col("card_payment_blended_fees", Decimal, "Card payment blended fees; negative when charged."),
    col("refunded_interchange_fees", Decimal, "Refunded interchange fees; negative when charged."),
    col("refund_scheme_fees", Decimal, "Refund scheme fees; negative when charged."),
    col("refund_gateway_fees", Decimal, "Refund gateway fees; negative when charged."),
    col("chargeback_fees", Decimal, "Chargeback fees; negative when charged."),
    col("retrieval_fees", Decimal, "Retrieval fees; negative when charged."),
    col("representment_fees", Decimal, "Representment fees; negative when charged."),
    col("pay_to_card_interchange_fees", Decimal, "Pay to card interchange fees; negative when charged."),
    col("pay_to_card_scheme_fees", Decimal, "Pay to card scheme fees; negative when charged."),
    col("pay_to_card_fees", Decimal, "Pay to card fees; negative when charged."),
    col("alternative_payment_method_fees", Decimal, "Alternative payment methods fees; negative when charged."),
    col("adjustments", Decimal, "Adjustments, and what earlier settlements left."),
    col("tax", Decimal, "Tax."),
    col("account_updater_fees", Decimal, "Account updater fees; negative when charged."),
    col("transfers_in", Decimal, "Transfers from other accounts."),
    col("transfers_out", Decimal, "Transfers to other accounts."),
    col("authentication_fees", Decimal, "Authentication fees; negative when charged."),
    col("authentication_scheme_fees", Decimal, "Authentication scheme fees; negative when charged."),
    col("risk_engine_fees", Decimal, "Risk engine fees; negative when charged."),
    col("intelligent_acceptance_fees", Decimal, "Intelligent acceptance fees; negative when charged."),
    col("network_token_fees", Decimal, "Network token fees; negative when charged."),
];
