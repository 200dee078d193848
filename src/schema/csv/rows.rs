//! The rows of a file becoming the columns of a batch.
//!
//! Relies on the header for which cell goes where and on [`text`] for the reading; decides only that an empty cell is
//! null, and what a row of the wrong width and an unreadable value become.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{RecordBatch, RecordBatchOptions};

use super::header::{Header, Source, Zone};
use super::scan::Row;
use super::{FileGiven, Plan, text};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::builders::{FieldBuilder, Provenance, Values};
use crate::schema::decode::OnMalformed;
use crate::schema::malformed::with_value;
use crate::schema::time;
use crate::schema::value::{NOT_LOCAL, Why};

const NOT_ONCE: &str = "no zone is said, or its clocks show this twice or never; filter by the time as printed";

/// The columns of a batch, being filled.
#[derive(Debug)]
pub(super) struct Rows {
    header: Header,
    /// What stands before each cell in `_raw`.
    raw_names: Vec<String>,
    raw: String,
    fields: Vec<FieldBuilder>,
    /// In the batch.
    pub(super) count: usize,
    /// In the report.
    number: i64,
}

impl Rows {
    /// No rows, under this header.
    pub(super) fn new(header: Header, plan: &Plan, given: &FileGiven) -> Self {
        let raw_name = |(index, name): (usize, &String)| format!("{}{}:", if index == 0 { '{' } else { ',' }, json(name));
        let raw_names = header.names.iter().enumerate().map(raw_name).collect();
        let fields = plan.schema.fields().iter().zip(&plan.outputs).map(|(field, output)| {
            let kind = output.column.map(|column| column.kind);
            FieldBuilder::new(output.filler, kind, field.data_type(), &plan.settings, 0)
        });
        let fields = fields.collect();
        let number = i64::try_from(given.rows_before).unwrap_or(i64::MAX);
        Self { header, raw_names, raw: String::new(), fields, count: 0, number }
    }

    /// The header.
    pub(super) fn names(&self) -> &[String] {
        &self.header.names
    }

    /// Whether nothing in the file fills the column of this name.
    pub(super) fn lacks(&self, column: &str, plan: &Plan) -> bool {
        let is_it = |output: &&super::Output| output.column.is_some_and(|own| own.name == column);
        let mut outputs = plan.outputs.iter().zip(&self.header.sources).filter(|(output, _)| is_it(output));
        outputs.any(|(_, source)| matches!(source, Source::Nothing))
    }

    /// Appends a row.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when it is not as wide as the header, or a value cannot be read and that is to be an error.
    pub(super) fn append(&mut self, row: Row<'_>, plan: &Plan) -> Result<()> {
        self.check_width(row)?;
        self.count += 1;
        self.number = self.number.saturating_add(1);
        for (index, (source, field)) in self.header.sources.iter().zip(&mut self.fields).enumerate() {
            let read = match source {
                Source::Cell(cell, other) => {
                    let text = row.cell(*cell);
                    match other {
                        Some(other) if text.is_empty() => append(field, &row.cell(*other)),
                        _ => append(field, &text),
                    }
                }
                Source::Local { cell, zone, is_needed } => append_local(field, &row.cell(*cell), *zone, *is_needed, row),
                Source::Fact(fact) => append(field, fact),
                Source::RowNumber => append_number(field, self.number),
                Source::Raw => {
                    write_raw(&mut self.raw, &self.raw_names, row);
                    append(field, &self.raw)
                }
                Source::Nothing => {
                    field.append_null();
                    Ok(())
                }
            };
            if let Err(why) = read {
                field.append_null();
                if plan.settings.on_malformed == OnMalformed::Error {
                    return Err(self.unreadable(index, row, plan, &why));
                }
            }
        }
        Ok(())
    }

