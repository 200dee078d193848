//! Which tables of the lake rows come from, in which version, and what was proven of them.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::lake::coverage::Coverage;
use crate::lake::table::LakeTable;
use crate::source::span::rfc3339;

/// A table of the lake that rows come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// The table.
    pub table: String,
    /// Version of its Delta table: nothing up to it is missing.
    pub version: u64,
    /// The version after which changes were read; none where all rows were.
    pub since_version: Option<u64>,
    /// What was proven of each account's rows.
    pub coverage: Vec<Proven>,
}

/// What is proven of an account's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// The account.
    pub account: String,
    /// All rows from here on are there, RFC 3339; none where no span of time is kept.
    pub since: Option<String>,
    /// All rows before this are there.
    pub until: String,
    /// As of when.
    pub as_of: String,
}

/// A table as it is now; `None` when it was never synced.
///
/// Taken before rows are read, it may say less than they have and never more.
///
/// # Errors
/// [`crate::error::ErrorKind::File`] when its log cannot be read.
pub async fn copied(table: &LakeTable, accounts: &[String]) -> Result<Option<Copied>> {
    let Some(state) = table.now().await? else { return Ok(None) };
    let mut coverage = Vec::with_capacity(accounts.len());
    for account in accounts {
        if let Some(proven) = Coverage::read(&state, account).await? {
            coverage.push(Proven {
                account: account.clone(),
                since: Some(proven.since).filter(|since| *since != i64::MIN).map(rfc3339),
                until: rfc3339(proven.until),
                as_of: rfc3339(proven.as_of),
            });
        }
    }
    let version = state.version().unwrap_or_default();
    Ok(Some(Copied { table: table.resource.name.to_owned(), version, since_version: None, coverage }))
}
