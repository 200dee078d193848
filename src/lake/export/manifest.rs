//! `_manifest.json`: what an export consists of, and what it comes to.
//!
//! It is sealed: the last line has the hash of all other bytes, so that a manifest somebody wrote into is known for one.

use arrow::datatypes::Field;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::lineage::Copied;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::fields::COMMENT;

/// Its name in the destination.
pub const NAME: &str = "_manifest.json";
/// What this program writes and reads.
pub(super) const VERSION: u32 = 1;

/// What an export consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the manifest's own form.
    pub manifest_version: u32,
    /// Which export it is; part of the names of its files.
    pub export_id: String,
    /// When it was begun, RFC 3339.
    pub created_at: String,
    /// Where the rows come from.
    pub source: Origin,
    /// What the files are.
    pub format: Format,
    /// How Parquet is compressed; none for CSV.
    pub compression: Option<Compression>,
    /// Columns that are folders, and are not in the files.
    pub partition_by: Vec<String>,
    /// All columns, those of folders too.
    pub columns: Vec<Column>,
    /// What the rows come to.
    pub totals: Totals,
    /// The tables of the lake that the rows come from.
    pub lake: Vec<Copied>,
    /// The files, by path.
    pub files: Vec<File>,
    /// Hash of all other bytes of the manifest.
    pub sha256: String,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The table, where it was named and not queried.
    pub table: Option<String>,
    /// The SQL; none where changes of a table are exported.
    pub sql: Option<String>,
}

/// What files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Parquet, with the meaning of columns in its metadata.
    #[default]
    Parquet,
    /// Comma-separated, with a header; null and empty text are both an empty field.
    Csv,
}

/// How Parquet is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Zstandard.
    #[default]
    Zstd,
    /// Snappy, for readers that know nothing newer.
    Snappy,
    /// Not at all.
    None,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its Arrow type.
    #[serde(rename = "type")]
    pub data_type: String,
    /// What it means, where that is known.
    pub comment: Option<String>,
}

impl Column {
    pub(super) fn of(field: &Field) -> Self {
        Self {
            name: field.name().clone(),
            data_type: field.data_type().to_string(),
            comment: field.metadata().get(COMMENT).cloned(),
        }
    }
}

/// What rows come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// How many there are.
    pub rows: u64,
    /// The sums of each column of decimals.
    pub decimals: Vec<Total>,
}

/// The sums of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// The column.
    pub column: String,
    /// The column whose values are the currencies; none where all is one sum.
    pub by: Option<String>,
    /// A sum a currency.
    pub sums: Vec<Sum>,
}

/// An exact sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// The currency.
    pub currency: Option<String>,
    /// The sum, digit for digit.
    pub sum: String,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its path, from the manifest on.
    pub path: String,
    /// Values of the columns that are folders, in their order.
    pub partition: Vec<Option<String>>,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Hash of its bytes.
    pub sha256: String,
}

impl Manifest {
    /// The bytes of the manifest, with their seal.
    pub(super) fn sealed(&self) -> Result<Vec<u8>> {
        let wrong = |error| Error::bug("a manifest cannot be written").caused_by(error);
        let open = serde_json::to_string_pretty(&Self { sha256: String::new(), ..self.clone() }).map_err(wrong)?;
        let sealed = Self { sha256: hex::encode(Sha256::digest(open.as_bytes())), ..self.clone() };
        serde_json::to_vec_pretty(&sealed).map_err(wrong)
    }

    /// The manifest that these bytes are.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let wrong = || {
            Error::new(ErrorKind::File, "this is no manifest of an export")
                .hint("take it away if nobody needs it, or choose another destination")
        };
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| wrong().caused_by(error))?;
        if manifest.manifest_version != VERSION {
            return Err(wrong().with("manifest_version", manifest.manifest_version).with("known", VERSION));
        }
        Ok(manifest)
    }

    /// The hash that the seal of these bytes should have.
    pub(super) fn seal_of(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let (before, after) = text.rsplit_once(&self.sha256).unwrap_or((&text, ""));
        hex::encode(Sha256::digest([before, after].concat()))
    }
}
