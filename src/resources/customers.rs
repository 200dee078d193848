//! Customers: one row per customer in the vault. Source: `GET /customers/{id}`, which also takes an e-mail address.

use super::{Call, Resource, get, in_path};
use crate::schema::{
    Column,
    Kind::{Json, Text},
    Origin, Rows, col,
};

pub(super) static RESOURCE: Resource = Resource {
    name: "customers",
    about: "One row per customer in the vault, for given ids or e-mail addresses.",
    calls: &[
        Call { rows: Rows::Document, ..get(SCOPE, "/customers/{id}", in_path("id")) },
        Call { rows: Rows::Document, ..get(SCOPE, "/customers/{email}", in_path("email")) },
    ],
    time: None,
    cursor: None,
    raw: Origin::Row,
    columns: COLUMNS,
};

const SCOPE: &str = "vault:customers";

const COLUMNS: &[Column] = &[
    col("id", Text, "Customer id (`cus_…`).").key(),
    col("email", Text, "E-mail address, in the letters it was given in.").personal(),
    col("name", Text, "The customer's name.").personal(),
    col("phone_country_code", Text, "Country code of the telephone number.").at("/phone/country_code").personal(),
    col("phone_number", Text, "Telephone number.").at("/phone/number").personal(),
    col("default_instrument_id", Text, "Instrument (`src_…`) used where none is said.").at("/default"),
    col("metadata", Json, "The merchant's own keys.").personal(),
    col("instruments", Json, "Instruments of the customer, as a JSON array.").personal(),
];
