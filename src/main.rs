//! The `ckosql` program.

use std::process::ExitCode;

/// Gives back what threads hold between them: a sync of millions of rows takes less memory than with the system's.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    ckosql::cli::main()
}
