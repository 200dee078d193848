//! What a rule's SELECT proposes: rows with the key that makes them candidates, or pairs.
//!
//! Where the SELECT is one inner join by equalities, its two inputs are read, never the pairs: a hundred thousand rows that
//! are alike on both sides would be ten thousand million pairs. Where it says more (a score, a condition that is no equality),
//! pairs are what it gives, and there may not be too many of a row.

use std::cmp::Ordering;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{concat, filter, take};
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use datafusion::common::{Column, DFSchema, JoinType, NullEquality};
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, cast, ident};
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use super::apart::Apart;
use super::assign::both;
use super::check::{LEFT_ID, RIGHT_ID, SCORE, WHY};
use super::rule::{Assign, Rule, Tie};
use super::sides::Table;
use super::snapshot::columns_of;
use crate::error::{Error, ErrorKind, Result};

/// What a rule proposes.
#[derive(Debug)]
pub(super) enum Proposal {
    /// Rows that are candidates of those with the same key.
    Keyed(Box<[Keyed; 2]>, Option<Arc<str>>),
    /// Candidates, pair by pair.
    Pairs(Vec<Candidate>),
}

/// The rows of a side that take part, and their keys.
#[derive(Debug)]
pub(super) struct Keyed {
    /// Numbers of the rows, in order.
    pub(super) rows: Vec<u32>,
    /// The columns of the key.
    pub(super) keys: Vec<ArrayRef>,
}

/// Two rows that could belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) score: Option<i64>,
    pub(super) why: Option<Arc<str>>,
}

impl Proposal {
    /// Reads what a rule proposes of rows that no rule has taken. Of pairs, those that people have set apart are left out; where
    /// rows are not paired that is for whoever counts them.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when a row has too many candidates, or an id is none of the side's, or rows are to be grouped that
    /// are proposed in pairs; those of reading.
    pub(super) async fn read(
        rule: &Rule,
        plan: LogicalPlan,
        context: &SessionContext,
        tables: [&Table; 2],
        is_taken: [&[bool]; 2],
        apart: &Apart,
    ) -> Result<Self> {
        if let Some(keyed) = Self::keyed(rule, &plan, context, tables, is_taken).await? {
            return Ok(keyed);
        }
        if rule.tie == Tie::Bucket {
            return Err(Error::new(ErrorKind::Query, "rows are grouped that are not joined by equalities alone")
                .hint("join by equalities alone, or leave tie: bucket out"));
        }
        pairs(rule, plan, context, tables, is_taken, apart).await.map(Self::Pairs)
    }

    /// The two inputs of the join that a SELECT is; `None` where it is no such join, or a row has several keys.
    async fn keyed(
        rule: &Rule,
        plan: &LogicalPlan,
        context: &SessionContext,
        tables: [&Table; 2],
        is_taken: [&[bool]; 2],
    ) -> Result<Option<Self>> {
        if !matches!(rule.assign, Assign::Unique) {
            return Ok(None);
        }
        let Some((join, ids, why)) = join_of(plan) else { return Ok(None) };
        let (on_left, on_right): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
        let [left_id, right_id] = ids;
        let is_of = |id: &Expr, schema: &DFSchema| id.column_refs().iter().all(|column| schema.has_column(column));
        // The SELECT may name the right side first.
        let inputs = match is_of(&left_id, join.left.schema()) {
            true => [(&join.left, on_left), (&join.right, on_right)],
            false => [(&join.right, on_right), (&join.left, on_left)],
        };
        let [(left, on_left), (right, on_right)] = inputs;
        if !is_of(&left_id, left.schema()) || !is_of(&right_id, right.schema()) {
            return Ok(None);
        }
        let ([left_table, right_table], [left_taken, right_taken]) = (tables, is_taken);
        let left = Input { plan: left, id: left_id, on: on_left, table: left_table, is_taken: left_taken };
        let right = Input { plan: right, id: right_id, on: on_right, table: right_table, is_taken: right_taken };
        let (left_held, right_held) = both(|| left.held(), || right.held());
        let (left_rows, right_rows) =
            futures::try_join!(left.read_unless(left_held?, context), right.read_unless(right_held?, context))?;
        let (left, right) = both(|| left.keyed(left_rows), || right.keyed(right_rows));
        Ok(left?.zip(right?).map(|(left, right)| Self::Keyed(Box::new([left, right]), why)))
    }
}

