//! Instruments: one row per card or bank account in the vault. Source: `GET /instruments/{id}`.

use super::payments::{CARD_CATEGORIES, CARD_TYPES, SCHEMES};
use super::{Call, Resource, get, in_path};
use crate::schema::{
    Column,
    Kind::{Int, Json, Text, Word},
    Origin, Rows, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "instruments",
    about: "One row per card or bank account in the vault, for given ids.",
    calls: &[Call { rows: Rows::Document, ..get("vault:instruments", "/instruments/{id}", in_path("id")) }],
    time: None,
    cursor: None,
    raw: Origin::Row,
    columns: COLUMNS,
};

const COLUMNS: &[Column] = &[
    col("id", Text, "Instrument id (`src_…`).").key(),
    col("type", Text, "card, bank_account, sepa …."),
    col("fingerprint", Text, "Stands for the card or account number.").personal(),
    col("customer_id", Text, "Customer (`cus_…`) it belongs to.").at("/customer/id"),
    col("customer_email", Text, "The customer's e-mail address.").at("/customer/email").personal(),
    col("customer_name", Text, "The customer's name.").at("/customer/name").personal(),
    col("expiry_month", Int, "Month the card ends.").personal(),
    col("expiry_year", Int, "Year the card ends.").personal(),
    col("name", Text, "Name on the card.").personal(),
    col("scheme", Word(SCHEMES), "Card scheme."),
    col("scheme_local", Text, "Local scheme of the card."),
    col("last4", Text, "Last four digits of the card.").personal(),
    col("bin", Text, "First six or eight digits of the card.").personal(),
    col("card_type", Word(CARD_TYPES), "Credit, Debit, Prepaid, Charge or Deferred Debit."),
    col("card_category", Word(CARD_CATEGORIES), "Consumer or Commercial."),
    col("card_wallet_type", Text, "Wallet the card was in."),
    col("issuer", Text, "Issuing bank."),
    col("issuer_country", Text, "Country of the issuing bank, two letters."),
    col("product_id", Text, "The scheme's product code."),
    col("product_type", Text, "The scheme's product name."),
    col("network_token", Json, "Network token of the card.").personal(),
    col("account_type", Word(&["savings", "current", "cash"]), "savings, current or cash."),
    col("account_number", Text, "Number of the bank account.").personal(),
    col("bank_code", Text, "Code of the bank."),
    col("branch_code", Text, "Code of the bank's branch."),
    col("iban", Text, "IBAN of the bank account.").personal(),
    col("bban", Text, "National number of the bank account.").personal(),
    col("swift_bic", Text, "BIC of the bank."),
    col("currency", Text, "ISO 4217 code of the bank account."),
    col("country", Text, "Country of the bank account, two letters."),
    col("bank_name", Text, "Name of the bank.").at("/bank/name"),
    col("bank_branch", Text, "Name of the bank's branch.").at("/bank/branch"),
    col("account_holder", Json, "Who holds the card or account.").personal(),
];
