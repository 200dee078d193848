//! Which report files can have a wanted row.
//!
//! Each listed file is of the table's kind, or it is not, or only its header can tell. Of those that are, a file is left out
//! when what it covers, when it was made, or the payout it is of shows that none of its rows is wanted. Nothing is left out
//! that could tell a wanted row anew: a newer report has the row only if it covers it. A report that is listed without a
//! file to read is found like one: that its rows are missing must be told.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use serde::Deserialize;

use super::{ReportFile, folder};
use crate::error::{Error, ErrorKind, Result};
use crate::resources::Files;
use crate::resources::report_kind::{self, OTHER, ReportKind, ReportName};
use crate::source::ask::Ask;
use crate::source::constraints::Constraints;
use crate::source::fetch::Fetch;
use crate::source::pages::listed;
use crate::source::span::{DAY, Span};

/// How far what a report prints may lie from what is known of it in UTC: zones, and ends that are not said to be inside.
const SLACK: i64 = 2 * DAY;
/// Within which reports that are scheduled at all are made anew.
const RHYTHM: i64 = 40 * DAY;
const COLUMNS: [&str; 8] = ["id", "type", "entity_id", "tags", "created_on", "from", "to", "files"];

/// The files to read.
#[derive(Debug)]
pub(super) struct Found {
    /// Those of the newest report first.
    pub(super) files: Vec<ReportFile>,
    /// Whether there may be a report of the kind that has no wanted row: without one, nothing is known of any.
    pub(super) is_made: bool,
}

/// The files that can have a wanted row.
///
/// # Errors
/// Those of listing the reports.
pub(super) async fn find(fetch: &Fetch, ask: &Arc<Ask>, files: Files) -> Result<Found> {
    let constraints = &fetch.scan.constraints;
    let since = made_since(files.kind, constraints);
    let mut found = match ask.connection.account().reports_dir.clone() {
        Some(folder) => folder::files(folder, files.newest_only && !files.kind.restated.is_empty()).await?,
        None => reported(fetch, ask, since).await?,
    };
    found.retain(|file| file.may_be(files.kind));
    let is_made = found.iter().any(|file| file.kind().is_some()) || may_be_made(fetch, ask, files.kind, since).await?;
    found.retain(|file| is_wanted(file, files, constraints));
    if let Some(file) = found.iter().find(|file| file.created_on.is_none() && files.newest_only) {
        let error = Error::new(ErrorKind::Decode, "a report does not say when it was made, so it cannot be told what is newer");
        return Err(error.with("report", &file.report_id));
    }
    found.sort_by_key(|file| (Reverse(file.created_on), Reverse(file.report()), file.part, file.filename.clone()));
    Ok(Found { files: found, is_made })
}

/// Whether there may be a report of a kind, though none that was made since then is surely one.
async fn may_be_made(fetch: &Fetch, ask: &Ask, kind: &ReportKind, since: i64) -> Result<bool> {
    // Who asks for what was made since then is told the truth with no row.
    let asks_for_reports = fetch.scan.constraints.span("report_created_on").from != i64::MIN;
    if *kind == OTHER || asks_for_reports {
        return Ok(true);
    }
    let is_all_seen = since == i64::MIN || ask.connection.account().reports_dir.is_some();
    if is_all_seen {
        return Ok(false);
    }
    let lately = since.min(ask.connection.now().timestamp_micros()).saturating_sub(RHYTHM);
    Ok(reported(fetch, ask, lately).await?.iter().any(|file| file.may_be(kind)))
}

/// The files of the reports that were made since then.
async fn reported(fetch: &Fetch, ask: &Ask, since: i64) -> Result<Vec<ReportFile>> {
    let made = if since == i64::MIN { Constraints::default() } else { Constraints::since("created_on", since) };
    let pages = listed(&ask.connection, "reports", &COLUMNS, &made, &fetch.scan.statement, &ask.effort).await?;
    let reports = pages.iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(reports.into_iter().flatten().collect())
}

/// The earliest instant that a report with a wanted row can be made at.
fn made_since(kind: &ReportKind, constraints: &Constraints) -> i64 {
    let happened = kind.before.iter().map(|column| constraints.span(column).from.saturating_sub(SLACK)).max();
    happened.unwrap_or(i64::MIN).max(constraints.span("report_created_on").from)
}

