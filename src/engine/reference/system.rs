//! The sections of the schema `system`: what ckosql knows about itself.

use super::super::{Engine, SYSTEM};
use super::{COLUMNS, column};
use crate::error::{Error, Result};

/// The sections of all tables.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when the schema is not in the catalogue.
pub(super) async fn sections(engine: &Engine) -> Result<String> {
    let mut text = format!("## What ckosql knows about itself\n\nIn schema `{SYSTEM}`, made anew whenever it is read.\n\n");
    let schema = engine.shared.catalog.schema(SYSTEM).ok_or_else(missing)?;
    let mut names = schema.table_names();
    names.sort_unstable();
    for name in names {
        text.push_str(&section(engine, &name).await?.ok_or_else(missing)?);
    }
    Ok(text)
}

/// The section of the table of a name, where there is one.
///
/// # Errors
/// Those of [`sections`].
pub(super) async fn section(engine: &Engine, name: &str) -> Result<Option<String>> {
    let schema = engine.shared.catalog.schema(SYSTEM).ok_or_else(missing)?;
    let Some(table) = schema.table(name).await? else { return Ok(None) };
    let mut text = format!("### {SYSTEM}.{name}\n\n{COLUMNS}");
    for field in table.schema().fields() {
        text.push_str(&column(field, ""));
    }
    text.push('\n');
    Ok(Some(text))
}

fn missing() -> Error {
    Error::bug("a schema is not in the catalogue").with("schema", SYSTEM)
}
