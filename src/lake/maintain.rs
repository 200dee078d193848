//! Keeping a lake in shape: few and large files, no more than its tables' retention asks for, and what its log tells.
//!
//! Nothing here changes what a table says: a reader of any version that is kept sees the same rows before and after.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::Path;

use chrono::TimeDelta;
use deltalake_core::DeltaTable;
use deltalake_core::operations::vacuum::VacuumMode;
use deltalake_core::table::config::TablePropertiesExt;
use tracing::{info, warn};

use super::delta::{Delta, FILE_BYTES, writer_properties};
use super::versions::{Version, Versions};
use super::{failed, state};
use crate::error::{Error, ErrorKind, Result};

/// A file smaller than this part of the largest is small.
const SMALL: u64 = FILE_BYTES / 4;
/// Small files of a month from which on it is worth to write them anew.
const MANY: usize = 16;

/// A table that is kept in shape.
#[derive(Debug, Clone)]
pub struct Tended<'a> {
    /// What it is called.
    name: String,
    delta: &'a Delta,
    /// Days that what was replaced or taken away can still be read.
    retention: u64,
}

impl<'a> Tended<'a> {
    /// A table, and how many days what was replaced or taken away of it can still be read.
    pub(crate) fn new(name: impl Into<String>, delta: &'a Delta, retention: u64) -> Self {
        Self { name: name.into(), delta, retention }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How large it is; nothing where it is not there.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when its log cannot be read.
    pub async fn size(&self) -> Result<Option<state::Size>> {
        self.delta.now().await?.as_ref().map(state::Size::of).transpose()
    }

    /// An error with the table it is about.
    fn about(&self, error: Error) -> Error {
        self.delta.about(error.with_missing("table", &self.name))
    }
}

/// The properties of a table that say for how many days what was replaced or taken away can still be read.
pub(super) fn retained(retention: u64) -> [(&'static str, String); 2] {
    let interval = format!("interval {retention} days");
    [("delta.deletedFileRetentionDuration", interval.clone()), ("delta.logRetentionDuration", interval)]
}

/// What compaction made of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Optimized {
    /// The table.
    pub table: String,
    /// How it was.
    pub before: Size,
    /// How it is.
    pub after: Size,
}

/// Data files of a table's newest version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What vacuum took, or would take, from a table's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacuumed {
    /// The table.
    pub table: String,
    /// Files that no kept version needs.
    pub taken: Size,
    /// Days that what was replaced can still be read.
    pub retention: i64,
}

