//! What a table of the lake is proven to hold, of each account.
//!
//! Kept in the table's own log as application transactions, which are committed together with the rows that prove them:
//! there is no moment at which the one is there without the other.

use deltalake_core::DeltaTable;
use deltalake_core::kernel::Transaction;

use super::failed;
use crate::error::Result;
use crate::source::span::SECOND;

/// What is proven of one account's rows in one table: all that lay in the span when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// First instant inside, in microseconds since 1970, UTC.
    pub since: i64,
    /// First instant after.
    pub until: i64,
    /// When it was last read, or read anew where that was due.
    pub as_of: i64,
    /// Of a table that is made of another one, when the last row that went into it was read; of one whose old rows are read
    /// again by turns, up to where.
    pub taken_up: i64,
}

const PARTS: [&str; 4] = ["since", "until", "as_of", "taken_up"];

/// How long before now a span is thought to be whole: what was just made may not be listed yet.
pub(super) const LAG: i64 = 15 * 60 * SECOND;

impl Coverage {
    /// Whether a sync has come to its end: until then, rows that were there when it began are missing.
    pub fn is_whole(self) -> bool {
        self.until >= self.as_of.saturating_sub(LAG)
    }

    /// What is proven of an account's rows; `None` where nothing is.
    ///
    /// # Errors
    /// Those of reading the log.
    pub(super) async fn read(table: &DeltaTable, account: &str) -> Result<Option<Self>> {
        let mut values = [0; 4];
        for (part, value) in PARTS.iter().zip(&mut values) {
            let state = table.snapshot().map_err(failed)?;
            let log = table.log_store();
            let read = state.transaction_version(log.as_ref(), name(account, part)).await.map_err(failed)?;
            let Some(read) = read else { return Ok(None) };
            *value = read;
        }
        let [since, until, as_of, taken_up] = values;
        Ok(Some(Self { since, until, as_of, taken_up }))
    }

    /// The transactions that say it.
    pub(super) fn transactions(self, account: &str) -> Vec<Transaction> {
        let values = [self.since, self.until, self.as_of, self.taken_up];
        PARTS.iter().zip(values).map(|(part, value)| Transaction::new(name(account, part), value)).collect()
    }
}

fn name(account: &str, part: &str) -> String {
    format!("ckosql/{account}/{part}")
}
