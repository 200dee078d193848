//! JSON pages to record batches, in one pass over the bytes.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};

use super::plan::Plan;
use super::{Column, Shape, walk};
use crate::error::Result;
use crate::money::Exponents;

/// What to do with a value that cannot be read as its column's type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnMalformed {
    /// Fail, naming the row and the field.
    #[default]
    Error,
    /// Leave it null; `_raw` still has it.
    Null,
}

/// The unit of amounts whose unit the vendor does not state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AssumedUnit {
    /// Whole minor units.
    #[default]
    Minor,
    /// Decimals in major units.
    Major,
}

/// How an account's pages are read.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Decimals per currency.
    pub exponents: Arc<Exponents>,
    /// Unit of [`super::Kind::AssumedMinor`] amounts.
    pub assumed_unit: AssumedUnit,
    /// What to do with unreadable values.
    pub on_malformed: OnMalformed,
}

/// What the reader of a page knows from outside it.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// Name of the configured account.
    pub account: &'a str,
    /// When the page was read.
    pub fetched_at: DateTime<Utc>,
    /// Values the request was made for, by column: they fill these columns where the page leaves them out.
    pub keys: &'a [(&'static str, String)],
    /// The parent document of a call that has one: the parent columns of rows that are not exploded.
    pub parent: Option<&'a [u8]>,
}

/// What a page says about itself and its neighbours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageFacts {
    /// Rows in the page, before any array in them is exploded.
    pub rows: usize,
    /// A hash of each row's identity (its `id`, or else the whole row), in page order.
    pub ids: Vec<u64>,
    /// Whether every row has an `id`: only then are equal rows the same row.
    pub ids_are_identities: bool,
    /// `total_count`, where the page has it.
    pub total_count: Option<u64>,
    /// `_links.next.href`, where the page has it.
    pub next: Option<String>,
}

/// A page, read.
#[derive(Debug, Clone)]
pub struct Page {
    /// The asked columns.
    pub batch: RecordBatch,
    /// What the page says about itself.
    pub facts: PageFacts,
    /// How many rows of the batch each row of the page became; `None` when each became one.
    pub exploded_into: Option<Vec<usize>>,
}

/// A reader of pages of one shape into chosen columns of one table.
#[derive(Debug, Clone)]
pub struct Decoder {
    plan: Plan,
}

impl Decoder {
    /// A reader of the fields `projection` (indices into [`super::fields::schema`]) of `columns`.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the declaration is inconsistent.
    pub fn try_new(columns: &'static [Column], shape: Shape, projection: &[usize], settings: Settings) -> Result<Self> {
        Ok(Self { plan: Plan::new(columns, shape, projection, settings)? })
    }

    /// Schema of the batches: the projected fields.
    pub fn schema(&self) -> &SchemaRef {
        &self.plan.schema
    }

    /// Whether [`Given::parent`] is of any use: some projected field, or the currency of one, is in the parent document,
    /// and neither the page nor the keys carry it.
    pub fn needs_parent(&self, keys: &[(&'static str, String)]) -> bool {
        self.plan.needs_parent(keys)
    }

    /// Reads one page.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Unavailable`] when the body is not whole JSON (cut short);
    /// [`crate::error::ErrorKind::Decode`] when a value cannot be read as its column's type, or the rows are not where
    /// they should be.
    pub fn decode(&self, body: &[u8], given: &Given<'_>) -> Result<Page> {
        walk::page(&self.plan, body, given)
    }
}
