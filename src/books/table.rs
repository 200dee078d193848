//! A source as a table: its files are looked for and read when rows are asked for.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{Date32Type, Int64Type, Schema, SchemaRef};
use async_trait::async_trait;
use chrono::NaiveDate;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::{Result as DataFusionResult, project_schema};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{TryStreamExt as _, stream};
use tracing::warn;

use super::mapping::Mapper;
use super::place::Place;
use super::records::{self, Records, widen};
use super::settings::{Check, Format, Origin, Source};
use super::shapes::{BANK_LINES, FILE, LINE_ID, ROW, STATEMENTS, Shape, money};
use super::statement::{Bank, Judged, Problem, judge};
use super::{Member, Part};
use crate::error::{Error, ErrorKind, Result};

/// A table of a source or of several, of which the columns are known without reading them.
pub(super) struct BookTable {
    members: Vec<Member>,
    schema: SchemaRef,
}

impl fmt::Debug for BookTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BookTable").field("members", &self.members).finish_non_exhaustive()
    }
}

impl BookTable {
    /// A table of a source. Where only its files tell its columns, they are read now.
    ///
    /// # Errors
    /// Those of reading the files.
    pub(super) async fn open(member: &Member) -> Result<Arc<dyn TableProvider>> {
        let (shape, source) = (member.shape(), &member.source);
        let is_own = |name: &String| shape.is_some_and(|shape| shape.columns.iter().any(|column| column.name == name));
        if let Some(shape) = shape
            && source.columns.iter().all(|(name, _)| is_own(name))
        {
            return Ok(Self::union(shape, std::slice::from_ref(member)));
        }
        let (schema, batches) = mapped(source).await?;
        Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
    }

    /// The tables of a shape put together, as far as their columns are the shape's.
    pub(super) fn union(shape: &'static Shape, members: &[Member]) -> Arc<dyn TableProvider> {
        Arc::new(Self { members: members.to_vec(), schema: shape.schema() })
    }
}

#[async_trait]
impl TableProvider for BookTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        if self.members.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?)));
        }
        let partition = |member: &Member| -> Arc<dyn PartitionStream> {
            Arc::new(Partition { member: member.clone(), schema: Arc::clone(&self.schema) })
        };
        let (partitions, schema) = (self.members.iter().map(partition).collect(), Arc::clone(&self.schema));
        Ok(Arc::new(StreamingTableExec::try_new(schema, partitions, projection, None, false, limit)?))
    }
}

struct Partition {
    member: Member,
    schema: SchemaRef,
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "books.{}", self.member.source.name)
    }
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (member, schema) = (self.member.clone(), Arc::clone(&self.schema));
        let batches = async move {
            let batches = rows(&member.source, member.part).await?;
            let of_schema = move |batch: RecordBatch| narrowed(&batch, &schema).map_err(DataFusionError::from);
            Ok::<_, DataFusionError>(stream::iter(batches.into_iter().map(of_schema)))
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::once(batches).try_flatten()))
    }
}

/// The columns of a batch that a schema has, which it may have more of.
fn narrowed(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |name: &String| {
        let column = batch.column_by_name(name).map(Arc::clone);
        column.ok_or_else(|| Error::bug("a table of a shape lacks one of its columns").with("column", name))
    };
    let columns = schema.fields().iter().map(|field| column(field.name())).collect::<Result<_>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
        .map_err(|error| Error::bug("the rows of a table do not fit its shape").caused_by(error))
}

/// The rows of a table.
async fn rows(source: &Source, part: Part) -> Result<Vec<RecordBatch>> {
    match (&source.origin, part) {
        (Origin::Files(place, Format::Bank(bank)), Part::Rows) => {
            Ok(vec![lines(source, &statements(source, place, *bank).await?)?])
        }
        (Origin::Files(place, Format::Bank(bank)), Part::Statements) => {
            Ok(vec![overview(source, &statements(source, place, *bank).await?)?])
        }
        _ => Ok(mapped(source).await?.1),
    }
}

/// An error with where it is about.
fn about(source: &Source, file: &str) -> impl Fn(Error) -> Error {
    let (name, file) = (format!("books.{}", source.name), file.to_owned());
    move |error| if file.is_empty() { error } else { error.with_missing("file", &file) }.with_missing("source", &name)
}

/// The records of a source, as they are written.
async fn records(source: &Source) -> Result<Vec<Records>> {
    match &source.origin {
        Origin::Files(place, format) => {
            let mut files: Vec<Records> = Vec::new();
            for file in place.files().await.map_err(about(source, ""))? {
                let bytes = place.read(&file).await?;
                files.push(records::read(source, *format, &file.name, bytes).map_err(about(source, &file.name))?);
            }
            // A member that an object does not have is null; a column that a mapping speaks of must be in every other file.
            if source.columns.is_empty() || *format == Format::Json {
                widen(&mut files).map_err(about(source, ""))?;
            }
            Ok(files)
        }
        Origin::Database(query) => Ok(vec![query.records().await.map_err(about(source, ""))?]),
    }
}

/// The rows of a source, mapped.
async fn mapped(source: &Source) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let mapper = Mapper::new(source)?;
    let files = records(source).await?;
    let mut schema: SchemaRef = Arc::new(Schema::empty());
    let mut batches = Vec::new();
    for file in &files {
        let mapping = mapper.plan(&file.schema).map_err(about(source, &file.file))?;
        batches.extend(mapper.apply(&mapping, file).map_err(about(source, &file.file))?);
        schema = Arc::clone(&mapping.schema);
    }
    if source.columns.iter().any(|(name, _)| name == LINE_ID) {
        refuse_doubles(&batches).map_err(about(source, ""))?;
    }
    Ok((schema, batches))
}

