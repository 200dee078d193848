//! Balance statements: one row per currency account and period, and one per payment method of it. Source: Balance report files.

use super::report_kind::BALANCE;
use super::{Resource, files, history};
use crate::schema::{
    Column,
    Kind::{Decimal, LocalTime, Text},
    Origin, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "balance_statements",
    about: "One row per currency account and period, and one per payment method of it.",
    calls: &[files(&BALANCE)],
    time: None,
    cursor: Some("report_created_on"),
    raw: Origin::Row,
    columns: COLUMNS,
};

/// The same without leaving out what a later report tells anew.
pub(super) static HISTORY: Resource = Resource {
    name: "balance_statements_history",
    about: "One row per currency account and period, and one per payment method of it, in every report that has it.",
    calls: &[history(&BALANCE)],
    ..RESOURCE
};

const COLUMNS: &[Column] = rows_of_files![
    col("entity_id", Text, "Entity (`ent_…`)."),
    col("entity_name", Text, "Name of the entity."),
    col("currency_account_id", Text, "Currency account (`ca_…`)."),
    col("currency_account_name", Text, "Name of the currency account."),
    col("holding_currency", Text, "ISO 4217 code of all amounts."),
    col("report_date_local", LocalTime, "When the report was made, as printed.").at("Report Date"),
    col("reporting_start_date_local", LocalTime, "Start of what it covers, as printed.").at("Reporting Start Date"),
    col("reporting_end_date_local", LocalTime, "End of what it covers, as printed.").at("Reporting End Date"),
    col("description", Text, "`Balances & Payouts` for the account's own row, `Breakdown` for one of a payment method."),
    col("opening_available_balance", Decimal, "Available balance at the start; on rows of `Balances & Payouts`."),
    col("opening_pending_balance", Decimal, "Pending balance at the start; on rows of `Balances & Payouts`."),
    col("opening_payable_balance", Decimal, "Payable balance at the start; on rows of `Balances & Payouts`."),
    col("opening_collateral_balance", Decimal, "Collateral balance at the start; on rows of `Balances & Payouts`."),
    col("payment_method", Text, "Payment method of a `Breakdown` row."),
    col("payments", Decimal, "Gross payments."),
    col("refunds", Decimal, "Gross refunds."),
    col("merchant_payout_fees", Decimal, "Fees of the payout itself."),
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
    col("alternative_payment_method_fees", Decimal, "Alternative payment method fees; negative when charged."),
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
    col("payouts", Decimal, "Paid out; on rows of `Balances & Payouts`."),
    col("closing_available_balance", Decimal, "Available balance at the end; on rows of `Balances & Payouts`."),
    col("closing_pending_balance", Decimal, "Pending balance at the end; on rows of `Balances & Payouts`."),
    col("closing_payable_balance", Decimal, "Payable balance at the end; on rows of `Balances & Payouts`."),
    col("closing_collateral_balance", Decimal, "Collateral balance at the end; on rows of `Balances & Payouts`."),
];
