//! What is known of runs, of rules and of what people have said, read back from the kept tables.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use chrono::DateTime;
use datafusion::execution::SessionState;

use super::rows::side;
use super::store::Store;
use super::tables;
use crate::error::{Error, Result};
use crate::matching::assign::Side;
use crate::matching::overrides::{Action, Decision, Rows};

/// The last run of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) run: i64,
    pub(super) as_of: i32,
    pub(super) unchanged_since: Option<i64>,
    /// Matched, suggested, exceptions, out of scope.
    pub(super) counts: [i64; 4],
    pub(super) rules: String,
    pub(super) inputs: String,
    pub(super) decisions: Option<String>,
    pub(super) goes_by: Option<String>,
}

/// What complete runs have told.
const VERSIONS: &str = "select flow, rule_version from kept.rule_versions where run_id in (select run_id from kept.runs)";
const RUNS: &str = "select * from kept.runs";
const DECISIONS: &str = "select * from kept.overrides";
const CLOSES: &str = "select * from kept.closes";

impl Store {
    /// The last run of a flow, where there was one.
    pub(super) async fn last(&self, state: &SessionState, flow: &str) -> Result<Option<Last>> {
        let mut last: Option<Last> = None;
        for batch in self.ask(state, &[&tables::RUNS], RUNS, flow).await? {
            let rows = Columns::of(&batch);
            for row in 0..batch.num_rows() {
                let run = rows.number("run", row)?.unwrap_or_default();
                if last.as_ref().is_none_or(|last| last.run < run) {
                    let count = |name: &str| Ok::<_, Error>(rows.number(name, row)?.unwrap_or_default());
                    last = Some(Last {
                        run,
                        as_of: rows.day("as_of", row)?.unwrap_or_default(),
                        unchanged_since: rows.number("unchanged_since", row)?,
                        counts: [count("matched")?, count("suggested")?, count("exceptions")?, count("out_of_scope")?],
                        rules: rows.needed("rules", row)?,
                        inputs: rows.needed("inputs", row)?,
                        decisions: rows.text("decisions", row)?,
                        goes_by: rows.text("goes_by", row)?,
                    });
                }
            }
        }
        Ok(last)
    }

    /// The versions of rules that have run.
    pub(super) async fn versions(&self, state: &SessionState, flow: &str) -> Result<BTreeSet<String>> {
        let mut versions = BTreeSet::new();
        for batch in self.ask(state, &[&tables::RUNS, &tables::RULE_VERSIONS], VERSIONS, flow).await? {
            let rows = Columns::of(&batch);
            for row in 0..batch.num_rows() {
                versions.insert(rows.needed("rule_version", row)?);
            }
        }
        Ok(versions)
    }

    /// All that people have decided, of all flows.
    pub(super) async fn decisions(&self, state: &SessionState) -> Result<Vec<Decision>> {
        let mut decisions: BTreeMap<i64, (Decision, [Vec<String>; 2])> = BTreeMap::new();
        for batch in self.session(state, &[&tables::OVERRIDES]).await?.sql(DECISIONS).await?.collect().await? {
            let rows = Columns::of(&batch);
            for row in 0..batch.num_rows() {
                let number = rows.number("override_id", row)?.unwrap_or_default();
                let (decision, ids) = match decisions.entry(number) {
                    std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                    std::collections::btree_map::Entry::Vacant(new) => {
                        new.insert((rows.decision(row, number)?, Default::default()))
                    }
                };
                if let (Some(side), Some(id)) = (rows.side(row)?, rows.text("line_id", row)?) {
                    let place = usize::from(side == Side::Right);
                    if let (Some(ids), Some(of)) = (ids.get_mut(place), decision.rows.get_mut(place)) {
                        ids.push(id);
                        of.table = rows.text("table", row)?.unwrap_or_default();
                    }
                }
            }
        }
        let whole = |(mut decision, [left, right]): (Decision, [Vec<String>; 2])| {
            let [left_of, right_of] = decision.rows.clone().map(|of| of.table);
            decision.rows = [Rows::new(left_of, left), Rows::new(right_of, right)];
            decision
        };
        Ok(decisions.into_values().map(whole).collect())
    }

    /// The last day of the closed periods, by flow.
    pub(super) async fn closed(&self, state: &SessionState) -> Result<BTreeMap<String, i32>> {
        let mut closed: BTreeMap<String, (i64, i32)> = BTreeMap::new();
        for batch in self.session(state, &[&tables::CLOSES]).await?.sql(CLOSES).await?.collect().await? {
            let rows = Columns::of(&batch);
            for row in 0..batch.num_rows() {
                let number = rows.number("close_id", row)?.unwrap_or_default();
                let through = rows.day("through", row)?.unwrap_or(i32::MIN);
                let last = closed.entry(rows.needed(tables::FLOW, row)?).or_insert((number, through));
                if last.0 < number {
                    *last = (number, through);
                }
            }
        }
        Ok(closed.into_iter().map(|(flow, (_, through))| (flow, through)).collect())
    }
}

/// The columns of rows, by name.
struct Columns<'a>(HashMap<&'a str, &'a ArrayRef>);

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let names = batch.schema_ref().fields().iter().map(|field| field.name().as_str());
        Self(names.zip(batch.columns()).collect())
    }

    fn column(&self, name: &str) -> Result<&'a ArrayRef> {
        self.0.get(name).copied().ok_or_else(|| Error::bug("a kept table has lost a column").with("column", name))
    }

    fn str(&self, name: &str, row: usize) -> Result<Option<&'a str>> {
        let texts = self.column(name)?.as_string_opt::<i32>().ok_or_else(|| unlike(name))?;
        Ok(texts.is_valid(row).then(|| texts.value(row)))
    }

    fn text(&self, name: &str, row: usize) -> Result<Option<String>> {
        Ok(self.str(name, row)?.map(str::to_owned))
    }

    fn needed(&self, name: &str, row: usize) -> Result<String> {
        self.text(name, row)?.ok_or_else(|| Error::bug("a kept row has nothing where something must be").with("column", name))
    }

    fn number(&self, name: &str, row: usize) -> Result<Option<i64>> {
        let numbers = self.column(name)?.as_primitive_opt::<Int64Type>().ok_or_else(|| unlike(name))?;
        Ok(numbers.is_valid(row).then(|| numbers.value(row)))
    }

    fn day(&self, name: &str, row: usize) -> Result<Option<i32>> {
        let days = self.column(name)?.as_primitive_opt::<Date32Type>().ok_or_else(|| unlike(name))?;
        Ok(days.is_valid(row).then(|| days.value(row)))
    }

    fn side(&self, row: usize) -> Result<Option<Side>> {
        let word = self.str("side", row)?;
        Ok([Side::Left, Side::Right].into_iter().find(|of| word == Some(side(*of))))
    }

    fn decision(&self, row: usize, number: i64) -> Result<Decision> {
        let at = self.column("made_at")?.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(|| unlike("made_at"))?;
        let at = if at.is_valid(row) { at.value(row) } else { 0 };
        Ok(Decision {
            number,
            at: DateTime::from_timestamp_micros(at).unwrap_or_default(),
            by: self.needed("who", row)?,
            flow: self.needed(tables::FLOW, row)?,
            action: Action::of(&self.needed("action", row)?)?,
            rows: Default::default(),
            why: self.text("why", row)?.unwrap_or_default(),
            account: self.text("account", row)?,
            retracts: self.number("retracts", row)?,
            owner: self.text("owner", row)?,
        })
    }
}

fn unlike(column: &str) -> Error {
    Error::bug("a column of a kept table is of another type").with("column", column)
}
