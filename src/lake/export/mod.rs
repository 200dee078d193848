//! The way out of the lake: rows as plain files that any warehouse loads, published whole or not at all.
//!
//! ```text
//!  rows ─▶ partition: in which folder ─▶ part: files, and their hashes ─┐
//!    └──▶ totals: what they come to ─────────────────────────────────────┴▶ manifest: one put, last
//! ```
//!
//! A reader goes by `_manifest.json`: until it is replaced, what it names is the former export, whose files go only after
//! that. Files have names that no export before them had. [`check`] reads an export again and proves it. Nothing here knows
//! where rows come from or who asked for them.

pub mod check;
pub mod destination;
pub mod lineage;
pub mod manifest;

mod object;
mod part;
mod partition;
mod parts;
mod totals;

use std::collections::BTreeSet;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use arrow::datatypes::{Schema, SchemaRef};
use chrono::{DateTime, Utc};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use tracing::warn;

use crate::error::{Error, ErrorKind, Result};
use crate::source::span::rfc3339;
use destination::{Destination, Found};
use lineage::Copied;
use manifest::{Column, Compression, File, Format, Manifest, Origin};
use partition::Partitioner;
use parts::Parts;
use totals::Tally;

/// Rows that are taken at once: a file is seldom larger than it should be by more than these.
const STEP: usize = 8192;

/// How an export is written.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the files are.
    pub format: Format,
    /// Columns whose values become folders, `column=value/`.
    pub partition_by: Vec<String>,
    /// Bytes at which a file is closed and the next begun.
    pub file_bytes: u64,
    /// How Parquet is compressed.
    pub compression: Compression,
    /// Most rows of a row group: what is held in memory of a file that is being written.
    pub group_rows: usize,
    /// Whether the files of the former export stay.
    pub keeps_former: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: Format::Parquet,
            partition_by: Vec::new(),
            file_bytes: 256_000_000,
            compression: Compression::Zstd,
            group_rows: 128 * 1024,
            keeps_former: false,
        }
    }
}

/// What is exported.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where the rows come from.
    pub origin: Origin,
    /// The tables of the lake among it, as they were before the first row was read.
    pub lake: Vec<Copied>,
}

/// What came of an export that was broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its files are gone, as far as they could be removed.
    Discarded,
    /// It came too late: the export is published, or may be.
    Published,
}

/// An export that is being made.
#[derive(Debug)]
pub struct Export {
    destination: Destination,
    options: Options,
    id: String,
    created_at: DateTime<Utc>,
    former: Option<Found>,
    /// The files it has begun.
    begun: Mutex<Vec<Path>>,
    /// Whether its manifest may be there already.
    is_publishing: AtomicBool,
}

impl Export {
    /// Begins an export; nothing is written yet.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when the destination cannot be read, or has a manifest that is none of an export.
    pub async fn begin(destination: Destination, options: Options, now: DateTime<Utc>) -> Result<Self> {
        let former = destination.find().await?;
        // Seeded by the system anew for each of them; the clock may stand still, and two may begin in one second.
        let random = std::hash::RandomState::new().hash_one(std::process::id());
        Ok(Self {
            destination,
            options,
            id: format!("{}-{random:016x}", now.format("%Y%m%dT%H%M%SZ")),
            created_at: now,
            former,
            begun: Mutex::default(),
            is_publishing: AtomicBool::new(false),
        })
    }

    /// Writes all rows and publishes them. After an error, what was there before is there as it was.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the rows cannot be exported in this way; [`ErrorKind::File`] when they cannot be written;
    /// [`ErrorKind::Conflict`] when another export was published meanwhile; those of the rows.
    pub async fn write(&self, source: Source, rows: SendableRecordBatchStream) -> Result<Manifest> {
        let written = match self.files(source, rows).await {
            Ok(manifest) => self.publish(&manifest).await.map(|()| manifest),
            Err(error) => Err(error),
        };
        match written {
            Ok(manifest) => {
                self.remove_former().await;
                Ok(manifest)
            }
            Err(error) => {
                self.discard().await;
                Err(error)
            }
        }
    }

