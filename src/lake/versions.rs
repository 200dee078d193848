//! The versions of a table of the lake: when each was made, by what, and which of them can still be read.
//!
//! All of it is told by the table's own log and by which files are there. Instants are those at which commits were made, by
//! the clock of the machine that made them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use deltalake_core::DeltaTable;
use deltalake_core::kernel::{Action, CommitInfo};
use deltalake_core::logstore::{LogStoreRef, get_actions};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use serde_json::Value;

use super::failed;
use crate::error::{Error, ErrorKind, Result};
use crate::source::span::rfc3339;

/// Commits that are read at once.
const AT_ONCE: usize = 16;

/// A version of a table.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its number; the next commit's is one more.
    pub number: u64,
    /// When it was committed.
    pub made: DateTime<Utc>,
    /// What made it, in the words of Delta.
    pub operation: String,
    /// What ckosql's commits say of themselves.
    pub note: Option<Value>,
    /// Files that this version has no more.
    removed: Vec<Path>,
    /// Files that its changes are read from.
    changes: Vec<Path>,
}

/// An instant, or a version by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// As it was at this instant, in microseconds since 1970.
    Instant(i64),
    /// As of this version.
    Version(i64),
}

/// All versions that the log tells of, oldest first.
#[derive(Debug)]
pub struct Versions {
    versions: Vec<Version>,
    /// All that lies in the table's folder, with its bytes.
    files: HashMap<Path, u64>,
}

impl Versions {
    /// Those of a table up to the version it is at.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when the log cannot be read.
    pub(super) async fn read(table: &DeltaTable) -> Result<Self> {
        let (log, last) = (table.log_store(), table.version().unwrap_or_default());
        let files = files(&log).await?;
        let mut numbers: Vec<u64> = files.keys().filter_map(commit).filter(|number| *number <= last).collect();
        numbers.sort_unstable();
        let read = |number| read(&log, number);
        let versions = stream::iter(numbers).map(read).buffered(AT_ONCE).try_filter_map(|version| async { Ok(version) });
        Ok(Self { versions: versions.try_collect().await?, files })
    }

    /// All of them, oldest first.
    pub fn into_list(self) -> Vec<Version> {
        self.versions
    }

    /// Bytes of a file of the table.
    pub(super) fn bytes(&self, file: &str) -> u64 {
        Path::parse(file).ok().and_then(|path| self.files.get(&path)).copied().unwrap_or_default()
    }

    /// The number of the version that a moment means, which may be one that cannot be read any more.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when there was none yet.
    pub(super) fn number(&self, moment: Moment) -> Result<u64> {
        let (Some(first), Some(last)) = (self.versions.first(), self.versions.last()) else { return Err(empty()) };
        match moment {
            Moment::Instant(instant) => {
                let mut newest_first = self.versions.iter().rev();
                let found = newest_first.find(|version| version.made.timestamp_micros() <= instant);
                found.map(|version| version.number).ok_or_else(|| before(first, instant))
            }
            Moment::Version(number) => match u64::try_from(number) {
                Ok(number) if number <= last.number => Ok(number),
                _ => Err(Error::new(ErrorKind::Query, format!("there is no version {number}"))
                    .with("newest", last.number)
                    .with("made", told(last))),
            },
        }
    }

    /// The number of the version that a moment means, all of whose files are there.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when there was none yet, or retention has removed it.
    pub(super) fn readable(&self, moment: Moment) -> Result<u64> {
        let number = self.number(moment)?;
        // A file that a version removed was one of all versions before it.
        let is_lost = |version: &&Version| version.removed.iter().any(|file| !self.files.contains_key(file));
        let oldest = self.versions.iter().rev().find(is_lost).or_else(|| self.versions.first());
        match oldest {
            Some(oldest) if number < oldest.number => Err(removed(format!("version {number} cannot be read any more"), oldest)),
            _ => Ok(number),
        }
    }

