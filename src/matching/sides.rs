//! The tables whose rows are matched: each is read once for all rules that run together, in the order of its ids.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Decimal128Array, RecordBatch, StringArray};
use arrow::compute::{cast_with_options, concat_batches, take_record_batch};
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use arrow::error::ArrowError;
use datafusion::common::TableReference;
use datafusion::common::format::DEFAULT_CAST_OPTIONS;
use datafusion::logical_expr::{cast, ident};
use datafusion::prelude::{DataFrame, SessionContext};
use hashbrown::HashTable;

use super::assign::Side;
use super::rule::Rule;
use super::sided::Sided;
use super::snapshot::{Snapshot, Wanted, order};
use crate::error::{Error, ErrorKind, Result};
use crate::money::{DECIMAL_PRECISION, DECIMAL_SCALE};

/// How far a row is looked for before all rows are.
const NEAR: u32 = 64;

/// The column of ids.
const ID: &str = "id";

/// What of a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    Amount,
    Currency,
    Day,
}

/// A column, and what of it is compared.
type Column = (Meaning, String);

/// What the header of a rule compares of a side.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Compared {
    amount: Option<Column>,
    currency: Option<Column>,
    day: Option<Column>,
}

impl Compared {
    fn of(rule: &Rule, side: Side) -> Self {
        let is_left = side == Side::Left;
        let money = rule.amount.as_ref().map(|amount| if is_left { &amount.left } else { &amount.right });
        let day = rule.window.as_ref().map(|window| if is_left { &window.left } else { &window.right });
        Self {
            amount: money.map(|money| (Meaning::Amount, money.amount.clone())),
            currency: money.map(|money| (Meaning::Currency, money.currency.clone())),
            day: day.map(|day| (Meaning::Day, day.clone())),
        }
    }

    fn wanted(&self) -> impl Iterator<Item = &Column> {
        [&self.amount, &self.currency, &self.day].into_iter().flatten()
    }
}

/// A table as a rule names it, by its full name, and what is to be read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    table: TableReference,
    /// As people write it.
    name: String,
    key: String,
    wanted: BTreeSet<Column>,
    /// The column of the day that a row is of, where a rule or a view says it.
    day: Option<String>,
    /// The columns of days that windows compare.
    windows: BTreeSet<String>,
}

impl Named {
    /// The tables of the sides of a rule.
    pub(super) fn of(rule: &Rule, context: &SessionContext) -> Sided<Self> {
        rule.sides.map(|side, of| {
            let (table, name) = resolved(&of.table, context);
            let compared = Compared::of(rule, side);
            let windows = compared.day.iter().map(|(_, day)| day.clone()).collect();
            let wanted = compared.wanted().cloned().collect();
            Self { table, name, key: of.key.clone(), wanted, day: of.day.clone(), windows }
        })
    }

    /// What it is called: one table has one name, however a rule spells it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The table, and the column of its key.
    pub(super) fn table(&self) -> Wanted {
        (self.table.clone(), Some(self.key.clone()))
    }

    /// Adds what another rule reads of the table.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the other knows its rows by another key, as a row could be taken once by each, or says another
    /// day of them.
    pub(super) fn also(&mut self, other: Self) -> Result<()> {
        if self.key != other.key {
            let error = wrong("rules that run together know the rows of a table by different keys", &self.name, &other.key);
            return Err(error.with("other", &self.key).hint("name the same key in all of them"));
        }
        if let (Some(own), Some(day)) = (&self.day, &other.day)
            && own != day
        {
            let error = wrong("rules that run together say different days of the rows of a table", &self.name, day);
            return Err(error.with("other", own).hint("name the same column in all of them: days: left.…, right.…"));
        }
        self.day = self.day.take().or(other.day);
        self.windows.extend(other.windows);
        self.wanted.extend(other.wanted);
        Ok(())
    }

    /// The column of the day that a row is of: the one that is said, else the only one that windows compare.
    fn dated(&self) -> Option<&String> {
        let mut windows = self.windows.iter();
        self.day.as_ref().or_else(|| windows.next().filter(|_| windows.next().is_none()))
    }