/// An input of a join, which is a side.
struct Input<'a> {
    plan: &'a LogicalPlan,
    id: Expr,
    /// What makes the key.
    on: Vec<Expr>,
    table: &'a Table,
    is_taken: &'a [bool],
}

/// What is known of an input.
enum Known {
    /// The rows that take part.
    Keyed(Keyed),
    /// All rows as they were read: ids, and keys.
    Read(Vec<RecordBatch>),
}

impl Input<'_> {
    /// The rows that take part, where they are those of the table as it is held: nothing of it is copied but for what is taken.
    fn held(&self) -> Result<Option<Keyed>> {
        let Some(columns) = columns_of(self.plan, std::iter::once(&self.id).chain(&self.on)) else { return Ok(None) };
        let Some((ids, keys)) = columns.split_first().filter(|(ids, _)| self.table.has_ids(ids)) else { return Ok(None) };
        if !self.is_taken.contains(&true) {
            return Ok(Some(Keyed { rows: (0_u32..).take(ids.len()).collect(), keys: keys.to_vec() }));
        }
        let is_left: BooleanArray = self.is_taken.iter().map(|is_taken| Some(!is_taken)).collect();
        let rows = (0_u32..).zip(self.is_taken).filter(|(_, is_taken)| !**is_taken).map(|(row, _)| row).collect();
        let keys = keys.iter().map(|key| filter(key, &is_left).map_err(unlike)).collect::<Result<_>>()?;
        Ok(Some(Keyed { rows, keys }))
    }

    /// What is known, or else all rows as they are read.
    async fn read_unless(&self, known: Option<Keyed>, context: &SessionContext) -> Result<Known> {
        if let Some(known) = known {
            return Ok(Known::Keyed(known));
        }
        let keys = self.on.iter().enumerate().map(|(place, key)| key.clone().alias(format!("key_{place}")));
        let wanted = std::iter::once(cast(self.id.clone(), DataType::Utf8).alias("id")).chain(keys);
        let plan = LogicalPlanBuilder::from(self.plan.clone()).project(wanted)?.build()?;
        // Part by part, so that rows come in the order in which they are held.
        let parts = context.execute_logical_plan(plan).await?.collect_partitioned().await?;
        Ok(Known::Read(parts.concat()))
    }

    /// The rows that take part; `None` where one has several keys.
    fn keyed(&self, known: Known) -> Result<Option<Keyed>> {
        match known {
            Known::Keyed(keyed) => Ok(Some(keyed)),
            Known::Read(batches) => side(&batches, self.table, self.is_taken),
        }
    }
}

/// A join, the ids of its sides, and words.
type OneJoin<'a> = (&'a Join, [Expr; 2], Option<Arc<str>>);

/// The join that a SELECT is, the ids it gives, and the words it gives as reason.
fn join_of(plan: &LogicalPlan) -> Option<OneJoin<'_>> {
    let LogicalPlan::Projection(projection) = plan else { return None };
    let LogicalPlan::Join(join) = projection.input.as_ref() else { return None };
    let is_of_values = join.null_equality == NullEquality::NullEqualsNothing;
    if join.join_type != JoinType::Inner || join.filter.is_some() || join.on.is_empty() || !is_of_values {
        return None;
    }
    let given = |name: &str| {
        let place = projection.schema.index_of_column(&Column::from_name(name)).ok()?;
        projection.expr.get(place).map(|expr| expr.clone().unalias())
    };
    let why = match given(WHY) {
        None => None,
        Some(Expr::Literal(value, _)) => Some(value.try_as_str()??.into()),
        Some(_) => return None,
    };
    Some((join, [given(LEFT_ID)?, given(RIGHT_ID)?], why))
}

