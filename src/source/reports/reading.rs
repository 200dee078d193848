//! A file being read: fetched, unpacked and decoded in a task of its own, a few batches ahead of who takes them.
//!
//! A download that breaks off is begun again; rows that were taken already are passed over. That is only right if the file
//! is the same, so the bytes behind them are compared by their hash.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use super::ReportFile;
use super::bytes::{Passed, Source};
use crate::api::request::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::report_kind::{OTHER, ReportKind};
use crate::schema::csv::{CsvDecoder, CsvFile, FileGiven};
use crate::schema::time;
use crate::source::ask::Ask;
use crate::source::effort::Effort;
use crate::source::fetch::Fetch;
use crate::source::span::rfc3339;
use crate::source::statement::Opened;

/// Batches that may wait to be taken.
const WAITING: usize = 1;

/// A file under way.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) file: ReportFile,
    /// What it takes.
    pub(super) effort: Arc<Effort>,
    is_ours: Arc<AtomicBool>,
    batches: Receiver<Result<RecordBatch>>,
    /// Ends when this is dropped.
    _task: JoinSet<()>,
}

impl Reading {
    /// Begins to read a file that is of a kind, or whose header must tell whether it is.
    pub(super) fn start(
        fetch: &Arc<Fetch>,
        ask: &Arc<Ask>,
        kind: &'static ReportKind,
        decoder: CsvDecoder,
        file: ReportFile,
    ) -> Self {
        let (sender, batches) = channel(WAITING);
        let (effort, is_ours) = (Arc::new(Effort::default()), Arc::new(AtomicBool::new(false)));
        let work = Work {
            fetch: Arc::clone(fetch),
            ask: Arc::clone(ask),
            kind,
            decoder,
            file: file.clone(),
            effort: Arc::clone(&effort),
            is_ours: Arc::clone(&is_ours),
            rows: 0,
            bytes: Passed::default(),
        };
        let mut task = JoinSet::new();
        task.spawn(work.run(sender));
        Self { file, effort, is_ours, batches, _task: task }
    }

    /// Whether the file, as far as it was read, was found to be of the kind.
    pub(super) fn is_ours(&self) -> bool {
        self.is_ours.load(Ordering::Relaxed)
    }

    /// The next batch; `None` behind the last.
    ///
    /// # Errors
    /// The one that ended the reading.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.batches.recv().await.transpose()
    }
}

/// The reading of a file, over all attempts.
struct Work {
    fetch: Arc<Fetch>,
    ask: Arc<Ask>,
    kind: &'static ReportKind,
    decoder: CsvDecoder,
    file: ReportFile,
    effort: Arc<Effort>,
    is_ours: Arc<AtomicBool>,
    /// Rows handed over.
    rows: usize,
    /// The bytes read when an attempt broke off.
    bytes: Passed,
}

impl Work {
    async fn run(mut self, batches: Sender<Result<RecordBatch>>) {
        let mut attempts = self.ask.connection.account().limits.attempts.max(1);
        let outcome = loop {
            attempts -= 1;
            // What opens it tries again by itself.
            let file = match self.open().await {
                Ok(file) => file,
                Err(error) => break Err(error),
            };
            let (mut rows, mut bytes) = (0, Passed::default());
            match self.attempt(file, &batches, &mut rows, &mut bytes).await {
                Err(error) if error.kind() == ErrorKind::Unavailable && attempts > 0 => self.bytes = self.bytes.max(bytes),
                outcome => break outcome,
            }
        };
        if let Err(error) = outcome {
            drop(batches.send(Err(error)).await);
        }
    }

    /// Reads the file from its beginning, handing over what was not handed over before; `rows` and `bytes` are what was read.
    async fn attempt(
        &mut self,
        mut file: Source,
        batches: &Sender<Result<RecordBatch>>,
        rows: &mut usize,
        bytes: &mut Passed,
    ) -> Result<()> {
        let mut csv = self.decoder.begin(self.given());
        let mut is_ours = false;
        while let Some(piece) = file.piece().await? {
            self.effort.add_bytes(piece.len());
            if !bytes.add_like(&piece, &self.bytes) {
                return Err(changed());
            }
            let mut rest = piece.as_ref();
            if !is_ours {
                match csv.push_header(&mut rest)? {
                    true if !self.is_ours(&csv)? => return Ok(()),
                    is_read => is_ours = is_read,
                }
            }
            while let Some(batch) = csv.push(&mut rest)? {
                self.hand_over(batch, batches, rows).await;
            }
            if batches.is_closed() {
                return Ok(());
            }
        }
        if bytes.count() < self.bytes.count() {
            return Err(changed());
        }
        let ending = file.ending();
        while let Some(batch) = csv.finish(ending)? {
            // A header without a line behind it is only known here.
            if !is_ours && !self.is_ours(&csv)? {
                return Ok(());
            }
            is_ours = true;
            self.hand_over(batch, batches, rows).await;
        }
        if !is_ours {
            self.is_ours(&csv)?;
        }
        Ok(())
    }

