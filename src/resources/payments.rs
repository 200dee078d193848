//! Payments: one row per payment. Sources: `POST /payments/search`, `GET /payments/{id}`, `GET /payments?reference=`.
//!
//! The search is the only listing by time; it knows fewer fields than the calls by key (its rows have no customer or
//! instrument id). Those are null in rows that come from it, and a filter by one of them is refused without a key.

use super::{By, Call, Key, Narrow, Paging, Resource, amount, code, get, in_path, term, word};
use crate::api::request::Method;
use crate::schema::{
    Column,
    Kind::{Flag, Int, Json, Text, Time, Word},
    Origin, Rows, col, minor,
};

/// Payments by reference are known from June 2022 on.
const REFERENCES_SINCE: i64 = 1_654_041_600;

pub(super) static RESOURCE: Resource = Resource {
    name: "payments",
    about: "One row per payment: a pay-in, a bank payout or a card payout.",
    calls: &[
        Call { rows: Rows::Document, ..get(DETAILS, "/payments/{id}", in_path("id")) },
        Call { paging: Paging::SkipLimit(100), ..get(DETAILS, "/payments", BY_REFERENCE) },
        Call { narrow: TERMS, lacks: NOT_IN_SEARCH, ..SEARCH },
    ],
    time: Some("requested_on"),
    cursor: None,
    raw: Origin::Row,
    columns: COLUMNS,
};

const BY_REFERENCE: By = By::Key(Key { column: "reference", param: Some("reference"), since: Some(REFERENCES_SINCE) });

/// The scope of the calls by key.
pub(super) const DETAILS: &str = "gateway:payment-details";

/// The search by time; its rows also carry the actions of each payment.
pub(super) const SEARCH: Call = Call {
    method: Method::Post,
    paging: Paging::NextLink(1000),
    ..get("payments:search", "/payments/search", By::Windows("requested_on"))
};

/// What the search language says of a payment. Its `payment_method` and metadata are not used: their meaning and spelling
/// are not documented well enough to be sure that no wanted row is left out.
const TERMS: &[Narrow] = &[
    term("id", "id"),
    term("reference", "reference"),
    term("source_bin", "bin"),
    term("source_last4", "last4"),
    term("source_issuer", "issuer"),
    term("customer_email", "email"),
    word("status", "status", STATUSES),
    code("currency", "currency"),
    word("payment_type", "payment_type", PAYMENT_TYPES),
    word("source_scheme", "scheme", SCHEMES),
    code("source_issuer_country", "issuing_country"),
    amount("amount", "amount"),
];

/// What rows of the search leave out.
const NOT_IN_SEARCH: &[&str] = &[
    "processed_on",
    "approved",
    "total_voided",
    "total_voided_minor",
    "available_to_void",
    "available_to_void_minor",
    "available_to_capture",
    "available_to_capture_minor",
    "available_to_refund",
    "available_to_refund_minor",
    "source_id",
    "customer_id",
    "expires_on",
    "payment_ip",
    "eci",
    "scheme_id",
    "pan_type_processed",
    "sender_type",
    "sender_reference",
    "merchant_category_code",
    "retrieval_reference_number",
    "threeds_enrolled",
    "threeds_authentication_response",
    "threeds_challenged",
    "threeds_downgraded",
    "threeds_exemption",
    "billing_descriptor_reference",
    "acquirer_transaction_id",
    "instruction_value_date",
    "instruction_purpose",
];

/// How the reference spells the states of a payment.
const STATUSES: &[&str] = &[
    "Active",
    "Requested",
    "Pending",
    "Authorized",
    "Card Verified",
    "Canceled",
    "Expired",
    "Paid",
    "Declined",
    "Voided",
    "Partially Captured",
    "Captured",
    "Partially Refunded",
    "Refunded",
    "Authentication Requested",
    "Retry Scheduled",
    "Returned",
    "Approved",
];
const PAYMENT_TYPES: &[&str] = &["Regular", "Recurring", "MOTO", "Installment", "PayLater", "Unscheduled"];
/// How the reference spells card schemes.
pub(super) const SCHEMES: &[&str] = &[
    "Visa",
    "Mastercard",
    "American Express",
    "Cartes Bancaires",
    "Diners Club",
    "Discover",
    "JCB",
    "Mada",
    "Maestro",
    "UnionPay",
];
pub(super) const CARD_TYPES: &[&str] = &["Credit", "Debit", "Prepaid", "Charge", "Deferred Debit"];
pub(super) const CARD_CATEGORIES: &[&str] = &["Consumer", "Commercial"];

