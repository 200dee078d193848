//! What the lake holds and what came of its syncs, table by table and account by account.

use std::collections::BTreeMap;

use super::coverage::Coverage;
use super::tries::Try;
use super::{Lake, failed};
use crate::error::Result;

/// What the lake holds of a table and an account, and what came of their last sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The table.
    pub table: &'static str,
    /// The account.
    pub account: String,
    /// What is proven of its rows; nothing where they were never synced.
    pub coverage: Option<Coverage>,
    /// The table itself, with the rows of all accounts; nothing where it is not there.
    pub size: Option<Size>,
    /// What came of the last sync; nothing where that is not known.
    pub tried: Option<Try>,
}

/// How large a table is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Its version.
    pub version: u64,
    /// Its data files.
    pub files: usize,
    /// Their rows.
    pub rows: usize,
    /// Their bytes.
    pub bytes: i64,
}

impl Lake {
    /// The state of all tables that were synced for these accounts, or were to be.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::File`] when a table's log cannot be read.
    pub async fn state(&self, accounts: &[String]) -> Result<Vec<State>> {
        let mut tried = BTreeMap::new();
        for account in accounts {
            tried.insert(account, self.tries().read(account).await);
        }
        let mut states = Vec::new();
        for table in self.tables() {
            let (name, now) = (table.resource.name, table.now().await?);
            let size = now.as_ref().map(Size::of).transpose()?;
            for account in accounts {
                let coverage = match &now {
                    Some(now) => Coverage::read(now, account).await?,
                    None => None,
                };
                let tried = tried.get_mut(account).and_then(|tried| tried.remove(name));
                if coverage.is_some() || tried.is_some() {
                    states.push(State { table: name, account: account.clone(), coverage, size, tried });
                }
            }
        }
        Ok(states)
    }
}

impl Size {
    pub(super) fn of(table: &deltalake_core::DeltaTable) -> Result<Self> {
        let mut size = Self { version: table.version().unwrap_or_default(), ..Self::default() };
        for file in table.snapshot().map_err(failed)?.log_data().iter() {
            size.files += 1;
            size.rows += file.num_records().unwrap_or_default();
            size.bytes += file.size();
        }
        Ok(size)
    }
}
