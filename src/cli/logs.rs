//! Logs: on stderr, warnings by default, more with `-v`; `CKOSQL_LOG` takes tracing's own filters.

use tracing_subscriber::EnvFilter;

use super::Global;
use super::terminal::paint_of_stderr;
use crate::shell::paint::Paint;

/// Libraries that log the errors they return.
const QUIET: &str = "buoyant_kernel=off,buoyant_kernel_engine=off,delta_kernel=off,deltalake_core=off";

/// Starts to log for the rest of the process.
pub(super) fn start(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "ckosql=warn,error",
        (false, 1) => "ckosql=info,warn",
        (false, _) => "ckosql=debug,warn",
    };
    // The lake's library logs what it also gives back, and we say that.
    let level = if global.verbose < 2 { format!("{level},{QUIET}") } else { level.to_owned() };
    let filter = EnvFilter::try_from_env("CKOSQL_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let coloured = paint_of_stderr(global) == Paint::Coloured;
    // An error means that a logger is there already, which is then as good.
    let _running = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(coloured)
        .with_target(false)
        .try_init();
}
