//! A source as a table: its files are looked for and read when rows are asked for.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
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
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use tracing::warn;

use super::mapping::{Mapper, Mapping};
use super::place::Place;
use super::records::parquet::Opened;
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
        if let Origin::Files(place, Format::Parquet) = &source.origin {
            let schema = Files::open(source, place).await?.schema();
            return Ok(Arc::new(Self { members: vec![member.clone()], schema }));
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
        let schema = project_schema(&self.schema, projection)?;
        let partition = |member: &Member| -> Arc<dyn PartitionStream> {
            Arc::new(Partition { member: member.clone(), schema: Arc::clone(&schema) })
        };
        let partitions = self.members.iter().map(partition).collect();
        Ok(Arc::new(StreamingTableExec::try_new(Arc::clone(&schema), partitions, None, None, false, limit)?))
    }
}

struct Partition {
    member: Member,
    /// The wanted columns.
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
            let batches = rows(&member.source, member.part, &schema).await?;
            Ok::<_, DataFusionError>(batches.map(move |batch| narrowed(&batch?, &schema).map_err(DataFusionError::from)))
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
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| Error::bug("the rows of a table do not fit its shape").caused_by(error))
}

/// The rows of a table, with these columns at least.
async fn rows(source: &Arc<Source>, part: Part, wanted: &SchemaRef) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let batches = match (&source.origin, part) {
        (Origin::Files(place, Format::Parquet), _) => {
            let wanted = wanted.fields().iter().map(|field| field.name().clone()).collect();
            return Files::open(source, place).await?.read(wanted);
        }
        (Origin::Files(place, Format::Bank(bank)), Part::Rows) => vec![lines(source, &statements(source, place, *bank).await?)?],
        (Origin::Files(place, Format::Bank(bank)), Part::Statements) => {
            vec![overview(source, &statements(source, place, *bank).await?)?]
        }
        _ => mapped(source).await?.1,
    };
    Ok(stream::iter(batches.into_iter().map(Ok)).boxed())
}

/// The files of a source of Parquet, open and mapped, of which no row is read yet.
struct Files {
    source: Arc<Source>,
    mapper: Arc<Mapper>,
    files: Vec<(Opened, Records, Mapping)>,
}

impl Files {
    async fn open(source: &Arc<Source>, place: &Place) -> Result<Self> {
        let mapper = Arc::new(Mapper::new(source)?);
        let (mut opened, mut records) = (Vec::new(), Vec::new());
        for file in place.files().await.map_err(about(source, ""))? {
            let (file, of_file) = Opened::open(place, &file).await.map_err(about(source, &file.name))?;
            opened.push(file);
            records.push(of_file);
        }
        if source.columns.is_empty() {
            widen(&mut records).map_err(about(source, ""))?;
        }
        let mapped = |(opened, records): (Opened, Records)| {
            let mapping = mapper.plan(&records.schema).map_err(about(source, &records.file))?;
            Ok((opened, records, mapping))
        };
        let files = opened.into_iter().zip(records).map(mapped).collect::<Result<_>>()?;
        Ok(Self { source: Arc::clone(source), mapper, files })
    }

    fn schema(&self) -> SchemaRef {
        self.files.last().map_or_else(|| Arc::new(Schema::empty()), |(.., mapping)| Arc::clone(&mapping.schema))
    }

    /// Their rows, file by file, with these columns at least.
    fn read(self, mut wanted: Vec<String>) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let Self { source, mapper, files } = self;
        let mut doubles = None;
        if is_identified(&source) {
            wanted.extend([LINE_ID, FILE, ROW].map(str::to_owned));
            doubles = Some(Doubles::default());
        }
        let mut streams = Vec::with_capacity(files.len());
        for (opened, records, mapping) in files {
            let (about, reads) = (about(&source, &records.file), mapping.reads(&wanted));
            let batches = opened.read(records, move |column| reads.contains(column)).map_err(&about)?;
            let (mapper, wanted) = (Arc::clone(&mapper), wanted.clone());
            streams.push(batches.map(move |batch| mapper.apply_to(&mapping, &batch?, &wanted).map_err(&about)));
        }
        let about = about(&source, "");
        let told = move |batch: Result<RecordBatch>| {
            let batch = batch?;
            if let Some(doubles) = &mut doubles {
                doubles.refuse(&batch).map_err(&about)?;
            }
            Ok(batch)
        };
        Ok(stream::iter(streams).flatten().map(told).boxed())
    }
}

/// Whether a mapping says how rows are told.
fn is_identified(source: &Source) -> bool {
    source.columns.iter().any(|(name, _)| name == LINE_ID)
}

/// An error with where it is about.
fn about(source: &Source, file: &str) -> impl Fn(Error) -> Error + Clone + use<> {
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
                files.push(records::read(source, *format, &file.name, &bytes).map_err(about(source, &file.name))?);
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
async fn mapped(source: &Arc<Source>) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let mapper = Mapper::new(source)?;
    let records = records(source).await?;
    let mut schema: SchemaRef = Arc::new(Schema::empty());
    let mut batches = Vec::new();
    for file in &records {
        let mapping = mapper.plan(&file.schema).map_err(about(source, &file.file))?;
        batches.extend(mapper.apply(&mapping, file).map_err(about(source, &file.file))?);
        schema = Arc::clone(&mapping.schema);
    }
    if is_identified(source) {
        let mut doubles = Doubles::default();
        batches.iter().try_for_each(|batch| doubles.refuse(batch)).map_err(about(source, ""))?;
    }
    Ok((schema, batches))
}

/// The identities of rows so far.
#[derive(Default)]
struct Doubles {
    /// Of each batch: identities, files, numbers of rows.
    batches: Vec<(StringArray, StringArray, Int64Array)>,
    /// Where each stands: batch, and row there.
    seen: HashTable<(usize, usize)>,
    hasher: RandomState,
}

impl Doubles {
    /// Refuses two rows with the same identity.
    fn refuse(&mut self, batch: &RecordBatch) -> Result<()> {
        let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()).cloned();
        let rows = batch.column_by_name(ROW).and_then(|column| column.as_primitive_opt::<Int64Type>()).cloned();
        let (Some(ids), Some(files), Some(rows)) = (text(LINE_ID), text(FILE), rows) else { return Ok(()) };
        self.batches.push((ids.clone(), files, rows));
        let Self { batches, seen, hasher } = self;
        let id = |(batch, row): &(usize, usize)| batches.get(*batch).map_or("", |(ids, ..)| ids.value(*row));
        let place = |(batch, row): &(usize, usize)| {
            batches
                .get(*batch)
                .map(|(_, files, rows)| format!("{} row {}", files.value(*row), rows.value(*row)))
                .unwrap_or_default()
        };
        for (row, new) in ids.iter().map(Option::unwrap_or_default).enumerate() {
            let here = (batches.len() - 1, row);
            match seen.entry(hasher.hash_one(new), |known| id(known) == new, |known| hasher.hash_one(id(known))) {
                Entry::Vacant(vacant) => drop(vacant.insert(here)),
                Entry::Occupied(known) => {
                    return Err(Error::new(ErrorKind::Decode, "two rows have the same line_id")
                        .with("line_id", new)
                        .with("one", place(known.get()))
                        .with("other", place(&here))
                        .hint("map line_id to what is unique, or leave it out"));
                }
            }
        }
        Ok(())
    }
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
