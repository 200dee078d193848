//! The reference of tables, views, checks, settings and functions, as Markdown.
//!
//! It is made from the declarations that the engine itself reads with. Nothing here is said twice: what a table is stands
//! in its resource, what a view is in its header.

mod checks;
mod declared;
mod functions;
mod recon;
mod rules;
mod shapes;
mod sides;
mod system;
mod tables;
mod views;

use std::fmt::Write as _;

use arrow::datatypes::{DataType, Field};
use datafusion::config::ExtensionOptions;

use super::{Engine, PUBLIC};
use crate::error::{Error, ErrorKind, Result};
use crate::resources::{RESOURCES, resource};
use crate::schema::fields::COMMENT;
use crate::source::CheckoutOptions;

/// Everything.
///
/// # Errors
/// [`ErrorKind::Bug`] when a shipped view has lost its header.
pub async fn reference(engine: &Engine) -> Result<String> {
    let mut text = format!("# Reference\n\n## Tables\n\n{}\n", tables::HEAD);
    for resource in RESOURCES {
        text.push_str(&tables::section(resource));
    }
    text.push_str("## Views\n\n");
    for view in super::views::all()? {
        text.push_str(&views::section(engine, &view).await?);
    }
    text.push_str(&checks::section(&super::checks::all()?));
    text.push_str(&declared::sections());
    text.push_str(&shapes::sections());
    text.push_str(&recon::sections());
    text.push_str(&sides::section(&super::sides::all()?));
    text.push_str(&system::sections(engine).await?);
    text.push_str(&settings());
    text.push_str(&functions::section());
    text.push_str(&rules::section());
    Ok(text)
}

/// One table or view.
///
/// # Errors
/// [`ErrorKind::Usage`] when there is none of this name, with the nearest there is.
pub async fn table(engine: &Engine, name: &str) -> Result<String> {
    if let Some(resource) = resource(name) {
        return Ok(tables::section(resource));
    }
    let views = super::views::all()?;
    if let Some(view) = views.iter().find(|view| view.name == name) {
        return views::section(engine, view).await;
    }
    if let Some(known) = declared::section(name.trim_start_matches("ref.")) {
        return Ok(known);
    }
    if let Some(shape) = shapes::section(name) {
        return Ok(shape);
    }
    if let Some(view) = name.strip_prefix("recon.").and_then(recon::section) {
        return Ok(view);
    }
    if let Some(name) = name.strip_prefix("system.")
        && let Some(section) = system::section(engine, name).await?
    {
        return Ok(section);
    }
    let checks = super::checks::all()?;
    if let Some(check) = checks.iter().find(|check| name.strip_prefix("checks.").unwrap_or(name) == check.name) {
        return Ok(checks::section(std::slice::from_ref(check)));
    }
    let sides = super::sides::all()?;
    if let Some(side) = sides.iter().find(|side| name.strip_prefix("sides.") == Some(side.name)) {
        return Ok(sides::section(std::slice::from_ref(side)));
    }
    let names = RESOURCES.iter().map(|resource| resource.name).chain(views.iter().map(|view| view.name));
    let nearest = names.min_by_key(|known| strsim::damerau_levenshtein(name, known)).unwrap_or_default();
    let error = Error::new(ErrorKind::Usage, format!("there is no table or view {name} in schema {PUBLIC}"));
    Err(error.hint(format!("did you mean {nearest}? ckosql docs without a name tells of all")))
}

fn settings() -> String {
    let mut text = "## Settings\n\n`set checkout.… = …` in a session, `[settings]` in the configuration, or `--set` on the \
                    command line.\n\n| Setting | Default | Meaning |\n|---|---|---|\n"
        .to_owned();
    for entry in CheckoutOptions::default().entries() {
        let default = entry.value.unwrap_or_default();
        // Writing to a String cannot fail.
        let _written = writeln!(text, "| `{}` | `{default}` | {} |", entry.key, cell(entry.description));
    }
    text.push('\n');
    text
}

/// The head of a list of columns.
const COLUMNS: &str = "| Column | Type | Mark | Meaning |\n|---|---|---|---|\n";

/// A column's line.
fn column(field: &Field, key: &str) -> String {
    let about = field.metadata().get(COMMENT).map(String::as_str).unwrap_or_default();
    format!("| `{}` | {} | {key} | {} |\n", field.name(), type_name(field.data_type()), cell(about))
}

/// A type as SQL writes it.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Timestamp(_, Some(zone)) => format!("timestamp, {zone}"),
        other => other.to_string().to_lowercase(),
    }
}

/// A text fit for a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
