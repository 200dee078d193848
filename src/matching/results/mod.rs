//! What rules have found, kept in the lake: schema `recon`.
//!
//! ```text
//!  outcome ─▶ found: values ──────────┐
//!  store ─▶ before: fingerprints ─────┴▶ sift: what is the same, and what is new
//!    ─▶ recall: what was known of the rest ─▶ record: what changes of it
//!    ─▶ conserve: does it add up ─▶ rows ─▶ store: details first, runs last
//!  tables: what is kept, and what is shown of it
//! ```
//!
//! Delta commits one table at a time, and what a run finds is in several. So the tables are only added to, each row names the
//! run that has written it, and a run is there when its row in `runs` is: that is its last commit. Whoever reads takes `runs`
//! first and then the others, so all rows of the runs that he sees are there; rows of any other run, which was killed or is
//! not at its end, he leaves out. A run writes what has changed since the last complete one and nothing else: what a thing
//! is now is told by the last complete run that has written it. A run that was killed has thus changed nothing; the next
//! one compares with the last complete one again, under an id of its own.
//!
//! Runs of a flow are numbered without gaps. The number is committed with the row in `runs` as a transaction of the flow's:
//! of two runs at the same time, which compare with the same run, only one comes to its end, and the other is an error that
//! says so. What people decide, and close, is kept likewise, in a table each whose commits are numbered; then it is told to
//! the table of the runs, so that a run which has begun before is an error as well, instead of going by less than was said.
//!
//! Small files are put together now and then, by a commit that changes no row: whoever reads an older version of a table, or
//! has begun a run on it, finds in it what he did before.
//!
//! A run that goes by all that the last one went by is not matched anew: it would find the same. Any other is, and where it
//! finds the same of the same all the same, only its row in `runs` is written as well, and says since when.

mod before;
mod cells;
mod conserve;
mod enter;
mod fingerprint;
mod found;
mod identity;
mod inputs;
mod newest;
mod read;
mod recall;
mod record;
mod rows;
mod sift;
mod state;
mod store;
pub mod tables;
mod tests_of;

#[cfg(test)]
mod shuffled;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use chrono::{DateTime, Utc};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::execution::SessionState;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::Transaction;
use sha2::{Digest, Sha256};

use super::known::{Hashes, Ran};
use super::outcome::Step;
use super::overrides::Overrides;
use super::sides::undated;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::delta::Note;
use crate::lake::maintain::{Tended, tend};
use crate::store::Location;
use conserve::{Assertion, conserved};
pub(super) use enter::numbered;
pub use enter::{Asked, Entered};
use found::Steps;
pub use identity::{Broken, Identity};
use read::Last;
use record::{Changes, ExceptionChange, Facts, MatchChange, record};
use rows::{Run, Told};
use sift::{Fates, Sifted};
use state::{After, Status};
use store::{Batches, Store};

/// Changes that are made rows at once.
const AT_ONCE: usize = 65_536;

/// What is kept of matching in a lake, which may be nothing yet.
#[derive(Debug, Clone)]
pub struct Results {
    store: Arc<Store>,
}

/// Runs that have begun: what they go by, and what they compare with.
#[derive(Debug)]
pub struct Begun {
    /// What people have decided.
    pub overrides: Overrides,
    /// The last day of the closed periods, by flow.
    closed: BTreeMap<String, i32>,
    /// The table of the runs as it was.
    runs: DeltaTable,
    /// The number of the last run and that of the last word of people, by flow.
    last: BTreeMap<String, (i64, i64)>,
    /// The last runs, by flow.
    runs_before: BTreeMap<String, Last>,
    started: DateTime<Utc>,
}

/// What else is to be known of runs.
#[derive(Debug, Clone, Copy)]
pub struct Occasion {
    /// The day that they are of, counted since 1970.
    pub as_of: i32,
    /// Where the time is from.
    pub clock: Clock,
    /// A number that no other run has.
    pub nonce: u64,
}

/// What was recorded of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The flow.
    pub flow: String,
    /// The number of the run.
    pub run: i64,
    /// The run that found the same of the same, where one did.
    pub unchanged_since: Option<i64>,
    /// Rows that are left.
    pub exceptions: i64,
    /// Matches that are new or stand again.
    pub created: i64,
    /// Matches that were withdrawn or superseded.
    pub withdrawn: i64,
    /// What identities of the books do not hold of.
    pub broken: i64,
}

