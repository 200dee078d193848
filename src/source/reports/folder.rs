//! Report files in a folder of this machine: what a scheduled SFTP drop left, in whatever folders below.
//!
//! A name tells what a file is, else its header does. When a file was made is when it was last written; files that were
//! written at the same instant are told apart by name, the later name being the newer.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use tokio::task::spawn_blocking;

use super::ReportFile;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::report_kind::ReportName;
use crate::schema::time;

/// All CSV files below a folder; of the same file in two packings, the newer where `newest_only`.
///
/// # Errors
/// [`ErrorKind::File`] when the folder cannot be read.
pub(super) async fn files(folder: PathBuf, newest_only: bool) -> Result<Vec<ReportFile>> {
    let read = move || {
        let mut files = Vec::new();
        add(&folder, &mut files)?;
        if newest_only {
            files.sort_by_key(|file| (file.report(), file.part, Reverse(file.created_on), file.filename.clone()));
            files.dedup_by_key(|file| (file.report(), file.part));
        }
        make_alike(&mut files);
        Ok(files)
    };
    spawn_blocking(read).await.map_err(|error| Error::bug("reading a folder broke off").caused_by(error))?
}

fn add(folder: &Path, files: &mut Vec<ReportFile>) -> Result<()> {
    let refuse = |error| {
        let what = Error::new(ErrorKind::File, "cannot read a folder of report files");
        what.with("folder", folder.display()).caused_by(error)
    };
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        let known = fs::metadata(&path).map_err(refuse)?;
        if known.is_dir() {
            add(&path, files)?;
        } else {
            let written = known.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let file = file(path, written.and_then(|since| i64::try_from(since.as_micros()).ok()));
            files.extend(Some(file).filter(ReportFile::is_csv));
        }
    }
    Ok(())
}

/// Files of one report were made when the last of them was.
fn make_alike(files: &mut [ReportFile]) {
    let mut made: HashMap<String, Option<i64>> = HashMap::new();
    for file in &*files {
        let last = made.entry(file.report()).or_default();
        *last = (*last).max(file.created_on);
    }
    for file in files {
        file.created_on = made.get(&file.report()).copied().flatten();
    }
}

fn file(path: PathBuf, written: Option<i64>) -> ReportFile {
    let filename = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = ReportName::parse(&filename);
    let midnight = |date: Option<&String>| date.and_then(|date| time::parse(&dashed(date)?));
    let (from, to) = (midnight(name.from.as_ref()), midnight(name.to.as_ref()));
    ReportFile {
        report_id: String::new(),
        file_id: filename.clone(),
        format: String::new(),
        report_type: String::new(),
        entity_id: name.entity_id,
        payout_id: name.payout_id,
        part: name.part,
        created_on: written,
        // One date alone is that of the payout, not what is covered.
        from: from.filter(|_| to.is_some()),
        to,
        filename,
        path: Some(path),
    }
}

/// `20260701` as `2026-07-01`.
fn dashed(date: &str) -> Option<String> {
    Some(format!("{}-{}-{}", date.get(..4)?, date.get(4..6)?, date.get(6..)?))
}