/// The rows of a side in order, with their keys; `None` where a row comes with two.
fn side(batches: &[RecordBatch], table: &Table, is_taken: &[bool]) -> Result<Option<Keyed>> {
    let Some(first) = batches.first() else { return Ok(Some(Keyed { rows: Vec::new(), keys: Vec::new() })) };
    let mut rows: Vec<(u32, u32)> = Vec::new();
    let (mut at, mut next) = (0_u32, 0);
    for ids in batches.iter().map(|batch| batch.column(0).as_string::<i32>()) {
        for id in ids {
            let row = place(table, next, id)?;
            next = row.saturating_add(1);
            if !is_in(is_taken, row) {
                rows.push((row, at));
            }
            at += 1;
        }
    }
    rows.sort_unstable();
    if rows.windows(2).any(|two| matches!(two, [(one, _), (other, _)] if one == other)) {
        return Ok(None);
    }
    let is_as_read = (0..at).eq(rows.iter().map(|(_, at)| *at));
    let order = UInt32Array::from_iter_values(rows.iter().map(|(_, at)| *at));
    let key = |place: usize| -> Result<ArrayRef> {
        let parts: Vec<&dyn Array> = batches.iter().filter_map(|batch| batch.columns().get(place)).map(AsRef::as_ref).collect();
        let key = concat(&parts).map_err(unlike)?;
        if is_as_read { Ok(key) } else { take(&key, &order, None).map_err(unlike) }
    };
    let keys = (1..first.num_columns()).map(key).collect::<Result<_>>()?;
    Ok(Some(Keyed { rows: rows.into_iter().map(|(row, _)| row).collect(), keys }))
}

/// The rows that a rule of one side gives, with what it says of them, in order: of those that no rule has taken.
///
/// # Errors
/// [`ErrorKind::Query`] when an id is none of the side's; those of reading.
pub(super) async fn one_side(
    plan: LogicalPlan,
    context: &SessionContext,
    table: &Table,
    is_taken: &[bool],
) -> Result<BTreeMap<u32, Option<Arc<str>>>> {
    let mut wanted = vec![cast(ident(LEFT_ID), DataType::Utf8).alias(LEFT_ID)];
    if plan.schema().has_column_with_unqualified_name(WHY) {
        wanted.push(cast(ident(WHY), DataType::Utf8).alias(WHY));
    }
    let plan = LogicalPlanBuilder::from(plan).project(wanted)?.build()?;
    let mut found: BTreeMap<u32, Option<Arc<str>>> = BTreeMap::new();
    let mut next = 0;
    for batch in context.execute_logical_plan(plan).await?.collect().await? {
        let texts = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let ids = texts(LEFT_ID).ok_or_else(|| Error::bug("rows were read without ids"))?;
        let whys = texts(WHY);
        for row in 0..batch.num_rows() {
            let place = place(table, next, ids.is_valid(row).then(|| ids.value(row)))?;
            next = place.saturating_add(1);
            let why = whys.filter(|whys| whys.is_valid(row)).map(|whys| whys.value(row).into());
            if !is_in(is_taken, place) {
                // Of two reasons the first by letter: the order in which they come says nothing.
                let known = found.entry(place).or_insert_with(|| why.clone());
                *known = known.take().into_iter().chain(why).min();
            }
        }
    }
    Ok(found)
}

