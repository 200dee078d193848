//! Functions that make much of little: `repeat('x', 2000000000)` takes memory that no pool has counted, and `levenshtein` of
//! two long texts time without a pause. What of it nobody needs is refused.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::compute::cast;
use arrow::compute::kernels::length::length;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// Bytes that the values of one batch of rows may have together.
const MOST_BYTES: i64 = 256 << 20;
/// Pairs of letters that are compared for one batch of rows; it takes some seconds.
const MOST_PAIRS: i64 = 4_000_000_000;
/// Bytes of a replacement that is long enough to make much of little.
const LONG: i64 = 1024;

/// A function, which of its arguments are numbers that count something, what a row of its values costs by them and by the bytes
/// of the others, and how much a batch of rows may cost.
struct Bound {
    name: &'static str,
    numbers: &'static [usize],
    cost: fn(&[i64]) -> i64,
    most: i64,
    what: &'static str,
}

const fn bytes(name: &'static str, numbers: &'static [usize], cost: fn(&[i64]) -> i64) -> Bound {
    Bound { name, numbers, cost, most: MOST_BYTES, what: "bytes" }
}

/// By name.
const BOUNDS: [Bound; 10] = [
    bytes("array_repeat", &[1], product),
    bytes("array_resize", &[1], |sizes| of(sizes, 1).saturating_mul(8)),
    bytes("generate_series", &[0, 1, 2], elements),
    Bound { name: "levenshtein", numbers: &[], cost: product, most: MOST_PAIRS, what: "pairs of letters to compare" },
    bytes("lpad", &[1], |sizes| of(sizes, 1)),
    bytes("range", &[0, 1, 2], elements),
    bytes("regexp_replace", &[], replaced),
    bytes("repeat", &[1], product),
    bytes("replace", &[], replaced),
    bytes("rpad", &[1], |sizes| of(sizes, 1)),
];

fn of(sizes: &[i64], argument: usize) -> i64 {
    sizes.get(argument).copied().unwrap_or(0).max(0)
}

fn product(sizes: &[i64]) -> i64 {
    of(sizes, 0).saturating_mul(of(sizes, 1))
}

/// Elements between two numbers, or none where they are times.
fn elements(sizes: &[i64]) -> i64 {
    let (from, to) = match sizes {
        [to] => (0, *to),
        [from, to, ..] => (*from, *to),
        [] => (0, 0),
    };
    let step = sizes.get(2).map_or(1, |step| step.saturating_abs().max(1));
    (from.saturating_sub(to).saturating_abs() / step).saturating_mul(8)
}

/// A text in which all may be replaced by something long.
fn replaced(sizes: &[i64]) -> i64 {
    match of(sizes, 2) {
        ..LONG => 0,
        long => of(sizes, 0).saturating_mul(long),
    }
}

/// The functions with their bounds, as sessions take them.
///
/// # Errors
/// When DataFusion does not have one of them.
pub(super) fn functions(registry: &impl FunctionRegistry) -> Result<Vec<ScalarUDF>> {
    let bounded = |bound: &'static Bound| Ok(ScalarUDF::new_from_impl(Bounded { inner: registry.udf(bound.name)?, bound }));
    BOUNDS.iter().map(bounded).collect()
}

impl Bound {
    /// Refuses a batch of so many rows that would cost too much.
    fn check(&self, arguments: &[ColumnarValue], rows: usize) -> Result<()> {
        let sizes = arguments.iter().enumerate().map(|(place, argument)| match argument {
            ColumnarValue::Array(values) => self.sizes(place, values),
            // One for all rows.
            ColumnarValue::Scalar(value) => self.sizes(place, &value.to_array()?),
        });
        let sizes = sizes.collect::<Result<Vec<_>>>()?;
        let rows = if sizes.iter().all(|sizes| sizes.len() == 1) { 1 } else { rows };
        let (mut cost, mut row) = (0_i64, Vec::with_capacity(sizes.len()));
        for index in 0..rows {
            row.clear();
            row.extend(sizes.iter().map(|sizes| {
                let index = if sizes.len() == 1 { 0 } else { index };
                if sizes.is_null(index) { 0 } else { sizes.value(index) }
            }));
            cost = cost.saturating_add((self.cost)(&row));
        }
        let Self { name, most, what, .. } = self;
        match cost > *most {
            true => {
                exec_err!(
                    "{name} would give {cost} {what} for {rows} of the rows, and may give {most}: make its arguments smaller"
                )
            }
            false => Ok(()),
        }
    }

