//! Columnar files: Parquet (zstd) and the Arrow IPC stream. Types arrive as they are; nothing becomes text.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::names::{Renamed, unique};
use super::{AnswerWriter, Out, cannot_write};
use crate::error::Result;

/// Rows held in memory before they are written as a row group.
const ROW_GROUP: usize = 131_072;

pub(super) struct Parquet<'a> {
    writer: ArrowWriter<Out<'a>>,
    names: Renamed,
}

impl<'a> Parquet<'a> {
    pub(super) fn try_new(schema: &SchemaRef, out: Out<'a>) -> Result<Self> {
        let names = unique(schema);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .build();
        let writer = ArrowWriter::try_new(out, SchemaRef::clone(&names.schema), Some(properties)).map_err(cannot_write)?;
        Ok(Self { writer, names })
    }
}

impl AnswerWriter for Parquet<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(&self.names.apply(batch)?).map_err(cannot_write)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let mut out = self.writer.into_inner().map_err(cannot_write)?;
        out.flush().map_err(cannot_write)
    }
}

/// The IPC stream, which a reader can use before its end is written.
pub(super) struct Stream<'a> {
    writer: StreamWriter<Out<'a>>,
    names: Renamed,
}

impl<'a> Stream<'a> {
    pub(super) fn try_new(schema: &SchemaRef, out: Out<'a>) -> Result<Self> {
        let names = unique(schema);
        let writer = StreamWriter::try_new(out, &names.schema).map_err(cannot_write)?;
        Ok(Self { writer, names })
    }
}

impl AnswerWriter for Stream<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(&self.names.apply(batch)?).map_err(cannot_write)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let mut out = self.writer.into_inner().map_err(cannot_write)?;
        out.flush().map_err(cannot_write)
    }
}