    /// The columns that are read.
    fn columns(&self) -> BTreeSet<Column> {
        let day = self.dated().map(|day| (Meaning::Day, day.clone()));
        self.wanted.iter().cloned().chain(day).collect()
    }

    /// The plan of its rows: the id and what is compared, in types that compare exactly.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] that names the column that is not there or cannot be compared.
    pub(super) async fn rows(&self, context: &SessionContext) -> Result<DataFrame> {
        let table = context.table(self.table.clone()).await?;
        let kind = |column: &str| table.schema().field_with_unqualified_name(column).ok().map(|field| field.data_type().clone());
        if kind(&self.key).is_none() {
            return Err(wrong("a side has not the key that the header says", &self.name, &self.key)
                .hint(format!("write {}(COLUMN) in the header", self.name)));
        }
        let mut columns = vec![cast(ident(&self.key), DataType::Utf8).alias(ID)];
        for wanted in self.columns() {
            let kind = compared_as(&wanted, kind(&wanted.1), &self.name)?;
            columns.push(cast(ident(&wanted.1), kind).alias(alias(&wanted)));
        }
        Ok(table.select(columns)?)
    }

    /// The same of rows that were read.
    fn compared(&self, rows: &RecordBatch, schema: SchemaRef) -> std::result::Result<RecordBatch, ArrowError> {
        let columns = std::iter::once(self.key.clone()).chain(self.columns().into_iter().map(|(_, column)| column));
        let column = |(column, field): (String, &FieldRef)| {
            let values = rows.column(rows.schema_ref().index_of(&column)?);
            cast_with_options(values, field.data_type(), &DEFAULT_CAST_OPTIONS)
        };
        let columns = columns.zip(schema.fields()).map(column).collect::<std::result::Result<_, _>>()?;
        RecordBatch::try_new(schema, columns)
    }
}

/// What the tables of the sides of a rule are called, and their keys.
fn names(rule: &Rule, context: &SessionContext) -> Sided<(String, String)> {
    Named::of(rule, context).map(|_, named| (named.name.clone(), named.key.clone()))
}

/// The tables of a side of rules, each with its key.
pub type Keys = BTreeMap<String, String>;

/// The tables of both sides of a flow's rules.
///
/// # Errors
/// [`ErrorKind::Usage`] when no rule is of the flow.
pub fn keys(rules: &[Rule], flow: &str, context: &SessionContext) -> Result<[Keys; 2]> {
    let (mut keys, mut alone): ([Keys; 2], Keys) = Default::default();
    for rule in rules.iter().filter(|rule| rule.flow == flow) {
        match names(rule, context) {
            Sided::One(named) => drop(alone.insert(named.0, named.1)),
            Sided::Two(left, right) => {
                keys.iter_mut().zip([left, right]).for_each(|(keys, named)| drop(keys.insert(named.0, named.1)));
            }
        }
    }
    match &keys {
        // Where no rule has two sides, what those of one look at is what can be decided of.
        [left, _] if left.is_empty() && !alone.is_empty() => Ok([alone, Keys::new()]),
        [left, _] if left.is_empty() => {
            let known: BTreeSet<&str> = rules.iter().map(|rule| rule.flow.as_str()).collect();
            let error = Error::new(ErrorKind::Usage, "no rule is of this flow").with("flow", flow);
            Err(error.hint(format!("there are {}", known.into_iter().collect::<Vec<_>>().join(", "))))
        }
        _ => Ok(keys),
    }
}

/// That it is known of all tables of rules which day their rows are of.
///
/// # Errors
/// [`ErrorKind::Query`] that names the table of which it is not.
pub fn all_dated<'a>(rules: impl IntoIterator<Item = &'a Rule>, context: &SessionContext) -> Result<()> {
    let mut of_hops: BTreeMap<u32, BTreeMap<String, Named>> = BTreeMap::new();
    for rule in rules {
        add(of_hops.entry(rule.hop).or_default(), rule, &Named::of(rule, context))?;
    }
    let mut tables = of_hops.values().flat_map(BTreeMap::values);
    tables.find(|named| named.dated().is_none()).map_or(Ok(()), |named| Err(undated(&named.name)))
}

