//! Table functions that look back: `lake_at('payments', timestamp '…')` and `lake_changes('payments', from, to)`.
//!
//! An instant is that at which a commit was made, by the clock of the machine that synced: not when a payment was made. A
//! whole number means a version of the Delta table. What retention has removed is an error that says how far back one can go.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result as DataFusionResult, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use deltalake_core::DeltaTable;
use deltalake_core::delta_datafusion::DeltaCdfTableProvider;

use super::planned::{Planned, PlannedTable};
use super::scan::{check_whole, declared, not_synced, rows};
use super::table::LakeTable;
use super::versions::{Moment, Versions};
use super::{Described, Lake, failed, no_lake};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::fields::{self, COMMENT, instant};
use crate::source::connection::Connection;

/// Name, arguments and meaning of each function.
pub const FUNCTIONS: [(&str, &str, &str); 2] = [
    (
        "lake_at",
        "table, instant",
        "The table of the lake as it was at an instant, or as of a version by its number; its columns are those of the table.",
    ),
    (
        "lake_changes",
        "table, from, to",
        "What came in, changed or went in the lake after `from`, up to and with `to` (now when left out): what turns \
         `lake_at(table, from)` into `lake_at(table, to)`.",
    ),
];

/// The columns that a change has beside those of its table.
const CHANGE: [Described; 3] = [
    ("_change_type", || DataType::Utf8, "`insert`, `update_preimage` (before), `update_postimage` (after) or `delete`."),
    ("_commit_version", || DataType::Int64, "The version that the change made."),
    ("_commit_timestamp", instant, "When that was committed."),
];

