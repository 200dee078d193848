//! The Arrow builder of each field of a batch, for whichever reader fills it: pages of JSON or files of CSV.
//!
//! Knows which builder a declared kind needs and how it becomes an array; the reading of values is the readers' own.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Date32Builder, Decimal128Builder, Int64Builder, StringArray, StringBuilder,
    TimestampMicrosecondArray, TimestampMicrosecondBuilder,
};
use arrow::datatypes::DataType;
use chrono::{DateTime, Utc};

use super::Kind;
use super::decode::{AssumedUnit, Settings};
use super::fields::Filler;

/// A field being filled.
#[derive(Debug)]
pub(super) struct FieldBuilder {
    values: Values,
    /// Nulls at the end that `values` does not have yet: most fields of most rows are null, and counting is cheap.
    nulls: usize,
}

/// The values of a field so far, each kind in the builder it needs.
#[derive(Debug)]
pub(super) enum Values {
    Text(StringBuilder),
    Word(StringBuilder, &'static [&'static str]),
    Json(StringBuilder),
    Flag(BooleanBuilder),
    Int(Int64Builder),
    Decimal(Decimal128Builder),
    Time(TimestampMicrosecondBuilder),
    LocalTime(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Minor(Int64Builder, AssumedUnit),
    Major(Decimal128Builder, AssumedUnit),
    Account,
    FetchedAt,
}

/// What fills the columns that say where a row came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Provenance<'a> {
    pub(super) account: &'a str,
    pub(super) fetched_at: DateTime<Utc>,
}

impl FieldBuilder {
    /// An empty field; `raw_bytes` is how much text `_raw` is to hold.
    pub(super) fn new(filler: Filler, kind: Option<Kind>, data_type: &DataType, settings: &Settings, raw_bytes: usize) -> Self {
        let kind = kind.unwrap_or(Kind::Json);
        let unit = if matches!(kind, Kind::AssumedMinor(_)) { settings.assumed_unit } else { AssumedUnit::Minor };
        let decimal = || Decimal128Builder::new().with_data_type(data_type.clone());
        let values = match (filler, kind) {
            (Filler::Account, _) => Values::Account,
            (Filler::FetchedAt, _) => Values::FetchedAt,
            (Filler::Major(_), _) => Values::Major(decimal(), unit),
            (Filler::Minor(_), _) | (_, Kind::Minor(_) | Kind::AssumedMinor(_)) => Values::Minor(Int64Builder::new(), unit),
            // Nearly the whole page: grown by doubling, it would be copied and its memory fetched anew again and again.
            (Filler::Raw, _) => Values::Json(StringBuilder::with_capacity(1024, raw_bytes)),
            (_, Kind::Json) => Values::Json(StringBuilder::new()),
            (_, Kind::Text) => Values::Text(StringBuilder::new()),
            (_, Kind::Word(words)) => Values::Word(StringBuilder::new(), words),
            (_, Kind::Flag) => Values::Flag(BooleanBuilder::new()),
            (_, Kind::Int) => Values::Int(Int64Builder::new()),
            (_, Kind::Decimal) => Values::Decimal(decimal()),
            (_, Kind::Time) => Values::Time(TimestampMicrosecondBuilder::new().with_data_type(data_type.clone())),
            (_, Kind::LocalTime) => Values::LocalTime(TimestampMicrosecondBuilder::new()),
            (_, Kind::Date) => Values::Date(Date32Builder::new()),
        };
        Self { values, nulls: 0 }
    }

    /// Appends a null.
    #[inline]
    pub(super) fn append_null(&mut self) {
        self.nulls += 1;
    }

    /// The values so far, for one more.
    #[inline]
    pub(super) fn values(&mut self) -> &mut Values {
        if self.nulls > 0 {
            self.values.append_nulls(std::mem::take(&mut self.nulls));
        }
        &mut self.values
    }

    /// Makes room in an empty field for one more array like this: grown by doubling, a field would be copied and its
    /// memory fetched anew for every batch.
    pub(super) fn make_room_like(&mut self, array: &dyn Array) {
        match &mut self.values {
            Values::Text(values) | Values::Word(values, _) | Values::Json(values) => {
                let bytes = array.as_string_opt::<i32>().map_or(0, |texts| texts.value_data().len());
                // An eighth more, so that a slightly longer one fits too.
                *values = StringBuilder::with_capacity(array.len(), bytes + bytes / 8);
            }
            Values::Decimal(values) => {
                *values = Decimal128Builder::with_capacity(array.len()).with_data_type(array.data_type().clone());
            }
            _ => {}
        }
    }

    /// The array of so many rows; the field is empty again.
    pub(super) fn finish(&mut self, provenance: Provenance<'_>, rows: usize) -> ArrayRef {
        self.values().finish(provenance, rows)
    }
}

impl Values {
    fn append_nulls(&mut self, count: usize) {
        match self {
            Self::Text(values) | Self::Word(values, _) | Self::Json(values) => values.append_nulls(count),
            Self::Flag(values) => values.append_nulls(count),
            Self::Int(values) | Self::Minor(values, _) => values.append_nulls(count),
            Self::Decimal(values) | Self::Major(values, _) => values.append_nulls(count),
            Self::Time(values) | Self::LocalTime(values) => values.append_nulls(count),
            Self::Date(values) => values.append_nulls(count),
            Self::Account | Self::FetchedAt => {}
        }
    }

    fn finish(&mut self, provenance: Provenance<'_>, rows: usize) -> ArrayRef {
        match self {
            Self::Text(values) | Self::Word(values, _) | Self::Json(values) => Arc::new(values.finish()),
            Self::Flag(values) => Arc::new(values.finish()),
            Self::Int(values) | Self::Minor(values, _) => Arc::new(values.finish()),
            Self::Decimal(values) | Self::Major(values, _) => Arc::new(values.finish()),
            Self::Time(values) | Self::LocalTime(values) => Arc::new(values.finish()),
            Self::Date(values) => Arc::new(values.finish()),
            Self::Account => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(provenance.account, rows))),
            Self::FetchedAt => {
                let now = provenance.fetched_at.timestamp_micros();
                Arc::new(TimestampMicrosecondArray::from_value(now, rows).with_timezone("UTC"))
            }
        }
    }
}