/// Adds the tables of a rule's sides to those, by name, of the rules that run together with it.
///
/// # Errors
/// Those of [`Named::also`], with the rule.
pub(super) fn add(tables: &mut BTreeMap<String, Named>, rule: &Rule, sides: &Sided<Named>) -> Result<()> {
    for (_, side) in sides.iter() {
        match tables.get_mut(&side.name) {
            Some(known) => known.also(side.clone()).map_err(|error| error.with_missing("rule", &rule.id))?,
            None => drop(tables.insert(side.name.clone(), side.clone())),
        }
    }
    Ok(())
}

/// That nothing says which day the rows of a table are of.
pub(super) fn undated(table: &str) -> Error {
    Error::new(ErrorKind::Query, "no period can be closed where it is not known which day rows are of")
        .with("table", table)
        .hint("name the column in the header of a rule of this table: days: left.COLUMN, right.COLUMN")
}

/// The full name of a side's table, and the short one, which leaves out what is searched anyway.
fn resolved(table: &str, context: &SessionContext) -> (TableReference, String) {
    let state = context.state();
    let catalog = &state.config_options().catalog;
    let table = TableReference::parse_str(table).resolve(&catalog.default_catalog, &catalog.default_schema);
    let is_searched = *table.catalog == *catalog.default_catalog && *table.schema == *catalog.default_schema;
    let is_here = *table.catalog == *catalog.default_catalog;
    let name = match (is_searched, is_here) {
        (true, _) => table.table.to_string(),
        (false, true) => format!("{}.{}", table.schema, table.table),
        (false, false) => format!("{}.{}.{}", table.catalog, table.schema, table.table),
    };
    (table.into(), name)
}

/// The name of a column that is read for a meaning.
fn alias((meaning, column): &Column) -> String {
    let meaning = match meaning {
        Meaning::Amount => "amount",
        Meaning::Currency => "currency",
        Meaning::Day => "day",
    };
    format!("{meaning} {column}")
}

/// The type that a column is compared in.
fn compared_as((meaning, column): &Column, kind: Option<DataType>, table: &str) -> Result<DataType> {
    let wrong = |what| wrong(what, table, column);
    match (meaning, kind) {
        (Meaning::Amount, Some(DataType::Decimal256(..))) => {
            Err(wrong("an amount that has too many digits").hint("cast it to decimal(38, 8), by a view"))
        }
        (Meaning::Amount, Some(kind)) if scale(&kind).is_some_and(|scale| u32::try_from(scale).unwrap_or(0) > DECIMAL_SCALE) => {
            Err(wrong("an amount of more than eight decimals, which would be rounded")
                .with("type", kind)
                .hint("cast it to decimal(38, 8) where it has no more, by a view"))
        }
        (Meaning::Amount, Some(kind)) if kind.is_integer() || kind.is_decimal() => Ok(amount()),
        (Meaning::Amount, Some(kind)) => Err(wrong("an amount that is no exact number")
            .with("type", kind)
            .hint("make it a decimal where it comes from: a float has lost what it was")),
        (Meaning::Amount, None) => Err(wrong("a side has not the amount that the header says")),
        (Meaning::Currency, Some(_)) => Ok(DataType::Utf8),
        (Meaning::Currency, None) => Err(wrong("amounts of no currency are not compared")
            .hint("name the column of their currency: left.AMOUNT in left.CURRENCY = …")),
        (Meaning::Day, Some(DataType::Date32)) => Ok(DataType::Date32),
        (Meaning::Day, Some(kind)) => Err(wrong("a day that is no date")
            .with("type", kind)
            .hint("say in whose zone it is a day: local_date(column, zone), by a view")),
        (Meaning::Day, None) => Err(wrong("a side has not the day that the header says")),
    }
}

