//! Sync: brings the lake up to now, reading no more than what can have changed.
//!
//! ```text
//!  plan: tables that share requests ─▶ walk: span after span ─▶ unit: read one, compare, commit
//!                                       ├▶ turns: some old rows again, others each time
//!                                       ├▶ newest: what the newest reports say, out of all reports
//!                                       └▶ touched: rows that are known to have changed since, by key
//! ```
//!
//! A walk goes from what may still change to now; each unit of it is one reading of one span, committed with what it
//! proves. Whoever stops a sync at any moment finds the lake as the last commit left it, and the next sync goes on there.

mod limit;
mod newest;
mod reading;
mod stop;
mod touched;
mod turns;
mod unit;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::prelude::{SessionConfig, SessionContext};
use futures::future::join_all;

use super::Lake;
use super::maintain::tend;
use super::table::LakeTable;
use crate::error::{Error, ErrorKind, Result};
use crate::source::connection::Connection;
use crate::source::span::{DAY, Span, rfc3339};
use reading::inside;
pub use stop::Stop;
pub use unit::Tally;
use walk::Walk;

/// What to sync, and how far back.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tables; all when there are none.
    pub tables: Vec<String>,
    /// The earliest instant to read, in microseconds since 1970; the account's history when there is none.
    pub since: Option<i64>,
    /// Whether all is read anew and compared.
    pub is_full: bool,
    /// How far back rows are read again, in microseconds: the time in which most of them change.
    pub again: i64,
    /// The most requests, more or less, for reading older rows again by turns.
    pub reread: u64,
    /// The wish that it end soon.
    pub stop: Stop,
}

impl Default for Options {
    fn default() -> Self {
        Self { tables: Vec::new(), since: None, is_full: false, again: 7 * DAY, reread: 10, stop: Stop::default() }
    }
}

/// What a sync tells while it runs.
#[derive(Debug, Clone)]
pub enum Step {
    /// A table of an account is begun.
    Started {
        /// The table.
        table: &'static str,
        /// The account.
        account: String,
        /// What will be read of it; nothing where it is no span.
        span: Option<Span>,
    },
    /// A span of it is read and committed.
    Done {
        /// The table.
        table: &'static str,
        /// The account.
        account: String,
        /// What was read; nothing where it is no span.
        span: Option<Span>,
        /// What came of it.
        tally: Tally,
    },
    /// All of it is, or it broke off.
    Ended {
        /// The table.
        table: &'static str,
        /// The account.
        account: String,
        /// What came of it.
        tally: Tally,
        /// How long it took.
        took: Duration,
        /// Why it broke off, where it did.
        error: Option<String>,
    },
}

/// How the sync of one table of one account went.
#[derive(Debug)]
pub struct Synced {
    /// The table.
    pub table: &'static str,
    /// The account.
    pub account: String,
    /// What was read and changed.
    pub tally: Tally,
    /// What is proven now.
    pub coverage: Option<super::coverage::Coverage>,
    /// What was proven before.
    pub before: Option<super::coverage::Coverage>,
    /// When it was begun: what had changed by then was looked for.
    pub began: i64,
    /// From where on it was read, where it has spans.
    pub read_from: i64,
    /// How long it took.
    pub took: Duration,
    /// Requests that were made for it; one that several tables need is made for one of them.
    pub requests: u64,
    /// Why it broke off, where it did.
    pub error: Option<Error>,
}

impl Synced {
    /// That it is done.
    fn ended(&self) -> Step {
        Step::Ended {
            table: self.table,
            account: self.account.clone(),
            tally: self.tally,
            took: self.took,
            error: self.error.as_ref().map(ToString::to_string),
        }
    }
}

