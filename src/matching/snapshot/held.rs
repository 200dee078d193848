//! A table of which rows are held: in memory, or in temporary files where the session's memory does not suffice.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::spill::SpillManager;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, empty::EmptyExec};
use datafusion::prelude::DataFrame;
use futures::{StreamExt, TryStreamExt};
use tracing::debug;

use super::{hash, order};
use crate::error::{Error, Result};

/// A table of which rows are held.
#[derive(Debug)]
pub(super) struct Held {
    /// All columns that the table has, held or not.
    schema: SchemaRef,
    rows: OnceLock<Rows>,
    /// The hash of each column that is held, made when somebody asks.
    hashes: OnceLock<BTreeMap<String, Vec<u8>>>,
}

/// Rows, with the columns that are used.
enum Rows {
    /// All of them, and the memory of the session's that they take as long as they are there.
    Memory {
        rows: RecordBatch,
        _taken: Vec<MemoryReservation>,
    },
    Files(Vec<Arc<File>>, SchemaRef),
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { rows, .. } => f.debug_tuple("Memory").field(&rows.num_rows()).finish(),
            Self::Files(files, _) => f.debug_tuple("Files").field(&files.len()).finish(),
        }
    }
}

impl Held {
    /// An empty table of a schema.
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self { schema, rows: OnceLock::new(), hashes: OnceLock::new() }
    }

    /// The same, where texts are held one behind the other: views of them would keep the pages of files alive.
    pub(super) fn with_plain_texts(schema: &Schema) -> Self {
        let plain = |field: &Arc<Field>| match field.data_type() {
            DataType::Utf8View => Arc::new(Field::clone(field).with_data_type(DataType::Utf8)),
            _ => Arc::clone(field),
        };
        let fields: Vec<Arc<Field>> = schema.fields().iter().map(plain).collect();
        Self::new(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
    }

    /// Reads rows, and puts them in the order of a column of theirs.
    ///
    /// # Errors
    /// Those of reading, and of writing temporary files.
    pub(super) async fn fill(&self, rows: DataFrame, key: Option<&str>) -> Result<()> {
        let context = Arc::new(rows.task_ctx());
        let fields = rows.schema().fields().iter().map(|field| self.schema.field_with_name(field.name()).cloned());
        let fields = fields.collect::<std::result::Result<Vec<Field>, ArrowError>>().map_err(unread)?;
        let schema: SchemaRef = Arc::new(Schema::new_with_metadata(fields, self.schema.metadata().clone()));
        let mut parts = Vec::new();
        for stream in rows.execute_stream_partitioned().await? {
            let part = Part::new(Arc::clone(&schema), context.runtime_env());
            parts.push(SpawnedTask::spawn(part.read(stream)));
        }
        let mut read = Vec::with_capacity(parts.len());
        for part in parts {
            read.push(part.join_unwind().await.map_err(|error| Error::bug("a part was not read").caused_by(error))??);
        }
        let rows = match read.iter().any(|part| part.file.is_some()) {
            true => {
                let files = read.into_iter().map(Part::file).collect::<Result<Vec<_>>>()?;
                debug!(files = files.len(), "rows are held in files: they are more than the memory that is allowed");
                Rows::Files(files.into_iter().flatten().collect(), schema)
            }
            false => {
                let (batches, memory): (Vec<_>, Vec<_>) = read.into_iter().map(|part| (part.batches, part.memory)).unzip();
                Rows::Memory { rows: in_order(batches.concat(), &schema, key)?, _taken: memory }
            }
        };
        self.rows.set(rows).map_err(|_twice| Error::bug("a table is read twice"))
    }

    /// All of its rows; `None` where they are in files.
    pub(super) fn whole(&self) -> Option<&RecordBatch> {
        match self.rows.get()? {
            Rows::Memory { rows, .. } => Some(rows),
            Rows::Files(..) => None,
        }
    }

    /// The hash of the values of a column, in the order of the rows; `None` where they are in files, or are nothing to be hashed.
    pub(super) fn hash_of(&self, column: &str) -> Option<&[u8]> {
        let rows = self.whole()?;
        let hashes = self.hashes.get_or_init(|| {
            let fields = rows.schema_ref().fields().iter().enumerate();
            let hash = |(place, field): (usize, &Arc<Field>)| {
                Some((field.name().clone(), hash::of_rows(&rows.project(&[place]).ok()?).ok()?))
            };
            fields.filter_map(hash).collect()
        });
        hashes.get(column).map(Vec::as_slice)
    }
}

#[async_trait]
impl TableProvider for Held {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let rows = self.rows.get().ok_or_else(|| Error::bug("a table is looked at before it is read"))?;
        let schema = match rows {
            Rows::Memory { rows, .. } => rows.schema(),
            Rows::Files(_, schema) => Arc::clone(schema),
        };
        let wanted = match projection {
            Some(projection) => self.schema.project(projection)?,
            None => Schema::clone(&self.schema),
        };
        let places = wanted.fields().iter().map(|field| schema.index_of(field.name()));
        let places = places.collect::<std::result::Result<Vec<usize>, ArrowError>>()?;
        match rows {
            Rows::Memory { rows, .. } => {
                let options = &state.config_options().execution;
                let partitions = sliced(rows, options.target_partitions, options.batch_size.get());
                Ok(MemorySourceConfig::try_new_exec(&partitions, schema, Some(places))?)
            }
            Rows::Files(files, _) if files.is_empty() => Ok(Arc::new(EmptyExec::new(Arc::new(wanted)))),
            Rows::Files(files, _) => {
                let parts = files.iter().map(|file| Arc::<File>::clone(file) as Arc<dyn PartitionStream>).collect();
                Ok(Arc::new(StreamingTableExec::try_new(schema, parts, Some(&places), None, false, None)?))
            }
        }
    }
}