async fn pairs(
    rule: &Rule,
    plan: LogicalPlan,
    context: &SessionContext,
    tables: [&Table; 2],
    is_taken: [&[bool]; 2],
    apart: &Apart,
) -> Result<Vec<Candidate>> {
    let has = |name: &str| plan.schema().has_column_with_unqualified_name(name);
    let mut wanted: Vec<Expr> = [LEFT_ID, RIGHT_ID].map(|id| cast(ident(id), DataType::Utf8).alias(id)).to_vec();
    if has(SCORE) {
        wanted.push(cast(ident(SCORE), DataType::Int64).alias(SCORE));
    }
    if has(WHY) {
        wanted.push(cast(ident(WHY), DataType::Utf8).alias(WHY));
    }
    let ([left_table, right_table], [left_taken, right_taken]) = (tables, is_taken);
    let plan = LogicalPlanBuilder::from(plan).project(wanted)?.build()?;
    let mut rows = context.execute_logical_plan(plan).await?.execute_stream().await?;
    let mut found: HashMap<(u32, u32), Candidate> = HashMap::new();
    let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
    let mut nexts = [0, 0];
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let texts = |name: &str| -> Option<StringArray> { Some(batch.column_by_name(name)?.as_string_opt::<i32>()?.clone()) };
        let (Some(lefts), Some(rights)) = (texts(LEFT_ID), texts(RIGHT_ID)) else {
            return Err(Error::bug("pairs were read without ids"));
        };
        let why = texts(WHY);
        let scores = batch.column_by_name(SCORE).and_then(|scores| scores.as_primitive_opt::<Int64Type>()).cloned();
        for row in 0..batch.num_rows() {
            let left = place(left_table, nexts[0], (!lefts.is_null(row)).then(|| lefts.value(row)))?;
            let right = place(right_table, nexts[1], (!rights.is_null(row)).then(|| rights.value(row)))?;
            nexts = [left, right].map(|row| row.saturating_add(1));
            if is_in(left_taken, left) || is_in(right_taken, right) || apart.has(left, right) {
                continue;
            }
            let score = scores.as_ref().filter(|scores| !scores.is_null(row)).map(|scores| scores.value(row));
            if score.is_none() && matches!(rule.assign, Assign::MutualBest { .. }) {
                // It would be no rival of the others.
                return Err(Error::new(ErrorKind::Query, "a pair that a rule proposes has no score")
                    .with("left", left_table.id(left)?)
                    .with("right", right_table.id(right)?)
                    .hint("write coalesce(…, 0) for what may be null"));
            }
            let why = why.as_ref().filter(|why| !why.is_null(row)).map(|why| why.value(row).into());
            let candidate = Candidate { left, right, score, why };
            match found.entry((left, right)) {
                Entry::Occupied(mut known) => {
                    // The order in which they come says nothing.
                    if candidate.goes_before(known.get()) {
                        known.insert(candidate);
                    }
                    continue;
                }
                Entry::Vacant(place) => drop(place.insert(candidate)),
            }
            let many = counts.entry(left).or_default();
            *many += 1;
            if *many > rule.max_candidates {
                return Err(Error::new(ErrorKind::Query, "a row has more candidates than a rule may propose")
                    .with("row", left_table.id(left)?)
                    .with("allowed", rule.max_candidates)
                    .hint("join by more columns, or by equalities alone: then rows are counted and not paired"));
            }
        }
    }
    let mut found: Vec<Candidate> = found.into_values().collect();
    found.sort_unstable_by_key(|pair| (pair.left, pair.right));
    Ok(found)
}

impl Candidate {
    /// Which of two proposals of one pair counts: that of the better score, then that of the first reason by letter.
    fn goes_before(&self, other: &Self) -> bool {
        match self.score.cmp(&other.score) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => (self.why.is_none(), &self.why) < (other.why.is_none(), &other.why),
        }
    }
}

fn unlike(error: ArrowError) -> Error {
    Error::bug("keys cannot be put together").caused_by(error)
}

/// The row of an id, which is looked for from another row on.
fn place(table: &Table, from: u32, id: Option<&str>) -> Result<u32> {
    let wrong = || {
        let error = Error::new(ErrorKind::Query, "a rule gives an id that is no row's of its side");
        let error = error.with("table", table.name()).with("id", id.unwrap_or("null"));
        error.hint("left_id and right_id are the keys that the header names")
    };
    id.and_then(|id| table.place_from(from, id)).ok_or_else(wrong)
}

fn is_in(rows: &[bool], row: u32) -> bool {
    usize::try_from(row).ok().and_then(|row| rows.get(row)).copied().unwrap_or_default()
}
