//! What people enter: decisions of rows, and the closing of periods.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use datafusion::execution::SessionState;
use deltalake_core::kernel::Transaction;

use super::{Results, rows, tables};
use crate::error::{Error, ErrorKind, Result};
use crate::lake::delta::Note;
use crate::matching::overrides::{Action, Decision, Rows};

/// The transactions that number decisions and closings.
const DECISIONS: &str = "ckosql/recon/overrides";
const CLOSES: &str = "ckosql/recon/closes";

/// How often it is tried to tell runs of what is said.
const MOST_TRIES: u32 = 20;

/// The transactions that number what people say of a flow, in the table of the runs.
pub(super) fn said(flow: &str) -> String {
    format!("ckosql/recon/said/{flow}")
}

/// An override as a person says it: by ids, and by tables only where the flow has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What is decided.
    pub action: Action,
    /// The flow.
    pub flow: String,
    /// The ids of the left and of the right side.
    pub ids: [Vec<String>; 2],
    /// The tables of both sides, as the rules name them, where they are said.
    pub tables: [Option<String>; 2],
    /// Why.
    pub why: String,
    /// Who, where it is said.
    pub who: Option<String>,
    /// Where a difference is written off to.
    pub account: Option<String>,
    /// The decision that no longer counts.
    pub retracts: Option<i64>,
    /// Who is to see to the rows.
    pub owner: Option<String>,
}

/// The columns of a CSV file of overrides.
const CSV: [&str; 11] = ["action", "flow", "left", "right", "why", "who", "left_table", "right_table", "account", "id", "owner"];
/// Those of them that must be there.
const NEEDED: [&str; 5] = ["action", "flow", "left", "right", "why"];
/// The same in a case of a rule, whose flow is known.
const NEEDED_IN_CASE: [&str; 3] = ["action", "left", "right"];
/// Why, where a case does not say it.
const BY_CASE: &str = "the case says so";

impl Asked {
    /// The overrides of a CSV file, whose first line names the columns; several ids have blanks between them.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] that says in which line what is wrong.
    pub fn of_csv(bytes: &[u8]) -> Result<Vec<Self>> {
        Self::read(bytes, &NEEDED, "")
    }

    /// The overrides of a case of a rule: the same columns, of which the flow and the reason may be left out.
    ///
    /// # Errors
    /// Those of [`of_csv`](Self::of_csv).
    pub(in crate::matching) fn of_case(bytes: &[u8], flow: &str) -> Result<Vec<Self>> {
        Self::read(bytes, &NEEDED_IN_CASE, flow)
    }

    fn read(bytes: &[u8], needed: &[&'static str], of_flow: &str) -> Result<Vec<Self>> {
        let unread = |error| Error::new(ErrorKind::Query, "overrides cannot be read as CSV").caused_by(error);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let header = reader.headers().map_err(unread)?.clone();
        let wrong = |what, column: &str| {
            Error::new(ErrorKind::Query, what).with("column", column).hint(format!("the columns are {}", CSV.join(", ")))
        };
        if let Some(unknown) = header.iter().find(|name| !CSV.contains(name)) {
            return Err(wrong("overrides have no such column", unknown));
        }
        if let Some(missing) = needed.iter().find(|needed| !header.iter().any(|name| name == **needed)) {
            return Err(wrong("overrides lack a column", missing));
        }
        let mut asked = Vec::new();
        for record in reader.records() {
            let record = record.map_err(unread)?;
            let line = record.position().map_or(0, csv::Position::line);
            let value = |name: &str| {
                let place = header.iter().position(|known| known == name)?;
                record.get(place).filter(|value| !value.is_empty()).map(str::to_owned)
            };
            let ids = |name: &str| value(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
            let given = |name: &'static str, otherwise: &str| {
                let otherwise = (!needed.contains(&name)).then(|| otherwise.to_owned());
                value(name).or(otherwise).ok_or_else(|| wrong("an override lacks a value", name).with("line", line))
            };
            let number = |text: String| {
                let wrong = || wrong("the id of an override is a number", "id").with("line", line).with("value", &text);
                text.parse().map_err(|error: std::num::ParseIntError| wrong().caused_by(error))
            };
            asked.push(Self {
                action: Action::of(&given("action", "")?).map_err(|error| error.with("line", line))?,
                flow: given("flow", of_flow)?,
                ids: [ids("left"), ids("right")],
                tables: [value("left_table"), value("right_table")],
                why: given("why", BY_CASE)?,
                who: value("who"),
                account: value("account"),
                retracts: value("id").map(number).transpose()?,
                owner: value("owner"),
            });
        }
        Ok(asked)
    }

    /// The decision that it is, of a flow whose rules have these tables on their sides.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the flow has several tables on a side and none is said, or not the one that is.
    pub fn decision(self, sides: [&BTreeSet<String>; 2], by: &Entered) -> Result<Decision> {
        let mut rows: [Rows; 2] = Default::default();
        let named = [("left", "--left-table"), ("right", "--right-table")];
        for ((((rows, ids), table), known), (side, option)) in
            rows.iter_mut().zip(self.ids).zip(self.tables).zip(sides).zip(named)
        {
            let wrong = |what| {
                let error = Error::new(ErrorKind::Usage, what).with("flow", &self.flow).with("side", side);
                error.hint(format!("say {option}: {}", known.iter().map(String::as_str).collect::<Vec<_>>().join(" or ")))
            };
            if ids.is_empty() {
                continue;
            }
            let table = match table {
                Some(table) if known.contains(&table) => table,
                Some(table) => return Err(wrong("no rule of the flow has this table on this side").with("table", table)),
                None if known.len() == 1 => known.iter().next().cloned().unwrap_or_default(),
                None => return Err(wrong("the rules of the flow have several tables on this side, or none")),
            };
            *rows = Rows::new(table, ids);
        }
        Ok(Decision {
            number: 0,
            at: by.at,
            by: self.who.unwrap_or_else(|| by.who.clone()),
            flow: self.flow,
            action: self.action,
            rows,
            why: self.why,
            account: self.account,
            retracts: self.retracts,
            owner: self.owner,
        })
    }
}

/// Who enters something, and when.
#[derive(Debug, Clone)]
pub struct Entered {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub who: String,
}

impl Results {
    /// Keeps decisions, all of them or none, and gives the number of the first. Their own numbers are not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when one retracts what there is not, or is of no rows; [`ErrorKind::Conflict`] when somebody else
    /// has decided something at the same time; [`ErrorKind::File`] when they cannot be kept.
    pub async fn decide(&self, mut decisions: Vec<Decision>, state: &SessionState) -> Result<i64> {
        let table = self.store.open(&tables::OVERRIDES).await?;
        let last = self.store.number(&tables::OVERRIDES, &table, DECISIONS).await?;
        let known: BTreeMap<i64, Decision> =
            self.store.decisions(state).await?.into_iter().map(|decision| (decision.number, decision)).collect();
        let number = numbered(&mut decisions, last, &known)?;
        let rows = rows::decisions(&decisions)?;
        self.store.add(&tables::OVERRIDES, &table, rows, vec![Transaction::new(DECISIONS, number)], Note::new()).await?;
        for flow in decisions.iter().map(|decision| decision.flow.as_str()).collect::<BTreeSet<_>>() {
            self.tell_runs(flow).await?;
        }
        Ok(last + 1)
    }