/// Compacts the small files of tables, folder by folder.
///
/// # Errors
/// [`ErrorKind::Conflict`] when somebody else changed the same files meanwhile, [`ErrorKind::File`] when they cannot be read
/// or written.
pub async fn optimize(tables: &[Tended<'_>]) -> Result<Vec<Optimized>> {
    let mut done = Vec::new();
    for table in tables {
        let Some(now) = table.delta.now().await? else { continue };
        done.push(compact(table, now).await?);
    }
    Ok(done)
}

/// Removes the files that no version within the retention needs, from tables.
///
/// # Errors
/// [`ErrorKind::Usage`] when `retain`, in days, is less than a table's retention; [`ErrorKind::File`] when the files cannot be
/// removed.
pub async fn vacuum(tables: &[Tended<'_>], retain: Option<u64>, is_dry: bool) -> Result<Vec<Vacuumed>> {
    let mut done = Vec::new();
    for table in tables {
        let Some(now) = table.delta.now().await? else { continue };
        done.push(clean(table, now, retain, is_dry).await?);
    }
    Ok(done)
}

/// The versions of a table, newest first.
///
/// # Errors
/// [`ErrorKind::File`] when its log cannot be read.
pub async fn history(table: &Tended<'_>) -> Result<Vec<Version>> {
    let Some(now) = table.delta.now().await? else { return Ok(Vec::new()) };
    let mut versions = Versions::read(&now).await.map_err(|error| table.about(error))?.into_list();
    versions.reverse();
    Ok(versions)
}

/// What whoever adds to a table does for it at the end: its retention as it is configured now, and its small files together
/// when that is worth it. Whoever is in the way of that only puts it off until the next time.
pub(crate) async fn tend(table: &Tended<'_>) {
    let name = table.name();
    match tended(table).await {
        Ok(Some(done)) => info!(table = name, before = done.before.files, after = done.after.files, "files compacted"),
        Ok(None) => {}
        Err(error) if error.kind() == ErrorKind::Conflict => info!(table = name, "left as it is: somebody else writes to it"),
        Err(error) => warn!(table = name, "added to, but its files could not be tended: {error}"),
    }
}

async fn tended(table: &Tended<'_>) -> Result<Option<Optimized>> {
    let Some(now) = table.delta.now().await? else { return Ok(None) };
    let now = retain(table, now).await?;
    if !is_worth_it(&sizes(&now)?) {
        return Ok(None);
    }
    compact(table, now).await.map(Some)
}

/// The table with the retention that is configured.
async fn retain(table: &Tended<'_>, now: DeltaTable) -> Result<DeltaTable> {
    let state = now.snapshot().map_err(failed)?;
    let there = state.metadata().configuration();
    if retained(table.retention).iter().all(|(name, value)| there.get(*name) == Some(value)) {
        return Ok(now);
    }
    let wanted = retained(table.retention).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    now.set_tbl_properties().with_properties(wanted).await.map_err(|error| table.about(failed(error)))
}

/// Whether a table's small files are worth writing anew: when one of its months has many of them.
fn is_worth_it(months: &BTreeMap<String, Vec<u64>>) -> bool {
    months.values().any(|files| files.iter().filter(|bytes| **bytes < SMALL).count() > MANY)
}

/// Bytes of each of a table's files, by their folder: that of a month, or of a flow.
fn sizes(table: &DeltaTable) -> Result<BTreeMap<String, Vec<u64>>> {
    let mut months: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for file in table.snapshot().map_err(failed)?.log_data().iter() {
        let month = Path::new(file.path().as_ref()).parent().map(|month| month.display().to_string());
        months.entry(month.unwrap_or_default()).or_default().push(u64::try_from(file.size()).unwrap_or_default());
    }
    Ok(months)
}

fn size(table: &DeltaTable) -> Result<Size> {
    let bytes: Vec<u64> = sizes(table)?.into_values().flatten().collect();
    Ok(Size { files: u64::try_from(bytes.len()).unwrap_or(u64::MAX), bytes: bytes.into_iter().sum() })
}

async fn compact(table: &Tended<'_>, now: DeltaTable) -> Result<Optimized> {
    let before = size(&now)?;
    let target = NonZeroU64::new(FILE_BYTES).unwrap_or(NonZeroU64::MAX);
    // One folder after the other: what is held in memory is one row group.
    let done = now.optimize().with_target_size(target).with_writer_properties(writer_properties()).with_max_concurrent_tasks(1);
    let (after, _metrics) = done.await.map_err(|error| table.about(failed(error)))?;
    Ok(Optimized { table: table.name.clone(), before, after: size(&after)? })
}

async fn clean(table: &Tended<'_>, now: DeltaTable, retain: Option<u64>, is_dry: bool) -> Result<Vacuumed> {
    let kept = now.snapshot().map_err(failed)?.table_config().deleted_file_retention_duration();
    let kept = TimeDelta::from_std(kept).map_err(|error| Error::bug("a retention has no end").caused_by(error))?;
    let days = |days: u64| TimeDelta::try_days(i64::try_from(days).ok()?);
    // What nobody has added to since the configuration changed still has the former retention.
    let kept = kept.max(days(table.retention).unwrap_or(TimeDelta::MAX));
    let asked = retain.and_then(days);
    if asked.is_some_and(|asked| asked < kept) {
        return Err(Error::new(ErrorKind::Usage, "less is to be retained than the table's retention promises")
            .with("table", &table.name)
            .with("retention", format!("{} days", kept.num_days()))
            .hint("set retention under [lake] in ckosql.toml, and sync"));
    }
    let retention = asked.unwrap_or(kept);
    let there = Versions::read(&now).await.map_err(|error| table.about(error))?;
    let cleaned = now.vacuum().with_mode(VacuumMode::Full).with_retention_period(retention).with_dry_run(is_dry);
    let (_table, metrics) = cleaned.await.map_err(|error| table.about(failed(error)))?;
    let files = &metrics.files_deleted;
    let taken =
        Size { files: u64::try_from(files.len()).unwrap_or(u64::MAX), bytes: files.iter().map(|file| there.bytes(file)).sum() };
    Ok(Vacuumed { table: table.name.clone(), taken, retention: retention.num_days() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn months(files: &[(&str, usize, u64)]) -> BTreeMap<String, Vec<u64>> {
        files.iter().map(|(month, count, bytes)| ((*month).to_owned(), vec![*bytes; *count])).collect()
    }

    #[test]
    fn it_is_worth_it_when_one_month_has_many_small_files() {
        assert!(is_worth_it(&months(&[("_month=2026-01", 1, 10), ("_month=2026-02", 17, 10)])));
        assert!(is_worth_it(&months(&[("_month=2026-01", 17, SMALL - 1)])));
    }

    #[test]
    fn it_is_not_worth_it_for_few_files_or_large_ones_or_many_months() {
        assert!(!is_worth_it(&BTreeMap::new()));
        assert!(!is_worth_it(&months(&[("_month=2026-01", 16, 10), ("_month=2026-02", 16, 10)])));
        assert!(!is_worth_it(&months(&[("_month=2026-01", 100, SMALL)])));
    }
}