    /// The versions whose changes lead from one moment to another, as their first and last numbers.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when there was none yet at one of them, they are in the wrong order, or retention has removed
    /// what changed in between.
    pub(super) fn between(&self, from: Moment, to: Option<Moment>) -> Result<(u64, u64)> {
        let (Some(first), Some(newest)) = (self.versions.first(), self.versions.last()) else { return Err(empty()) };
        let is_backward = match (from, to) {
            (Moment::Instant(from), Some(Moment::Instant(to))) => to < from,
            _ => false,
        };
        let (from, to) = (self.number(from)?, to.map_or(Ok(newest.number), |to| self.number(to))?);
        if is_backward || to < from {
            return Err(Error::new(ErrorKind::Query, "the changes are asked for backwards").hint("put the earlier end first"));
        }
        let inside = |version: &&Version| from < version.number && version.number <= to;
        let is_lost = |version: &&Version| version.changes.iter().any(|file| !self.files.contains_key(file));
        let lost = self.versions.iter().rev().filter(inside).find(is_lost);
        let oldest = lost.or_else(|| Some(first).filter(|first| from + 1 < first.number));
        match oldest {
            Some(oldest) => Err(removed(format!("what changed after version {from} cannot be read any more"), oldest)),
            None => Ok((from + 1, to)),
        }
    }
}

fn empty() -> Error {
    Error::new(ErrorKind::File, "the table's log has no commits")
}

fn before(first: &Version, instant: i64) -> Error {
    let error = Error::new(ErrorKind::Query, format!("nothing is known of {}", rfc3339(instant)));
    if first.number == 0 {
        error.with("first made", told(first)).hint("ask for an instant at or after that at which the table was first made")
    } else {
        removed_hint(error, first)
    }
}

fn removed(what: String, oldest: &Version) -> Error {
    removed_hint(Error::new(ErrorKind::Query, what), oldest)
}

fn removed_hint(error: Error, oldest: &Version) -> Error {
    let hint = format!("older ones were removed; the oldest that can be read is version {} of {}", oldest.number, told(oldest));
    error.with("oldest", oldest.number).hint(hint)
}

fn told(version: &Version) -> String {
    rfc3339(version.made.timestamp_micros())
}

/// All that lies in a table's folder, with its bytes.
async fn files(log: &LogStoreRef) -> Result<HashMap<Path, u64>> {
    let store = log.object_store(None);
    let files = store.list(None).map_ok(|file| (file.location, file.size));
    files.try_collect().await.map_err(|error| failed(error.into()))
}

/// The number of the version that a file is the commit of.
fn commit(file: &Path) -> Option<u64> {
    let name = file.as_ref().strip_prefix("_delta_log/")?.strip_suffix(".json")?;
    (name.len() == 20).then(|| name.parse().ok()).flatten()
}

/// A commit; `None` when it was removed meanwhile.
async fn read(log: &LogStoreRef, number: u64) -> Result<Option<Version>> {
    let Some(bytes) = log.read_commit_entry(number).await.map_err(failed)? else { return Ok(None) };
    let (mut info, mut removed, mut rows, mut changes) = (CommitInfo::default(), Vec::new(), Vec::new(), Vec::new());
    for action in get_actions(number, &bytes).map_err(failed)? {
        match action {
            Action::CommitInfo(read) => info = read,
            Action::Cdc(file) => changes.push(path(&file.path)),
            Action::Add(file) if file.data_change => rows.push(path(&file.path)),
            Action::Remove(file) => {
                if file.data_change {
                    rows.push(path(&file.path));
                }
                removed.push(path(&file.path));
            }
            _ => {}
        }
    }
    let made = info.in_commit_timestamp.or(info.timestamp).unwrap_or_default();
    Ok(Some(Version {
        number,
        made: DateTime::from_timestamp_millis(made).unwrap_or_default(),
        operation: info.operation.unwrap_or_default(),
        note: info.info.get("ckosql").cloned(),
        removed,
        // Where a commit says what changed, its other files are not asked.
        changes: if changes.is_empty() { rows } else { changes },
    }))
}

