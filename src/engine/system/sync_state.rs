//! `system.sync_state`: what the lake holds, and what came of its syncs, a row for each table and account.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray, TimestampMicrosecondArray};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Rows, SystemColumn, count, flag, number, text};
use crate::error::Result;
use crate::lake::Lake;
use crate::lake::coverage::Coverage;
use crate::lake::state::{Size, State};
use crate::lake::tries::Try;
use crate::schema::fields::instant;

pub(super) const NAME: &str = "sync_state";

/// What it is made of: the lake, where there is one, and the accounts.
pub(super) struct SyncState {
    pub(super) lake: Option<Arc<Lake>>,
    pub(super) accounts: Vec<String>,
}

#[async_trait]
impl Rows for SyncState {
    fn columns(&self) -> &'static [SystemColumn] {
        &[
            ("table", text, "The table."),
            ("account", text, "The account."),
            ("since", instant, "All rows from here on are in the lake; none where no span of time is kept."),
            ("until", instant, "All rows before this were read."),
            ("as_of", instant, "When the last sync that came to its end began: what had changed by then was looked for."),
            ("is_whole", flag, "Whether a sync has come to its end; until then, rows that were there when it began are missing."),
            (
                "last_try",
                instant,
                "When the last sync began, whatever came of it; this and what follows is none where it is not known.",
            ),
            ("last_success", instant, "When the last sync began that did not break off."),
            ("took_ms", number, "How long the last sync took, in milliseconds."),
            (
                "requests",
                number,
                "Requests that the last sync made for it; one that several tables need is made for one of them.",
            ),
            ("error", text, "Why the last sync broke off; none where it did not."),
            ("syncs", number, "Syncs so far."),
            ("failures", number, "Those of them that broke off."),
            ("next_try", instant, "When the next is due, where a daemon sees to it; it is past where the daemon was killed."),
            ("version", number, "Version of the Delta table."),
            ("files", number, "Its data files, of all accounts."),
            ("rows", number, "Its rows, of all accounts."),
            ("bytes", number, "Bytes of its data files, of all accounts."),
        ]
    }

    async fn rows(&self) -> Result<Vec<ArrayRef>> {
        let states = match &self.lake {
            Some(lake) => lake.state(&self.accounts).await?,
            None => Vec::new(),
        };
        Ok(columns(&states))
    }
}

fn columns(states: &[State]) -> Vec<ArrayRef> {
    let times = |times: &mut dyn Iterator<Item = Option<i64>>| -> ArrayRef {
        Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let proven = |get: fn(&Coverage) -> i64| {
        times(&mut states.iter().map(|state| state.coverage.as_ref().map(get).filter(|time| *time != i64::MIN)))
    };
    let tried = |get: fn(&Try) -> Option<DateTime<Utc>>| {
        times(&mut states.iter().map(|state| state.tried.as_ref().and_then(get).map(|time| time.timestamp_micros())))
    };
    let counted = |get: fn(&Try) -> u64| -> ArrayRef {
        Arc::new(states.iter().map(|state| state.tried.as_ref().map(|tried| count(get(tried)))).collect::<Int64Array>())
    };
    let sized = |get: fn(&Size) -> Option<i64>| -> ArrayRef {
        Arc::new(states.iter().map(|state| state.size.as_ref().and_then(get)).collect::<Int64Array>())
    };
    let is_whole = states.iter().map(|state| state.coverage.map(Coverage::is_whole));
    let errors = states.iter().map(|state| state.tried.as_ref().and_then(|tried| tried.error.as_deref()));
    vec![
        Arc::new(StringArray::from_iter_values(states.iter().map(|state| state.table))),
        Arc::new(StringArray::from_iter_values(states.iter().map(|state| &state.account))),
        proven(|coverage| coverage.since),
        proven(|coverage| coverage.until),
        proven(|coverage| coverage.as_of),
        Arc::new(is_whole.collect::<BooleanArray>()),
        tried(|tried| tried.last_try),
        tried(|tried| tried.last_success),
        counted(|tried| tried.took_ms),
        counted(|tried| tried.requests),
        Arc::new(errors.collect::<StringArray>()),
        counted(|tried| tried.syncs),
        counted(|tried| tried.failures),
        tried(|tried| tried.next_try),
        sized(|size| i64::try_from(size.version).ok()),
        sized(|size| i64::try_from(size.files).ok()),
        sized(|size| i64::try_from(size.rows).ok()),
        sized(|size| Some(size.bytes)),
    ]
}
