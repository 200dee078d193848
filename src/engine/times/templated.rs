//! `to_char`, `to_date` and `to_timestamp`: DataFusion's, with PostgreSQL's templates, and its instants of numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, StringArray, TimestampMicrosecondArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Date32Type, Decimal256Type, Field, FieldRef, TimeUnit, TimestampMicrosecondType, i256};
use chrono::DateTime;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::functions::datetime;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::template::{Part, parts};
use super::{is_datafusions, read, shown};
use crate::error::{Error, ErrorKind};

/// A function of a time and how it is written.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Templated {
    kind: Kind,
    /// DataFusion's.
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Char,
    Date,
    Timestamp,
}

/// How a call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    DataFusions,
    /// By a template, or, where a row has one, by a format.
    Template,
    /// Seconds since 1970, which are an instant.
    Seconds,
}

impl Templated {
    pub(super) fn new(kind: Kind) -> Self {
        let inner = match kind {
            Kind::Char => datetime::to_char(),
            Kind::Date => datetime::to_date(),
            Kind::Timestamp => datetime::to_timestamp(&ConfigOptions::default()),
        };
        Self { kind, inner, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// How a call with arguments of these types is answered; of what is written the same for all rows, the text is known.
    fn manner(&self, given: &[DataType], format: Option<&str>) -> Manner {
        let is_time = |given: &DataType| matches!(given, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
        match (self.kind, given) {
            (Kind::Char, [_, format_type]) if format_type.is_string() && format.is_some_and(is_datafusions) => {
                Manner::DataFusions
            }
            (Kind::Char, [time, format]) if is_time(time) && (format.is_string() || format.is_null()) => Manner::Template,
            (Kind::Date | Kind::Timestamp, [text, template])
                if text.is_string() && (template.is_string() || template.is_null()) && !format.is_some_and(is_datafusions) =>
            {
                Manner::Template
            }
            (Kind::Timestamp, [number]) if number.is_numeric() => Manner::Seconds,
            _ => Manner::DataFusions,
        }
    }

    fn gives(&self) -> DataType {
        match self.kind {
            Kind::Char => DataType::Utf8,
            Kind::Date => DataType::Date32,
            Kind::Timestamp => instant(),
        }
    }

    fn by_template(&self, arguments: &ScalarFunctionArgs) -> Result<ArrayRef> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [values, templates] = columns.as_slice() else { return Err(self.misused()) };
        let templates = cast(templates, &DataType::Utf8)?;
        let templates = templates.as_string::<i32>();
        if templates.iter().flatten().any(is_datafusions) {
            return self.mixed(arguments, templates);
        }
        let mut known = Known::default();
        match self.kind {
            Kind::Char => {
                let has_zone = matches!(values.data_type(), DataType::Timestamp(_, Some(_)));
                let times = cast(values, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
                let row = |(time, template): (Option<i64>, Option<&str>)| {
                    let (Some(time), Some(template)) = (time, template) else { return Ok(None) };
                    let time = DateTime::from_timestamp_micros(time).ok_or_else(beyond)?.naive_utc();
                    Ok(Some(shown::shown(&time, has_zone, known.parts(template)?)))
                };
                let times = times.as_primitive::<TimestampMicrosecondType>().iter();
                Ok(Arc::new(times.zip(templates).map(row).collect::<Result<StringArray>>()?))
            }
            Kind::Date | Kind::Timestamp => {
                let texts = cast(values, &DataType::Utf8)?;
                let row = |(text, template): (Option<&str>, Option<&str>)| match (text, template) {
                    (Some(text), Some(template)) => read::read(text, known.parts(template)?).map(Some),
                    _ => Ok(None),
                };
                let times = texts.as_string::<i32>().iter().zip(templates).map(row).collect::<Result<Vec<_>, Error>>()?;
                if self.kind == Kind::Date {
                    let days = times.iter().map(|time| time.as_ref().map(|time| Date32Type::from_naive_date(time.local.date())));
                    return Ok(Arc::new(days.collect::<Date32Array>()));
                }
                let micros = |time: &read::Time| time.local.and_utc().timestamp_micros() - time.east * 1_000_000;
                let instants = times.iter().map(|time| time.as_ref().map(micros)).collect::<TimestampMicrosecondArray>();
                Ok(Arc::new(instants.with_timezone("UTC")))
            }
        }
    }

    /// The answer of rows of which at least one has a format.
    fn mixed(&self, arguments: &ScalarFunctionArgs, templates: &StringArray) -> Result<ArrayRef> {
        if !templates.iter().flatten().all(is_datafusions) {
            let message = "a column has formats with % and templates without";
            return Err(Error::new(ErrorKind::Query, message).with("function", self.name()).into());
        }
        let rows = arguments.number_rows;
        let told = self.inner.invoke_with_args(arguments.clone())?.into_array(rows)?;
        Ok(cast(&told, &self.gives())?)
    }

    fn misused(&self) -> datafusion::error::DataFusionError {
        Error::new(ErrorKind::Query, "a function of times has arguments that it does not take")
            .with("function", self.name())
            .into()
    }
}

impl ScalarUDFImpl for Templated {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Char => "to_char",
            Kind::Date => "to_date",
            Kind::Timestamp => "to_timestamp",
        }
    }

    /// DataFusion's: a name of its own for the function that this takes the place of would bring that back.
    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match self.manner(given, None) {
            Manner::DataFusions => {
                let field = |given: &DataType| Arc::new(Field::new("given", given.clone(), true));
                let fields: Vec<FieldRef> = given.iter().map(field).collect();
                Ok(fields_with_udf(&fields, self.inner.as_ref())?.iter().map(|field| field.data_type().clone()).collect())
            }
            Manner::Seconds => Ok(given.to_vec()),
            Manner::Template => {
                let plain = |given: &DataType| if given.is_string() || given.is_null() { DataType::Utf8 } else { given.clone() };
                Ok(given.iter().map(plain).collect())
            }
        }
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        match self.manner(given, None) {
            Manner::DataFusions => self.inner.return_type(given),
            Manner::Template | Manner::Seconds => Ok(self.gives()),
        }
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let given: Vec<DataType> = arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let format = arguments.scalar_arguments.get(1).copied().flatten().and_then(|format| format.try_as_str().flatten());
        match self.manner(&given, format) {
            Manner::DataFusions => self.inner.return_field_from_args(arguments),
            Manner::Template | Manner::Seconds => Ok(Arc::new(Field::new(self.name(), self.gives(), true))),
        }
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = Arc::new(self.inner.inner().with_updated_config(config)?);
        Some(ScalarUDF::from(Self { kind: self.kind, inner, signature: self.signature.clone() }))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let given: Vec<DataType> = arguments.args.iter().map(ColumnarValue::data_type).collect();
        let format = match arguments.args.get(1) {
            Some(ColumnarValue::Scalar(format)) => format.try_as_str().flatten().map(str::to_owned),
            _ => None,
        };
        let answer = match self.manner(&given, format.as_deref()) {
            Manner::DataFusions => {
                // A format without fields would be its own answer.
                if self.kind == Kind::Char && format.is_some_and(|format| !is_datafusions(&format)) {
                    return Err(self.misused());
                }
                return self.inner.invoke_with_args(arguments);
            }
            Manner::Template => self.by_template(&arguments)?,
            Manner::Seconds => seconds(&ColumnarValue::values_to_arrays(&arguments.args)?)?,
        };
        Ok(ColumnarValue::Array(answer))
    }
}

