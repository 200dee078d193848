//! Whether an export is what its manifest says: all files are read again, and everything is counted anew.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::csv;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use sha2::{Digest, Sha256};

use super::destination::Destination;
use super::manifest::{Column, File, Format, Manifest, NAME, Total};
use super::object::Object;
use super::part::PREFIX;
use super::partition::folder;
use super::totals::Tally;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::fields::COMMENT;

/// What was found.
#[derive(Debug)]
pub struct Checked {
    /// The manifest.
    pub manifest: Manifest,
    /// Where the export is not what the manifest says.
    pub differences: Vec<Difference>,
    /// Files of exports that are not in the manifest: kept, or left by one that was killed.
    pub strays: Vec<String>,
}

/// A fact that is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file it is of.
    pub file: String,
    /// Which fact.
    pub fact: &'static str,
    /// What the manifest says.
    pub expected: String,
    /// What is so.
    pub found: String,
}

/// Reads an export again.
///
/// # Errors
/// [`ErrorKind::File`] when there is no export, or its store cannot be read.
pub async fn check(destination: &Destination) -> Result<Checked> {
    let Some(found) = destination.find().await? else {
        return Err(Error::new(ErrorKind::File, "there is no export to check")
            .with("file", destination.name_of(&Path::from(NAME)))
            .hint("give the folder that has the manifest in it"));
    };
    let manifest = found.manifest;
    let mut checking = Checking { destination, schema: schema(&manifest)?, manifest: &manifest, differences: Vec::new() };
    let mut tally = Tally::new(&checking.schema, manifest.format);
    for file in &manifest.files {
        checking.file(file, &mut tally).await?;
    }
    if checking.differences.is_empty() {
        checking.totals(tally);
    }
    let seal = manifest.seal_of(&found.bytes);
    checking.compare(NAME, "sha256", &manifest.sha256, &seal);
    let differences = checking.differences;
    let strays = strays(destination, &manifest).await?;
    Ok(Checked { manifest, differences, strays })
}

struct Checking<'a> {
    destination: &'a Destination,
    manifest: &'a Manifest,
    /// All columns: decimals as they are, and everything else as it is read.
    schema: SchemaRef,
    differences: Vec<Difference>,
}

impl Checking<'_> {
    fn compare(&mut self, file: &str, fact: &'static str, expected: &dyn Display, found: &dyn Display) {
        let (expected, found) = (expected.to_string(), found.to_string());
        if expected != found {
            self.differences.push(Difference { file: file.to_owned(), fact, expected, found });
        }
    }

    /// Compares a file, and counts its rows where its bytes are right.
    async fn file(&mut self, file: &File, tally: &mut Tally) -> Result<()> {
        let name = &file.path;
        let Ok(path) = Path::parse(name) else {
            self.compare(name, "path", &"a path", &"none");
            return Ok(());
        };
        let place = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        self.compare(name, "partition", &folder(&self.manifest.partition_by, &file.partition), &place);
        let Some((bytes, hash)) = self.bytes(&path).await? else {
            self.compare(name, "file", &"there", &"missing");
            return Ok(());
        };
        self.compare(name, "bytes", &file.bytes, &bytes);
        self.compare(name, "sha256", &file.sha256, &hash);
        if hash != file.sha256 {
            return Ok(());
        }
        let read = match self.manifest.format {
            Format::Parquet => self.parquet(file, &path, tally).await,
            Format::Csv => self.csv(file, &path, tally).await,
        };
        match read {
            Ok(rows) => self.compare(name, "rows", &file.rows, &rows),
            Err(error) => self.compare(name, "content", &"readable", &error),
        }
        Ok(())
    }

    /// How many bytes a file has, and their hash; `None` when it is not there.
    async fn bytes(&self, path: &Path) -> Result<Option<(u64, String)>> {
        let unread = |error| {
            Error::new(ErrorKind::File, "cannot read a file of the export")
                .with("file", self.destination.name_of(path))
                .caused_by(error)
        };
        let answer = match self.destination.store().get(path).await {
            Ok(answer) => answer,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(unread(error)),
        };
        let (mut stream, mut hash, mut bytes) = (answer.into_stream(), Sha256::new(), 0);
        while let Some(chunk) = stream.try_next().await.map_err(unread)? {
            hash.update(&chunk);
            bytes += u64::try_from(chunk.len()).unwrap_or_default();
        }
        Ok(Some((bytes, hex::encode(hash.finalize()))))
    }

    async fn parquet(&mut self, file: &File, path: &Path, tally: &mut Tally) -> Result<u64> {
        let reader = Object { store: Arc::clone(self.destination.store()), path: path.clone(), bytes: file.bytes };
        let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(unreadable)?;
        let found: Vec<Column> = builder.schema().fields().iter().map(|field| Column::of(field)).collect();
        let expected = self.manifest.columns.iter().filter(|column| !self.manifest.partition_by.contains(&column.name));
        let expected: Vec<Column> = expected.cloned().collect();
        if found != expected {
            let (expected, found) = first_difference(&expected, &found);
            self.compare(&file.path, "schema", &expected, &found);
            return Ok(file.rows);
        }
        let mut stream = builder.build().map_err(unreadable)?;
        let mut rows = 0;
        while let Some(batch) = stream.try_next().await.map_err(unreadable)? {
            rows += u64::try_from(batch.num_rows()).unwrap_or_default();
            tally.add(&self.whole(file, &batch)?)?;
        }
        Ok(rows)
    }

    async fn csv(&mut self, file: &File, path: &Path, tally: &mut Tally) -> Result<u64> {
        let inner: Vec<FieldRef> = self.schema.fields().iter().filter(|field| !self.is_folder(field.name())).cloned().collect();
        let schema: SchemaRef = Arc::new(Schema::new(inner));
        let builder = csv::ReaderBuilder::new(Arc::clone(&schema))
            .with_format(csv::reader::Format::default().with_header(true).with_header_validation(true));
        let mut decoder = builder.build_decoder();
        let answer = self.destination.store().get(path).await.map_err(unreadable)?;
        let mut stream = answer.into_stream();
        let mut rows = 0;
        loop {
            let chunk = stream.next().await.transpose().map_err(unreadable)?;
            let mut left = chunk.as_deref().unwrap_or_default();
            loop {
                let taken = decoder.decode(left).map_err(unreadable)?;
                left = left.get(taken..).unwrap_or_default();
                if left.is_empty() && chunk.is_some() {
                    break;
                }
                // The header was read, or as many rows as there may be at once, or the end.
                match decoder.flush().map_err(unreadable)? {
                    Some(batch) => {
                        rows += u64::try_from(batch.num_rows()).unwrap_or_default();
                        tally.add(&self.whole(file, &batch)?)?;
                    }
                    None if taken == 0 => break,
                    None => {}
                }
            }
            if chunk.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Rows of a file with the columns that are its folder.
    fn whole(&self, file: &File, rows: &RecordBatch) -> Result<RecordBatch> {
        let wrong = |error| Error::bug("rows of an export do not fit its columns").caused_by(error);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for field in self.schema.fields() {
            let folder = self.manifest.partition_by.iter().position(|name| name == field.name());
            let column = match folder.map(|index| file.partition.get(index).cloned().flatten()) {
                Some(Some(text)) => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows.num_rows()))),
                Some(None) => new_null_array(&DataType::Utf8, rows.num_rows()),
                None => match rows.column_by_name(field.name()) {
                    Some(column) if field.data_type() == column.data_type() => Arc::clone(column),
                    // Only what is summed, or tells of what, is looked into.
                    Some(column) => {
                        cast(column, &DataType::Utf8).unwrap_or_else(|_| new_null_array(&DataType::Utf8, column.len()))
                    }
                    None => new_null_array(field.data_type(), rows.num_rows()),
                },
            };
            columns.push(column);
        }
        RecordBatch::try_new(SchemaRef::clone(&self.schema), columns).map_err(wrong)
    }

    fn is_folder(&self, name: &str) -> bool {
        self.manifest.partition_by.iter().any(|folder| folder == name)
    }

    /// Compares what all rows come to.
    fn totals(&mut self, tally: Tally) {
        let (expected, found) = (&self.manifest.totals, tally.totals());
        self.compare(NAME, "rows", &expected.rows, &found.rows);
        let (expected, found) = (texts(&expected.decimals), texts(&found.decimals));
        if expected != found {
            let (expected, found) = first_difference(&expected, &found);
            self.compare(NAME, "control totals", &expected, &found);
        }
    }
}