    /// The batch; the rows are none again.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when Arrow finds the columns inconsistent.
    pub(super) fn finish(&mut self, plan: &Plan, given: &FileGiven) -> Result<RecordBatch> {
        let rows = std::mem::take(&mut self.count);
        let provenance = Provenance { account: &given.account, fetched_at: given.fetched_at };
        let finish = |field: &mut FieldBuilder| {
            let array = field.finish(provenance, rows);
            field.make_room_like(&array);
            array
        };
        let arrays = self.fields.iter_mut().map(finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&plan.schema), arrays, &options)
            .map_err(|error| Error::bug("a file's columns do not fit its schema").caused_by(error))
    }

    fn check_width(&self, row: Row<'_>) -> Result<()> {
        let width = self.header.names.len();
        if row.len() == width || (row.len() == width + 1 && row.ends_in_nothing()) {
            return Ok(());
        }
        let message = format!("cannot read a row: it has {} columns and the header has {width}", row.len());
        Err(Error::new(ErrorKind::Decode, message))
    }

    #[cold]
    fn unreadable(&self, index: usize, row: Row<'_>, plan: &Plan, why: &Why) -> Error {
        let name = plan.outputs.get(index).and_then(|output| output.column).map_or("row", |column| column.name);
        let error = Error::new(ErrorKind::Decode, format!("cannot read {name}: {why}"));
        let (header, value) = match self.header.sources.get(index) {
            Some(Source::Local { cell, .. }) => (self.header.names.get(*cell).map_or("", String::as_str), row.cell(*cell)),
            Some(Source::Cell(cell, other)) => {
                let cell = other.filter(|_| row.cell(*cell).is_empty()).unwrap_or(*cell);
                (self.header.names.get(cell).map_or("", String::as_str), row.cell(cell))
            }
            Some(Source::Fact(fact)) => ("told beside the file", fact.into()),
            _ => return error,
        };
        with_value(error.with("column", header), name, &value)
    }
}

#[inline]
fn append(field: &mut FieldBuilder, text: &str) -> Result<(), Why> {
    // Most cells of a report are empty.
    if text.is_empty() {
        field.append_null();
        return Ok(());
    }
    let values = match field.values() {
        Values::Text(values) | Values::Json(values) => {
            values.append_value(text);
            return Ok(());
        }
        values => values,
    };
    let text = text.trim_ascii();
    if text.is_empty() {
        field.append_null();
        return Ok(());
    }
    text::append(values, text)
}

/// Appends the instant of a local time; none where its zone is not said, or does not have it just once, unless it is needed.
fn append_local(field: &mut FieldBuilder, text: &str, zone: Zone, is_needed: bool, row: Row<'_>) -> Result<(), Why> {
    let zone = match zone {
        Zone::Known(zone) => Some(zone),
        Zone::Cell(cell) => {
            let name = row.cell(cell);
            if name.trim().is_empty() { None } else { Some(zone_of(&name)?) }
        }
    };
    let text = text.trim_ascii();
    if text.is_empty() {
        field.append_null();
        return Ok(());
    }
    let local = time::parse_local(text).ok_or(NOT_LOCAL)?;
    match (field.values(), zone.and_then(|zone| time::instant_in(local, zone))) {
        (Values::Time(values), Some(instant)) => values.append_value(instant),
        (_, None) if is_needed => return Err(NOT_ONCE.into()),
        (_, None) => field.append_null(),
        (_, Some(_)) => {}
    }
    Ok(())
}

fn zone_of(name: &str) -> Result<Tz, Why> {
    time::zone(name).ok_or_else(|| format!("its time zone {:?} is not known", name.trim()).into())
}

fn append_number(field: &mut FieldBuilder, number: i64) -> Result<(), Why> {
    if let Values::Int(values) = field.values() {
        values.append_value(number);
    }
    Ok(())
}

fn write_raw(json_text: &mut String, names: &[String], row: Row<'_>) {
    json_text.clear();
    for (name, cell) in names.iter().zip(row.cells(names.len())) {
        json_text.push_str(name);
        if cell.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
            json_text.push_str(&json(&cell));
        } else {
            json_text.push('"');
            json_text.push_str(&cell);
            json_text.push('"');
        }
    }
    json_text.push('}');
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
