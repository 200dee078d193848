//! What rows come to: how many they are, and the exact sum of each column of decimals in each currency.
//!
//! Amounts of two currencies are never added. Which column has a column's currencies is told by its comment, which names
//! the units it is in; by a name that has the other's in it (`gross_in_holding_currency`); and else by there being one.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DECIMAL256_MAX_PRECISION, DataType, Decimal256Type, DecimalType as _, Field, Schema, i256};

use super::manifest::{Format, Sum, Total, Totals};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::fields::COMMENT;

/// What is said of a column of amounts before the name of the column of their currencies.
const UNITS_OF: &str = "units of `";

/// Sums while rows go by.
#[derive(Debug)]
pub(super) struct Tally {
    rows: u64,
    columns: Vec<Tallied>,
    /// Whether empty text is nothing, as where the two are written alike.
    is_empty_null: bool,
}

#[derive(Debug)]
struct Tallied {
    name: String,
    index: usize,
    scale: i8,
    by: Option<(usize, String)>,
    sums: BTreeMap<Option<String>, i256>,
}

impl Tally {
    pub(super) fn new(schema: &Schema, format: Format) -> Self {
        let mut columns = Vec::new();
        for (index, field) in schema.fields().iter().enumerate() {
            if let Some(scale) = scale(field.data_type()) {
                let by = currency_of(schema, field).and_then(|name| Some((schema.index_of(name).ok()?, name.to_owned())));
                columns.push(Tallied { name: field.name().clone(), index, scale, by, sums: BTreeMap::new() });
            }
        }
        Self { rows: 0, columns, is_empty_null: format == Format::Csv }
    }

    /// Adds rows of the schema.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when a sum has more digits than there is room for.
    pub(super) fn add(&mut self, rows: &RecordBatch) -> Result<()> {
        self.rows += u64::try_from(rows.num_rows()).unwrap_or_default();
        for column in &mut self.columns {
            column.add(rows, self.is_empty_null)?;
        }
        Ok(())
    }

    pub(super) fn totals(self) -> Totals {
        Totals { rows: self.rows, decimals: self.columns.into_iter().map(Tallied::total).collect() }
    }
}

impl Tallied {
    fn add(&mut self, rows: &RecordBatch, is_empty_null: bool) -> Result<()> {
        let wrong = |error| Error::bug("a column cannot be summed").caused_by(error);
        let wide = DataType::Decimal256(DECIMAL256_MAX_PRECISION, self.scale);
        let amounts = cast(rows.column(self.index), &wide).map_err(wrong)?;
        let amounts = amounts.as_primitive::<Decimal256Type>();
        let by = self.by.as_ref().map(|(index, _)| cast(rows.column(*index), &DataType::Utf8)).transpose().map_err(wrong)?;
        let by: Option<&StringArray> = by.as_ref().map(|by| by.as_string::<i32>());
        let mut sums: BTreeMap<Option<&str>, i256> = BTreeMap::new();
        for (row, amount) in amounts.iter().enumerate() {
            let Some(amount) = amount else { continue };
            let currency = by.filter(|by| !by.is_null(row)).map(|by| by.value(row));
            let currency = currency.filter(|currency| !is_empty_null || !currency.is_empty());
            add(sums.entry(currency).or_insert(i256::ZERO), amount, &self.name)?;
        }
        for (currency, sum) in sums {
            add(self.sums.entry(currency.map(str::to_owned)).or_insert(i256::ZERO), sum, &self.name)?;
        }
        Ok(())
    }

    fn total(self) -> Total {
        let sum = |value: i256| Decimal256Type::format_decimal(value, DECIMAL256_MAX_PRECISION, self.scale);
        let sums = self.sums.into_iter().map(|(currency, value)| Sum { currency, sum: sum(value) }).collect();
        Total { column: self.name, by: self.by.map(|(_, name)| name), sums }
    }
}

fn add(sum: &mut i256, amount: i256, column: &str) -> Result<()> {
    *sum = sum.checked_add(amount).ok_or_else(|| {
        Error::new(ErrorKind::Query, "the control total of a column has too many digits").with("column", column)
    })?;
    Ok(())
}

fn scale(data_type: &DataType) -> Option<i8> {
    match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Some(*scale),
        _ => None,
    }
}

/// The column of the currencies of a column of amounts; `None` where nothing tells.
fn currency_of<'a>(schema: &'a Schema, amounts: &'a Field) -> Option<&'a str> {
    let said = amounts.metadata().get(COMMENT).and_then(|comment| {
        let (_, rest) = comment.split_once(UNITS_OF)?;
        rest.split_once('`').map(|(name, _)| name)
    });
    if let Some(name) = said.filter(|name| schema.index_of(name).is_ok()) {
        return Some(name);
    }
    let names = || schema.fields().iter().map(|field| field.name().as_str()).filter(|name| name.ends_with("currency"));
    let others = || names().filter(|name| *name != amounts.name());
    let named = others().filter(|name| *name != "currency" && amounts.name().contains(name)).max_by_key(|name| name.len());
    let usual = others().find(|name| *name == "currency");
    let only = others().next().filter(|_| others().count() == 1);
    named.or(usual).or(only)
}
