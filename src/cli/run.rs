//! The process around a subcommand: its runtime, Ctrl-C and SIGTERM, and the exit code.

use std::future::{Future, pending};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinError, JoinSet};

use crate::engine::depth;
use crate::error::{Error, ErrorKind};
use crate::shell::failure::Failure;
use crate::shell::paint::Paint;

/// How long what was interrupted may take to put its things away.
const TIDYING: Duration = Duration::from_millis(250);

/// Runs a subcommand that Ctrl-C and SIGTERM end.
pub(super) fn until_interrupted(paint: Paint, work: impl Future<Output = Result<(), Failure>> + Send + 'static) -> ExitCode {
    run(paint, |runtime| {
        // On a thread of its own: a computation that does not pause must not keep Ctrl-C from being seen.
        Builder::new_current_thread().enable_all().build().map_err(not_started)?.block_on(async {
            let mut tasks = JoinSet::new();
            tasks.spawn_on(work, runtime.handle());
            tokio::select! {
                Some(outcome) = tasks.join_next() => outcome.unwrap_or_else(|error| Err(died(error).into())),
                () = interrupt() => {
                    // What is left after this is dropped with the process.
                    let _tidied = tokio::time::timeout(TIDYING, tasks.shutdown()).await;
                    Err(Error::new(ErrorKind::Cancelled, "cancelled").into())
                }
            }
        })
    })
}

/// Runs a subcommand that deals with Ctrl-C itself.
pub(super) fn to_the_end(paint: Paint, work: impl Future<Output = Result<(), Failure>> + Send + 'static) -> ExitCode {
    run(paint, |runtime| {
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            tasks.spawn(work);
            match tasks.join_next().await {
                Some(outcome) => outcome.unwrap_or_else(|error| Err(died(error).into())),
                None => Ok(()),
            }
        })
    })
}

/// Says nothing of a panic that the lake's library catches itself: it gives up a file that it could not write to its end, and
/// what is wrong is told as an error.
fn hush() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_of_store = panic.location().is_some_and(|place| place.file().contains("object_store"));
        if !(is_of_store && panic.payload_as_str() == Some("Already shut down")) {
            tell(panic);
        }
    }));
}

fn run(paint: Paint, work: impl FnOnce(&Runtime) -> Result<(), Failure>) -> ExitCode {
    hush();
    let outcome = match runtime() {
        Ok(runtime) => {
            let outcome = work(&runtime);
            // A thread that still waits for a keystroke must not keep the process.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(not_started(error).into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // If stderr is closed, the exit code still says it.
            let _unsaid = std::io::stderr().write_all(failure.describe(paint).as_bytes());
            ExitCode::from(failure.error.kind().facts().exit_code)
        }
    }
}

/// Where a subcommand runs. Threads that wait for files are as many as it takes: to open a table of the lake, one waits for
/// what another reads, so of too few all would wait. On each of them a statement may be planned.
fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().thread_stack_size(depth::STACK).enable_all().build()
}

fn not_started(error: std::io::Error) -> Error {
    Error::new(ErrorKind::File, "cannot start the runtime").caused_by(error)
}

/// Ends at Ctrl-C or SIGTERM; never, when the system does not tell.
pub(super) async fn interrupt() {
    tokio::select! {
        () = ctrl_c() => {}
        () = terminated() => {}
    }
}

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        pending::<()>().await;
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};

    let told = match signal(SignalKind::terminate()) {
        Ok(mut signals) => signals.recv().await,
        Err(_) => None,
    };
    if told.is_none() {
        pending::<()>().await;
    }
}

#[cfg(not(unix))]
async fn terminated() {
    pending::<()>().await;
}

pub(super) fn died(error: JoinError) -> Error {
    Error::bug("ckosql stopped where it should not have; please report this, with the lines above").caused_by(error)
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Handle;
    use tokio::task::spawn_blocking;

    use super::*;

    #[test]
    fn many_threads_may_wait_for_what_others_read() {
        const TABLES: usize = 48;
        let runtime = runtime().unwrap();
        // Each is under way before the first goes on, as tables are that are opened together.
        let together = std::sync::Arc::new(std::sync::Barrier::new(TABLES));
        let opened = runtime.block_on(async {
            let mut opened = JoinSet::new();
            for _ in 0..TABLES {
                let together = std::sync::Arc::clone(&together);
                opened.spawn_blocking(move || {
                    together.wait();
                    Handle::current().block_on(spawn_blocking(|| ()))
                });
            }
            let joined = async {
                while let Some(done) = opened.join_next().await {
                    done.unwrap().unwrap()
                }
            };
            tokio::time::timeout(Duration::from_secs(60), joined).await
        });
        runtime.shutdown_background();
        assert!(opened.is_ok(), "they wait for each other");
    }
}
