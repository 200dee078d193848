//! What is known of runs, of rules and of what people have said, read back from the kept tables.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use chrono::DateTime;
use datafusion::execution::SessionState;

use super::cells::{needed, owned, primitives, text, texts, value};
use super::rows::side_of;
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
            let rows = Columns(&batch);
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
            let rows = Columns(&batch);
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
            let rows = Columns(&batch);
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
            let rows = Columns(&batch);
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

/// Rows of which single values are looked at, by name.
struct Columns<'a>(&'a RecordBatch);

impl Columns<'_> {
    fn text(&self, name: &str, row: usize) -> Result<Option<String>> {
        Ok(owned(&texts(self.0, name)?, row))
    }

    fn needed(&self, name: &str, row: usize) -> Result<String> {
        let texts = texts(self.0, name)?;
        needed(&texts, row).map(str::to_owned).map_err(|error| error.with("column", name))
    }

    fn number(&self, name: &str, row: usize) -> Result<Option<i64>> {
        Ok(value(&primitives::<Int64Type>(self.0, name)?, row))
    }

    fn day(&self, name: &str, row: usize) -> Result<Option<i32>> {
        Ok(value(&primitives::<Date32Type>(self.0, name)?, row))
    }

    fn side(&self, row: usize) -> Result<Option<Side>> {
        Ok(side_of(text(&texts(self.0, "side")?, row)))
    }

    fn decision(&self, row: usize, number: i64) -> Result<Decision> {
        let at = value(&primitives::<TimestampMicrosecondType>(self.0, "made_at")?, row).unwrap_or_default();
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
