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
struct View {
    name: &'static str,
    needs: &'static str,
    sql: &'static str,
}

/// Puts the shipped views into a schema that already has the tables they need.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when a view has no header, needs what does not exist, or cannot be planned.
pub(super) fn register(state: &SessionState, schema: &dyn SchemaProvider) -> Result<()> {
    let mut waiting: Vec<View> = VIEWS.files().map(read).collect::<Result<_>>()?;
    waiting.sort_by_key(|view| view.name);
    while !waiting.is_empty() {
        let is_ready = |view: &View| view.needs.split(',').all(|table| schema.table_exist(table.trim()));
        let (ready, blocked): (Vec<View>, Vec<View>) = waiting.iter().partition(|view| is_ready(view));
        if ready.is_empty() {
            let names: Vec<&str> = blocked.iter().map(|view| view.name).collect();
            return Err(Error::bug("views need what does not exist, or each other").with("views", names.join(", ")));
        }
        for view in ready {
            let table = plan(state, view)?;
            schema.register_table(view.name.to_owned(), Arc::new(table))?;
        }
        waiting = blocked;
    }
    Ok(())
}

fn plan(state: &SessionState, view: View) -> Result<ViewTable> {
    // Planning looks tables up in memory and never waits.
    let planned = state.create_logical_plan(view.sql).now_or_never();
    let plan = planned.ok_or_else(|| Error::bug("planning a view waited").with("view", view.name))?;
    let plan = plan.map_err(|error| Error::bug("a shipped view cannot be planned").with("view", view.name).caused_by(error))?;
    Ok(ViewTable::new(plan, Some(view.sql.to_owned())))
}

fn read(file: &'static include_dir::File<'static>) -> Result<View> {
    let path = file.path().display();
    let sql = file.contents_utf8().ok_or_else(|| Error::bug("a view is not text").with("file", path))?;
    let header = |key: &str| {
        let mut lines = sql.lines().map_while(|line| line.strip_prefix("-- "));
        lines.find_map(|line| line.strip_prefix(key)).map(str::trim)
    };
    match (header("name:"), header("needs:")) {
        (Some(name), Some(needs)) => Ok(View { name, needs, sql }),
        _ => Err(Error::bug("a view has no name and needs in its header").with("file", file.path().display())),
    }
}