    /// Closes the periods of a flow through a day, counted since 1970.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when that would open what is closed and it is not to be; [`ErrorKind::Conflict`] when somebody else
    /// has closed something at the same time; [`ErrorKind::File`] when it cannot be kept.
    pub async fn close(&self, flow: &str, through: i32, may_reopen: bool, by: &Entered, state: &SessionState) -> Result<()> {
        let table = self.store.open(&tables::CLOSES).await?;
        let closed = self.store.closed(state).await?.get(flow).copied();
        if closed.is_some_and(|closed| through < closed) && !may_reopen {
            return Err(Error::new(ErrorKind::Query, "a later day is closed already")
                .with("flow", flow)
                .with("closed through", closed.and_then(chrono::NaiveDate::from_epoch_days).unwrap_or_default())
                .hint("add --reopen to open what lies after the day again"));
        }
        let number = self.store.number(&tables::CLOSES, &table, CLOSES).await? + 1;
        let row = rows::close(number, by.at, &by.who, flow, through)?;
        self.store.add(&tables::CLOSES, &table, row, vec![Transaction::new(CLOSES, number)], Note::new()).await?;
        self.tell_runs(flow).await
    }

    /// Has runs of a flow that have begun come to nothing, as they have not heard what is said now.
    async fn tell_runs(&self, flow: &str) -> Result<()> {
        let mut tried = 0;
        loop {
            let runs = self.store.open(&tables::RUNS).await?;
            let number = self.store.number(&tables::RUNS, &runs, &said(flow)).await?.saturating_add(1);
            let none = arrow::array::RecordBatch::new_empty(tables::RUNS.schema());
            match self.store.add(&tables::RUNS, &runs, none, vec![Transaction::new(said(flow), number)], Note::new()).await {
                // Somebody else has said something, or a run has just come to its end.
                Err(error) if error.kind() == ErrorKind::Conflict && tried < MOST_TRIES => tried += 1,
                done => return done,
            }
        }
    }
}

/// Gives decisions their numbers, from the one after the last; gives the last of them.
///
/// # Errors
/// [`ErrorKind::Query`] when one retracts what is not known, or is of no rows.
pub(in crate::matching) fn numbered(decisions: &mut [Decision], last: i64, known: &BTreeMap<i64, Decision>) -> Result<i64> {
    let mut number = last;
    for decision in decisions {
        number += 1;
        decision.number = number;
        check(decision, known)?;
    }
    Ok(number)
}

/// That a decision can count.
fn check(decision: &Decision, known: &BTreeMap<i64, Decision>) -> Result<()> {
    let Decision { action, rows: [left, right], retracts, owner, .. } = decision;
    let wrong = |what: &'static str| Error::new(ErrorKind::Query, what).with("action", action.word());
    match (action, retracts) {
        (Action::Retract, Some(number)) => match known.get(number) {
            Some(known) if known.action != Action::Retract && known.flow == decision.flow => Ok(()),
            _ => Err(wrong("the flow has no such override that could be retracted")
                .with("override_id", number)
                .with("flow", &decision.flow)
                .hint("select * from recon.overrides lists them")),
        },
        (Action::Retract, None) => Err(wrong("an override of none").hint("say which: --id NUMBER, as recon.overrides has it")),
        (Action::Match | Action::Unmatch, _) if left.ids().is_empty() || right.ids().is_empty() => {
            Err(wrong("an override of rows of one side").hint("name rows of both: --left ID … --right ID …"))
        }
        (Action::Exclude | Action::WriteOff | Action::Comment | Action::Assign, _)
            if left.ids().is_empty() && right.ids().is_empty() =>
        {
            Err(wrong("an override of no rows").hint("name some: --left ID … or --right ID …"))
        }
        (Action::Assign, _) if owner.is_none() => {
            Err(wrong("rows that are assigned to nobody").hint("say who is to see to them: --owner NAME"))
        }
        _ => Ok(()),
    }
}
