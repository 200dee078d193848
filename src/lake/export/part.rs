//! One file of an export while it is written: rows become bytes, which are counted, hashed and sent on.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::csv;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWrite as _;
use tracing::debug;

use super::Options;
use super::destination::Destination;
use super::manifest::{Compression, File, Format};
use super::partition::Key;
use crate::error::{Error, Result};

/// What the names of files of exports begin with.
pub(super) const PREFIX: &str = "part-";
/// Bytes that are sent at once: the least that buckets take.
const CHUNK: usize = 5 << 20;

/// A file that is being written.
pub(super) struct Part {
    path: Path,
    partition: Key,
    encoder: Encoder,
    encoded: Buffer,
    upload: BufWriter,
    hash: Sha256,
    rows: u64,
    bytes: u64,
}

enum Encoder {
    Parquet(Box<ArrowWriter<Buffer>>),
    Csv(Box<csv::Writer<Buffer>>),
}

/// What an encoder has written and nobody has taken yet.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Part {
    /// Begins a file for rows of this schema.
    pub(super) fn try_new(to: &Destination, path: Path, partition: Key, schema: &SchemaRef, options: &Options) -> Result<Self> {
        let encoded = Buffer::default();
        let mut encoder = Encoder::try_new(encoded.clone(), schema, options)?;
        if let Encoder::Csv(_) = encoder {
            // The header comes with the first rows, and a file without rows has one too.
            encoder.write(&RecordBatch::new_empty(SchemaRef::clone(schema)))?;
        }
        let upload = BufWriter::with_capacity(Arc::clone(to.store()), path.clone(), CHUNK).with_max_concurrency(2);
        Ok(Self { path, partition, encoder, encoded, upload, hash: Sha256::new(), rows: 0, bytes: 0 })
    }

    pub(super) async fn write(&mut self, rows: &RecordBatch, to: &Destination) -> Result<()> {
        self.encoder.write(rows)?;
        self.rows += u64::try_from(rows.num_rows()).unwrap_or_default();
        self.send(to).await
    }

    /// Ends the file.
    pub(super) async fn finish(mut self, to: &Destination) -> Result<File> {
        if let Encoder::Parquet(writer) = &mut self.encoder {
            writer.finish().map_err(unencoded)?;
        }
        self.send(to).await?;
        let upload = &mut self.upload;
        let ended = std::future::poll_fn(|context| std::pin::Pin::new(&mut *upload).poll_shutdown(context)).await;
        ended.map_err(|error| to.unwritten(&self.path, error))?;
        Ok(File {
            path: self.path.to_string(),
            partition: self.partition,
            rows: self.rows,
            bytes: self.bytes,
            sha256: hex::encode(self.hash.finalize()),
        })
    }

    /// Breaks off what is being sent of it.
    pub(super) async fn abort(mut self) {
        if let Err(error) = self.upload.abort().await {
            debug!(file = %self.path, "cannot break off the sending of a file: {error}");
        }
    }

    /// Bytes that the file would have if it ended here, as far as can be told.
    pub(super) fn size(&self) -> u64 {
        let held = match &self.encoder {
            Encoder::Parquet(writer) => writer.in_progress_size(),
            Encoder::Csv(_) => 0,
        };
        self.bytes + u64::try_from(held).unwrap_or_default()
    }

    /// Bytes of memory it takes.
    pub(super) fn memory(&self) -> usize {
        let held = match &self.encoder {
            Encoder::Parquet(writer) => writer.memory_size(),
            Encoder::Csv(_) => 0,
        };
        held + usize::try_from(self.bytes).unwrap_or(CHUNK).min(CHUNK)
    }

    async fn send(&mut self, to: &Destination) -> Result<()> {
        let bytes = self.encoded.take();
        if bytes.is_empty() {
            return Ok(());
        }
        self.hash.update(&bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or_default();
        self.upload.put(Bytes::from(bytes)).await.map_err(|error| to.unwritten(&self.path, error))
    }
}

impl Encoder {
    fn try_new(out: Buffer, schema: &SchemaRef, options: &Options) -> Result<Self> {
        Ok(match options.format {
            Format::Csv => Self::Csv(Box::new(csv::WriterBuilder::new().with_header(true).build(out))),
            Format::Parquet => {
                let codec = match options.compression {
                    Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
                    Compression::Snappy => Codec::SNAPPY,
                    Compression::None => Codec::UNCOMPRESSED,
                };
                let properties = WriterProperties::builder()
                    .set_compression(codec)
                    .set_max_row_group_row_count(Some(options.group_rows))
                    .build();
                let writer = ArrowWriter::try_new(out, SchemaRef::clone(schema), Some(properties));
                Self::Parquet(Box::new(writer.map_err(unencoded)?))
            }
        })
    }

    fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        match self {
            Self::Parquet(writer) => writer.write(rows).map_err(unencoded),
            Self::Csv(writer) => writer.write(rows).map_err(unencoded),
        }
    }
}

fn unencoded(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(crate::error::ErrorKind::Usage, "rows cannot be written in this format")
        .hint("cast what it has no place for to another type")
        .caused_by(error)
}