fn is_wanted(file: &ReportFile, files: Files, constraints: &Constraints) -> bool {
    let covered = Span {
        from: file.from.map_or(i64::MIN, |from| from.saturating_sub(SLACK)),
        to: file.to.map_or(i64::MAX, |to| to.saturating_add(SLACK)),
    };
    let can_cover = |column: &str| !constraints.span(column).intersect(covered).is_empty();
    let is_of = |column: &str, value: Option<&str>| {
        let wanted = constraints.values(column);
        wanted.zip(value).is_none_or(|(wanted, value)| is_among(wanted, value))
    };
    // Where older rows are left out, what is newer must be known though it is not wanted itself.
    let is_asked = files.newest_only
        || is_of("report_id", Some(&file.report_id))
            && is_of("file_id", Some(&file.file_id))
            && is_of("filename", Some(&file.filename))
            && is_of("report_type", Some(&file.report_type))
            && file.created_on.is_none_or(|at| constraints.span("report_created_on").contains(at));
    let payout = file.payout_id.as_deref();
    is_asked
        && files.kind.within.iter().all(|column| can_cover(column))
        && (!files.kind.tells("payout_id") || is_of("payout_id", payout) && is_of("report_payout_id", payout))
}

fn is_among(wanted: &BTreeSet<String>, value: &str) -> bool {
    wanted.iter().any(|one| one.eq_ignore_ascii_case(value))
}

/// The error of asking for rows of a report that nobody makes: to answer with no row would be a guess.
pub(super) fn no_report(kind: &ReportKind) -> Error {
    Error::new(ErrorKind::Incomplete, format!("the account has no {} report, so nothing is known of its rows", kind.title))
        .hint("schedule the report in the Dashboard (Reports), or ask your account manager; ckosql doctor lists what is made")
}

/// The files of a page of the listing.
fn read(page: &RecordBatch) -> Result<Vec<ReportFile>> {
    let [ids, types, entities, tags, created, from, to, files] = page.columns() else {
        return Err(Error::bug("a page of reports has not the columns that were asked for"));
    };
    let text = |column: &Arc<dyn Array>, row: usize| {
        let column = column.as_string::<i32>();
        if column.is_null(row) { String::new() } else { column.value(row).to_owned() }
    };
    let at = |column: &Arc<dyn Array>, row: usize| {
        let column = column.as_primitive::<TimestampMicrosecondType>();
        (!column.is_null(row)).then(|| column.value(row))
    };
    let mut found = Vec::new();
    for row in 0..page.num_rows() {
        let report = ReportFile {
            report_id: text(ids, row),
            report_type: text(types, row),
            entity_id: Some(text(entities, row)).filter(|id| !id.is_empty()),
            payout_id: payout_of(&text(tags, row)),
            created_on: at(created, row),
            from: at(from, row),
            to: at(to, row),
            ..ReportFile::default()
        };
        found.extend(files_of(report, &text(files, row))?);
    }
    Ok(found)
}

/// A file as the listing has it.
#[derive(Deserialize)]
struct Listed {
    id: String,
    filename: Option<String>,
    format: Option<String>,
}

/// The files of a report that can be read, from their JSON; or the report itself, where it has none and should.
fn files_of(report: ReportFile, json: &str) -> Result<Vec<ReportFile>> {
    let unreadable = |error| {
        let what = Error::new(ErrorKind::Decode, "cannot tell the files of a report");
        what.with("report", &report.report_id).caused_by(error)
    };
    let listed: Vec<Listed> = if json.is_empty() { Vec::new() } else { serde_json::from_str(json).map_err(unreadable)? };
    let file = |Listed { id, filename, format }: &Listed| {
        let filename = filename.clone().unwrap_or_default();
        let name = ReportName::parse(&filename);
        ReportFile {
            file_id: id.clone(),
            format: format.clone().unwrap_or_default(),
            entity_id: report.entity_id.clone().or(name.entity_id),
            payout_id: report.payout_id.clone().or(name.payout_id),
            part: name.part,
            filename,
            ..report.clone()
        }
    };
    let files: Vec<ReportFile> = listed.iter().map(file).filter(ReportFile::is_csv).collect();
    // Reports that no table has may be made for people only.
    let should_have_one = listed.is_empty() || report.kind().is_some_and(|kind| *kind != OTHER);
    Ok(if files.is_empty() && should_have_one { vec![report] } else { files })
}

/// The payout that a report's tags name, in capitals as rows have it.
fn payout_of(tags: &str) -> Option<String> {
    let tags: Vec<String> = serde_json::from_str(tags).ok()?;
    let told = tags.iter().find_map(|tag| tag.strip_prefix("payout_id:")).map(str::trim);
    // Checkout.com's own example has the id of a payment here, which no row has.
    told.filter(|id| report_kind::is_payout(id)).map(str::to_uppercase)
}
