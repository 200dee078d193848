//! An answer on its way: rows become bytes when the client takes them.
//!
//! The beginning of an answer is held back. An error in it is answered with its own status; one that comes later cuts the
//! transfer before its end, which every client sees: nobody can take half an answer for a whole one.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::response::Response;
use bytes::BytesMut;
use datafusion::execution::SendableRecordBatchStream;
use futures::{StreamExt, stream};
use tokio::time::Instant;

use crate::engine::Answer;
use crate::error::{Error, ErrorKind, Result};
use crate::output::{AnswerWriter, Format, writer};

/// Bytes that are held back until it is said that all is well.
const HELD_BACK: usize = 64 << 10;

/// What is left of an answer.
struct Rest {
    batches: SendableRecordBatchStream,
    /// None when its end is written.
    writer: Option<Box<dyn AnswerWriter>>,
    written: Written,
    deadline: Option<Instant>,
}

/// Where a writer writes to, and its bytes are taken from.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

/// Begins to send an answer.
///
/// # Errors
/// What the engine says before the first bytes are sent.
pub(super) async fn send(
    answer: Answer,
    (format, media_type): (Format, &'static str),
    deadline: Option<Instant>,
) -> Result<Response> {
    let written = Written::default();
    let writer = writer(format, &answer.schema, written.clone())?;
    let mut rest = Rest { batches: answer.batches, writer: Some(writer), written, deadline };
    let mut beginning = BytesMut::new();
    let mut is_whole = false;
    while !is_whole && beginning.len() < HELD_BACK {
        match rest.next().await? {
            Some(bytes) => beginning.extend_from_slice(&bytes),
            None => is_whole = true,
        }
    }
    let beginning = beginning.freeze();
    let body = if is_whole { Body::from(beginning) } else { body(beginning, rest) };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// A body whose end is told only when there is one.
fn body(beginning: Bytes, rest: Rest) -> Body {
    let more = stream::try_unfold(rest, async |mut rest| {
        // What went wrong is in the log; of this the server sees that it must not end the transfer properly.
        let bytes = rest.next().await.map_err(io::Error::other)?;
        Ok::<_, io::Error>(bytes.map(|bytes| (bytes, rest)))
    });
    Body::from_stream(stream::iter([Ok(beginning)]).chain(more))
}

impl Rest {
    /// The next bytes; none after the end.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(writer) = &mut self.writer {
            match within(self.deadline, self.batches.next()).await? {
                Some(batch) => writer.write(&batch.map_err(Error::from)?)?,
                None => self.writer.take().map_or(Ok(()), AnswerWriter::finish)?,
            }
            let bytes = self.written.take();
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

/// Waits for something, up to a moment.
///
/// # Errors
/// [`ErrorKind::Cancelled`] when it has passed.
pub(super) async fn within<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Result<T> {
    let Some(deadline) = deadline else { return Ok(work.await) };
    let late = |error| Error::new(ErrorKind::Cancelled, "the statement's time is up").caused_by(error);
    tokio::time::timeout_at(deadline, work).await.map_err(late)
}

impl Written {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.bytes()).into()
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
