//! What came of the last sync of each table: kept beside the tables, so that every process can tell, in one small JSON object
//! an account (`_sync/ACCOUNT.json`).
//!
//! It proves nothing: what a table holds stands in its own log. So where it cannot be read or written, a warning is all.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tracing::warn;

use super::sync::Synced;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Location;

/// The folder of the objects.
const FOLDER: &str = "_sync";

/// What came of the last sync of a table, and of all before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Try {
    /// When the last one began.
    pub last_try: Option<DateTime<Utc>>,
    /// When the last one began that came to its end.
    pub last_success: Option<DateTime<Utc>>,
    /// How long the last one took, in milliseconds.
    pub took_ms: u64,
    /// Requests that the last one made for the table.
    pub requests: u64,
    /// Why the last one broke off, where it did.
    pub error: Option<String>,
    /// Syncs so far.
    pub syncs: u64,
    /// Those of them that broke off.
    pub failures: u64,
    /// When the next is due, where a daemon sees to it.
    pub next_try: Option<DateTime<Utc>>,
}

/// What an object holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    tables: BTreeMap<String, Try>,
}

/// The objects of a lake.
#[derive(Debug)]
pub struct Tries {
    store: Arc<dyn ObjectStore>,
    /// Held while one of them is changed.
    turn: Mutex<()>,
}

impl Tries {
    /// Those of the lake at a place.
    ///
    /// # Errors
    /// As [`Location::store`].
    pub(super) fn at(location: &Location) -> Result<Self> {
        Ok(Self { store: location.store()?, turn: Mutex::default() })
    }

    /// What came of the syncs of an account's tables; nothing where nothing is known.
    pub async fn read(&self, account: &str) -> BTreeMap<String, Try> {
        let read = self.get(account).await.and_then(|bytes| parsed(bytes.as_deref()));
        read.unwrap_or_else(|error| {
            warn!(account, "what came of the last syncs cannot be told: {error}");
            BTreeMap::new()
        })
    }

    /// Notes what came of a sync that began at this moment, and where it is known when the next is due.
    pub async fn note(&self, done: &[Synced], began: DateTime<Utc>, next: &(dyn Fn(&str) -> Option<DateTime<Utc>> + Sync)) {
        let mut accounts: BTreeMap<&str, Vec<&Synced>> = BTreeMap::new();
        for synced in done {
            accounts.entry(&synced.account).or_default().push(synced);
        }
        for (account, done) in accounts {
            let change = |tables: &mut BTreeMap<String, Try>| {
                for synced in done {
                    let noted = tables.entry(synced.table.to_owned()).or_default();
                    noted.add(synced, began);
                    noted.next_try = next(synced.table).or(noted.next_try);
                }
            };
            self.change(account, change).await;
        }
    }

    /// Forgets when the next sync of these tables is due: nobody sees to it any more.
    pub(super) async fn forget_next(&self, account: &str, names: &[&str]) {
        let change = |tables: &mut BTreeMap<String, Try>| {
            for name in names {
                if let Some(noted) = tables.get_mut(*name) {
                    noted.next_try = None;
                }
            }
        };
        self.change(account, change).await;
    }

    /// Changes what is kept of an account. Another process that does the same at the same time may undo it, until the next
    /// sync says it again.
    async fn change(&self, account: &str, change: impl FnOnce(&mut BTreeMap<String, Try>)) {
        let _turn = self.turn.lock().await;
        if let Err(error) = self.try_change(account, change).await {
            warn!(account, "what came of this sync could not be kept: {error}");
        }
    }

    async fn try_change(&self, account: &str, change: impl FnOnce(&mut BTreeMap<String, Try>)) -> Result<()> {
        let bytes = self.get(account).await?;
        // What makes no sense is begun anew.
        let mut tables = parsed(bytes.as_deref()).unwrap_or_default();
        change(&mut tables);
        let bytes = serde_json::to_vec_pretty(&Kept { tables })
            .map_err(|error| Error::bug("what came of a sync is no JSON").caused_by(error))?;
        let put = self.store.put(&path(account), PutPayload::from(bytes)).await;
        put.map(drop).map_err(|error| about(account, error))
    }

