//! A declared function as DataFusion takes it: which arguments it takes, and a row of them at a time.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, StringViewArray};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::amount::Amount;
use crate::error::{Error, ErrorKind, Result};
use crate::matching::conventions::Conventions;

/// What a function is called, takes, means and does.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) name: &'static str,
    pub(super) takes: &'static [(&'static str, Takes)],
    pub(super) about: &'static str,
    pub(super) gives: fn() -> DataType,
    pub(super) call: fn(&Call<'_>) -> Result<ArrayRef>,
}

impl Declared {
    /// The names of its arguments.
    pub(super) fn arguments(&self) -> String {
        self.takes.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// A text.
    Text,
    /// A decimal or a whole number.
    Amount,
    /// A whole number.
    Whole,
    /// A date, or a text that is one.
    Day,
    /// A timestamp with a zone.
    Instant,
}

impl Takes {
    /// What a value of a type is read as; `None` when it is not taken.
    fn coerced(self, given: &DataType) -> Option<DataType> {
        if let DataType::Dictionary(_, values) = given {
            return self.coerced(values);
        }
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        match (self, given) {
            (Self::Text, given) if given.is_string() || given.is_null() => Some(DataType::Utf8View),
            (Self::Amount, DataType::Decimal128(..)) => Some(given.clone()),
            (Self::Amount, DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale)) => {
                Some(DataType::Decimal128(*precision, *scale))
            }
            (Self::Amount, given) if given.is_integer() || given.is_null() => Some(DataType::Decimal128(20, 0)),
            (Self::Whole, given) if given.is_integer() || given.is_null() => Some(DataType::Int64),
            (Self::Day, given) if given.is_string() || given.is_null() => Some(DataType::Date32),
            (Self::Day, DataType::Date32 | DataType::Date64) => Some(DataType::Date32),
            (Self::Instant, DataType::Timestamp(_, Some(_)) | DataType::Null) => Some(instant),
            _ => None,
        }
    }

    /// What is taken, and what to do when something else is at hand.
    const fn said(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("a text", "cast it to text"),
            Self::Amount => ("a decimal or a whole number", "cast it to decimal(38,8): amounts are exact, never floats or texts"),
            Self::Whole => ("a whole number", "cast it to bigint"),
            Self::Day => ("a date", "cast it to date; of an instant, local_date(instant, zone) is the date of a place"),
            Self::Instant => {
                ("a timestamp with a zone", "write it at time zone 'UTC' where it is UTC; a printed local time is no instant")
            }
        }
    }
}

/// A function of a session.
#[derive(Debug)]
pub(super) struct Function {
    declared: &'static Declared,
    conventions: Arc<Conventions>,
    signature: Signature,
}

impl Function {
    pub(super) fn new(declared: &'static Declared, conventions: Arc<Conventions>) -> Self {
        Self { declared, conventions, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn misused(&self, message: String) -> Error {
        let Declared { name, .. } = self.declared;
        Error::new(ErrorKind::Query, message).hint(format!("write {name}({})", self.declared.arguments()))
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.declared.name == other.declared.name && self.conventions == other.conventions
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.declared.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.declared.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Leaves what is not taken as it is: `return_type` refuses it, whose message is not wrapped.
    fn coerce_types(&self, given: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        let takes = self.declared.takes.iter().map(|(_, takes)| Some(*takes)).chain(std::iter::repeat(None));
        let coerced = given
            .iter()
            .zip(takes)
            .map(|(given, takes)| takes.and_then(|takes| takes.coerced(given)).unwrap_or_else(|| given.clone()));
        Ok(coerced.collect())
    }

    fn return_type(&self, given: &[DataType]) -> DataFusionResult<DataType> {
        let Declared { name, takes, gives, .. } = self.declared;
        if given.len() != takes.len() {
            let message = format!("{name} takes {} arguments, not {}", takes.len(), given.len());
            return Err(self.misused(message).into());
        }
        for (given, (argument, takes)) in given.iter().zip(*takes) {
            if takes.coerced(given).is_none() {
                let (what, advice) = takes.said();
                let error = Error::new(ErrorKind::Query, format!("{name} takes {argument} as {what}")).with("given", given);
                return Err(error.hint(advice).into());
            }
        }
        Ok(gives())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let rows = columns.first().map_or(0, Array::len);
        let call = Call { name: self.declared.name, columns: &columns, rows, conventions: &self.conventions };
        Ok(ColumnarValue::Array((self.declared.call)(&call)?))
    }
}

/// The rows that a function is called with.
#[derive(Debug)]
pub(super) struct Call<'a> {
    name: &'static str,
    columns: &'a [ArrayRef],
    pub(super) rows: usize,
    pub(super) conventions: &'a Conventions,
}

impl Call<'_> {
    fn column(&self, argument: usize) -> Result<&ArrayRef> {
        self.columns.get(argument).ok_or_else(|| Error::bug("a function lacks an argument").with("function", self.name))
    }

    fn wrong(&self) -> Error {
        Error::bug("an argument of a function is not what it was planned to be").with("function", self.name)
    }

    fn numbers<T: ArrowPrimitiveType>(&self, argument: usize) -> Result<&PrimitiveArray<T>> {
        self.column(argument)?.as_primitive_opt().ok_or_else(|| self.wrong())
    }

    pub(super) fn texts(&self, argument: usize) -> Result<&StringViewArray> {
        self.column(argument)?.as_string_view_opt().ok_or_else(|| self.wrong())
    }

    /// How many decimals a currency has.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when it is no three letters: a name that is misspelt is no currency of two decimals.
    pub(super) fn exponent(&self, currency: &str) -> Result<u32> {
        if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_alphabetic()) {
            return Err(Error::new(ErrorKind::Query, "a currency is a code of three letters").with("given", currency));
        }
        Ok(self.conventions.exponents.of(currency))
    }

    pub(super) fn wholes(&self, argument: usize) -> Result<&PrimitiveArray<Int64Type>> {
        self.numbers(argument)
    }

    pub(super) fn days(&self, argument: usize) -> Result<&PrimitiveArray<Date32Type>> {
        self.numbers(argument)
    }

    pub(super) fn instants(&self, argument: usize) -> Result<&PrimitiveArray<TimestampMicrosecondType>> {
        self.numbers(argument)
    }

    /// The amounts of an argument, one for each row.
    pub(super) fn amounts(&self, argument: usize) -> Result<impl Fn(usize) -> Amount> {
        let amounts = self.numbers::<Decimal128Type>(argument)?;
        let scale = i32::from(amounts.scale());
        Ok(move |row| Amount { mantissa: amounts.value(row), scale })
    }

    /// Whether a row has all arguments.
    pub(super) fn is_whole(&self, row: usize) -> bool {
        self.columns.iter().all(|column| !column.is_null(row))
    }

    /// A value for each row that has all arguments, null for others.
    pub(super) fn each<V>(&self, mut value: impl FnMut(usize) -> Result<V>) -> Result<Vec<Option<V>>> {
        (0..self.rows).map(|row| if self.is_whole(row) { value(row).map(Some) } else { Ok(None) }).collect()
    }
}