/// The columns, as far as they matter here: decimals are summed, and everything else is text.
fn schema(manifest: &Manifest) -> Result<SchemaRef> {
    let mut fields = Vec::with_capacity(manifest.columns.len());
    for column in &manifest.columns {
        let mut data_type = DataType::Utf8;
        if column.data_type.starts_with("Decimal") {
            data_type = column.data_type.parse().map_err(|error| {
                Error::new(ErrorKind::File, "the manifest has a column of an unknown type")
                    .with("file", NAME)
                    .with("column", &column.name)
                    .caused_by(error)
            })?;
        }
        let about = column.comment.iter().map(|comment| (COMMENT.to_owned(), comment.clone()));
        fields.push(Field::new(&column.name, data_type, true).with_metadata(about.collect()));
    }
    Ok(Arc::new(Schema::new(fields)))
}

fn texts(totals: &[Total]) -> Vec<String> {
    let mut texts = Vec::new();
    for total in totals {
        let by = total.by.as_deref().unwrap_or("nothing");
        for sum in &total.sums {
            texts.push(format!("{} by {by}: {} {}", total.column, sum.sum, sum.currency.as_deref().unwrap_or("null")));
        }
    }
    texts
}

/// The first of two lists that differ, on both sides.
fn first_difference<T: PartialEq + std::fmt::Debug>(expected: &[T], found: &[T]) -> (String, String) {
    let index = expected.iter().zip(found).take_while(|(one, other)| one == other).count();
    let text = |list: &[T]| list.get(index).map_or_else(|| "nothing".to_owned(), |item| format!("{item:?}"));
    (text(expected), text(found))
}

async fn strays(destination: &Destination, manifest: &Manifest) -> Result<Vec<String>> {
    let named: BTreeSet<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    let files = destination.store().list(None).try_collect::<Vec<_>>().await.map_err(|error| {
        Error::new(ErrorKind::File, "cannot list the files of an export")
            .with("folder", destination.name_of(&Path::default()))
            .caused_by(error)
    })?;
    let files = files.into_iter().map(|file| file.location);
    let is_part = |path: &Path| path.filename().is_some_and(|name| name.starts_with(PREFIX));
    let mut strays: Vec<String> =
        files.filter(is_part).map(|path| path.to_string()).filter(|path| !named.contains(path.as_str())).collect();
    strays.sort();
    Ok(strays)
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::File, "cannot be read").caused_by(error)
}
