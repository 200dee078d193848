//! `ckosql docs`: the reference as Markdown, of everything or of one table or view.

use clap::Args;

use super::print::print;
use crate::engine::Engine;
use crate::engine::config::Config;
use crate::engine::reference::{reference, table};
use crate::shell::failure::Failure;

/// What `ckosql docs` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Table or view; everything by default.
    table: Option<String>,
}

/// Prints the reference, which needs no account.
///
/// # Errors
/// [`crate::error::ErrorKind::Usage`] when there is no such table.
pub(super) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let engine = Engine::try_new(Config::default())?;
    let text = match &arguments.table {
        Some(name) => table(&engine, name).await?,
        None => reference(&engine).await?,
    };
    Ok(print(&text)?)
}