/// Rows in batches of so many, in at most so many partitions, each of which has rows that follow each other.
fn sliced(rows: &RecordBatch, partitions: usize, batch: usize) -> Vec<Vec<RecordBatch>> {
    let batch = batch.max(1);
    let batches = rows.num_rows().div_ceil(batch).max(1);
    let starts: Vec<usize> = (0..batches).map(|place| place * batch).collect();
    let slice = |start: &usize| rows.slice(*start, batch.min(rows.num_rows() - start));
    starts.chunks(batches.div_ceil(partitions.max(1))).map(|starts| starts.iter().map(slice).collect()).collect()
}

/// A partition of a table while it is read.
struct Part {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    memory: MemoryReservation,
    spill: SpillManager,
    file: Option<Arc<dyn SpillFile>>,
}

impl Part {
    fn new(schema: SchemaRef, runtime: Arc<RuntimeEnv>) -> Self {
        let memory = MemoryConsumer::new("rows that rules match").with_can_spill(true).register(&runtime.memory_pool);
        let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
        let spill = SpillManager::new(runtime, metrics, Arc::clone(&schema));
        Self { schema, batches: Vec::new(), memory, spill, file: None }
    }

    async fn read(mut self, mut stream: SendableRecordBatchStream) -> Result<Self> {
        let mut file = None;
        while let Some(batch) = stream.next().await {
            let batch = of_schema(&batch?, &self.schema).map_err(unread)?;
            if file.is_none() {
                if self.memory.try_grow(size(&batch)).is_ok() {
                    self.batches.push(batch);
                    continue;
                }
                let mut begun = self.spill.create_in_progress_file(REQUEST)?;
                for batch in std::mem::take(&mut self.batches) {
                    begun.append_batch(&batch)?;
                }
                self.memory.free();
                file = Some(begun);
            }
            if let Some(file) = &mut file {
                file.append_batch(&batch)?;
            }
        }
        self.file = file.map(|mut file| file.finish()).transpose()?.flatten();
        Ok(self)
    }

    /// Its rows in a file, where there are any.
    fn file(self) -> Result<Option<Arc<File>>> {
        let file = match self.file {
            Some(file) => Some(file),
            None if self.batches.is_empty() => None,
            None => self.spill.spill_record_batch_and_finish(&self.batches, REQUEST)?,
        };
        Ok(file.map(|file| Arc::new(File { schema: self.schema, spill: self.spill, file })))
    }
}

/// What temporary files are for.
const REQUEST: &str = "rows that rules match";

/// A partition of a table in a temporary file, which goes when nobody reads it any more.
struct File {
    schema: SchemaRef,
    spill: SpillManager,
    file: Arc<dyn SpillFile>,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").finish_non_exhaustive()
    }
}

impl PartitionStream for File {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        match self.spill.read_spill_as_stream(Arc::clone(&self.file), None) {
            Ok(stream) => stream,
            Err(error) => {
                let failed = futures::stream::once(std::future::ready(Err(error)));
                Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), failed.into_stream()))
            }
        }
    }
}

/// The bytes of a batch, which may be part of a larger one.
fn size(batch: &RecordBatch) -> usize {
    let size = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size());
    batch.columns().iter().map(size).sum()
}

/// A batch in the types that are held.
fn of_schema(batch: &RecordBatch, schema: &SchemaRef) -> std::result::Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    let columns = columns.collect::<std::result::Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// Batches as one, in the order of a column.
fn in_order(batches: Vec<RecordBatch>, schema: &SchemaRef, key: Option<&str>) -> Result<RecordBatch> {
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    // Column by column, so that there is never more than one of them twice.
    let mut columns: Vec<Vec<_>> = vec![Vec::with_capacity(batches.len()); schema.fields().len()];
    for batch in batches {
        columns.iter_mut().zip(batch.columns()).for_each(|(parts, column)| parts.push(Arc::clone(column)));
    }
    let whole = |(parts, field): (Vec<_>, &Arc<Field>)| match parts.as_slice() {
        [] => Ok(arrow::array::new_empty_array(field.data_type())),
        [one] => Ok(Arc::clone(one)),
        _ => concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
    };
    let mut columns =
        columns.into_iter().zip(schema.fields()).map(whole).collect::<std::result::Result<Vec<_>, _>>().map_err(unread)?;
    if let Some(key) = key.and_then(|key| columns.get(schema.index_of(key).ok()?)) {
        let ids = cast(key, &DataType::Utf8).map_err(unread)?;
        if let Some(order) = order(ids.as_string()) {
            for column in &mut columns {
                *column = take(column, &order, None).map_err(unread)?;
            }
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(unread)
}

fn unread(error: ArrowError) -> Error {
    Error::from(DataFusionError::from(error))
}
