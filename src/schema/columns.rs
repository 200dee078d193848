//! The columns of a batch while it is being filled: one Arrow builder per field, fed with the cells of one row at a
//! time.
//!
//! Relies on [`value`] for the reading; decides only that null is null, and what an unreadable value becomes.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Decimal128Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringArray, StringBuilder,
    TimestampMicrosecondArray, TimestampMicrosecondBuilder,
};
use arrow::datatypes::DataType;

use super::decode::{AssumedUnit, Given, OnMalformed, Settings};
use super::fields::Filler;
use super::plan::{Output, Place, Plan};
use super::scan::{Form, Raw};
use super::value::{self, Why};
use super::{Kind, Origin};
use crate::error::{Error, Result};

/// A value of a row, null and missing alike being `None`.
pub(super) type Cell<'a> = Option<Raw<'a>>;

/// The two objects a row of the table is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'c, 'a> {
    pub(super) own: &'c [Cell<'a>],
    pub(super) around: &'c [Cell<'a>],
}

impl<'a> Pair<'_, 'a> {
    #[inline]
    fn at(&self, place: Place) -> Cell<'a> {
        let cells = match place.origin {
            Origin::Row => self.own,
            Origin::Parent => self.around,
        };
        cells.get(place.cell).copied().flatten()
    }
}

/// A value that cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable<'p> {
    pub(super) output: &'p Output,
    /// Whether it was not at the first place.
    pub(super) elsewhere: bool,
    pub(super) value: String,
    pub(super) why: Why,
}

/// The columns of a batch, being filled.
#[derive(Debug)]
pub(super) struct Columns<'p> {
    plan: &'p Plan,
    fields: Vec<FieldBuilder>,
    rows: usize,
}

#[derive(Debug)]
struct FieldBuilder {
    /// The JSON of the value the request was made for: stands in where the page has none.
    key: Option<(String, Form)>,
    values: Values,
    /// Nulls at the end that `values` does not have yet: most fields of most rows are null, and counting is cheap.
    nulls: usize,
}

#[derive(Debug)]
enum Values {
    Text(StringBuilder),
    Word(StringBuilder, &'static [&'static str]),
    Json(StringBuilder),
    Flag(BooleanBuilder),
    Int(Int64Builder),
    Decimal(Decimal128Builder),
    Time(TimestampMicrosecondBuilder),
    Minor(Int64Builder, AssumedUnit),
    Major(Decimal128Builder, AssumedUnit),
    Account,
    FetchedAt,
}

impl<'p> Columns<'p> {
    /// Empty columns, for a page of so many bytes.
    pub(super) fn new(plan: &'p Plan, given: &Given<'_>, page_bytes: usize) -> Self {
        let fields = plan.schema.fields().iter().zip(&plan.outputs);
        let fields = fields.map(|(field, output)| FieldBuilder {
            key: key_of(output, given),
            values: Values::new(output, field.data_type(), &plan.settings, page_bytes),
            nulls: 0,
        });
        Self { plan, fields: fields.collect(), rows: 0 }
    }

    /// Appends a row.
    ///
    /// # Errors
    /// The first value that cannot be read, where that is to be an error.
    pub(super) fn append(&mut self, row: Pair<'_, '_>) -> Result<(), Unreadable<'p>> {
        self.rows += 1;
        for (output, FieldBuilder { key, values, nulls }) in self.plan.outputs.iter().zip(&mut self.fields) {
            let key = || key.as_ref().map(|(text, form)| Raw { text, form: *form });
            let other = || row.at(output.other?);
            let Some(raw) = row.at(output.place).or_else(other).or_else(key) else {
                *nulls += 1;
                continue;
            };
            values.append_nulls(std::mem::take(nulls));
            let currency = output.currency.and_then(|place| row.at(place));
            if let Err(why) = values.append(raw, currency, &self.plan.settings) {
                *nulls += 1;
                if self.plan.settings.on_malformed == OnMalformed::Error {
                    let elsewhere = row.at(output.place).is_none();
                    return Err(Unreadable { output, elsewhere, value: raw.text.to_owned(), why });
                }
            }
        }
        Ok(())
    }

    /// The batch.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when Arrow finds the columns inconsistent.
    pub(super) fn finish(self, given: &Given<'_>) -> Result<RecordBatch> {
        let rows = self.rows;
        let finish = |mut field: FieldBuilder| {
            field.values.append_nulls(field.nulls);
            field.values.finish(given, rows)
        };
        let arrays = self.fields.into_iter().map(finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.plan.schema), arrays, &options)
            .map_err(|error| Error::bug("a page's columns do not fit its schema").caused_by(error))
    }
}

