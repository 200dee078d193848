//! Why a row has no counterpart: its time is not over, or is, or it is not known what came in its time.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Date32Type};
use datafusion::logical_expr::{cast, ident, lit};
use datafusion::prelude::{DataFrame, SessionContext};

use super::calendar::Calendar;
use super::rule::{Covered, Rule};
use crate::error::{Error, ErrorKind, Result};

/// The days that the right side of a rule is known of.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Spans of days, first to last, by currency; of all currencies where the rule names none.
    spans: BTreeMap<String, Vec<(i32, i32)>>,
    is_by_currency: bool,
}

/// That the table of the days is there.
///
/// # Errors
/// [`ErrorKind::Query`] that names the column that is not there or is no date.
pub(super) async fn check(rule: &Rule, context: &SessionContext) -> Result<()> {
    match &rule.covered {
        Some(covered) => rows(covered, context).await.map(drop),
        None => Ok(()),
    }
}

/// The plan of the days.
///
/// # Errors
/// As [`check`].
pub(super) async fn rows(covered: &Covered, context: &SessionContext) -> Result<DataFrame> {
    let table = context.table(covered.table.as_str()).await?;
    let kind = |column: &str| table.schema().field_with_unqualified_name(column).ok().map(|field| field.data_type().clone());
    let wrong = |what, column: &str| Error::new(ErrorKind::Query, what).with("table", &covered.table).with("column", column);
    for day in [&covered.from, &covered.to] {
        match kind(day) {
            Some(DataType::Date32) => {}
            Some(kind) => return Err(wrong("a day that is no date", day).with("type", kind).hint("cast it to date, by a view")),
            None => return Err(wrong("a table of days has not the column that the header says", day)),
        }
    }
    let currency = match &covered.currency {
        Some(currency) if kind(currency).is_none() => {
            return Err(wrong("a table of days has not the column that the header says", currency));
        }
        Some(currency) => cast(ident(currency), DataType::Utf8),
        None => lit(""),
    };
    Ok(table.select([ident(&covered.from).alias("from"), ident(&covered.to).alias("to"), currency.alias("currency")])?)
}

impl Known {
    /// Reads the days; `None` where the rule names none.
    ///
    /// # Errors
    /// As [`check`], and those of reading.
    pub(super) async fn read(rule: &Rule, context: &SessionContext) -> Result<Option<Self>> {
        let Some(covered) = &rule.covered else { return Ok(None) };
        let mut known = Self { is_by_currency: covered.currency.is_some(), ..Self::default() };
        for batch in rows(covered, context).await?.collect().await? {
            let days = |name: &str| batch.column_by_name(name).and_then(|days| days.as_primitive_opt::<Date32Type>());
            let currencies = batch.column_by_name("currency").and_then(|currencies| currencies.as_string_opt::<i32>());
            let (Some(from), Some(to), Some(currencies)) = (days("from"), days("to"), currencies) else {
                return Err(Error::bug("days were read without columns"));
            };
            for row in 0..batch.num_rows() {
                if from.is_valid(row) && to.is_valid(row) && currencies.is_valid(row) {
                    let spans = known.spans.entry(currencies.value(row).to_uppercase()).or_default();
                    spans.push((from.value(row), to.value(row)));
                }
            }
        }
        Ok(Some(known))
    }

    /// Why a row of this window has no counterpart, as of a day.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the calendar does not know one of the days.
    pub(super) fn reason(
        &self,
        window: RangeInclusive<i32>,
        currency: Option<&str>,
        as_of: i32,
        calendar: Option<&Calendar>,
    ) -> Result<&'static str> {
        if as_of <= *window.end() {
            return Ok("NOT_DUE_YET");
        }
        let currency = if self.is_by_currency { currency.unwrap_or_default().to_uppercase() } else { String::new() };
        let spans = self.spans.get(&currency).map(Vec::as_slice).unwrap_or_default();
        for day in window {
            // On other days a bank has nothing to tell.
            if calendar.map_or(Ok(true), |calendar| calendar.is_business_day(day))?
                && !spans.iter().any(|(from, to)| (*from..=*to).contains(&day))
            {
                return Ok("SOURCE_INCOMPLETE");
            }
        }
        Ok("OVERDUE")
    }
}
