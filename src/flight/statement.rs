//! A statement from its being planned to its last row.
//!
//! ```text
//!  Prepared ── values ──▶ Statement ── ticket ──▶ Running ──▶ batches
//!  SQL ───────────────────▲
//! ```

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt, stream};
use tonic::Status;

use super::cancel::Place;
use super::visitor::Visitor;
use super::{failure, types};
use crate::engine::{Answer, Planned};
use crate::error::{Error, ErrorKind, Result};

/// Rows of parameters that a statement is run for, one after the other.
const MOST_SETS: usize = 1_000;
/// Bytes that all of them may have.
const MOST_BYTES: usize = 16 << 20;

/// A statement that can be run.
#[derive(Debug)]
pub(super) struct Statement {
    visitor: Arc<Visitor>,
    /// Itself, once for each row of parameters.
    runs: Vec<Planned>,
    /// Its columns as the client was told; none when nothing was known of them.
    told: Option<SchemaRef>,
}

impl Statement {
    /// A statement as it is written.
    ///
    /// # Errors
    /// Those of [`Visitor::plan`]; [`ErrorKind::Query`] when it has parameters.
    pub(super) async fn of_sql(visitor: &Arc<Visitor>, sql: &str) -> Result<Self> {
        let planned = visitor.plan(sql).await?;
        if !planned.parameters()?.is_empty() {
            return Err(Error::new(ErrorKind::Query, "the statement has parameters, and no values for them")
                .hint("prepare it, and bind values"));
        }
        Ok(Self::of_runs(visitor, vec![planned]))
    }

    fn of_runs(visitor: &Arc<Visitor>, runs: Vec<Planned>) -> Self {
        let told = runs.first().and_then(|planned| columns(visitor, planned));
        Self { visitor: Arc::clone(visitor), runs, told }
    }

    /// Whether it runs in somebody's session.
    pub(super) fn is_of(&self, visitor: &Arc<Visitor>) -> bool {
        Arc::ptr_eq(&self.visitor, visitor)
    }

    /// Its columns, as far as they are known.
    pub(super) fn columns(&self) -> Option<&SchemaRef> {
        self.told.as_ref()
    }

    /// Begins to run it.
    ///
    /// # Errors
    /// What the engine says, and that it was cancelled.
    pub(super) async fn start(self, place: Place) -> Result<Running, Status> {
        let Self { visitor, runs, told } = self;
        let mut left = runs.into_iter();
        let first = left.next().ok_or_else(|| Error::bug("a statement is nothing to run"))?;
        let answer = until(place.cancelled(), visitor.session().run(first)).await?;
        let schema = told.unwrap_or_else(|| types::sent(&answer.schema));
        let mut running = Running { visitor, left, schema, current: None, place };
        running.go_on_with(answer)?;
        Ok(running)
    }
}

/// A statement that is being run; dropping it stops what it asks for.
pub(super) struct Running {
    visitor: Arc<Visitor>,
    left: vec::IntoIter<Planned>,
    schema: SchemaRef,
    current: Option<SendableRecordBatchStream>,
    place: Place,
}

impl Running {
    /// Its columns, as they are sent.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Its rows.
    pub(super) fn batches(self) -> impl Stream<Item = Result<RecordBatch, Status>> + Send + 'static {
        stream::try_unfold(self, |mut running| async move {
            let cancelled = running.place.cancelled();
            let batch = until(cancelled, running.next()).await?;
            Ok(batch.map(|batch| (batch, running)))
        })
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batches) = &mut self.current {
                match batches.next().await {
                    Some(batch) => return types::convert(&batch?, &self.schema).map(Some),
                    None => self.current = None,
                }
            }
            let Some(planned) = self.left.next() else { return Ok(None) };
            let answer = self.visitor.session().run(planned).await?;
            self.go_on_with(answer)?;
        }
    }

    /// Takes an answer for the rows that come next.
    fn go_on_with(&mut self, answer: Answer) -> Result<()> {
        if !types::are_alike(&types::sent(&answer.schema), &self.schema) {
            return Err(Error::bug("the answer has other columns than were told"));
        }
        self.current = Some(answer.batches);
        Ok(())
    }
}

/// What comes of it, unless it is cancelled before.
async fn until<T>(cancelled: impl Future<Output = ()>, done: impl Future<Output = Result<T>>) -> Result<T, Status> {
    tokio::select! {
        biased;
        () = cancelled => Err(failure::cancelled()),
        done = done => Ok(done?),
    }
}

/// A statement that was prepared, and the values it is to be run with.
#[derive(Debug)]
pub(super) struct Prepared {
    visitor: Arc<Visitor>,
    planned: Planned,
    parameters: Vec<FieldRef>,
    /// Rows of values, each of which it is run for.
    bound: Mutex<Vec<Vec<ScalarValue>>>,
}