/// The JSON of the value the request was made for, where this is its column.
fn key_of(output: &Output, given: &Given<'_>) -> Option<(String, Form)> {
    let column = output.column?;
    let (_, value) = given.keys.iter().find(|(name, _)| *name == column.name)?;
    let json = serde_json::to_string(value).ok()?;
    let form = if json.contains('\\') { Form::Escaped } else { Form::Plain };
    Some((json, form))
}

impl Values {
    fn new(output: &Output, data_type: &DataType, settings: &Settings, page_bytes: usize) -> Self {
        let kind = output.column.map_or(Kind::Json, |column| column.kind);
        let unit = if matches!(kind, Kind::AssumedMinor(_)) { settings.assumed_unit } else { AssumedUnit::Minor };
        let decimal = || Decimal128Builder::new().with_data_type(data_type.clone());
        match (output.filler, kind) {
            (Filler::Account, _) => Self::Account,
            (Filler::FetchedAt, _) => Self::FetchedAt,
            (Filler::Major(_), _) => Self::Major(decimal(), unit),
            (Filler::Minor(_), _) | (_, Kind::Minor(_) | Kind::AssumedMinor(_)) => Self::Minor(Int64Builder::new(), unit),
            // Nearly the whole page: grown by doubling, it would be copied and its memory fetched anew again and again.
            (Filler::Raw, _) => Self::Json(StringBuilder::with_capacity(1024, page_bytes)),
            (_, Kind::Json) => Self::Json(StringBuilder::new()),
            (_, Kind::Text) => Self::Text(StringBuilder::new()),
            (_, Kind::Word(words)) => Self::Word(StringBuilder::new(), words),
            (_, Kind::Flag) => Self::Flag(BooleanBuilder::new()),
            (_, Kind::Int) => Self::Int(Int64Builder::new()),
            (_, Kind::Decimal) => Self::Decimal(decimal()),
            (_, Kind::Time) => Self::Time(TimestampMicrosecondBuilder::new().with_data_type(data_type.clone())),
        }
    }

    #[inline]
    fn append(&mut self, raw: Raw<'_>, currency: Cell<'_>, settings: &Settings) -> Result<(), Why> {
        let exponents = &settings.exponents;
        match self {
            Self::Text(values) => values.append_value(value::text(raw)?),
            Self::Word(values, words) => values.append_value(value::word(&value::text(raw)?, words)),
            Self::Json(values) => values.append_value(raw.text),
            Self::Flag(values) => values.append_value(value::flag(raw)?),
            Self::Int(values) => values.append_value(value::whole(raw)?),
            Self::Decimal(values) => values.append_value(value::decimal(raw)?),
            Self::Time(values) => values.append_value(value::instant(raw)?),
            Self::Minor(values, unit) => values.append_value(value::minor(raw, *unit, currency, exponents)?),
            Self::Major(values, unit) => {
                let minor = value::minor(raw, *unit, currency, exponents)?;
                values.append_value(value::major(minor, currency, exponents)?);
            }
            Self::Account | Self::FetchedAt => {}
        }
        Ok(())
    }

    #[inline]
    fn append_nulls(&mut self, count: usize) {
        match self {
            _ if count == 0 => {}
            Self::Text(values) | Self::Word(values, _) | Self::Json(values) => values.append_nulls(count),
            Self::Flag(values) => values.append_nulls(count),
            Self::Int(values) | Self::Minor(values, _) => values.append_nulls(count),
            Self::Decimal(values) | Self::Major(values, _) => values.append_nulls(count),
            Self::Time(values) => values.append_nulls(count),
            Self::Account | Self::FetchedAt => {}
        }
    }

    fn finish(self, given: &Given<'_>, rows: usize) -> ArrayRef {
        match self {
            Self::Text(mut values) | Self::Word(mut values, _) | Self::Json(mut values) => Arc::new(values.finish()),
            Self::Flag(mut values) => Arc::new(values.finish()),
            Self::Int(mut values) | Self::Minor(mut values, _) => Arc::new(values.finish()),
            Self::Decimal(mut values) | Self::Major(mut values, _) => Arc::new(values.finish()),
            Self::Time(mut values) => Arc::new(values.finish()),
            Self::Account => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(given.account, rows))),
            Self::FetchedAt => {
                let now = given.fetched_at.timestamp_micros();
                Arc::new(TimestampMicrosecondArray::from_value(now, rows).with_timezone("UTC"))
            }
        }
    }
}
