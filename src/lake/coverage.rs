//! What a table of the lake is proven to hold, of each account.
//!
//! Kept in the table's own log as application transactions, which are committed together with the rows that prove them:
//! there is no moment at which the one is there without the other.

use deltalake_core::DeltaTable;
use deltalake_core::kernel::{Action, Transaction};
use deltalake_core::logstore::get_actions;

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

/// Commits that are looked through before the log is asked as a whole.
const RECENT: u64 = 4;

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
        if let Some(recent) = recent(table, account).await? {
            return Ok(Some(recent));
        }
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

/// What the newest of the last commits has that says anything of an account. Each is one file, where the log as a whole is all
/// files since its last checkpoint, for each part anew.
async fn recent(table: &DeltaTable, account: &str) -> Result<Option<Coverage>> {
    let (log, newest) = (table.log_store(), table.version().unwrap_or_default());
    let names = PARTS.map(|part| name(account, part));
    for number in (newest.saturating_sub(RECENT - 1)..=newest).rev() {
        let Some(commit) = log.read_commit_entry(number).await.map_err(failed)? else { break };
        let mut values = [None; 4];
        for action in get_actions(number, &commit).map_err(failed)? {
            if let Action::Txn(said) = action
                && let Some(place) = names.iter().position(|name| *name == said.app_id)
                && let Some(value) = values.get_mut(place)
            {
                *value = Some(said.version);
            }
        }
        if let [Some(since), Some(until), Some(as_of), Some(taken_up)] = values {
            return Ok(Some(Coverage { since, until, as_of, taken_up }));
        }
    }
    Ok(None)
}

fn name(account: &str, part: &str) -> String {
    format!("ckosql/{account}/{part}")
}
