//! The files of an export that are open at once: one a folder, and no more of them than memory is set aside for.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use arrow::array::RecordBatch;
use object_store::path::Path;

use super::Options;
use super::destination::Destination;
use super::manifest::{File, Format};
use super::part::{PREFIX, Part};
use super::partition::{Key, Partitioner};
use crate::error::{Error, Result};

/// Most files that are open at once.
const OPEN: usize = 64;
/// Bytes of memory that open files may take.
const MEMORY: usize = 192 << 20;

/// Files, open and written.
pub(super) struct Parts<'a> {
    to: &'a Destination,
    options: &'a Options,
    id: &'a str,
    partitioner: &'a Partitioner,
    begun: &'a Mutex<Vec<Path>>,
    open: BTreeMap<Key, Part>,
    written: Vec<File>,
    next: usize,
}

impl<'a> Parts<'a> {
    /// None yet; the paths of those that are begun are noted, for whoever has to remove them.
    pub(super) fn new(
        to: &'a Destination,
        options: &'a Options,
        id: &'a str,
        partitioner: &'a Partitioner,
        begun: &'a Mutex<Vec<Path>>,
    ) -> Self {
        Self { to, options, id, partitioner, begun, open: BTreeMap::new(), written: Vec::new(), next: 0 }
    }

    /// Writes rows, each into a file of its folder.
    pub(super) async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        for (key, rows) in self.partitioner.split(rows)? {
            if !self.open.contains_key(&key) {
                self.begin(&key)?;
            }
            let Some(part) = self.open.get_mut(&key) else { continue };
            part.write(&rows, self.to).await?;
            if part.size() >= self.options.file_bytes {
                self.end(&key).await?;
            }
        }
        while let Some(key) = self.too_much() {
            self.end(&key).await?;
        }
        Ok(())
    }

    /// Ends all files; gives them by path.
    pub(super) async fn finish(&mut self) -> Result<Vec<File>> {
        if self.next == 0 && self.partitioner.names().is_empty() {
            // No rows have columns all the same.
            self.begin(&Key::new())?;
        }
        for key in self.open.keys().cloned().collect::<Vec<_>>() {
            self.end(&key).await?;
        }
        let mut written = std::mem::take(&mut self.written);
        written.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(written)
    }

    /// Breaks off what is being sent.
    pub(super) async fn abort(self) {
        for part in self.open.into_values() {
            part.abort().await;
        }
    }

    /// The largest of the open files, when they are too many or take too much memory.
    fn too_much(&self) -> Option<Key> {
        let is_too_much = self.open.len() > OPEN || self.open.values().map(Part::memory).sum::<usize>() > MEMORY;
        let largest = self.open.iter().max_by_key(|(_, part)| part.memory());
        largest.filter(|_| is_too_much).map(|(key, _)| key.clone())
    }

    async fn end(&mut self, key: &Key) -> Result<()> {
        if let Some(part) = self.open.remove(key) {
            self.written.push(part.finish(self.to).await?);
        }
        Ok(())
    }

    fn begin(&mut self, key: &Key) -> Result<()> {
        let ending = match self.options.format {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
        };
        let path = format!("{}{PREFIX}{}-{:05}.{ending}", self.partitioner.folder(key), self.id, self.next);
        let path = Path::parse(path).map_err(|error| Error::bug("a file of an export has no path").caused_by(error))?;
        self.next += 1;
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
        let part = Part::try_new(self.to, path, key.clone(), self.partitioner.schema(), self.options)?;
        self.open.insert(key.clone(), part);
        Ok(())
    }
}