/// The functions over a lake, where there is one, each with its name.
pub fn functions(
    lake: Option<&Arc<Lake>>,
    connections: &Arc<[Arc<Connection>]>,
) -> [(&'static str, Arc<dyn TableFunctionImpl>); 2] {
    let [at, changes] = FUNCTIONS.map(|(name, ..)| name);
    [
        (at, Arc::new(At { lake: lake.cloned(), connections: Arc::clone(connections) })),
        (changes, Arc::new(Changes { lake: lake.cloned() })),
    ]
}

/// `lake_at`.
#[derive(Debug)]
struct At {
    lake: Option<Arc<Lake>>,
    connections: Arc<[Arc<Connection>]>,
}

impl TableFunctionImpl for At {
    fn call_with_args(&self, arguments: TableFunctionArgs<'_, '_>) -> DataFusionResult<Arc<dyn TableProvider>> {
        let usage = "lake_at('payments', timestamp '2026-06-30T00:00:00Z')";
        let [name, moment] = arguments.exprs() else { return Err(misused("lake_at takes a table and an instant", usage).into()) };
        let table = table(self.lake.as_ref(), name, usage)?;
        let schema = fields::schema(table.resource.columns);
        let connections = Arc::clone(&self.connections);
        Ok(Arc::new(PlannedTable(Past { moment: Asked::At(self::moment(moment, usage)?), table, connections, schema })))
    }
}

/// `lake_changes`.
#[derive(Debug)]
struct Changes {
    lake: Option<Arc<Lake>>,
}

impl TableFunctionImpl for Changes {
    fn call_with_args(&self, arguments: TableFunctionArgs<'_, '_>) -> DataFusionResult<Arc<dyn TableProvider>> {
        let usage = "lake_changes('payments', timestamp '2026-06-30T00:00:00Z', timestamp '2026-07-01T00:00:00Z')";
        let (name, from, to) = match arguments.exprs() {
            [name, from] => (name, from, None),
            [name, from, to] => (name, from, Some(to)),
            _ => return Err(misused("lake_changes takes a table and one or two instants", usage).into()),
        };
        let table = table(self.lake.as_ref(), name, usage)?;
        let own = fields::schema(table.resource.columns);
        let change = CHANGE.map(|(name, data_type, about)| {
            Arc::new(Field::new(name, data_type(), true).with_metadata([(COMMENT.to_owned(), about.to_owned())].into()))
        });
        let schema = Arc::new(Schema::new(own.fields().iter().cloned().chain(change).collect::<Vec<_>>()));
        let (from, to) = (moment(from, usage)?, to.map(|to| moment(to, usage)).transpose()?);
        // What changed is what changed, wherever a sync has come to.
        Ok(Arc::new(PlannedTable(Past { moment: Asked::Between(from, to), table, connections: Arc::from([]), schema })))
    }
}

/// The table that a function's first argument names.
fn table(lake: Option<&Arc<Lake>>, name: &Expr, usage: &'static str) -> Result<Arc<LakeTable>> {
    let lake = lake.ok_or_else(no_lake)?;
    match name {
        Expr::Literal(value, _) => match value.try_as_str() {
            Some(Some(name)) => lake.named(name, ErrorKind::Query).cloned(),
            _ => Err(misused("the table is to be named as a text", usage).with("given", value.data_type())),
        },
        other => Err(misused("the table is to be named as a text", usage).with("given", other)),
    }
}

/// The moment that an argument of a function means.
fn moment(argument: &Expr, usage: &'static str) -> Result<Moment> {
    let Expr::Literal(value, _) = argument else {
        return Err(
            misused("a moment is to be a timestamp or a version, not what is yet to be computed", usage).with("given", argument)
        );
    };
    let wrong = || misused("a moment is to be a timestamp, or a version as a whole number", usage).with("given", value);
    let data_type = value.data_type();
    if value.is_null() {
        return Err(wrong());
    }
    if data_type.is_integer() {
        let number = value.cast_to(&DataType::Int64).map_err(|error| wrong().caused_by(error))?;
        return if let ScalarValue::Int64(Some(number)) = number { Ok(Moment::Version(number)) } else { Err(wrong()) };
    }
    let is_time = matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
    if !is_time && !data_type.is_string() {
        return Err(wrong());
    }
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    match value.cast_to(&utc).map_err(|error| wrong().caused_by(error))? {
        ScalarValue::TimestampMicrosecond(Some(micros), _) => Ok(Moment::Instant(micros)),
        _ => Err(wrong()),
    }
}

fn misused(what: &'static str, usage: &'static str) -> Error {
    Error::new(ErrorKind::Query, what).hint(format!("write {usage}"))
}

/// What is asked of a table's past.
#[derive(Debug, Clone, Copy)]
enum Asked {
    At(Moment),
    Between(Moment, Option<Moment>),
}

/// A table as it was, or what became of it.
#[derive(Debug)]
struct Past {
    table: Arc<LakeTable>,
    moment: Asked,
    /// The accounts of which it is to be whole.
    connections: Arc<[Arc<Connection>]>,
    schema: SchemaRef,
}

#[async_trait]
impl Planned for Past {
    fn columns(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn rows(&self, state: &SessionState, filters: &[Expr]) -> Result<LogicalPlan> {
        self.then(state, filters).await.map_err(|error| error.with_missing("table", self.table.resource.name))
    }
}

impl Past {
    async fn then(&self, state: &SessionState, filters: &[Expr]) -> Result<LogicalPlan> {
        let resource = self.table.resource;
        let now = self.table.now().await?.ok_or_else(|| not_synced(resource))?;
        let versions = Versions::read(&now).await?;
        match self.moment {
            Asked::At(moment) => {
                let then = self.table.version(now, versions.readable(moment)?).await?;
                check_whole(state, &then, resource, &self.connections, filters).await?;
                rows(state, &then, resource).await
            }
            Asked::Between(from, to) => {
                let (first, last) = versions.between(from, to)?;
                changes(&now, first, last, state).and_then(|changed| declared(changed, resource.name, &self.schema))
            }
        }
    }
}

/// The changes that these versions made.
fn changes(now: &DeltaTable, first: u64, last: u64, state: &SessionState) -> Result<Arc<dyn TableProvider>> {
    now.update_datafusion_session(state).map_err(failed)?;
    let changed = now.clone().scan_cdf().with_starting_version(first).with_ending_version(last).with_allow_out_of_range();
    Ok(Arc::new(Feed(DeltaCdfTableProvider::try_new(changed).map_err(failed)?)))
}

/// The change feed of a table, as a plan that can be planned further.
#[derive(Debug)]
struct Feed(DeltaCdfTableProvider);

#[async_trait]
impl TableProvider for Feed {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        self.0.table_type()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let plan = self.0.scan(state, projection, filters, limit).await?;
        plan.transform_up(without_nothing).map(|plan| plan.data)
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        self.0.supports_filters_pushdown(filters)
    }
}

/// A union without the parts that have no files: the feed always has three, and nothing can be sorted that has no partition.
fn without_nothing(plan: Arc<dyn ExecutionPlan>) -> DataFusionResult<Transformed<Arc<dyn ExecutionPlan>>> {
    if plan.downcast_ref::<UnionExec>().is_none() {
        return Ok(Transformed::no(plan));
    }
    let parts = plan.children().into_iter().filter(|part| part.output_partitioning().partition_count() > 0);
    let parts: Vec<_> = parts.map(Arc::clone).collect();
    Ok(Transformed::yes(if parts.is_empty() { Arc::new(EmptyExec::new(plan.schema())) } else { UnionExec::try_new(parts)? }))
}