/// Refuses two rows with the same identity.
fn refuse_doubles(batches: &[RecordBatch]) -> Result<()> {
    let mut seen: HashMap<String, String> = HashMap::new();
    for batch in batches {
        let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let rows = batch.column_by_name(ROW).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let (Some(ids), Some(files), Some(rows)) = (text(LINE_ID), text(FILE), rows) else { continue };
        for row in 0..ids.len() {
            let here = format!("{} row {}", files.value(row), rows.value(row));
            if let Some(first) = seen.insert(ids.value(row).to_owned(), here.clone()) {
                return Err(Error::new(ErrorKind::Decode, "two rows have the same line_id")
                    .with("line_id", ids.value(row))
                    .with("one", first)
                    .with("other", here)
                    .hint("map line_id to what is unique, or leave it out"));
            }
        }
    }
    Ok(())
}

/// The statements of a source, judged.
async fn statements(source: &Source, place: &Place, bank: Option<Bank>) -> Result<Vec<Judged>> {
    let mut files = Vec::new();
    for file in place.files().await.map_err(about(source, ""))? {
        let bytes = place.read(&file).await?;
        let about = about(source, &file.name);
        let text = source.encoding.read(&bytes).map_err(&about)?;
        let bank = bank.unwrap_or_else(|| if text.contains("<OFX") { Bank::Ofx } else { Bank::Camt053 });
        files.push((file.name.clone(), bank.read(&text).map_err(&about)?));
    }
    judge(files).map_err(|error| error.with("source", format!("books.{}", source.name)))
}

/// The lines of statements, which must add up.
fn lines(source: &Source, statements: &[Judged]) -> Result<RecordBatch> {
    for wrong in statements.iter().filter(|judged| judged.problem == Some(Problem::BalanceMismatch)) {
        match source.check {
            Check::Error => {
                return Err(wrong.mismatch().with("source", format!("books.{}", source.name)).hint(format!(
                    "books.{}_statements says by how much; check = \"warn\" takes its lines all the same",
                    source.name
                )));
            }
            Check::Warn => warn!(source.name = %source.name, file = %wrong.file, "a statement does not add up"),
        }
    }
    let lines: Vec<_> =
        statements.iter().flat_map(|judged| judged.lines().map(move |(row, id, line)| (judged, row, id, line))).collect();
    let account = |judged: &Judged| judged.statement.account.clone();
    let text = |of: &dyn Fn(&super::statement::Line) -> &Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter(lines.iter().map(|(.., line)| of(line).as_deref())))
    };
    let told = |of: &dyn Fn(&Judged) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(lines.iter().map(|(judged, ..)| of(judged))))
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(lines.iter().map(|(_, _, id, _)| id))),
        told(&|_| source.name.clone()),
        told(&account),
        told(&|judged| judged.statement.id.clone()),
        told(&|judged| judged.statement.currency.clone()),
        amounts(lines.iter().map(|(.., line)| Some(line.amount))),
        dates(lines.iter().map(|(.., line)| line.booking_date)),
        dates(lines.iter().map(|(.., line)| line.value_date)),
        text(&|line| &line.reference),
        text(&|line| &line.end_to_end_id),
        text(&|line| &line.remittance),
        text(&|line| &line.counterparty),
        text(&|line| &line.code),
        Arc::new(BooleanArray::from_iter(lines.iter().map(|(.., line)| Some(line.is_reversal)))),
        told(&|judged| judged.file.clone()),
        numbers(lines.iter().map(|(_, row, ..)| i64::try_from(*row).ok())),
        Arc::new(StringArray::from_iter_values(lines.iter().map(|(.., line)| &line.raw))),
    ];
    batch(BANK_LINES.schema(), columns)
}

/// A row for each statement.
fn overview(source: &Source, statements: &[Judged]) -> Result<RecordBatch> {
    let text =
        |of: &dyn Fn(&Judged) -> Option<String>| -> ArrayRef { Arc::new(StringArray::from_iter(statements.iter().map(of))) };
    let amount = |of: &dyn Fn(&Judged) -> Option<i128>| amounts(statements.iter().map(of));
    let columns = vec![
        text(&|judged| Some(judged.statement.id.clone())),
        text(&|_| Some(source.name.clone())),
        numbers(statements.iter().map(|judged| judged.statement.sequence)),
        text(&|judged| Some(judged.statement.account.clone())),
        text(&|judged| Some(judged.statement.currency.clone())),
        dates(statements.iter().map(|judged| judged.statement.from)),
        dates(statements.iter().map(|judged| judged.statement.to)),
        amount(&|judged| judged.statement.opening),
        amount(&|judged| judged.statement.closing),
        amount(&|judged| judged.statement.sum()),
        numbers(statements.iter().map(|judged| i64::try_from(judged.statement.lines.len()).ok())),
        amount(&|judged| judged.difference),
        text(&|judged| judged.problem.map(|problem| problem.name().to_owned())),
        text(&|judged| Some(judged.file.clone())),
    ];
    batch(STATEMENTS.schema(), columns)
}

fn batch(schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(schema, columns).map_err(|error| Error::bug("statements do not fit their columns").caused_by(error))
}

fn amounts(amounts: impl Iterator<Item = Option<i128>>) -> ArrayRef {
    Arc::new(Decimal128Array::from_iter(amounts).with_data_type(money()))
}

fn numbers(numbers: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(Int64Array::from_iter(numbers))
}

fn dates(days: impl Iterator<Item = Option<NaiveDate>>) -> ArrayRef {
    Arc::new(Date32Array::from_iter(days.map(|day| day.map(Date32Type::from_naive_date))))
}
