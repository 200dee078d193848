//! What is known of a flow, read back from the kept tables.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use chrono::DateTime;
use datafusion::execution::SessionState;

use super::rows::{OUT_OF_SCOPE, side};
use super::state::{Entry, Known, Left, Line, Place, Rest, State, Status, Values, Why};
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

/// What the last complete run has left of each match, and of each row.
const MATCHES: &str = "select * from (select *, row_number() over (partition by flow, match_id order by run desc) as newest from \
                       kept.matches where run_id in (select run_id from kept.runs)) where newest = 1";
const LINES: &str = "select * from kept.match_lines where run_id in (select run_id from kept.runs)";
const EXCEPTIONS: &str = "select * from (select *, row_number() over (partition by flow, hop, \"table\", line_id order by run desc) \
                          as newest from kept.exceptions where run_id in (select run_id from kept.runs)) where newest = 1 and \
                          scope is not null";
const VERSIONS: &str = "select flow, rule_version from kept.rule_versions where run_id in (select run_id from kept.runs)";
const RUNS: &str = "select * from kept.runs";
const DECISIONS: &str = "select * from kept.overrides";
const CLOSES: &str = "select * from kept.closes";

impl Store {
    /// What is known of a flow.
    pub(super) async fn known(&self, state: &SessionState, flow: &str) -> Result<State> {
        let mut known = State::default();
        let mut lines = self.lines(state, flow).await?;
        for batch in self.ask(state, &[&tables::RUNS, &tables::MATCHES], MATCHES, flow).await? {
            let rows = Columns(&batch);
            for row in 0..batch.num_rows() {
                let (id, lines_run) = (rows.needed("match_id", row)?, rows.needed("lines_run_id", row)?);
                let mut lines = lines.remove(&(id.clone(), lines_run.clone())).unwrap_or_default();
                lines.sort_by(|one, other| (one.side, &one.id).cmp(&(other.side, &other.id)));
                known.matches.insert(id.clone(), rows.known(row, id, lines, lines_run)?);
            }
        }
        for batch in self.ask(state, &[&tables::RUNS, &tables::EXCEPTIONS], EXCEPTIONS, flow).await? {
            let rows = Columns(&batch);
            for row in 0..batch.num_rows() {
                let place = Place { hop: rows.hop(row)?, table: rows.needed("table", row)?, id: rows.needed("line_id", row)? };
                known.exceptions.insert(place, rows.left(row)?);
            }
        }
        Ok(known)
    }

    /// The rows of matches, by match and the run that has written them.
    async fn lines(&self, state: &SessionState, flow: &str) -> Result<BTreeMap<(String, String), Vec<Line>>> {
        let mut lines: BTreeMap<(String, String), Vec<Line>> = BTreeMap::new();
        for batch in self.ask(state, &[&tables::RUNS, &tables::MATCH_LINES], LINES, flow).await? {
            let rows = Columns(&batch);
            for row in 0..batch.num_rows() {
                let line = Line {
                    side: rows.side(row)?.unwrap_or(Side::Left),
                    table: rows.needed("table", row)?,
                    id: rows.needed("line_id", row)?,
                    values: rows.values("allocated_amount", row)?,
                    compared_day: rows.day("compared_day", row)?,
                };
                lines.entry((rows.needed("match_id", row)?, rows.needed("run_id", row)?)).or_default().push(line);
            }
        }
        Ok(lines)
    }

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

/// The columns of rows, by name.
struct Columns<'a>(&'a RecordBatch);

impl Columns<'_> {
    fn column(&self, name: &str) -> Result<&ArrayRef> {
        self.0.column_by_name(name).ok_or_else(|| Error::bug("a kept table has lost a column").with("column", name))
    }

    fn text(&self, name: &str, row: usize) -> Result<Option<String>> {
        let column = self.column(name)?;
        let texts = column.as_string_opt::<i32>().ok_or_else(|| unlike(name))?;
        Ok(texts.is_valid(row).then(|| texts.value(row).to_owned()))
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

    fn amount(&self, name: &str, row: usize) -> Result<Option<i128>> {
        let amounts = self.column(name)?.as_primitive_opt::<Decimal128Type>().ok_or_else(|| unlike(name))?;
        Ok(amounts.is_valid(row).then(|| amounts.value(row)))
    }

    fn flag(&self, name: &str, row: usize) -> Result<bool> {
        let flags = self.column(name)?.as_boolean_opt().ok_or_else(|| unlike(name))?;
        Ok(flags.is_valid(row) && flags.value(row))
    }

    fn hop(&self, row: usize) -> Result<u32> {
        let hop = self.number("hop", row)?.and_then(|hop| u32::try_from(hop).ok());
        hop.ok_or_else(|| Error::bug("a hop that is no number of one"))
    }

    fn side(&self, row: usize) -> Result<Option<Side>> {
        let word = self.text("side", row)?;
        Ok([Side::Left, Side::Right].into_iter().find(|of| word.as_deref() == Some(side(*of))))
    }

    fn values(&self, amount: &str, row: usize) -> Result<Values> {
        let (amount, currency) = (self.amount(amount, row)?, self.text("currency", row)?);
        Ok(Values { amount, currency, day: self.day("day", row)? })
    }

    fn known(&self, row: usize, id: String, lines: Vec<Line>, lines_run: String) -> Result<Known> {
        let status = self.needed("status", row)?;
        let rest = match (self.text("residual_kind", row)?, self.amount("residual_amount", row)?) {
            (Some(kind), Some(amount)) => Some(Rest {
                kind,
                amount,
                currency: self.text("residual_currency", row)?.unwrap_or_default(),
                account: self.text("residual_account", row)?,
            }),
            _ => None,
        };
        Ok(Known {
            entry: Entry {
                id,
                hop: self.hop(row)?,
                rule: self.needed("rule_id", row)?,
                version: self.needed("rule_version", row)?,
                status: Status::of(&status).ok_or_else(|| Error::bug("a match of no status").with("status", status))?,
                score: self.number("score", row)?,
                why: self.text("why", row)?,
                rest,
                decision: self.number("override_id", row)?,
                lines,
            },
            first_run: self.number("first_run", row)?.unwrap_or_default(),
            first_seen: self.day("first_seen", row)?.unwrap_or_default(),
            last_run: self.number("last_run", row)?,
            is_kept: self.flag("is_kept", row)?,
            superseded_by: self.text("superseded_by", row)?,
            lines_run,
        })
    }

    fn left(&self, row: usize) -> Result<Left> {
        Ok(Left {
            why: Why {
                is_out_of_scope: self.text("scope", row)?.as_deref() == Some(OUT_OF_SCOPE),
                reason: self.needed("reason_code", row)?,
                rule: self.text("rule_id", row)?,
                detail: self.text("detail", row)?,
                candidate_table: self.text("candidate_table", row)?,
                candidate_count: self.number("candidate_count", row)?.unwrap_or_default(),
                candidates: self.text("candidate_ids", row)?,
                values: self.values("amount", row)?,
            },
            first_run: self.number("first_run", row)?.unwrap_or_default(),
            first_seen: self.day("first_seen", row)?.unwrap_or_default(),
        })
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
        })
    }
}

fn unlike(column: &str) -> Error {
    Error::bug("a column of a kept table is of another type").with("column", column)
}
