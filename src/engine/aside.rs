//! Where statements are planned and run: aside of the sockets, the clocks and the signals, so that one that computes for
//! minutes without a pause keeps nobody from coming in, from being told that his time is up, or from stopping the process.

use std::future::Future;
use std::sync::LazyLock;
use std::thread::available_parallelism;
use std::time::Duration;

use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, stream};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::depth;
use super::pauses::Awaited;
use crate::error::{Error, ErrorKind, Result};

/// Threads for each core: those that compute without a pause share the cores with the others.
const THREADS: usize = 8;

/// One of the process: what it runs is stopped by whoever waits for it.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread()
        .worker_threads(cores.saturating_mul(THREADS))
        .thread_stack_size(depth::STACK)
        .thread_name("ckosql-statement")
        .enable_all()
        .build()
});

fn handle() -> Result<&'static Handle> {
    match &*RUNTIME {
        Ok(runtime) => Ok(runtime.handle()),
        Err(error) => Err(Error::new(ErrorKind::File, format!("cannot start the threads that statements run on: {error}"))),
    }
}

/// Does work aside. It is left off when nobody waits for it any more, once it pauses.
///
/// # Errors
/// [`ErrorKind::Bug`] when it broke off.
pub(crate) fn run<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> impl Future<Output = Result<T>> + Send {
    // Whoever waits does not carry it.
    let work = Box::pin(work.in_current_span());
    async move {
        let mut tasks = JoinSet::new();
        tasks.spawn_on(work, handle()?);
        match tasks.join_next().await {
            Some(done) => done.map_err(broke_off),
            None => Err(Error::bug("work that was begun is gone")),
        }
    }
}

/// When a statement must be done, and how long it had.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    had: Duration,
}

impl Deadline {
    /// So long from now; none where that is never.
    pub(super) fn after(had: Duration) -> Option<Self> {
        Some(Self { at: Instant::now().checked_add(had)?, had })
    }

    fn is_over(self) -> Error {
        let had = humantime::format_duration(self.had);
        Error::new(ErrorKind::Cancelled, format!("the statement takes longer than {had} (checkout.max_time)"))
    }
}

/// Does work until a deadline.
///
/// # Errors
/// [`ErrorKind::Cancelled`] when it is not done by then.
pub(super) async fn until<T>(deadline: Option<Deadline>, work: impl Future<Output = T>) -> Result<T> {
    match deadline {
        None => Ok(work.await),
        Some(deadline) => timeout_at(deadline.at, work).await.map_err(|_elapsed| deadline.is_over()),
    }
}

/// Rows that are computed aside, one batch ahead of who reads them, and stopped when they are dropped or not done in time.
///
/// # Errors
/// [`ErrorKind::File`] when there are no threads to be had.
pub(super) fn rows(
    mut rows: SendableRecordBatchStream,
    awaited: Awaited,
    deadline: Option<Deadline>,
) -> Result<SendableRecordBatchStream> {
    let schema = rows.schema();
    let (sender, receiver) = mpsc::channel(1);
    let mut tasks = JoinSet::new();
    let give = async move {
        while let Some(batch) = rows.next().await {
            if sender.send(batch).await.is_err() {
                break;
            }
        }
    };
    // Whoever does not fetch his rows does not keep what they are made of.
    let work = async move { until(deadline, give).await };
    tasks.spawn_on(work.in_current_span(), handle()?);
    let batches = stream::unfold(Some((receiver, tasks, awaited)), move |waiting| async move {
        let (mut receiver, mut tasks, awaited) = waiting?;
        match until(deadline, receiver.recv()).await {
            Ok(Some(batch)) => Some((batch, Some((receiver, tasks, awaited)))),
            // What broke off has not given all its rows.
            Ok(None) => {
                let ended = tasks.join_next().await.map(|ended| ended.map_err(broke_off).flatten());
                ended.and_then(Result::err).map(|error| (Err(error.into()), None))
            }
            Err(error) => Some((Err(error.into()), None)),
        }
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
}

fn broke_off(error: JoinError) -> Error {
    Error::bug("a statement broke off; please report this, with the lines above").caused_by(error)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use arrow::array::RecordBatch;
    use arrow::datatypes::Schema;
    use datafusion::common::internal_err;

    use super::*;

    #[tokio::test]
    async fn who_waits_is_not_kept_by_what_does_not_pause() {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let computing = run(async move {
            while !seen.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        // It would never get here on the one thread of this test.
        let others = async {
            run(async {}).await.unwrap();
            is_over.store(true, Ordering::Relaxed);
        };
        let (computed, ()) = tokio::join!(computing, others);
        computed.unwrap();
    }

    #[tokio::test]
    async fn what_breaks_off_is_an_error_and_no_end() {
        let error = run(async { [0_u8; 0].first().copied().unwrap() }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Bug);
        let schema = Arc::new(Schema::empty());
        let given = stream::iter([0, 1]).map(|turn| match turn {
            0 => Ok(RecordBatch::new_empty(Arc::new(Schema::empty()))),
            _ => panic!("in the middle of it"),
        });
        let batches = rows(Box::pin(RecordBatchStreamAdapter::new(schema, given)), Awaited::default(), None)
            .unwrap()
            .collect::<Vec<_>>()
            .await;
        assert_eq!(batches.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
    }

    #[tokio::test]
    async fn rows_come_with_their_errors_and_stop_being_made_when_nobody_wants_them() {
        let schema = Arc::new(Schema::empty());
        let held = Arc::new(());
        let kept = Arc::clone(&held);
        let given = stream::repeat(()).map(move |()| {
            let _kept = &kept;
            internal_err!("a row that cannot be read")
        });
        let mut batches = rows(Box::pin(RecordBatchStreamAdapter::new(schema, given)), Awaited::default(), None).unwrap();
        assert!(batches.next().await.unwrap().unwrap_err().to_string().contains("a row that cannot be read"));
        drop(batches);
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_has_no_time_left_is_told_so() {
        let schema = Arc::new(Schema::empty());
        let none = stream::pending::<datafusion::common::Result<RecordBatch>>();
        let none = Box::pin(RecordBatchStreamAdapter::new(schema, none));
        let rows = rows(none, Awaited::default(), Deadline::after(Duration::ZERO)).unwrap();
        let batches = rows.collect::<Vec<_>>().await;
        let [Err(error)] = batches.as_slice() else { panic!("{batches:?}") };
        assert!(error.to_string().contains("takes longer than 0s (checkout.max_time)"), "{error}");
    }
}