    /// Of an argument the numbers, or how many bytes its values have.
    fn sizes(&self, place: usize, argument: &ArrayRef) -> Result<Int64Array> {
        let sizes = match argument.data_type() {
            whole if self.numbers.contains(&place) && whole.is_integer() => cast(argument, &DataType::Int64)?,
            // Counted are times by no number.
            _ if self.numbers.contains(&place) => return Ok(Int64Array::from(vec![0; argument.len()])),
            text if text.is_string() => cast(&length(argument)?, &DataType::Int64)?,
            _ => {
                let each = argument.to_data().get_slice_memory_size()? / argument.len().max(1);
                return Ok(Int64Array::from(vec![each.try_into().unwrap_or(i64::MAX); argument.len()]));
            }
        };
        Ok(sizes.as_primitive::<Int64Type>().clone())
    }
}

/// A function that refuses what would cost too much.
#[derive(Debug)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    bound: &'static Bound,
}

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for Bounded {}

impl Hash for Bounded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.bound.check(&arguments.args, arguments.number_rows)?;
        self.inner.invoke_with_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arguments)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    async fn answer(sql: &str) -> Result<String> {
        let context = SessionContext::new();
        functions(&context)?.into_iter().for_each(|function| context.register_udf(function));
        let batches = context.sql(sql).await?.collect().await?;
        let columns = batches.iter().map(|batch| arrow::util::display::array_value_to_string(batch.column(0), 0));
        Ok(columns.collect::<Result<Vec<_>, _>>()?.join(","))
    }

    #[tokio::test]
    async fn what_makes_too_much_of_little_is_refused() {
        for sql in [
            "repeat('x', 2147483647)",
            "lpad('x', 2147483647)",
            "rpad('x', 2147483647, 'ab')",
            "replace(repeat('x', 1000000), 'x', repeat('y', 1000000))",
            "regexp_replace(repeat('x', 1000000), 'x', repeat('y', 1000000), 'g')",
            "array_repeat(1, 1000000000)",
            "list_repeat(repeat('x', 1000000), 1000000)",
            "array_repeat(array_repeat(1, 1000000), 1000000)",
            "array_resize([1], 1000000000)",
            "range(10000000000)",
            "range(5, 10000000000)",
            "generate_series(0, -10000000000, -2)",
            "levenshtein(repeat('x', 1000000), repeat('y', 1000000))",
        ] {
            let refused = answer(&format!("select {sql}")).await.unwrap_err().to_string();
            assert!(refused.contains("make its arguments smaller"), "{sql}: {refused}");
        }
        let refused = answer("select lpad('x', value) from generate_series(1000000, 1001000) t(value)").await.unwrap_err();
        assert!(refused.to_string().contains("1001 of the rows"), "{refused}");
    }

    #[tokio::test]
    async fn what_is_small_is_as_it_was() {
        for (sql, expected) in [
            ("repeat('ab', 3)", "ababab"),
            ("repeat(null, 3)", ""),
            ("repeat('ab', -3)", ""),
            ("lpad('7', 3, '0')", "007"),
            ("rpad('7', 3)", "7  "),
            ("replace('a-b', '-', '+')", "a+b"),
            ("regexp_replace('a-b', '[a-z]', '+', 'g')", "+-+"),
            ("array_repeat(5000000000, 2)", "[5000000000, 5000000000]"),
            ("range(9999999990, 10000000000, 5)", "[9999999990, 9999999995]"),
            ("generate_series(date '2026-01-01', date '2026-01-02', interval '1 day')", "[2026-01-01, 2026-01-02]"),
            ("levenshtein('kitten', 'sitting')", "3"),
            ("array_resize([1], 2, 0)", "[1, 0]"),
        ] {
            assert_eq!(answer(&format!("select {sql}")).await.unwrap(), expected, "{sql}");
        }
    }
}