/// Brings the lake up to now.
///
/// # Errors
/// [`crate::error::ErrorKind::Usage`] when a table is unknown or cannot be synced. What goes wrong with a table is in its [`Synced`].
pub async fn run(
    lake: &Lake,
    connections: &[Arc<Connection>],
    options: &Options,
    tell: &(dyn Fn(Step) + Sync),
) -> Result<Vec<Synced>> {
    let tables = wanted(lake, &options.tables)?;
    let asked_before = requests(connections, &tables);
    let walks = connections.iter().map(|connection| walk(connection, &tables, options, tell));
    let mut done: Vec<Synced> = join_all(walks).await.into_iter().flatten().collect();
    for connection in connections {
        for table in tables.iter().filter(|table| newest::is_derived(table, connection)) {
            done.push(newest::derive(lake, table, connection, &done, options, tell).await);
        }
        touched::refresh(lake, &connection.in_background(), &mut done, &options.stop).await;
    }
    let order = |synced: &Synced| tables.iter().position(|table| table.resource.name == synced.table);
    done.sort_by(|one, other| (&one.account, order(one)).cmp(&(&other.account, order(other))));
    let asked = requests(connections, &tables);
    for synced in &mut done {
        let of = |asked: &Asked| asked.get(&(synced.account.clone(), synced.table)).copied().unwrap_or_default();
        synced.requests = of(&asked).saturating_sub(of(&asked_before));
    }
    // Now that nobody here is in its way.
    for table in &tables {
        if !options.stop.is_asked() {
            tend(&table.tended()).await;
        }
    }
    Ok(done)
}

/// Reads all that is due of an account, one call after the other: each uses all of the limiter, and what is held in memory is of
/// one.
async fn walk(
    connection: &Arc<Connection>,
    tables: &[Arc<LakeTable>],
    options: &Options,
    tell: &(dyn Fn(Step) + Sync),
) -> Vec<Synced> {
    let mut groups: BTreeMap<&str, Vec<Arc<LakeTable>>> = BTreeMap::new();
    for table in tables.iter().filter(|table| !newest::is_derived(table, connection)) {
        groups.entry(shared_by(table)).or_default().push(Arc::clone(table));
    }
    let mut done = Vec::new();
    for tables in groups.into_values() {
        done.extend(Walk { connection: connection.in_background(), tables, options, tell }.run().await);
    }
    done
}

/// Requests by account and table.
type Asked = BTreeMap<(String, &'static str), u64>;

/// The requests that were made for tables so far.
fn requests(connections: &[Arc<Connection>], tables: &[Arc<LakeTable>]) -> Asked {
    let of = |connection: &Connection, table: &LakeTable| {
        let name = table.resource.name;
        ((connection.name().to_owned(), name), connection.client.requests_for(name))
    };
    connections.iter().flat_map(|connection| tables.iter().map(|table| of(connection, table))).collect()
}

/// That a table was not read to its end, because somebody wished so.
fn stopped() -> Error {
    Error::new(ErrorKind::Cancelled, "stopped before its end").hint("the next sync goes on from its last commit")
}

/// What tables have in common that share requests: the call that lists their rows.
fn shared_by(table: &LakeTable) -> &'static str {
    table.resource.calls.last().map_or("", |call| call.path)
}

/// The tables to sync, with those that they are made of, and that tell which of their rows are to be read anew.
pub(super) fn wanted(lake: &Lake, names: &[String]) -> Result<Vec<Arc<LakeTable>>> {
    let mut tables: Vec<Arc<LakeTable>> = Vec::new();
    for table in lake.chosen(names)? {
        let made_of = newest::made_of(lake, &table);
        let known_by = touched::known_by(lake, &table);
        for table in made_of.into_iter().chain(known_by).cloned().chain([Arc::clone(&table)]) {
            if !tables.iter().any(|known| known.resource.name == table.resource.name) {
                tables.push(table);
            }
        }
    }
    Ok(tables)
}

/// Rows that go from one step of a query of the lake to the next in one piece: the widest take three kilobytes each.
const ROWS_AT_ONCE: usize = 1024;

/// Where the lake itself is asked: what is held of a join is its left side, which is to be the few keys that are looked for.
fn context() -> SessionContext {
    let config = SessionConfig::new().with_batch_size(ROWS_AT_ONCE);
    let mut config = config.set_bool("datafusion.optimizer.join_reordering", false);
    // What columns mean is kept with their fields, and two tables may mean two things by one column.
    config.options_mut().execution.skip_physical_aggregate_schema_check = true;
    SessionContext::new_with_config(config)
}

/// A text in SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// An instant in SQL.
fn timestamp(micros: i64) -> String {
    format!("timestamp '{}'", rfc3339(micros))
}
