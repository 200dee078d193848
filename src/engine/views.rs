//! The shipped views: every file of `sql/views`, planned once and put beside the tables.
//!
//! A view's header says what it needs (`-- needs: payments, disputes`), and the order of planning follows from that, so
//! adding a view is adding a file.

use std::sync::Arc;

use datafusion::catalog::SchemaProvider;
use datafusion::datasource::ViewTable;
use datafusion::execution::SessionState;
use futures::FutureExt;
use include_dir::{Dir, include_dir};

use crate::error::{Error, Result};

static VIEWS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql/views");

/// A shipped view: its header, and its one SELECT.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// Name in SQL.
    pub(super) name: &'static str,
    needs: &'static str,
    sql: &'static str,
}

impl View {
    /// What the header says under a key, such as `about`.
    pub(super) fn header(&self, key: &str) -> Option<&'static str> {
        header(self.sql, key)
    }
}

/// The shipped views, by name.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when one has no header.
pub(super) fn all() -> Result<Vec<View>> {
    let mut views: Vec<View> = VIEWS.files().map(read).collect::<Result<_>>()?;
    views.sort_by_key(|view| view.name);
    Ok(views)
}

/// Puts the shipped views into a schema that already has the tables they need.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when a view has no header, needs what does not exist, or cannot be planned.
pub(super) fn register(state: &SessionState, schema: &dyn SchemaProvider) -> Result<()> {
    let mut waiting = all()?;
    while !waiting.is_empty() {
        let is_ready = |view: &View| view.needs.split(',').all(|table| schema.table_exist(table.trim()));
        let (ready, blocked): (Vec<View>, Vec<View>) = waiting.iter().partition(|view| is_ready(view));
        if ready.is_empty() {
            let names: Vec<&str> = blocked.iter().map(|view| view.name).collect();
            return Err(Error::bug("views need what does not exist, or each other").with("views", names.join(", ")));
        }
        for view in ready {
            let table = plan(state, view.name, view.sql)?;
            schema.register_table(view.name.to_owned(), Arc::new(table))?;
        }
        waiting = blocked;
    }
    Ok(())
}

/// As [`register`], of those views that can be planned over what is there.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when a view has no header.
pub(super) fn register_some(state: &SessionState, schema: &dyn SchemaProvider) -> Result<()> {
    let mut waiting = all()?;
    loop {
        let before = waiting.len();
        for view in std::mem::take(&mut waiting) {
            match plan(state, view.name, view.sql) {
                Ok(table) => drop(schema.register_table(view.name.to_owned(), Arc::new(table))?),
                Err(_) => waiting.push(view),
            }
        }
        if waiting.len() == before {
            return Ok(());
        }
    }
}

/// A view of a name, planned.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when it cannot be.
pub(super) fn plan(state: &SessionState, name: &str, sql: &str) -> Result<ViewTable> {
    // Planning looks tables up in memory and never waits.
    let planned = state.create_logical_plan(sql).now_or_never();
    let plan = planned.ok_or_else(|| Error::bug("planning a view waited").with("view", name))?;
    let plan = plan.map_err(|error| Error::bug("a shipped view cannot be planned").with("view", name).caused_by(error))?;
    Ok(ViewTable::new(plan, Some(sql.to_owned())))
}

fn read(file: &'static include_dir::File<'static>) -> Result<View> {
    let path = file.path().display();
    let sql = file.contents_utf8().ok_or_else(|| Error::bug("a view is not text").with("file", path))?;
    match (header(sql, "name"), header(sql, "needs")) {
        (Some(name), Some(needs)) => Ok(View { name, needs, sql }),
        _ => Err(Error::bug("a view has no name and needs in its header").with("file", file.path().display())),
    }
}

/// What the header of a query says under a key.
pub(super) fn header(sql: &'static str, key: &str) -> Option<&'static str> {
    let mut lines = sql.lines().map_while(|line| line.strip_prefix("-- "));
    lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim)
}