    async fn open(&self) -> Result<Source> {
        if let Some(path) = &self.file.path {
            return Source::local(path).await;
        }
        if !self.file.is_there() {
            return Err(self.file.absent());
        }
        let request = self.request();
        let opened = self.fetch.scan.statement.open(&self.ask.connection, &request, &self.effort).await?;
        let absent = || Error::new(ErrorKind::Incomplete, "a report file is listed and not there");
        match opened.ok_or_else(absent)? {
            Opened::Download(download) => Ok(Source::Remote(download)),
            Opened::Whole { bytes, is_end_proven } => Ok(Source::Whole { bytes: Some(bytes), is_end_proven }),
        }
    }

    async fn hand_over(&mut self, batch: RecordBatch, batches: &Sender<Result<RecordBatch>>, rows: &mut usize) {
        let before = *rows;
        *rows += batch.num_rows();
        let known = self.rows.saturating_sub(before).min(batch.num_rows());
        let fresh = batch.slice(known, batch.num_rows() - known);
        if fresh.num_rows() > 0 {
            self.rows = *rows;
            self.effort.add_rows(fresh.num_rows());
            self.ask.connection.count_rows(fresh.num_rows());
            drop(batches.send(Ok(fresh)).await);
        }
    }

    /// Whether the file is of the kind that is read.
    fn is_ours(&self, csv: &CsvFile) -> Result<bool> {
        let header = csv.header().unwrap_or_default();
        if self.file.kind().is_none() {
            if self.kind.has_twin() && self.kind.missing(header).is_none() {
                return Err(ambiguous());
            }
            if ReportKind::of_header(header) != self.kind {
                return Ok(false);
            }
        }
        if let Some(missing) = self.kind.missing(header) {
            let message = format!("the file is a {} report by type or name, and its header is none of one", self.kind.title);
            return Err(Error::new(ErrorKind::Decode, message).with("missing", missing));
        }
        let unknown = |column: &&String| csv.lacks(column) && self.is_instant(column);
        match self.fetch.scan.filtered.iter().find(unknown) {
            Some(column) => Err(no_zone(column)),
            None => {
                self.is_ours.store(true, Ordering::Relaxed);
                Ok(true)
            }
        }
    }

    /// Whether a column is the UTC twin of a time that files print in their own zone.
    fn is_instant(&self, column: &str) -> bool {
        let local = format!("{column}_local");
        self.fetch.scan.resource.column(&local).is_some()
            && self
                .decoder
                .schema()
                .field_with_name(column)
                .is_ok_and(|field| field.data_type() == &crate::schema::fields::instant())
    }

    fn request(&self) -> Request {
        let mut request = self.ask.request(self.fetch.scan.resource, None, 0);
        for (key, value) in [("{report_id}", &self.file.report_id), ("{file_id}", &self.file.file_id)] {
            request.path = request.path.replace(key, &crate::source::ask::segment(value));
        }
        request
    }

    fn given(&self) -> FileGiven {
        let file = &self.file;
        let told = [
            ("report_id", &file.report_id),
            ("file_id", &file.file_id),
            ("filename", &file.filename),
            ("report_type", &file.report_type),
        ];
        let told = told.into_iter().filter(|(_, value)| !value.is_empty());
        let mut facts: Vec<(&'static str, String)> = told.map(|(column, value)| (column, value.clone())).collect();
        facts.extend(file.created_on.map(|at| ("report_created_on", rfc3339(at))));
        facts.extend(file.payout_id.clone().map(|payout| ("report_payout_id", payout)));
        if *self.kind == OTHER {
            facts.extend(file.entity_id.clone().map(|entity| ("entity_id", entity)));
        }
        let connection = &self.ask.connection;
        FileGiven {
            account: connection.name().to_owned(),
            fetched_at: connection.now(),
            file: file.filename.clone(),
            facts,
            zone: connection.account().settlement_zone_of(file.entity_id.as_deref()).and_then(time::zone),
            needed: self.fetch.scan.filtered.clone(),
            rows_before: 0,
        }
    }
}

fn ambiguous() -> Error {
    let message = "reports by payout and by date have the same header, and neither type nor name tells which the file is";
    Error::new(ErrorKind::Decode, message).hint(
        "name it as Checkout.com does: KIND_ENTITY_DATE_PAYOUT_1.csv or KIND_ENTITY_START_END_1.csv, financial-actions_ent_… say",
    )
}

fn changed() -> Error {
    Error::new(ErrorKind::Incomplete, "a report file is another one after its download broke off").hint("ask again")
}

fn no_zone(column: &str) -> Error {
    let message = format!("{column} is not known: the file prints local times, and neither it nor the account says their zone");
    let hint = format!("filter by {column}_local, or set settlement_zone or settlement_zones of the account (\"Europe/London\")");
    Error::new(ErrorKind::Query, message).hint(hint)
}