impl Results {
    /// Those in the lake at a place.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when a table's name is none of a folder.
    pub fn at(location: &Location) -> Result<Self> {
        Ok(Self { store: Arc::new(Store::at(location)?) })
    }

    /// The schema of what is shown.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when two views have one name.
    pub fn schema(&self) -> Result<Arc<dyn SchemaProvider>> {
        let schema = MemorySchemaProvider::new();
        for view in &tables::VIEWS {
            schema.register_table(view.name.to_owned(), store::table(&self.store, view))?;
        }
        Ok(Arc::new(schema))
    }

    /// The kept tables, to be kept in shape, by the names that are shown: what was replaced can still be read for so many days.
    pub fn tended(&self, retention: u64) -> Vec<Tended<'_>> {
        self.store.tended(retention)
    }

    /// Puts the small files together that runs leave, where there are many.
    pub async fn tend(&self, retention: u64) {
        for table in self.tended(retention) {
            tend(&table).await;
        }
    }

    /// What people have decided.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when it cannot be read.
    pub async fn overrides(&self, state: &SessionState) -> Result<Overrides> {
        Ok(Overrides::new(self.store.decisions(state).await?))
    }

    /// Begins runs of flows: from here on, another run of one of them that comes to its end first makes these an error.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when the tables can neither be read nor made.
    pub async fn begin<'a>(&self, flows: impl IntoIterator<Item = &'a str>, state: &SessionState, clock: Clock) -> Result<Begun> {
        let runs = self.store.open(&tables::RUNS).await?;
        let (mut last, mut runs_before) = (BTreeMap::new(), BTreeMap::new());
        for flow in flows {
            let run = self.store.number(&tables::RUNS, &runs, &transaction(flow)).await?;
            let said = self.store.number(&tables::RUNS, &runs, &enter::said(flow)).await?;
            last.insert(flow.to_owned(), (run, said));
            if let Some(before) = self.store.last(state, flow).await?.filter(|before| before.run == run) {
                runs_before.insert(flow.to_owned(), before);
            }
        }
        let overrides = self.overrides(state).await?;
        let closed = self.store.closed(state).await?;
        Ok(Begun { overrides, closed, runs, last, runs_before, started: clock.now() })
    }

    /// Records what came of runs, flow by flow, each of which is there as a whole or not at all, and the identities of the books
    /// that were evaluated with it.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when somebody else has recorded one of the flows meanwhile, or decided or closed something of it;
    /// [`ErrorKind::Query`] when one has closed periods and rows of no known day; [`ErrorKind::Bug`] when what was
    /// found does not add up, [`ErrorKind::File`] when it cannot be written.
    pub async fn record(
        &self,
        begun: &Begun,
        ran: &Ran,
        identities: &[Identity],
        state: &SessionState,
        occasion: Occasion,
    ) -> Result<Vec<Recorded>> {
        let steps = ran.outcome.steps.chunk_by(|one, other| one.flow == other.flow);
        let mut of_flows: BTreeMap<&str, &[Step]> = ran.hashes.keys().map(|flow| (flow.as_str(), [].as_slice())).collect();
        of_flows.extend(steps.filter_map(|steps| Some((steps.first()?.flow.as_str(), steps))));
        let mut recorded = Vec::new();
        for (flow, steps) in of_flows {
            let goes_by = ran.hashes.get(flow).map(String::as_str);
            let told = match steps {
                [] => Self::again(begun, flow, occasion),
                _ => self.flow(begun, flow, steps, goes_by, state, occasion).await,
            };
            let of_books = identities.iter().filter(|identity| identity.flow == flow).flat_map(Identity::assertions).collect();
            let done = match told {
                Ok(told) => self.end(begun, flow, &told, of_books, occasion).await,
                Err(error) => Err(error),
            };
            recorded.push(done.map_err(|error| error.with_missing("flow", flow))?);
        }
        Ok(recorded)
    }

    /// What is told of a run of a flow that goes by all that the last one went by.
    fn again(begun: &Begun, flow: &str, occasion: Occasion) -> Result<Told> {
        let before =
            begun.runs_before.get(flow).ok_or_else(|| Error::bug("a flow was not run, and none of its runs is known"))?;
        let Last { counts: [matched, suggested, exceptions, out_of_scope], .. } = before.clone();
        Ok(Told {
            as_of: before.as_of,
            started: begun.started,
            ended: occasion.clock.now(),
            unchanged_since: Some(before.unchanged_since.unwrap_or(before.run)),
            counts: [matched, suggested, exceptions, out_of_scope, 0, 0],
            rules: before.rules.clone(),
            inputs: before.inputs.clone(),
            decisions: before.decisions.clone(),
            goes_by: before.goes_by.clone(),
        })
    }

    /// Adds what identities of the books come to, which are of rows that no rule may read and so are told of each run that
    /// evaluates them, and then the row of the run, with which it is there.
    async fn end(
        &self,
        begun: &Begun,
        flow: &str,
        told: &Told,
        of_books: Vec<Assertion>,
        occasion: Occasion,
    ) -> Result<Recorded> {
        let (last, said) = begun.last.get(flow).copied().unwrap_or_default();
        let number = last.saturating_add(1);
        let id = run_id(flow, number, occasion.nonce);
        let run = Run { id: &id, flow, number };
        if !of_books.is_empty() {
            self.store.add_all([&tables::ASSERTIONS], once(rows::assertions(run, &of_books)?)).await?;
        }
        let row = rows::run(run, told)?;
        // What people have said since the run began has a number of its own: the run has not heard it, and fails.
        let numbered = vec![Transaction::new(transaction(flow), number), Transaction::new(enter::said(flow), said)];
        self.store.add(&tables::RUNS, &begun.runs, row, numbered, Note::new()).await?;
        let ([_, _, exceptions, _, created, withdrawn], unchanged_since) = (told.counts, told.unchanged_since);
        let broken = of_books.iter().filter(|assertion| !assertion.is_passed).count();
        let broken = i64::try_from(broken).unwrap_or(i64::MAX);
        Ok(Recorded { flow: flow.to_owned(), run: number, unchanged_since, exceptions, created, withdrawn, broken })
    }

    async fn flow(
        &self,
        begun: &Begun,
        flow: &str,
        steps: &[Step],
        goes_by: Option<&str>,
        state: &SessionState,
        occasion: Occasion,
    ) -> Result<Told> {
        let last = self.store.last(state, flow).await?;
        let (number, _) = begun.last.get(flow).copied().unwrap_or_default();
        if last.as_ref().map_or(0, |last| last.run) != number {
            return Err(Error::new(ErrorKind::Conflict, "somebody else has recorded a run of the flow meanwhile")
                .hint("run it again: it goes on from what is there"));
        }
        let number = number.saturating_add(1);
        let id = run_id(flow, number, occasion.nonce);
        let (run, decided, closed) = (Run { id: &id, flow, number }, begun.overrides.of(flow), begun.closed.get(flow).copied());
        if let (Some(_), Some(table)) = (closed, steps.iter().flat_map(|step| &step.tables).find(|table| !table.is_dated())) {
            return Err(undated(table.name()));
        }
        let versions: BTreeSet<String> = steps.iter().flat_map(|step| &step.rules).map(|rule| rule.version.clone()).collect();
        let known_versions = self.store.versions(state, flow).await?;
        let new_versions = versions.difference(&known_versions).cloned().collect();
        let facts = Facts {
            run: number,
            run_id: &id,
            as_of: occasion.as_of,
            closed,
            decided,
            versions: &versions,
            new_versions: &new_versions,
            now: &Steps(steps),
        };
        let before = self.store.before(state, flow).await?;
        let (mut sifted, wanted, mut found) = Sifted::of(steps, &before, closed.is_some())?;
        drop(before);
        let previous = self.store.recall(state, flow, &wanted).await?;
        sifted.weigh(&previous, &mut found)?;
        let changes = record(&previous, found, &facts);
        let after = previous.after(&changes);
        let (assertions, counts) = (conserved(&sifted, &after)?, counts(&sifted, &after, &changes));
        let mut told = Told {
            as_of: occasion.as_of,
            started: begun.started,
            ended: occasion.clock.now(),
            unchanged_since: None,
            counts,
            rules: inputs::rules(steps),
            inputs: inputs::rows(steps)?,
            decisions: inputs::decisions(decided, closed),
            goes_by: goes_by.map(str::to_owned),
        };
        if changes.is_empty() && !sifted.has_new() {
            told.unchanged_since = unchanged_since(last.as_ref(), &told);
        }
        if told.unchanged_since.is_none() {
            let versions = rows::rule_versions(run, steps, &new_versions, begun.started)?;
            self.store.add_all([&tables::RULE_VERSIONS], once(versions)).await?;
            let of_matches = |changes: &[MatchChange]| Ok([rows::match_lines(run, changes)?, rows::matches(run, changes)?]);
            let matches = changes.matches.chunks(AT_ONCE).map(of_matches);
            let matches = matches.chain(sifted.created(&facts, AT_ONCE).map(|created| of_matches(&created?)));
            self.store.add_all([&tables::MATCH_LINES, &tables::MATCHES], Box::new(matches)).await?;
            let of_left = |changes: &[ExceptionChange]| Ok([rows::exceptions(run, changes)?]);
            let left = changes.exceptions.chunks(AT_ONCE).map(of_left);
            let left = left.chain(sifted.newly_left(&facts, AT_ONCE).map(|left| of_left(&left?)));
            self.store.add_all([&tables::EXCEPTIONS], Box::new(left)).await?;
            self.store.add_all([&tables::ASSERTIONS], once(rows::assertions(run, &assertions)?)).await?;
        }
        Ok(told)
    }
}

