//! The rows of a side as matching sees them: an id, and what the header compares of it.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type};
use datafusion::logical_expr::{cast, ident};
use datafusion::prelude::{DataFrame, SessionContext};

use super::rule::{Money, Rule, Side};
use crate::error::{Error, ErrorKind, Result};
use crate::money::DECIMAL_PRECISION;

const SCALE: i8 = 8;

/// A row of a side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) id: String,
    /// Mantissa of decimal(38,8).
    pub(super) amount: Option<i128>,
    pub(super) currency: Option<String>,
    /// Days since 1970.
    pub(super) day: Option<i32>,
}

/// The rows of a side, in the order of their ids.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
}

/// What a header compares of a side.
#[derive(Debug, Clone, Copy)]
struct Compared<'a> {
    side: &'a Side,
    amount: Option<&'a Money>,
    day: Option<&'a str>,
}

/// Left and right.
fn compared(rule: &Rule) -> [Compared<'_>; 2] {
    let (amount, window) = (rule.amount.as_ref(), rule.window.as_ref());
    let left = (amount.map(|amount| &amount.left), window.map(|window| window.left.as_str()));
    let right = (amount.map(|amount| &amount.right), window.map(|window| window.right.as_str()));
    [(&rule.left, left), (&rule.right, right)].map(|(side, (amount, day))| Compared { side, amount, day })
}

/// What the header compares of both sides, in types that compare exactly.
///
/// # Errors
/// [`ErrorKind::Query`] that names the column.
pub(super) async fn sides(rule: &Rule, context: &SessionContext) -> Result<[DataFrame; 2]> {
    let [left, right] = compared(rule);
    Ok([left.rows(context).await?, right.rows(context).await?])
}

impl Lines {
    /// The rows of both sides.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when one has no id, or two have the same; those of reading the tables.
    pub(super) async fn read(rule: &Rule, sides: [DataFrame; 2]) -> Result<[Self; 2]> {
        let [left, right] = sides;
        Ok([of(&rule.left, left).await?, of(&rule.right, right).await?])
    }

    /// The number of a row.
    pub(super) fn place(&self, id: &str) -> Option<u32> {
        let place = self.lines.binary_search_by(|line| line.id.as_str().cmp(id)).ok()?;
        u32::try_from(place).ok()
    }

    /// A row by its number.
    pub(super) fn get(&self, place: u32) -> Result<&Line> {
        let line = usize::try_from(place).ok().and_then(|place| self.lines.get(place));
        line.ok_or_else(|| Error::bug("a row that a side has not"))
    }
}

impl Compared<'_> {
    async fn rows(self, context: &SessionContext) -> Result<DataFrame> {
        let table = context.table(self.side.table.as_str()).await?;
        let has = |column: &str| table.schema().field_with_unqualified_name(column).ok().map(|field| field.data_type().clone());
        let wrong = |what: &'static str, column: &str| {
            Error::new(ErrorKind::Query, what).with("table", &self.side.table).with("column", column)
        };
        if has(&self.side.key).is_none() {
            return Err(wrong("a side has not the key that the header says", &self.side.key)
                .hint(format!("write {}(COLUMN) in the header", self.side.table)));
        }
        let mut columns = vec![cast(ident(&self.side.key), DataType::Utf8).alias("id")];
        if let Some(Money { amount, currency }) = self.amount {
            match has(amount) {
                Some(kind) if kind.is_integer() || kind.is_decimal() => {
                    let exact = DataType::Decimal128(DECIMAL_PRECISION, SCALE);
                    columns.push(cast(ident(amount), exact).alias("amount"));
                }
                Some(kind) => {
                    return Err(wrong("an amount that is no exact number", amount)
                        .with("type", kind)
                        .hint("make it a decimal where it comes from: a float has lost what it was"));
                }
                None => return Err(wrong("a side has not the amount that the header says", amount)),
            }
            match has(currency) {
                Some(_) => columns.push(cast(ident(currency), DataType::Utf8).alias("currency")),
                None => {
                    return Err(wrong("amounts of no currency are not compared", currency)
                        .hint("name the column of their currency: left.AMOUNT in left.CURRENCY = …"));
                }
            }
        }
        if let Some(day) = self.day {
            match has(day) {
                Some(DataType::Date32) => columns.push(ident(day).alias("day")),
                Some(kind) => {
                    return Err(wrong("a day that is no date", day)
                        .with("type", kind)
                        .hint("say in whose zone it is a day: local_date(column, zone), by a view"));
                }
                None => return Err(wrong("a side has not the day that the header says", day)),
            }
        }
        Ok(table.select(columns)?)
    }
}

/// The rows of a side.
async fn of(side: &Side, rows: DataFrame) -> Result<Lines> {
    let mut lines = Vec::new();
    for batch in rows.collect().await? {
        let ids = batch.column_by_name("id").map(|ids| ids.as_string::<i32>());
        let ids = ids.ok_or_else(|| Error::bug("a side was read without ids"))?;
        let amounts = batch.column_by_name("amount").map(|amounts| amounts.as_primitive::<Decimal128Type>());
        let currencies = batch.column_by_name("currency").map(|currencies| currencies.as_string::<i32>());
        let days = batch.column_by_name("day").map(|days| days.as_primitive::<Date32Type>());
        for row in 0..batch.num_rows() {
            if ids.is_null(row) {
                return Err(about(side, "a row without its key").hint("leave such rows out, by a view"));
            }
            lines.push(Line {
                id: ids.value(row).to_owned(),
                amount: amounts.filter(|amounts| !amounts.is_null(row)).map(|amounts| amounts.value(row)),
                currency: currencies.filter(|all| !all.is_null(row)).map(|all| all.value(row).to_owned()),
                day: days.filter(|days| !days.is_null(row)).map(|days| days.value(row)),
            });
        }
    }
    lines.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    if let Some([one, _]) = lines.array_windows().find(|[one, other]: &&[Line; 2]| one.id == other.id) {
        let error = about(side, "two rows of a side have the same key").with("key", &one.id);
        return Err(error.hint("name a column that tells them apart"));
    }
    Ok(Lines { lines })
}

fn about(side: &Side, what: &'static str) -> Error {
    Error::new(ErrorKind::Query, what).with("table", &side.table).with("column", &side.key)
}