fn amount() -> DataType {
    DataType::Decimal128(DECIMAL_PRECISION, i8::try_from(DECIMAL_SCALE).unwrap_or_default())
}

fn scale(kind: &DataType) -> Option<i8> {
    match kind {
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => Some(*scale),
        _ => None,
    }
}

/// A table whose rows are matched, as it was when it was read.
#[derive(Debug)]
pub struct Table {
    name: String,
    /// Ids, and what is compared, in the order of the ids.
    rows: RecordBatch,
    /// What the column of the day that a row is of is called there.
    dated: Option<String>,
    ids: StringArray,
    /// Made when somebody asks for a row out of order.
    places: OnceLock<Places>,
}

/// The rows of ids.
#[derive(Debug)]
struct Places {
    rows: HashTable<u32>,
    hasher: RandomState,
}

impl Places {
    fn of(ids: &StringArray) -> Self {
        let (hasher, mut rows) = (RandomState::new(), HashTable::with_capacity(ids.len()));
        for (row, id) in (0_u32..).zip(ids.iter().flatten()) {
            rows.insert_unique(hasher.hash_one(id), row, |row| hasher.hash_one(text(ids, *row).unwrap_or_default()));
        }
        Self { rows, hasher }
    }

    fn find(&self, ids: &StringArray, id: &str) -> Option<u32> {
        self.rows.find(self.hasher.hash_one(id), |row| text(ids, *row) == Some(id)).copied()
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.rows == other.rows
    }
}

impl Table {
    /// The table as a snapshot has it.
    ///
    /// # Errors
    /// Those of reading; [`ErrorKind::Query`] when a row has no id, or two have the same.
    pub(super) async fn of(named: &Named, snapshot: &Snapshot) -> Result<Self> {
        let plan = named.rows(snapshot.context()).await?;
        let schema = Arc::clone(plan.schema().inner());
        let rows = match snapshot.whole(&named.table) {
            Some(rows) => named.compared(rows, schema).map_err(unread)?,
            None => concat_batches(&schema, &plan.collect().await?).map_err(unread)?,
        };
        Self::new(named, rows)
    }

    fn new(named: &Named, rows: RecordBatch) -> Result<Self> {
        let about = |what| wrong(what, &named.name, &named.key);
        let column = |rows: &RecordBatch| rows.column_by_name(ID).map(|ids| ids.as_string::<i32>().clone());
        let unsorted = column(&rows).ok_or_else(|| Error::bug("a side was read without ids"))?;
        if unsorted.null_count() > 0 {
            return Err(about("a row without its key").hint("leave such rows out, by a view"));
        }
        let is_in_order = (1..unsorted.len()).all(|row| unsorted.value(row - 1) < unsorted.value(row));
        if is_in_order {
            return Ok(Self::in_order(named, rows, unsorted));
        }
        let rows = match order(&unsorted) {
            None => rows,
            Some(order) => take_record_batch(&rows, &order).map_err(unread)?,
        };
        let ids = column(&rows).ok_or_else(|| Error::bug("a side was read without ids"))?;
        if let Some(row) = (1..ids.len()).find(|row| ids.value(row - 1) == ids.value(*row)) {
            let error = about("two rows of a side have the same key").with("key", ids.value(row));
            return Err(error.hint("name a column that tells them apart"));
        }
        Ok(Self::in_order(named, rows, ids))
    }

    fn in_order(named: &Named, rows: RecordBatch, ids: StringArray) -> Self {
        let dated = named.dated().map(|day| alias(&(Meaning::Day, day.clone())));
        Self { name: named.name.clone(), rows, dated, ids, places: OnceLock::new() }
    }

    /// Whether these are the ids of its rows, row by row: the same memory, not just the same texts.
    pub(super) fn has_ids(&self, ids: &ArrayRef) -> bool {
        ids.as_string_opt::<i32>().is_some_and(|ids| ids.to_data().ptr_eq(&self.ids.to_data()))
    }