fn path(file: &str) -> Path {
    Path::parse(file).unwrap_or_else(|_| Path::from(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u64, second: i64, removed: &[&str], changes: &[&str]) -> Version {
        let paths = |files: &[&str]| files.iter().map(|file| path(file)).collect();
        Version {
            number,
            made: DateTime::from_timestamp(second, 0).unwrap(),
            operation: "WRITE".to_owned(),
            note: None,
            removed: paths(removed),
            changes: paths(changes),
        }
    }

    fn versions(list: Vec<Version>, files: &[&str]) -> Versions {
        Versions { versions: list, files: files.iter().map(|file| (path(file), 1)).collect() }
    }

    /// Made, filled with `a`, which version 2 replaces by `b`.
    fn three(files: &[&str]) -> Versions {
        let list = vec![version(0, 10, &[], &[]), version(1, 20, &[], &["a"]), version(2, 30, &["a"], &["change"])];
        versions(list, files)
    }

    #[test]
    fn an_instant_means_the_newest_version_made_by_then() {
        let all = three(&["a", "b", "change"]);
        let at = |second: i64| all.readable(Moment::Instant(second * 1_000_000)).map_err(|error| error.to_string());
        assert_eq!([at(10), at(19), at(20), at(29), at(30), at(99)], [Ok(0), Ok(0), Ok(1), Ok(1), Ok(2), Ok(2)]);
        assert_eq!(at(9).unwrap_err(), "nothing is known of 1970-01-01T00:00:09.000Z (first made 1970-01-01T00:00:10.000Z)");
    }

    #[test]
    fn a_version_without_its_files_is_refused_with_the_oldest_that_has_them() {
        let all = three(&["b", "change"]);
        let error = all.readable(Moment::Version(1)).unwrap_err();
        assert_eq!(error.to_string(), "version 1 cannot be read any more (oldest 2)");
        assert_eq!(all.readable(Moment::Version(2)).unwrap(), 2);
        assert_eq!(
            all.readable(Moment::Version(3)).unwrap_err().to_string(),
            "there is no version 3 (newest 2, made 1970-01-01T00:00:30.000Z)"
        );
    }

    #[test]
    fn changes_lead_from_after_one_version_to_another() {
        let all = three(&["a", "b", "change"]);
        assert_eq!(all.between(Moment::Version(0), None).unwrap(), (1, 2));
        assert_eq!(all.between(Moment::Version(1), Some(Moment::Version(1))).unwrap(), (2, 1));
        assert_eq!(all.between(Moment::Instant(20_000_000), Some(Moment::Instant(30_000_000))).unwrap(), (2, 2));
        assert!(all.between(Moment::Version(2), Some(Moment::Version(1))).is_err());
    }

    #[test]
    fn changes_without_their_files_are_refused() {
        let all = three(&["b", "change"]);
        let error = all.between(Moment::Version(0), None).unwrap_err();
        assert_eq!(error.to_string(), "what changed after version 0 cannot be read any more (oldest 1)");
        assert_eq!(all.between(Moment::Version(1), None).unwrap(), (2, 2));
    }

    #[test]
    fn a_log_without_its_beginning_is_said_to_be_so() {
        let all = versions(vec![version(7, 70, &[], &[]), version(8, 80, &[], &[])], &[]);
        assert_eq!(all.readable(Moment::Version(5)).unwrap_err().to_string(), "version 5 cannot be read any more (oldest 7)");
        let early = all.readable(Moment::Instant(1)).unwrap_err();
        assert_eq!(early.to_string(), "nothing is known of 1970-01-01T00:00:00.000001Z (oldest 7)");
        assert_eq!(all.between(Moment::Version(6), None).unwrap(), (7, 8));
        assert!(all.between(Moment::Version(5), None).is_err());
    }
}
