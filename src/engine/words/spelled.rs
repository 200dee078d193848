//! The function `spelled(text, 'Word|Other Word')`: a text as the one of some words that it is, or else as it stands.
//!
//! The planner writes it around what a column of words is compared with; see the module above.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit};

use crate::schema::fields::Words;

/// An expression spelled as one of these words.
pub(super) fn spelled(expr: Expr, words: &Words) -> Expr {
    function().call(vec![expr, lit(words.to_string())])
}

/// The function, as sessions take it.
pub(in crate::engine) fn function() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Spelled { signature: Signature::any(2, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Spelled {
    signature: Signature,
}

impl ScalarUDFImpl for Spelled {
    fn name(&self) -> &'static str {
        "spelled"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types.first() {
            Some(text) if text.is_string() => Ok(text.clone()),
            _ => exec_err!("spelled takes a text and the words it may be, with | between them"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [texts, ColumnarValue::Scalar(ScalarValue::Utf8(Some(words)))] = args.args.as_slice() else {
            return exec_err!("spelled takes a text and the words it may be, with | between them");
        };
        let words = Words::parse(words);
        match texts {
            ColumnarValue::Array(texts) => Ok(ColumnarValue::Array(spell(texts, &words)?)),
            ColumnarValue::Scalar(text) => Ok(ColumnarValue::Scalar(spell_literal(text.clone(), &words))),
        }
    }
}

fn spell(texts: &ArrayRef, words: &Words) -> Result<ArrayRef> {
    let plain = cast(texts, &DataType::Utf8)?;
    let spelled = plain.as_string::<i32>().iter().map(|text| text.map(|text| words.find(text).unwrap_or(text)));
    let spelled: StringArray = spelled.collect();
    Ok(cast(&spelled, texts.data_type())?)
}

/// A literal in the spelling of the word it is.
pub(super) fn spell_literal(value: ScalarValue, words: &Words) -> ScalarValue {
    let Some(word) = value.try_as_str().flatten().and_then(|text| words.find(text)).map(str::to_owned) else { return value };
    match &value {
        ScalarValue::Utf8View(_) => ScalarValue::Utf8View(Some(word)),
        ScalarValue::LargeUtf8(_) => ScalarValue::LargeUtf8(Some(word)),
        ScalarValue::Utf8(_) => ScalarValue::Utf8(Some(word)),
        _ => value,
    }
}
