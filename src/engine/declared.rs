//! The schema `ref`: what ckosql takes as known, as tables to join with.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, StringArray};
use arrow::datatypes::DataType;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};

use super::system::{SystemTable, number, text};
use crate::error::Result;
use crate::money::{DECIMAL_PRECISION, DECIMAL_SCALE, THOUSANDTHS, WHOLE};
use crate::resources::breakdown_type::breakdown_types;

/// A table of the schema: what a row is, and what it has.
pub(super) struct Declared {
    pub(super) about: &'static str,
    pub(super) table: SystemTable,
}

/// The tables of the schema.
pub(super) static TABLES: [Declared; 2] = [
    Declared { about: "One row per breakdown type of financial actions that is known.", table: BREAKDOWN_TYPES },
    Declared {
        about: "One row per currency that Checkout.com does not count in hundredths; every other has two decimals.",
        table: CURRENCIES,
    },
];

/// The schema.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when two tables have the same name.
pub(super) fn schema() -> Result<Arc<dyn SchemaProvider>> {
    let schema = MemorySchemaProvider::new();
    for Declared { table, .. } in &TABLES {
        schema.register_table(table.name.to_owned(), table.provider(&[].into()))?;
    }
    Ok(Arc::new(schema))
}

const BREAKDOWN_TYPES: SystemTable = SystemTable {
    name: "breakdown_types",
    columns: &[
        ("breakdown_type", text, "The vendor's words."),
        ("roll_up", text, "What it counts as: gross, interchange, scheme, processor_fee, tax, chargeback, reserve or account."),
        ("balance_line", text, "The line, or lines, of the Balance report that it is part of."),
    ],
    rows: |_| {
        let types = breakdown_types();
        vec![
            texts(types.iter().map(|known| known.name.as_str())),
            texts(types.iter().map(|known| known.roll_up)),
            texts(types.iter().map(|known| known.balance_line)),
        ]
    },
};

const CURRENCIES: SystemTable = SystemTable {
    name: "currencies",
    columns: &[
        ("currency", text, "ISO 4217 code."),
        ("exponent", number, "How many decimals it has."),
        ("minor_unit", amount, "Its smallest amount, major units."),
    ],
    rows: |_| {
        let currencies: Vec<(&str, u32)> =
            WHOLE.iter().map(|code| (*code, 0)).chain(THOUSANDTHS.iter().map(|code| (*code, 3))).collect();
        let minor_unit = |(_, exponent): &(&str, u32)| 10_i128.pow(DECIMAL_SCALE.saturating_sub(*exponent));
        let minor_units = Decimal128Array::from_iter_values(currencies.iter().map(minor_unit));
        let minor_units = minor_units.with_data_type(amount());
        vec![
            texts(currencies.iter().map(|(code, _)| *code)),
            Arc::new(Int64Array::from_iter_values(currencies.iter().map(|(_, exponent)| i64::from(*exponent)))),
            Arc::new(minor_units),
        ]
    },
};

fn amount() -> DataType {
    DataType::Decimal128(DECIMAL_PRECISION, 8)
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}