const COLUMNS: &[Column] = &[
    col("id", Text, "Payment id (`pay_…`).").key(),
    col("requested_on", Time, "When the payment was asked for, UTC."),
    col("processed_on", Time, "When it was finally decided, UTC; by-key calls only."),
    col("status", Word(STATUSES), "State now, in the spelling of the reference."),
    col("approved", Flag, "Whether it was approved; by-key calls only."),
    col("amount", minor("currency"), "Amount asked for."),
    col("amount_requested", minor("currency"), "Amount before a partial authorisation."),
    col("currency", Text, "ISO 4217 code of all amounts of the payment."),
    col("payment_type", Word(PAYMENT_TYPES), "Regular, Recurring, MOTO, Installment, PayLater or Unscheduled."),
    col("reference", Text, "The merchant's own reference."),
    col("description", Text, "The merchant's own description.").personal(),
    col("processing_channel_id", Text, "Processing channel (`pc_…`)."),
    col("entity_id", Text, "Entity (`ent_…`), where the answer names it."),
    col("authentication_id", Text, "Standalone authentication behind the payment (`sid_…`)."),
    col("expires_on", Time, "When the authorisation ends, UTC; by-key calls only."),
    col("total_authorized", minor("currency"), "Authorised so far.").at("/balances/total_authorized"),
    col("total_voided", minor("currency"), "Voided so far.").at("/balances/total_voided"),
    col("available_to_void", minor("currency"), "Can still be voided.").at("/balances/available_to_void"),
    col("total_captured", minor("currency"), "Captured so far.").at("/balances/total_captured"),
    col("available_to_capture", minor("currency"), "Can still be captured.").at("/balances/available_to_capture"),
    col("total_refunded", minor("currency"), "Refunded so far.").at("/balances/total_refunded"),
    col("available_to_refund", minor("currency"), "Can still be refunded.").at("/balances/available_to_refund"),
    col("source_type", Text, "Kind of source: card, currency_account, or a payment method.").at("/source/type"),
    col("source_id", Text, "Instrument (`src_…`) or currency account (`ca_…`); by-key calls only.").at("/source/id"),
    col("source_scheme", Word(SCHEMES), "Card scheme.").at("/source/scheme"),
    col("source_local_schemes", Json, "Local schemes of the card.").at("/source/local_schemes"),
    col("source_last4", Text, "Last four digits of the card.").at("/source/last4").personal(),
    col("source_bin", Text, "First six or eight digits of the card.").at("/source/bin").personal(),
    col("source_fingerprint", Text, "Stands for the card number.").at("/source/fingerprint").personal(),
    col("source_expiry_month", Int, "Month the card ends.").at("/source/expiry_month").personal(),
    col("source_expiry_year", Int, "Year the card ends.").at("/source/expiry_year").personal(),
    col("source_name", Text, "Name on the card.").at("/source/name").personal(),
    col("source_card_type", Word(CARD_TYPES), "Credit, Debit, Prepaid, Charge or Deferred Debit.").at("/source/card_type"),
    col("source_card_category", Word(CARD_CATEGORIES), "Consumer or Commercial.").at("/source/card_category"),
    col("source_card_wallet_type", Text, "Wallet the card was in.").at("/source/card_wallet_type"),
    col("source_issuer", Text, "Issuing bank.").at("/source/issuer"),
    col("source_issuer_country", Text, "Country of the issuing bank, two letters.").at("/source/issuer_country"),
    col("source_product_id", Text, "The scheme's product code.").at("/source/product_id"),
    col("source_product_type", Text, "The scheme's product name.").at("/source/product_type"),
    col("source_avs_check", Text, "Result of the address check.").at("/source/avs_check"),
    col("source_cvv_check", Text, "Result of the security-code check.").at("/source/cvv_check"),
    col("source_payment_account_reference", Text, "Stands for the card account.")
        .at("/source/payment_account_reference")
        .personal(),
    col("source_billing_country", Text, "Country of the billing address.").at("/source/billing_address/country"),
    col("destination_type", Text, "Kind of destination of a payout.").at("/destination/type"),
    col("destination_id", Text, "Instrument a payout goes to.").at("/destination/id"),
    col("destination_scheme", Word(SCHEMES), "Scheme of the card a payout goes to.").at("/destination/scheme"),
    col("destination_name", Text, "Holder of the card a payout goes to.").at("/destination/name").personal(),
    col("destination_last4", Text, "Last four digits of the card a payout goes to.").at("/destination/last4").personal(),
    col("customer_id", Text, "Customer (`cus_…`); by-key calls only.").at("/customer/id"),
    col("customer_email", Text, "The customer's e-mail address.").at("/customer/email").personal(),
    col("customer_name", Text, "The customer's name.").at("/customer/name").personal(),
    col("payment_ip", Text, "IP address of the payer; by-key calls only.").personal(),
    col("risk_flagged", Flag, "Whether risk rules flagged it.").at("/risk/flagged"),
    col("risk_score", Text, "Risk score, as printed.").at("/risk/score"),
    col("threeds_version", Text, "3-D Secure version.").at("/3ds/version"),
    col("threeds_eci", Text, "3-D Secure e-commerce indicator.").at("/3ds/eci"),
    col("threeds_enrolled", Text, "Whether the card is enrolled: Y, N or U.").at("/3ds/enrolled"),
    col("threeds_authentication_response", Text, "Y, N, A or U.").at("/3ds/authentication_response"),
    col("threeds_challenged", Flag, "Whether the payer was challenged.").at("/3ds/challenged"),
    col("threeds_downgraded", Flag, "Whether 3-D Secure was left out.").at("/3ds/downgraded"),
    col("threeds_exemption", Text, "Exemption asked for.").at("/3ds/exemption"),
    col("authentication_experience", Text, "3ds or google_spa.").at("/authentication/experience"),
    col("eci", Text, "E-commerce indicator; by-key calls only."),
    col("scheme_id", Text, "The scheme's transaction id; by-key calls only."),
    col("pan_type_processed", Text, "fpan or dpan; by-key calls only."),
    col("billing_descriptor_name", Text, "Name on the payer's statement.").at("/billing_descriptor/name"),
    col("billing_descriptor_city", Text, "City on the payer's statement.").at("/billing_descriptor/city"),
    col("billing_descriptor_reference", Text, "Reference on the payer's statement.").at("/billing_descriptor/reference"),
    col("shipping_country", Text, "Country of the shipping address.").at("/shipping/address/country"),
    col("sender_type", Text, "Kind of sender of a payout; by-key calls only.").at("/sender/type"),
    col("sender_reference", Text, "Reference of the sender of a payout; by-key calls only.").at("/sender/reference"),
    col("merchant_category_code", Text, "Merchant category, four digits; by-key calls only.")
        .at("/processing/merchant_category_code"),
    col("retrieval_reference_number", Text, "The acquirer's retrieval reference; by-key calls only.")
        .at("/processing/retrieval_reference_number"),
    col("acquirer_transaction_id", Text, "The acquirer's transaction id.").at("/processing/acquirer_transaction_id"),
    col("partner_payment_id", Text, "Payment id at a partner.").at("/processing/partner_payment_id"),
    col("partner_order_id", Text, "Order id at a partner.").at("/processing/partner_order_id"),
    col("retry_attempts_made", Int, "Retries made so far.").at("/retry/attempts_made"),
    col("retry_next_attempt_on", Time, "When the next retry is due, UTC.").at("/retry/next_attempt_on"),
    col("instruction_value_date", Time, "Value date of a bank payout, UTC; by-key calls only.").at("/instruction/value_date"),
    col("instruction_purpose", Text, "Purpose of a payout; by-key calls only.").at("/instruction/purpose"),
    col("payment_plan", Json, "Plan of recurring payments or instalments."),
    col("amount_allocations", Json, "Split over sub-entities; amounts in minor units."),
    col("items", Json, "Order lines; amounts in minor units.").personal(),
    col("metadata", Json, "The merchant's own keys.").personal(),
];