impl Begun {
    /// What the last runs of flows went by, where a run of the same that goes by it still would change nothing: it is of the
    /// same day and under the same decisions, and no period is closed.
    pub fn known(&self, as_of: i32) -> Hashes {
        let is_same = |flow: &str, before: &Last| {
            let closed = self.closed.get(flow).copied();
            let decisions = inputs::decisions(self.overrides.of(flow), closed);
            before.as_of == as_of && closed.is_none() && before.decisions == decisions
        };
        let same = self.runs_before.iter().filter(|(flow, before)| is_same(flow, before));
        same.filter_map(|(flow, before)| Some((flow.clone(), before.goes_by.clone()?))).collect()
    }
}

fn once(rows: RecordBatch) -> Batches<'static, 1> {
    Box::new(std::iter::once(Ok([rows])))
}

/// The transactions that number the runs of a flow.
fn transaction(flow: &str) -> String {
    format!("ckosql/recon/runs/{flow}")
}

fn run_id(flow: &str, number: i64, nonce: u64) -> String {
    let hash = Sha256::new().chain_update(flow).chain_update(number.to_le_bytes()).chain_update(nonce.to_le_bytes()).finalize();
    format!("run_{}", hex::encode(hash.first_chunk::<8>().unwrap_or(&[0; 8])))
}

