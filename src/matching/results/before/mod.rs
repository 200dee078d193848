//! What is known of a flow, as it lies in the kept tables: a match, or a row that is left, is found by its name there, and is
//! made a value when it is looked at. Of a million matches nearly all are found again as they are.

mod columns;
mod newest;

use arrow::array::RecordBatch;
use datafusion::execution::SessionState;
use futures::FutureExt;

use super::state::{Known, Left, Place};
use super::store::Store;
use super::tables;
use crate::error::{Error, Result};
use columns::{Exceptions, Lines, Matches};
use newest::{At, Newest};

/// What complete runs have told of matches, and of rows: of each the last word counts.
const MATCHES: &str = "select * from kept.matches where run_id in (select run_id from kept.runs)";
const LINES: &str = "select * from kept.match_lines where run_id in (select run_id from kept.runs)";
const EXCEPTIONS: &str = "select * from kept.exceptions where run_id in (select run_id from kept.runs)";

/// What is known of a flow.
#[derive(Debug, Default)]
pub(super) struct Before {
    matches: Newest<Matches>,
    left: Newest<Exceptions>,
    lines: Vec<Lines>,
    /// The rows of matches, match by match.
    of_matches: Vec<At>,
    /// Where those of each match end.
    ends: Vec<usize>,
}

impl Store {
    /// What is known of a flow.
    pub(super) async fn before(&self, state: &SessionState, flow: &str) -> Result<Before> {
        let told = |kept, sql| async move { self.ask(state, &[&tables::RUNS, kept], sql, flow).await }.boxed();
        let (matches, lines, left) = futures::try_join!(
            told(&tables::MATCHES, MATCHES),
            told(&tables::MATCH_LINES, LINES),
            told(&tables::EXCEPTIONS, EXCEPTIONS)
        )?;
        Before::of(&matches, &lines, &left)
    }
}

impl Before {
    /// What rows of the kept tables tell.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when they are of other tables.
    pub(super) fn of(matches: &[RecordBatch], lines: &[RecordBatch], left: &[RecordBatch]) -> Result<Self> {
        let matches = Newest::of(matches.iter().map(Matches::of).collect::<Result<_>>()?)?;
        let left = Newest::of(left.iter().map(Exceptions::of).collect::<Result<_>>()?)?;
        let lines: Vec<Lines> = lines.iter().map(Lines::of).collect::<Result<_>>()?;
        // The rows of a match are those that the run has written that it names.
        let mut found: Vec<(usize, At)> = Vec::with_capacity(lines.iter().map(Lines::len).sum());
        for (batch, rows) in lines.iter().enumerate() {
            // The rows of a match mostly lie side by side.
            let mut last: Option<(&str, Option<usize>)> = None;
            for row in 0..rows.len() {
                let id = rows.of_match(row)?;
                let (_, place) = *match &last {
                    Some(known) if known.0 == id => known,
                    _ => last.insert((id, matches.find((0, "", id)))),
                };
                let Some(place) = place else { continue };
                let (of, at) = matches.get(place)?;
                if of.lines_run(at) == rows.run(row) {
                    found.push((place, At { batch, row }));
                }
            }
        }
        let mut ends = vec![0; matches.len()];
        found.iter().for_each(|(place, _)| count(&mut ends, *place));
        let mut end = 0;
        for many in &mut ends {
            (*many, end) = (end, end + *many);
        }
        let mut of_matches = vec![At::default(); found.len()];
        for (place, line) in found {
            if let Some(free) = ends.get(place).and_then(|free| of_matches.get_mut(*free)) {
                *free = line;
            }
            count(&mut ends, place);
        }
        Ok(Self { matches, left, lines, of_matches, ends })
    }

    /// The place of a match among those that are known.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.matches.find((0, "", id))
    }

    /// How many matches are known.
    pub(super) fn matches(&self) -> usize {
        self.matches.len()
    }

    /// Whether a match stands.
    pub(super) fn is_live(&self, place: usize) -> Result<bool> {
        let (rows, row) = self.matches.get(place)?;
        Ok(rows.is_live(row))
    }

    /// A match.
    pub(super) fn known(&self, place: usize) -> Result<Known> {
        let (rows, row) = self.matches.get(place)?;
        let mut known = rows.known(row)?;
        let end = |place: usize| self.ends.get(place).copied().unwrap_or_default();
        let begin = place.checked_sub(1).map_or(0, end);
        for At { batch, row } in self.of_matches.get(begin..end(place)).unwrap_or_default() {
            let rows = self.lines.get(*batch).ok_or_else(|| Error::bug("a row of a match is not there"))?;
            known.entry.lines.push(rows.line(*row)?);
        }
        known.entry.lines.sort_by(|one, other| (one.side, &one.id).cmp(&(other.side, &other.id)));
        Ok(known)
    }

    /// The place of a row among those that have been left.
    pub(super) fn find_left(&self, place: &Place) -> Option<usize> {
        self.left.find((i64::from(place.hop), &place.table, &place.id))
    }

    /// How many rows have been left.
    pub(super) fn left(&self) -> usize {
        self.left.len()
    }

    /// A row that has been left; without a reason where it is no more.
    pub(super) fn known_left(&self, place: usize) -> Result<(Place, Option<Left>)> {
        let (rows, row) = self.left.get(place)?;
        Ok((rows.place(row)?, rows.left(row)?))
    }
}

fn count(many: &mut [usize], place: usize) {
    if let Some(many) = many.get_mut(place) {
        *many += 1;
    }
}
