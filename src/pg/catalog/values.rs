//! PostgreSQL's functions of values that neither DataFusion nor `datafusion-pg-catalog` has.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::functions::function;
use crate::pg::types;

/// UTF-8, in PostgreSQL's numbers.
const UTF8: i32 = 6;

/// The functions.
pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        ScalarUDF::from(TypeOf { signature: Signature::any(1, Volatility::Immutable) }),
        function("quote_literal", DataType::Utf8, |arguments| quoted(arguments, None)),
        function("quote_nullable", DataType::Utf8, |arguments| quoted(arguments, Some("NULL"))),
        function("pg_encoding_to_char", DataType::Utf8, encoding),
    ]
}

/// `pg_typeof`: what PostgreSQL calls a value's type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TypeOf {
    signature: Signature,
}

impl ScalarUDFImpl for TypeOf {
    fn name(&self) -> &'static str {
        "pg_typeof"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let title = arguments.arg_fields.first().map(|field| types::title(&types::sent(field).0));
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8(title)))
    }
}

fn first(arguments: &[ColumnarValue], to: &DataType) -> Result<ArrayRef> {
    match arguments.first() {
        Some(argument) => Ok(cast(&argument.to_array(1)?, to)?),
        None => exec_err!("a function lacks its argument"),
    }
}

/// What was computed, as one value when it was of one.
fn told(arguments: &[ColumnarValue], texts: &StringArray) -> Result<ColumnarValue> {
    match arguments.first() {
        Some(ColumnarValue::Scalar(_)) => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(texts, 0)?)),
        _ => Ok(ColumnarValue::Array(Arc::new(texts.clone()))),
    }
}

/// A text as it is written in SQL.
fn quoted(arguments: &[ColumnarValue], nothing: Option<&str>) -> Result<ColumnarValue> {
    let texts = first(arguments, &DataType::Utf8)?;
    let literal = |text: &str| {
        let marks = text.replace('\'', "''");
        if text.contains('\\') { format!("E'{}'", marks.replace('\\', "\\\\")) } else { format!("'{marks}'") }
    };
    let texts = texts.as_string::<i32>().iter().map(|text| text.map(literal).or_else(|| nothing.map(str::to_owned)));
    told(arguments, &texts.collect())
}

/// The name of a number's encoding; of others than UTF-8, which alone there is, an empty text.
fn encoding(arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    let numbers = first(arguments, &DataType::Int32)?;
    let name = |number: i32| if number == UTF8 { "UTF8" } else { "" };
    let names: StringArray = numbers.as_primitive::<Int32Type>().iter().map(|number| number.map(name)).collect();
    told(arguments, &names)
}
