//! The columns of a batch while it is being filled from a page: the cells of one row at a time.
//!
//! Relies on [`value`] for the reading; decides only that null is null, and what an unreadable value becomes.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};

use super::Origin;
use super::builders::{FieldBuilder, Provenance, Values};
use super::decode::{Given, OnMalformed, Settings};
use super::grammar::Form;
use super::plan::{Output, Place, Plan};
use super::scan::Raw;
use super::value::{self, Why};
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
    fields: Vec<Field>,
    rows: usize,
}

#[derive(Debug)]
struct Field {
    /// The JSON of the value the request was made for: stands in where the page has none.
    key: Option<(String, Form)>,
    builder: FieldBuilder,
}

impl<'p> Columns<'p> {
    /// Empty columns, for a page of so many bytes.
    pub(super) fn new(plan: &'p Plan, given: &Given<'_>, page_bytes: usize) -> Self {
        let fields = plan.schema.fields().iter().zip(&plan.outputs);
        let fields = fields.map(|(field, output)| {
            let kind = output.column.map(|column| column.kind);
            let builder = FieldBuilder::new(output.filler, kind, field.data_type(), &plan.settings, page_bytes);
            Field { key: key_of(output, given), builder }
        });
        Self { plan, fields: fields.collect(), rows: 0 }
    }

    /// Appends a row.
    ///
    /// # Errors
    /// The first value that cannot be read, where that is to be an error.
    pub(super) fn append(&mut self, row: Pair<'_, '_>) -> Result<(), Unreadable<'p>> {
        self.rows += 1;
        for (output, Field { key, builder }) in self.plan.outputs.iter().zip(&mut self.fields) {
            let key = || key.as_ref().map(|(text, form)| Raw { text, form: *form });
            let other = || row.at(output.other?);
            let Some(raw) = row.at(output.place).or_else(other).or_else(key) else {
                builder.append_null();
                continue;
            };
            let currency = output.currency.and_then(|place| row.at(place));
            if let Err(why) = append(builder.values(), raw, currency, &self.plan.settings) {
                builder.append_null();
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
    pub(super) fn finish(mut self, given: &Given<'_>) -> Result<RecordBatch> {
        let provenance = Provenance { account: given.account, fetched_at: given.fetched_at };
        let arrays = self.fields.iter_mut().map(|field| field.builder.finish(provenance, self.rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
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

#[inline]
fn append(values: &mut Values, raw: Raw<'_>, currency: Cell<'_>, settings: &Settings) -> Result<(), Why> {
    let exponents = &settings.exponents;
    match values {
        Values::Text(values) => values.append_value(value::text(raw)?),
        Values::Word(values, words) => values.append_value(value::word(&value::text(raw)?, words)),
        Values::Json(values) => values.append_value(raw.text),
        Values::Flag(values) => values.append_value(value::flag(raw)?),
        Values::Int(values) => values.append_value(value::whole(raw)?),
        Values::Decimal(values) => values.append_value(value::decimal(raw)?),
        Values::Time(values) => values.append_value(value::instant(raw)?),
        Values::LocalTime(values) => values.append_value(value::local_time(raw)?),
        Values::Date(values) => values.append_value(value::date(raw)?),
        Values::Minor(values, unit) => values.append_value(value::minor(raw, *unit, currency, exponents)?),
        Values::Major(values, unit) => {
            let minor = value::minor(raw, *unit, currency, exponents)?;
            values.append_value(value::major(minor, currency, exponents)?);
        }
        Values::Account | Values::FetchedAt => {}
    }
    Ok(())
}