    /// Its rows, in the order of their ids: the ids, and what is compared.
    pub(super) fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The id of a row.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when there is no such row.
    pub fn id(&self, row: u32) -> Result<&str> {
        text(&self.ids, row).ok_or_else(|| Error::bug("a row that a table has not").with("table", &self.name))
    }

    /// The ids of rows.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when there is no such row.
    pub fn ids(&self, rows: &[u32]) -> Result<Vec<&str>> {
        rows.iter().map(|row| self.id(*row)).collect()
    }

    /// The row of an id.
    pub fn place(&self, id: &str) -> Option<u32> {
        self.places.get_or_init(|| Places::of(&self.ids)).find(&self.ids, id)
    }

    /// The row of an id, which is looked for a little way from another row on before anywhere else: what is read of a table
    /// mostly comes in its order.
    pub(super) fn place_from(&self, row: u32, id: &str) -> Option<u32> {
        let (mut before, mut step) = (row, 1);
        while step <= NEAR {
            let Some(known) = text(&self.ids, before) else { break };
            match known.cmp(id) {
                Ordering::Equal => return Some(before),
                Ordering::Greater if before == row => break,
                // The one before was less: it is between them, or nowhere.
                Ordering::Greater => return (before - step / 2..before).find(|row| text(&self.ids, *row) == Some(id)),
                Ordering::Less => before = before.saturating_add(step),
            }
            step *= 2;
        }
        self.place(id)
    }

    /// Whether it is known which day its rows are of.
    pub fn is_dated(&self) -> bool {
        self.dated.is_some()
    }

    /// The day that a row is of, counted since 1970.
    pub fn dated(&self, row: u32) -> Option<i32> {
        let days: &Date32Array = self.rows.column_by_name(self.dated.as_ref()?)?.as_primitive();
        let row = usize::try_from(row).ok()?;
        days.is_valid(row).then(|| days.value(row))
    }

    /// What a rule compares of it as one of its sides.
    pub fn lines(&self, rule: &Rule, side: Side) -> Lines<'_> {
        let Compared { amount, currency, day } = Compared::of(rule, side);
        let column = |wanted: Option<Column>| self.rows.column_by_name(&alias(&wanted?));
        Lines {
            table: self,
            amounts: column(amount).map(AsArray::as_primitive),
            currencies: column(currency).map(AsArray::as_string),
            days: column(day).map(AsArray::as_primitive),
        }
    }
}

/// The rows of a side as a rule sees them.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    table: &'a Table,
    amounts: Option<&'a Decimal128Array>,
    currencies: Option<&'a StringArray>,
    days: Option<&'a Date32Array>,
}

impl<'a> Lines<'a> {
    /// The table.
    pub fn table(&self) -> &'a Table {
        self.table
    }

    /// The amount of a row, mantissa of decimal(38,8), where the rule compares one and the row has it.
    pub fn amount(&self, row: u32) -> Option<i128> {
        let row = usize::try_from(row).ok()?;
        self.amounts.filter(|amounts| amounts.is_valid(row)).map(|amounts| amounts.value(row))
    }

    /// The currency of a row.
    pub fn currency(&self, row: u32) -> Option<&'a str> {
        text(self.currencies?, row)
    }

    /// The day of a row, counted since 1970.
    pub fn day(&self, row: u32) -> Option<i32> {
        let row = usize::try_from(row).ok()?;
        self.days.filter(|days| days.is_valid(row)).map(|days| days.value(row))
    }
}

fn text(texts: &StringArray, row: u32) -> Option<&str> {
    let row = usize::try_from(row).ok().filter(|row| *row < texts.len())?;
    texts.is_valid(row).then(|| texts.value(row))
}

fn wrong(what: &'static str, table: &str, column: &str) -> Error {
    Error::new(ErrorKind::Query, what).with("table", table).with("column", column)
}

fn unread(error: ArrowError) -> Error {
    Error::bug("the rows of a side cannot be put together").caused_by(error)
}
