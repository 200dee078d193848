//! A view's section: its header, and the columns that its SELECT gives.

use std::fmt::Write as _;

use super::super::views::View;
use super::super::{Engine, PUBLIC};
use super::{COLUMNS, column};
use crate::error::{Error, Result};

/// What the header says, in this order.
const HEADERS: [(&str, &str); 3] = [("grain", "One row per"), ("money", "Money is"), ("needs", "Reads")];

/// The section of a view.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when the view is not in the catalogue, or has no header.
pub(super) async fn section(engine: &Engine, view: &View) -> Result<String> {
    let missing = || Error::bug("a shipped view is not in the catalogue").with("view", view.name);
    let about = view.header("about").ok_or_else(|| Error::bug("a view says what it is about").with("view", view.name))?;
    let mut text = format!("### {}\n\n{about}\n\n", view.name);
    for (key, said) in HEADERS {
        if let Some(value) = view.header(key) {
            // Writing to a String cannot fail.
            let _written = writeln!(text, "- {said}: {value}");
        }
    }
    let public = engine.shared.catalog.schema(PUBLIC).ok_or_else(missing)?;
    let table = public.table(view.name).await?.ok_or_else(missing)?;
    let keys: Vec<&str> = view.header("keys").unwrap_or_default().split(',').map(str::trim).collect();
    text.push('\n');
    text.push_str(COLUMNS);
    for field in table.schema().fields() {
        text.push_str(&column(field, if keys.contains(&field.name().as_str()) { "key" } else { "" }));
    }
    text.push('\n');
    Ok(text)
}
