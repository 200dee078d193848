//! What is known of some matches and rows of a flow, in full.

mod columns;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::common::{DataFusionError, JoinType};
use datafusion::execution::SessionState;
use datafusion::prelude::{col, lit};
use futures::FutureExt;

use super::newest::{self, Newest, match_name};
use super::state::{Place, State};
use super::store::Store;
use super::tables::{self, Kept};
use crate::error::Result;
use columns::{Exceptions, Lines, Matches};

/// What complete runs have told.
const MATCHES: &str = "select * from kept.matches where run_id in (select run_id from kept.runs)";
const LINES: &str = "select * from kept.match_lines where run_id in (select run_id from kept.runs)";
const EXCEPTIONS: &str = "select * from kept.exceptions where run_id in (select run_id from kept.runs)";

/// What is to be recalled: matches by their ids, and rows that are left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) matches: Vec<String>,
    pub(super) left: Vec<Place>,
}

impl Wanted {
    fn ids(&self) -> Result<RecordBatch> {
        let ids: ArrayRef = Arc::new(StringArray::from_iter_values(&self.matches));
        batch([("wanted_id", ids)])
    }

    fn rows(&self) -> Result<RecordBatch> {
        let hops: ArrayRef = Arc::new(Int64Array::from_iter_values(self.left.iter().map(|place| i64::from(place.hop))));
        let tables: ArrayRef = Arc::new(StringArray::from_iter_values(self.left.iter().map(|place| &place.table)));
        let ids: ArrayRef = Arc::new(StringArray::from_iter_values(self.left.iter().map(|place| &place.id)));
        batch([("wanted_hop", hops), ("wanted_table", tables), ("wanted_id", ids)])
    }
}

fn batch<const COLUMNS: usize>(columns: [(&str, ArrayRef); COLUMNS]) -> Result<RecordBatch> {
    Ok(RecordBatch::try_from_iter(columns).map_err(DataFusionError::from)?)
}

impl Store {
    /// What is known of matches and rows of a flow.
    pub(super) async fn recall(&self, state: &SessionState, flow: &str, wanted: &Wanted) -> Result<State> {
        let matches = &[("match_id", "wanted_id")][..];
        let rows = &[("hop", "wanted_hop"), ("table", "wanted_table"), ("line_id", "wanted_id")][..];
        let (named, named_rows) = (wanted.ids()?, wanted.rows()?);
        let of = |kept, sql, keys, named| async move { self.of(state, kept, sql, flow, keys, named).await }.boxed();
        let (matches, lines, left) = futures::try_join!(
            of(&tables::MATCHES, MATCHES, matches, named.clone()),
            of(&tables::MATCH_LINES, LINES, matches, named),
            of(&tables::EXCEPTIONS, EXCEPTIONS, rows, named_rows)
        )?;
        recalled(&matches, &lines, &left)
    }

    /// The rows that a SELECT gives of a flow, of what is named only.
    async fn of(
        &self,
        state: &SessionState,
        kept: &'static Kept,
        sql: &str,
        flow: &str,
        keys: &[(&str, &str)],
        named: RecordBatch,
    ) -> Result<Vec<RecordBatch>> {
        if named.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let (of_rows, of_named): (Vec<&str>, Vec<&str>) = keys.iter().copied().unzip();
        let session = self.session(state, &[&tables::RUNS, kept]).await?;
        let rows = session.sql(sql).await?.filter(col(tables::FLOW).eq(lit(flow)))?;
        let rows = rows.join(session.read_batch(named)?, JoinType::LeftSemi, &of_rows, &of_named, None)?;
        Ok(rows.collect().await?)
    }
}

/// What rows of the kept tables tell.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when they are of other tables.
pub(super) fn recalled(matches: &[RecordBatch], lines: &[RecordBatch], left: &[RecordBatch]) -> Result<State> {
    let matches: Newest<newest::Matches, Matches> = Newest::of(matches, Matches::of)?;
    let left: Newest<newest::Left, Exceptions> = Newest::of(left, Exceptions::of)?;
    let mut of_matches = vec![Vec::new(); matches.len()];
    let mut guess = 0;
    for rows in lines.iter().map(Lines::of) {
        let rows = rows?;
        for row in 0..rows.len() {
            let Some(place) = matches.find(match_name(rows.of_match(row)?), guess) else { continue };
            guess = place;
            let ((_, of), at) = matches.get(place)?;
            // The rows of a match are those that the run has written that it names.
            if let Some(lines) = of_matches.get_mut(place).filter(|_| of.lines_run(at) == rows.run(row)) {
                lines.push(rows.line(row)?);
            }
        }
    }
    let mut state = State::default();
    for (place, mut lines) in of_matches.into_iter().enumerate() {
        let ((_, rows), row) = matches.get(place)?;
        let mut known = rows.known(row)?;
        lines.sort_by(|one, other| (one.side, &one.id).cmp(&(other.side, &other.id)));
        known.entry.lines = lines;
        state.matches.insert(known.entry.id.clone(), known);
    }
    for place in 0..left.len() {
        let ((names, rows), row) = left.get(place)?;
        if let Some(left) = rows.left(row)? {
            state.exceptions.insert(names.place(row)?, left);
        }
    }
    Ok(state)
}
