//! Rows of report files: the files are found, read several at a time while they come in, and put together newest first.
//!
//! ```text
//!  listing of reports ─▶ find: which files ─▶ reading (several) ─▶ newest: rows not told anew ─▶ rows
//! ```
//!
//! Relies on [`ReportKind`] for what a file is and on [`crate::schema::csv`] for its rows.

mod bytes;
mod find;
mod folder;
mod newest;
mod reading;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use super::ask::Ask;
use super::estimate::{Basis, Cost, MANY};
use super::fetch::{Attempted, Fetch};
use super::span::rfc3339;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::Files;
use crate::resources::report_kind::{self, OTHER, ReportKind};
use crate::schema::csv::CsvDecoder;
use newest::Newest;
use reading::Reading;

/// Files under way at once, at the most: each is unpacked and decoded as it comes.
const AT_ONCE: usize = 2;

/// A file of a report, as the listing tells of it; or a report that has none to read.
#[derive(Debug, Clone, Default)]
struct ReportFile {
    report_id: String,
    /// Empty where the report has no file to read.
    file_id: String,
    filename: String,
    format: String,
    report_type: String,
    entity_id: Option<String>,
    /// The settlement it is of, in capitals.
    payout_id: Option<String>,
    /// Which of its report's files it is.
    part: u32,
    created_on: Option<i64>,
    /// What it covers.
    from: Option<i64>,
    to: Option<i64>,
    /// Where it is, when it is on this machine.
    path: Option<PathBuf>,
}

impl ReportFile {
    /// What it is; `None` where only its header can tell.
    fn kind(&self) -> Option<&'static ReportKind> {
        ReportKind::of(&self.report_type, &self.filename)
    }

    /// Whether it may be of a kind, by what is known before it is read. A report of a type that nobody knows, without a file
    /// to tell more, is taken to be no table's.
    fn may_be(&self, kind: &ReportKind) -> bool {
        match self.kind() {
            Some(own) => own == kind,
            None => self.is_there() || *kind == OTHER,
        }
    }

    /// Whether there is a file.
    fn is_there(&self) -> bool {
        !self.file_id.is_empty()
    }

    /// An error with what it is about: the file, and its report where there is a listing of them.
    fn named_in(&self, error: Error) -> Error {
        let error = if self.is_there() { error.with_missing("file", &self.filename) } else { error };
        if self.report_id.is_empty() { error } else { error.with_missing("report", &self.report_id) }
    }

    /// The error of a report that has none: to go on as if it had no row would be a guess.
    fn absent(&self) -> Error {
        let created_on = self.created_on.map_or_else(|| "not told".to_owned(), rfc3339);
        Error::new(ErrorKind::Incomplete, "a report has no CSV file to read")
            .with("report", &self.report_id)
            .with("type", &self.report_type)
            .with("created_on", created_on)
            .hint("it may still be in the making: ask again later; set checkout.on_incomplete = 'warn' goes on without it")
    }

    /// The report it is of: files of one report go together, which in a folder are those that only their number tells apart.
    fn report(&self) -> String {
        match &self.path {
            None => self.report_id.clone(),
            Some(path) => path.with_file_name(report_kind::unnumbered(&self.filename)).to_string_lossy().into_owned(),
        }
    }

    /// Whether its rows can be read at all: others are for people.
    fn is_csv(&self) -> bool {
        let (format, name) = (self.format.to_lowercase(), self.filename.to_lowercase());
        format.contains("csv") || name.ends_with(".csv") || name.ends_with(".csv.gz")
    }
}

/// Reads the files of a kind that can have a wanted row.
///
/// # Errors
/// Those of finding, fetching and decoding them.
pub(super) async fn by_files(fetch: &Arc<Fetch>, ask: &Arc<Ask>, files: Files) -> Result<()> {
    let scan = &fetch.scan;
    let settings = ask.connection.settings(scan.on_malformed);
    let decoder = CsvDecoder::try_new(scan.resource.columns, ask.call.moved, &scan.decoded, settings)?;
    let mut newest = Newest::new(restated(&decoder, ask)?);
    let found = find::find(fetch, ask, files).await?;
    if found.is_made && found.files.is_empty() {
        fetch.cover(&Attempted::of(ask), None);
    }
    let (mut waiting, mut is_made) = (VecDeque::from(found.files), found.is_made);
    let mut under_way: VecDeque<Reading> = VecDeque::new();
    loop {
        while under_way.len() < fetch.width().min(AT_ONCE)
            && let Some(file) = waiting.pop_front()
        {
            under_way.push_back(Reading::start(fetch, ask, files.kind, decoder.clone(), file));
        }
        let Some(mut reading) = under_way.pop_front() else { break };
        newest.begin(&reading.file.report());
        let is_last = under_way.is_empty() && waiting.is_empty();
        let sent = send(fetch, &mut reading, &mut newest, is_last).await;
        let Reading { file, effort, .. } = &reading;
        ask.effort.add(effort);
        let name = Some(file.filename.as_str()).filter(|_| file.is_there());
        let what = Attempted { file: name, effort, ..Attempted::of(ask) };
        match sent {
            Ok(()) => fetch.cover(&what, None),
            Err(error) => fetch.forgive(&what, file.named_in(error))?,
        }
        is_made |= reading.is_ours();
        if fetch.is_satisfied() {
            return Ok(());
        }
    }
    if is_made { Ok(()) } else { Err(find::no_report(files.kind)) }
}

async fn send(fetch: &Fetch, reading: &mut Reading, newest: &mut Newest, is_last: bool) -> Result<()> {
    while let Some(batch) = reading.next().await? {
        let batch = newest.keep(batch, is_last)?;
        fetch.send(fetch.scan.sieve.keep(batch)?).await;
        if fetch.is_satisfied() {
            break;
        }
    }
    Ok(())
}

/// Where the columns that say what is told anew stand in a batch.
fn restated(decoder: &CsvDecoder, ask: &Ask) -> Result<Vec<usize>> {
    let index = |name: &&str| decoder.schema().index_of(name);
    let indices = ask.call.restated().iter().map(index).collect::<Result<_, _>>();
    indices.map_err(|error| Error::bug("a column that tells rows apart is not decoded").caused_by(error))
}

/// What reading the files will cost: a page of the listing and a file at the least, or nothing from a folder.
pub(super) fn cost(ask: &Ask) -> Cost {
    if ask.connection.account().reports_dir.is_some() {
        return Cost { requests: 0, basis: Basis::Exact, rows: MANY };
    }
    Cost { requests: 2, basis: Basis::AtLeast, rows: MANY }
}
