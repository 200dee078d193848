//! The `ckosql` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ckosql::cli::main()
}