/// Matched, suggested, exceptions, out of scope, created, withdrawn.
fn counts(sifted: &Sifted<'_>, after: &After<'_>, changes: &Changes) -> [i64; 6] {
    let count = |many: usize| i64::try_from(many).unwrap_or(i64::MAX);
    let of = |wanted: Status| {
        let settled = sifted.0.iter().flat_map(|fates| fates.settled(wanted)).count();
        count(settled + after.matches.values().filter(|known| known.entry.status == wanted).count())
    };
    let left = |is_out: bool| {
        let settled = sifted.0.iter().flat_map(Fates::settled_open).filter(|open| open.is_out_of_scope() == is_out).count();
        count(settled + after.exceptions.values().filter(|left| left.why.is_out_of_scope == is_out).count())
    };
    let happened = |events: &[&str]| changes.matches.iter().filter(|change| events.contains(&change.event)).count();
    let created = happened(&[record::CREATED, record::RESTORED, record::CONFIRMED]) + sifted.count_created();
    let withdrawn = happened(&[record::WITHDRAWN, record::SUPERSEDED]);
    [of(Status::Confirmed), of(Status::Suggested), left(false), left(true), count(created), count(withdrawn)]
}

/// The run since which nothing has changed, where this one finds the same of the same.
fn unchanged_since(last: Option<&Last>, told: &Told) -> Option<i64> {
    let last = last?;
    let is_same =
        last.as_of == told.as_of && last.rules == told.rules && last.inputs == told.inputs && last.decisions == told.decisions;
    is_same.then(|| last.unchanged_since.unwrap_or(last.run))
}
