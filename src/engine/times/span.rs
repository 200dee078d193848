//! An interval times or divided by a number, `interval '5 seconds' * 3.5`, which DataFusion has not.
//!
//! As in PostgreSQL, a part of a month is days, of thirty a month, and a part of a day is hours, of twenty-four a day.

use std::sync::Arc;

use arrow::array::{AsArray, IntervalMonthDayNanoArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::error::{Error, ErrorKind};

/// What a part of a month or day is counted in: places of a decimal, which is exact.
const PLACES: i8 = 12;
const ONE: i128 = 10_i128.pow(12);
const MONTH_DAYS: i128 = 30;
const DAY_NANOS: i128 = 86_400_000_000_000;

/// Plans the products and quotients of intervals.
#[derive(Debug)]
pub(super) struct Spans;

impl ExprPlanner for Spans {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let is_times = match expr.op {
            BinaryOperator::Multiply => true,
            BinaryOperator::Divide => false,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        // What has no type yet is planned as it stands.
        let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        let is_span = |given: &DataType| matches!(given, DataType::Interval(_));
        let function = ScalarUDF::from(Scaled { is_times, signature: Signature::user_defined(Volatility::Immutable) });
        let call = |span, number| Ok(PlannerResult::Planned(function.call(vec![span, number])));
        match (is_span(&left), is_span(&right)) {
            (true, false) if right.is_numeric() => call(expr.left, expr.right),
            (false, true) if is_times && left.is_numeric() => call(expr.right, expr.left),
            _ => Ok(PlannerResult::Original(expr)),
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Scaled {
    is_times: bool,
    signature: Signature,
}

fn span() -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

impl ScalarUDFImpl for Scaled {
    fn name(&self) -> &'static str {
        if self.is_times { "interval_times" } else { "interval_divided" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(given.to_vec())
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(span())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [spans, numbers] = columns.as_slice() else { return Err(Error::bug("an interval is scaled by nothing").into()) };
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let (spans, numbers) = (cast(spans, &span())?, cast_with_options(numbers, &number(), &strict)?);
        let rows = spans.as_primitive::<IntervalMonthDayNanoType>().iter().zip(numbers.as_primitive::<Decimal128Type>());
        let row = |(span, number): (Option<IntervalMonthDayNano>, Option<i128>)| match (span, number) {
            (Some(span), Some(number)) => self.scaled(span, number).ok_or_else(beyond).map(Some),
            _ => Ok(None),
        };
        let scaled = rows.map(row).collect::<Result<IntervalMonthDayNanoArray, Error>>()?;
        Ok(ColumnarValue::Array(Arc::new(scaled)))
    }
}

fn beyond() -> Error {
    Error::new(ErrorKind::Query, "an interval is divided by zero or is out of range")
}

impl Scaled {
    /// An interval times or divided by a number of so many places.
    fn scaled(&self, span: IntervalMonthDayNano, number: i128) -> Option<IntervalMonthDayNano> {
        let of = |part: i128| match self.is_times {
            true => part.checked_mul(number),
            false => part.checked_mul(ONE)?.checked_mul(ONE)?.checked_div(number),
        };
        let months = of(span.months.into())?;
        let days_of_months = (months % ONE) * MONTH_DAYS;
        let days = of(span.days.into())?;
        let part_of_days = days % ONE + days_of_months % ONE;
        let nanos = of(span.nanoseconds.into())?.checked_add(part_of_days.checked_mul(DAY_NANOS)?)?;
        // Of microseconds, as PostgreSQL has them, rounded.
        let micro = 1000 * ONE;
        let micros = (nanos + micro / 2 * nanos.signum()) / micro;
        Some(IntervalMonthDayNano {
            months: (months / ONE).try_into().ok()?,
            days: (days / ONE + days_of_months / ONE).try_into().ok()?,
            nanoseconds: i64::try_from(micros).ok()?.checked_mul(1000)?,
        })
    }
}

fn number() -> DataType {
    DataType::Decimal128(DECIMAL128_MAX_PRECISION, PLACES)
}
