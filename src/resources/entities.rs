//! Entities: one row per entity. Source: `GET /accounts/entities/{id}`.
//!
//! There is no listing of entities: without a filter the configured ones are read.

use super::{By, Call, Resource, get};
use crate::schema::{
    Column,
    Kind::{Flag, Json, Text, Word},
    Origin, Rows, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "entities",
    about: "One row per entity: those given, or else those the account is configured with.",
    calls: &[Call { rows: Rows::Document, ..get(SCOPE, "/accounts/entities/{entity_id}", By::Entity) }],
    time: None,
    cursor: None,
    raw: Origin::Row,
    columns: COLUMNS,
};

/// The scope of all reading about entities.
pub(super) const SCOPE: &str = "accounts";

const STATUSES: &[&str] = &["active", "pending", "restricted", "requirements_due", "inactive", "rejected"];

const COLUMNS: &[Column] = &[
    col("entity_id", Text, "Entity (`ent_…`).").at("/id").key(),
    col("reference", Text, "The merchant's own reference."),
    col("status", Word(STATUSES), "active, pending, restricted, requirements_due, inactive or rejected."),
    col("payments_available", Flag, "Whether it may take payments.").at("/capabilities/payments/available"),
    col("payments_enabled", Flag, "Whether it takes payments.").at("/capabilities/payments/enabled"),
    col("payouts_available", Flag, "Whether it may be paid out.").at("/capabilities/payouts/available"),
    col("payouts_enabled", Flag, "Whether it is paid out.").at("/capabilities/payouts/enabled"),
    col("requirements_due", Json, "What is still to be handed in, as a JSON array."),
    col("company_legal_name", Text, "Legal name of the company.").at("/company/legal_name"),
    col("company_trading_name", Text, "Name the company trades under.").at("/company/trading_name"),
    col("company_business_registration_number", Text, "Registration number of the company.")
        .at("/company/business_registration_number"),
    col("company_country", Text, "Country of the company's main address, two letters.").at("/company/principal_address/country"),
    col("individual_trading_name", Text, "Name a sole trader trades under.").at("/individual/trading_name").personal(),
    col("individual_country", Text, "Country of a sole trader's registered address, two letters.")
        .at("/individual/registered_address/country"),
    col("contact_phone_number", Text, "Telephone number of the contact.").at("/contact_details/phone/number").personal(),
    col("contact_email", Text, "Main e-mail address of the contact.").at("/contact_details/email_addresses/primary").personal(),
    col("default_holding_currency", Text, "ISO 4217 code of the currency held where none is said.")
        .at("/profile/default_holding_currency"),
    col("holding_currencies", Json, "ISO 4217 codes of the currencies held, as a JSON array.").at("/profile/holding_currencies"),
    col("mccs", Json, "Merchant categories, as a JSON array.").at("/profile/mccs"),
    col("urls", Json, "Web sites, as a JSON array.").at("/profile/urls"),
    col("instruments", Json, "Bank accounts it is paid out to, as a JSON array.").personal(),
];
