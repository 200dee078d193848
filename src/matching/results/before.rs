//! What is known of a flow, as far as it takes to tell what is found again as it was: names and fingerprints.

use arrow::array::{BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::execution::SessionState;
use futures::FutureExt;

use super::cells::{flags, is_set, primitives, text, texts, value};
use super::newest::{self, Newest, match_name, row_name};
use super::state::{Place, Status};
use super::store::Store;
use super::tables;
use crate::error::Result;

/// What complete runs have told of matches, and of rows: of each the last word counts.
const MATCHES: &str = "select flow, run, match_id, status, is_kept, fingerprint from kept.matches \
                       where run_id in (select run_id from kept.runs)";
const EXCEPTIONS: &str = "select flow, run, hop, \"table\", line_id, scope, fingerprint from kept.exceptions \
                          where run_id in (select run_id from kept.runs)";

/// What is known of a flow.
#[derive(Debug, Default)]
pub(super) struct Before {
    matches: Newest<newest::Matches, Matches>,
    left: Newest<newest::Left, Exceptions>,
}

impl Store {
    /// What is known of a flow.
    pub(super) async fn before(&self, state: &SessionState, flow: &str) -> Result<Before> {
        let told = |kept, sql| async move { self.ask(state, &[&tables::RUNS, kept], sql, flow).await }.boxed();
        let (matches, left) = futures::try_join!(told(&tables::MATCHES, MATCHES), told(&tables::EXCEPTIONS, EXCEPTIONS))?;
        Before::of(&matches, &left)
    }
}

impl Before {
    /// What rows of the kept tables tell.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when they are of other tables.
    pub(super) fn of(matches: &[RecordBatch], left: &[RecordBatch]) -> Result<Self> {
        Ok(Self { matches: Newest::of(matches, Matches::of)?, left: Newest::of(left, Exceptions::of)? })
    }

    /// The place of a match among those that are known, which may be this one.
    pub(super) fn find(&self, id: &str, guess: usize) -> Option<usize> {
        self.matches.find(match_name(id), guess)
    }

    /// How many matches are known.
    pub(super) fn matches(&self) -> usize {
        self.matches.len()
    }

    /// The id of a match.
    pub(super) fn id(&self, place: usize) -> Result<&str> {
        let ((names, _), row) = self.matches.get(place)?;
        names.id(row)
    }

    /// Whether a match stands.
    pub(super) fn is_live(&self, place: usize) -> Result<bool> {
        let ((_, rows), row) = self.matches.get(place)?;
        Ok(text(&rows.status, row) != Some(Status::Withdrawn.word()))
    }

    /// The fingerprint of a match that stands of itself, not only because its period is closed.
    pub(super) fn print(&self, place: usize) -> Result<Option<i64>> {
        let ((_, rows), row) = self.matches.get(place)?;
        Ok(value(&rows.fingerprint, row).filter(|_| !is_set(&rows.is_kept, row)))
    }

    /// The place of a row among those that have been left, which may be this one.
    pub(super) fn find_left(&self, place: &Place, guess: usize) -> Option<usize> {
        self.left.find(row_name(place), guess)
    }

    /// How many rows have been left.
    pub(super) fn left(&self) -> usize {
        self.left.len()
    }

    /// A row that has been left.
    pub(super) fn place(&self, place: usize) -> Result<Place> {
        let ((names, _), row) = self.left.get(place)?;
        names.place(row)
    }

    /// Whether a row that has been left still is.
    pub(super) fn is_left(&self, place: usize) -> Result<bool> {
        let ((_, rows), row) = self.left.get(place)?;
        Ok(text(&rows.scope, row).is_some())
    }

    /// The fingerprint of why a row is left.
    pub(super) fn print_left(&self, place: usize) -> Result<Option<i64>> {
        let ((_, rows), row) = self.left.get(place)?;
        Ok(value(&rows.fingerprint, row))
    }
}

/// What is told of matches.
#[derive(Debug)]
struct Matches {
    status: StringArray,
    is_kept: BooleanArray,
    fingerprint: Int64Array,
}

impl Matches {
    fn of(rows: &RecordBatch) -> Result<Self> {
        let (status, is_kept) = (texts(rows, "status")?, flags(rows, "is_kept")?);
        Ok(Self { status, is_kept, fingerprint: primitives(rows, "fingerprint")? })
    }
}

/// What is told of rows that are left.
#[derive(Debug)]
struct Exceptions {
    scope: StringArray,
    fingerprint: Int64Array,
}

impl Exceptions {
    fn of(rows: &RecordBatch) -> Result<Self> {
        Ok(Self { scope: texts(rows, "scope")?, fingerprint: primitives(rows, "fingerprint")? })
    }
}