impl Prepared {
    /// Prepares a statement.
    ///
    /// # Errors
    /// Those of [`Visitor::plan`].
    pub(super) async fn of_sql(visitor: &Arc<Visitor>, sql: &str) -> Result<Self> {
        let planned = visitor.plan(sql).await?;
        let parameters = parameters(&planned.parameters()?);
        Ok(Self { visitor: Arc::clone(visitor), planned, parameters, bound: Mutex::default() })
    }

    /// Whether it runs in somebody's session.
    pub(super) fn is_of(&self, visitor: &Arc<Visitor>) -> bool {
        Arc::ptr_eq(&self.visitor, visitor)
    }

    /// Its parameters, by number.
    pub(super) fn parameters(&self) -> Schema {
        Schema::new(self.parameters.clone())
    }

    /// Its columns, as far as they are known without values.
    pub(super) fn columns(&self) -> Option<SchemaRef> {
        let nothing = |field: &FieldRef| ScalarValue::try_from(field.data_type()).unwrap_or(ScalarValue::Null);
        let values = self.parameters.iter().map(nothing).collect();
        let typed = if self.parameters.is_empty() { Ok(self.planned.clone()) } else { self.planned.clone().bind(values) };
        typed.ok().and_then(|planned| columns(&self.visitor, &planned))
    }

    /// Takes values in the place of those it had.
    ///
    /// # Errors
    /// That they are of another number than its parameters, too many rows or too large; those of the rows.
    pub(super) async fn bind(&self, batches: impl Stream<Item = Result<RecordBatch, Status>>) -> Result<(), Status> {
        let (mut rows, mut size) = (Vec::new(), 0_usize);
        let mut batches = pin!(batches);
        while let Some(batch) = batches.next().await.transpose()? {
            let (given, wanted) = (batch.num_columns(), self.parameters.len());
            if given != wanted {
                return Err(Error::new(ErrorKind::Query, format!("{given} values are given for {wanted} parameters")).into());
            }
            size += batch.get_array_memory_size();
            if rows.len() + batch.num_rows() > MOST_SETS || size > MOST_BYTES {
                let message =
                    format!("a statement is run for at most {MOST_SETS} rows of parameters, and {MOST_BYTES} bytes of them");
                return Err(Error::new(ErrorKind::Query, message).hint("join a list of the values instead").into());
            }
            for row in 0..batch.num_rows() {
                let values = batch.columns().iter().map(|column| ScalarValue::try_from_array(column, row).map(plain));
                rows.push(values.collect::<Result<_, _>>().map_err(Error::from)?);
            }
        }
        *self.bound() = rows;
        Ok(())
    }

    /// The statement without its values.
    pub(super) fn planned(&self) -> &Planned {
        &self.planned
    }

    /// The statement with its values.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when it has parameters and no values, or values that do not fit.
    pub(super) fn statement(&self) -> Result<Statement> {
        if self.parameters.is_empty() {
            return Ok(Statement::of_runs(&self.visitor, vec![self.planned.clone()]));
        }
        let rows = self.bound().clone();
        if rows.is_empty() {
            let message = format!("no values are given for {} parameters", self.parameters.len());
            return Err(Error::new(ErrorKind::Query, message));
        }
        let runs = rows.into_iter().map(|values| self.planned.clone().bind(values)).collect::<Result<_>>()?;
        Ok(Statement::of_runs(&self.visitor, runs))
    }

    fn bound(&self) -> MutexGuard<'_, Vec<Vec<ScalarValue>>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The columns of a statement as they are sent; none when nothing is known of them.
fn columns(visitor: &Visitor, planned: &Planned) -> Option<SchemaRef> {
    let columns = types::sent(&visitor.session().columns(planned));
    (!columns.fields().is_empty()).then_some(columns)
}

/// A field for each parameter; one of which nothing is known is a text.
fn parameters(known: &BTreeMap<usize, Option<FieldRef>>) -> Vec<FieldRef> {
    let count = known.keys().last().copied().unwrap_or(0);
    let parameter = |number: usize| {
        let data_type = known.get(&number).and_then(Option::as_ref).map_or(DataType::Utf8, |field| field.data_type().clone());
        Field::new(format!("${number}"), data_type, true)
    };
    let fields = (1..=count).map(parameter).collect::<Vec<_>>();
    types::sent(&Schema::new(fields)).fields().to_vec()
}

/// A value without the dictionary it came in.
fn plain(value: ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Dictionary(_, value) => plain(*value),
        value => value,
    }
}