    /// Removes the files that were written. For whoever breaks [`Export::write`] off, who learns what came of it.
    pub async fn discard(&self) -> Fate {
        if self.is_publishing.load(Ordering::Acquire) {
            match self.destination.find().await {
                Ok(found) if found.as_ref().is_none_or(|found| found.manifest.export_id != self.id) => {}
                // What may be published stays.
                _ => return Fate::Published,
            }
        }
        let begun = std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner));
        self.remove(&begun).await;
        Fate::Discarded
    }

    async fn files(&self, source: Source, mut rows: SendableRecordBatchStream) -> Result<Manifest> {
        let schema = rows.schema();
        check_columns(&schema, self.options.format)?;
        let partitioner = Partitioner::try_new(&schema, &self.options.partition_by)?;
        let mut tally = Tally::new(&schema, self.options.format);
        let mut parts = Parts::new(&self.destination, &self.options, &self.id, &partitioner, &self.begun);
        let written = write_all(&mut parts, &mut tally, &mut rows).await;
        // What was begun and not ended has parts in a bucket that nobody sees, and somebody pays for.
        parts.abort().await;
        let files = written?;
        Ok(Manifest {
            manifest_version: manifest::VERSION,
            export_id: self.id.clone(),
            created_at: rfc3339(self.created_at.timestamp_micros()),
            source: source.origin,
            format: self.options.format,
            compression: (self.options.format == Format::Parquet).then_some(self.options.compression),
            partition_by: partitioner.names().to_vec(),
            columns: columns(&schema),
            totals: tally.totals(),
            lake: source.lake,
            files,
            sha256: String::new(),
        })
    }

    async fn publish(&self, manifest: &Manifest) -> Result<()> {
        let sealed = manifest.sealed()?;
        self.is_publishing.store(true, Ordering::Release);
        let put = self.destination.publish(sealed, self.former.as_ref()).await;
        let Err(error) = put else { return Ok(()) };
        // A store may have done what it says it has not.
        match self.destination.find().await {
            Ok(Some(found)) if found.manifest.export_id == self.id => Ok(()),
            _ => Err(error),
        }
    }

    async fn remove_former(&self) {
        let Some(former) = self.former.as_ref().filter(|_| !self.options.keeps_former) else { return };
        let paths = former.manifest.files.iter().filter_map(|file| Path::parse(&file.path).ok());
        // A manifest that somebody wrote into cannot have other files removed.
        let paths: Vec<Path> = paths.filter(|path| path.filename().is_some_and(|name| name.starts_with(part::PREFIX))).collect();
        self.remove(&paths).await;
    }

    async fn remove(&self, paths: &[Path]) {
        let mut folders = BTreeSet::new();
        for path in paths {
            match self.destination.store().delete(path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => folders.extend(path.parent()),
                Err(error) => warn!(file = self.destination.name_of(path), "cannot remove a file of an export: {error}"),
            }
        }
        self.destination.remove_empty(&folders);
    }
}

async fn write_all(parts: &mut Parts<'_>, tally: &mut Tally, rows: &mut SendableRecordBatchStream) -> Result<Vec<File>> {
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(Error::from)?;
        for offset in (0..batch.num_rows()).step_by(STEP) {
            let step = batch.slice(offset, STEP.min(batch.num_rows() - offset));
            tally.add(&step)?;
            parts.write(&step).await?;
        }
    }
    parts.finish().await
}

/// Refuses columns that no reader of the files could tell apart, or that the format has no place for.
fn check_columns(schema: &Schema, format: Format) -> Result<()> {
    if schema.fields().is_empty() {
        return Err(Error::new(ErrorKind::Usage, "there is nothing to export: the statement gives no columns"));
    }
    let mut names = BTreeSet::new();
    for field in schema.fields() {
        if field.name().is_empty() || !names.insert(field.name().to_lowercase()) {
            return Err(Error::new(ErrorKind::Usage, "cannot export two columns of one name, or one without")
                .with("column", field.name())
                .hint("give each a name of its own, with as; capitals make none"));
        }
        if format == Format::Csv && field.data_type().is_nested() {
            return Err(Error::new(ErrorKind::Usage, "CSV has no place for lists and structs")
                .with("column", field.name())
                .hint("leave it out, or export Parquet"));
        }
    }
    Ok(())
}

fn columns(schema: &SchemaRef) -> Vec<Column> {
    schema.fields().iter().map(|field| Column::of(field)).collect()
}
