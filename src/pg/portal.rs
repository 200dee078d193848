//! An answer on its way: rows are made when the client takes them, a batch ahead at most.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::Schema;
use bytes::BytesMut;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, stream};

use super::explained;
use super::failure::{Failure, Trouble};
use super::frontend::Format;
use super::prepared::{Prepared, spread};
use super::rows::{Cells, Rows, write_row};
use super::types::{self, Column};
use super::wire::Outbox;
use crate::engine::{Answer, Planned, Session};
use crate::error::{Error, Result};

/// Rows that are written before it is seen whether they should be sent.
const STRIDE: usize = 256;

/// A statement with its values, and how far it has been run.
pub(super) struct Portal {
    pub(super) prepared: Arc<Prepared>,
    /// What is left to be run.
    pub(super) bound: Option<Planned>,
    /// How the client wants the columns.
    pub(super) formats: Vec<Format>,
    pub(super) running: Option<Running>,
    /// Whether it outlives its transaction.
    pub(super) is_held: bool,
}

/// An answer that is being sent.
pub(super) struct Running {
    pub(super) columns: Arc<[Column]>,
    batches: SendableRecordBatchStream,
    current: Option<(Rows, usize)>,
}

/// What was sent of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) rows: usize,
    /// Whether there may be more.
    pub(super) is_suspended: bool,
}

/// Writes one row of a batch.
type Write<'a> = dyn FnMut(&[Cells<'_>], usize, &mut BytesMut) -> Result<()> + Send + 'a;

impl Portal {
    /// Runs the statement, unless it is running.
    ///
    /// # Errors
    /// What the engine says; a failure when it has been run to its end.
    pub(super) async fn start(&mut self, session: &Session) -> Result<(), Failure> {
        if self.running.is_none() {
            let bound = self.bound.take().ok_or_else(|| Failure::new("55000", "the portal has been run already"))?;
            let answer = session.run(bound).await.map_err(|error| Failure::of(&error, &self.prepared.sql))?;
            let answer = if self.prepared.command.explains() { explained::lines(answer) } else { answer };
            self.running = Some(Running::new(answer, &self.prepared.columns)?);
        }
        Ok(())
    }
}

impl Running {
    /// An answer, of whose columns this was told before; nothing, when nothing was known.
    ///
    /// # Errors
    /// A failure when it is of other types than the client was told.
    pub(super) fn new(answer: Answer, told: &[Column]) -> Result<Self, Failure> {
        let columns = types::columns(&answer.schema);
        let are_alike =
            columns.len() == told.len() && columns.iter().zip(told).all(|(one, other)| one.postgres == other.postgres);
        if !told.is_empty() && !are_alike {
            return Err(Failure::new("0A000", "cached plan must not change result type"));
        }
        Ok(Self { columns, batches: answer.batches, current: None })
    }

    /// An answer of texts that are at hand.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when there are more columns than texts in a row.
    pub(super) fn of_texts(schema: Schema, columns: Vec<Vec<String>>) -> Result<Self> {
        let schema = Arc::new(schema);
        let arrays = columns.into_iter().map(|texts| Arc::new(StringArray::from(texts)) as ArrayRef).collect();
        let batch =
            RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|error| Error::bug("texts are rows").caused_by(error))?;
        let batches = RecordBatchStreamAdapter::new(Arc::clone(&schema), stream::iter([Ok(batch)]));
        Ok(Self { columns: types::columns(&schema), batches: Box::pin(batches), current: None })
    }

    /// Sends rows, at most so many.
    ///
    /// # Errors
    /// What the engine says, and that there is nobody to send to.
    pub(super) async fn send(&mut self, formats: &[Format], most: Option<usize>, out: &mut Outbox) -> Result<Sent, Trouble> {
        let formats = spread(formats, self.columns.len())?;
        self.write(&formats, most, out, &mut |cells, row, out| write_row(cells, row, out)).await
    }

    /// Writes rows in a manner, at most so many.
    ///
    /// # Errors
    /// Those of [`Running::send`].
    pub(super) async fn write(
        &mut self,
        formats: &[Format],
        most: Option<usize>,
        out: &mut Outbox,
        write: &mut Write<'_>,
    ) -> Result<Sent, Trouble> {
        let mut sent = 0_usize;
        while most.is_none_or(|most| sent < most) {
            let Some((rows, done)) = &mut self.current else {
                match self.batches.next().await {
                    None => return Ok(Sent { rows: sent, is_suspended: false }),
                    Some(batch) => {
                        let batch = batch.map_err(Error::from)?;
                        self.current = Some((Rows::of(&batch, &self.columns)?, 0));
                    }
                }
                continue;
            };
            let wanted = most.map_or(STRIDE, |most| STRIDE.min(most - sent));
            let next = rows.count().min(*done + wanted);
            let cells = rows.cells(&self.columns, formats)?;
            (*done..next).try_for_each(|row| write(&cells, row, &mut out.buffer))?;
            drop(cells);
            sent += next - *done;
            *done = next;
            if *done == rows.count() {
                self.current = None;
            }
            out.relieve().await?;
        }
        Ok(Sent { rows: sent, is_suspended: true })
    }
}