/// The parts of templates, of which rows mostly have the one of the row before.
#[derive(Default)]
struct Known {
    last: Option<(String, Vec<Part>)>,
}

impl Known {
    fn parts(&mut self, template: &str) -> Result<&[Part], Error> {
        if self.last.as_ref().is_none_or(|(known, _)| known != template) {
            self.last = Some((template.to_owned(), parts(template)?));
        }
        Ok(self.last.as_ref().map(|(_, parts)| parts.as_slice()).unwrap_or_default())
    }
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn beyond() -> Error {
    Error::new(ErrorKind::Query, "an instant is out of the calendar")
}

/// The instants of seconds since 1970; what is finer than a microsecond is rounded.
fn seconds(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let numbers = columns.first().ok_or_else(|| Error::bug("to_timestamp lacks its number"))?;
    // Of six places, seconds are microseconds.
    let places =
        cast_with_options(numbers, &DataType::Decimal256(76, 6), &CastOptions { safe: false, ..CastOptions::default() })?;
    let micros = |micros: i256| micros.to_i128().and_then(|micros| i64::try_from(micros).ok()).ok_or_else(beyond);
    let micros = places.as_primitive::<Decimal256Type>().iter().map(|number| number.map(micros).transpose());
    Ok(Arc::new(micros.collect::<Result<TimestampMicrosecondArray, Error>>()?.with_timezone("UTC")))
}