    async fn get(&self, account: &str) -> Result<Option<Vec<u8>>> {
        let got = match self.store.get(&path(account)).await {
            Ok(got) => got.bytes().await,
            Err(error) => Err(error),
        };
        match got {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(about(account, error)),
        }
    }
}

impl Try {
    fn add(&mut self, synced: &Synced, began: DateTime<Utc>) {
        self.last_try = Some(began);
        self.took_ms = u64::try_from(synced.took.as_millis()).unwrap_or(u64::MAX);
        self.requests = synced.requests;
        self.error = synced.error.as_ref().map(ToString::to_string);
        self.syncs += 1;
        match &synced.error {
            None => self.last_success = Some(began),
            // Who was stopped has not failed.
            Some(error) if error.kind() == ErrorKind::Cancelled => {}
            Some(_) => self.failures += 1,
        }
    }
}

fn parsed(bytes: Option<&[u8]>) -> Result<BTreeMap<String, Try>> {
    let kept: Kept = match bytes {
        Some(bytes) => serde_json::from_slice(bytes)
            .map_err(|error| Error::new(ErrorKind::File, "it is not what a sync has written").caused_by(error))?,
        None => Kept::default(),
    };
    Ok(kept.tables)
}

/// Where the object of an account is; what no path may have is escaped.
fn path(account: &str) -> Path {
    Path::from_iter([FOLDER, &format!("{account}.json")])
}

fn about(account: &str, error: object_store::Error) -> Error {
    Error::new(ErrorKind::File, "the lake cannot be read or written").with("file", path(account)).caused_by(error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::sync::Tally;
    use super::*;

    fn synced(table: &'static str, account: &str, error: Option<&'static str>) -> Synced {
        Synced {
            table,
            account: account.to_owned(),
            tally: Tally::default(),
            coverage: None,
            before: None,
            began: 0,
            read_from: 0,
            took: Duration::from_millis(1_500),
            requests: 3,
            error: error.map(|text| Error::new(ErrorKind::Unavailable, text)),
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn what_came_of_syncs_is_told_to_others_and_survives_a_mess() {
        let folder = tempfile::tempdir().unwrap();
        let place = Location::parse(folder.path().to_str().unwrap(), &BTreeMap::new()).unwrap();
        // No name of an account leads out of the folder.
        let account = "../shop";
        let (one, other) = (Tries::at(&place).unwrap(), Tries::at(&place).unwrap());
        assert!(other.read(account).await.is_empty());
        let [first, second, next] = ["2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"].map(at);
        one.note(&[synced("payments", account, None), synced("disputes", account, None)], first, &|_| None).await;
        one.note(&[synced("payments", account, Some("no answer"))], second, &|_| Some(next)).await;
        let told = Try {
            last_try: Some(second),
            last_success: Some(first),
            took_ms: 1_500,
            requests: 3,
            error: Some("no answer".to_owned()),
            syncs: 2,
            failures: 1,
            next_try: Some(next),
        };
        assert_eq!(other.read(account).await["payments"], told);
        assert_eq!(other.read(account).await["disputes"].syncs, 1);
        // By hand in between: what the daemon has promised still holds.
        other.note(&[synced("payments", account, None)], second, &|_| None).await;
        assert_eq!(one.read(account).await["payments"].next_try, Some(next));
        one.forget_next(account, &["payments", "reports"]).await;
        assert_eq!(other.read(account).await["payments"].next_try, None);
        assert_eq!(other.read(account).await.len(), 2);
        let files: Vec<_> = std::fs::read_dir(folder.path().join(FOLDER)).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        std::fs::write(&files[0], "{\"tables\": 1").unwrap();
        assert!(other.read(account).await.is_empty());
        one.note(&[synced("payments", account, None)], second, &|_| None).await;
        assert_eq!(other.read(account).await["payments"].syncs, 1);
    }
}
