//! Matching that is kept: the rules of the session run under what people have decided, and the lake keeps what they find.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute;
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::TableReference;
use datafusion::logical_expr::{Expr, cast, ident, lit};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use super::checks::{self, Check};
use super::sides::with_days;
use super::{Engine, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::lake::no_lake;
use crate::matching::known::{Hashes, Ran, run_unknown};
use crate::matching::outcome::Outcome;
use crate::matching::overrides::{Action, Overrides};
use crate::matching::results::{Asked, Broken, Entered, Identity, Occasion, Recorded, Results};
use crate::matching::rule::Rule;
use crate::matching::run::run_each;
use crate::matching::sides::{all_dated, keys};
use crate::money::DECIMAL_PRECISION;

/// Schema of what matching has found.
pub const RECON: &str = "recon";

impl Engine {
    /// What is kept of matching.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no lake to keep it in.
    fn results(&self) -> Result<Results> {
        let lake = self.lake().ok_or_else(no_lake)?;
        Results::at(lake.location())
    }

    /// What people have decided: nothing where there is no lake.
    async fn overrides(&self, session: &Session) -> Result<Overrides> {
        match self.lake() {
            Some(_) => self.results()?.overrides(&session.context.state()).await,
            None => Ok(Overrides::default()),
        }
    }

    /// Runs matching rules under what people have decided, and keeps nothing; `as_of` is a day, counted since 1970.
    ///
    /// # Errors
    /// Those of the rules and of reading the tables.
    pub async fn find(&self, rules: &[Rule], as_of: i32) -> Result<Outcome> {
        let session = self.session()?;
        let overrides = self.overrides(&session).await?;
        session.run_under(rules, &overrides, as_of).await
    }

    /// Runs two sets of matching rules over the same rows under what people have decided, and keeps nothing; `as_of` is a day,
    /// counted since 1970. What closed periods keep is not looked at.
    ///
    /// # Errors
    /// Those of the rules and of reading the tables.
    pub async fn find_both(&self, rules: [&[Rule]; 2], as_of: i32) -> Result<[Outcome; 2]> {
        let session = self.session()?;
        let overrides = self.overrides(&session).await?;
        session.run_each(rules, &overrides, as_of).await
    }

    /// Evaluates the identities of the books that are told with flows, over all their days: each check is a statement of its own,
    /// with its own budget of requests.
    ///
    /// # Errors
    /// Those of reading what the checks look at, with the check.
    pub async fn identities(&self, flows: &BTreeSet<&str>) -> Result<Vec<Identity>> {
        let mut identities = Vec::new();
        for check in flows.iter().map(|flow| checks::of_flow(flow)).collect::<Result<Vec<_>>>()?.concat() {
            let broken = self.broken(&check).await.map_err(|error| error.with_missing("check", check.name))?;
            let of = |text: &str| text.to_owned();
            let (flow, id, name, tolerance) = (of(check.flow), of(check.identity), of(check.name), of(check.exactness));
            identities.push(Identity { flow, id, name, tolerance, broken });
        }
        Ok(identities)
    }

    /// What a check is broken for.
    async fn broken(&self, check: &Check) -> Result<Vec<Broken>> {
        let mut rows = self.session()?.query(&check.broken()).await?.batches;
        let mut broken = Vec::new();
        while let Some(batch) = rows.try_next().await.map_err(Error::from)? {
            let text = |name: &str| cast_of(&batch, name, &DataType::Utf8);
            let amount = |name: &str| cast_of(&batch, name, &DataType::Decimal128(DECIMAL_PRECISION, 8));
            let (subjects, currencies) = (text("subject")?, text("currency")?);
            let (expected, found) = (amount("expected")?, amount("found")?);
            for row in 0..batch.num_rows() {
                let text = |texts: &ArrayRef| texts.is_valid(row).then(|| texts.as_string::<i32>().value(row).to_owned());
                let amount = |of: &ArrayRef| of.is_valid(row).then(|| of.as_primitive::<Decimal128Type>().value(row));
                let (subject, currency) = (text(&subjects).unwrap_or_default(), text(&currencies));
                broken.push(Broken { subject, currency, expected: amount(&expected), found: amount(&found) });
            }
        }
        Ok(broken)
    }

    /// Runs matching rules under what people have decided, and keeps what they find, with the identities of the books that were
    /// evaluated; `as_of` is a day, counted since 1970.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no lake; those of the rules, of reading the tables, and of [`Results::record`].
    pub async fn reconcile(&self, rules: &[Rule], as_of: i32, identities: &[Identity]) -> Result<Vec<Recorded>> {
        let results = self.results()?;
        let session = self.session()?;
        let state = session.context.state();
        let flows: BTreeSet<&str> = rules.iter().map(|rule| rule.flow.as_str()).collect();
        let begun = results.begin(flows, &state, self.clock()).await?;
        let ran = session.run_unknown(rules, &begun.overrides, as_of, &begun.known(as_of)).await?;
        // What is written before a run comes to its end is told from that of others by its id.
        let occasion = Occasion { as_of, clock: self.clock(), nonce: RandomState::new().hash_one(()) };
        let recorded = results.record(&begun, &ran, identities, &state, occasion).await?;
        results.tend(self.lake().ok_or_else(no_lake)?.retention()).await;
        Ok(recorded)
    }

    /// Keeps what somebody has decided of rows, all of it or nothing, and gives the number of the first decision.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no lake, [`ErrorKind::Usage`] when no rule is of the flow or its tables have to be
    /// said, [`ErrorKind::Query`] when there are no such rows.
    pub async fn decide(&self, asked: Vec<Asked>, rules: &[Rule], by: &Entered) -> Result<i64> {
        let results = self.results()?;
        let session = self.session()?;
        let mut decisions = Vec::with_capacity(asked.len());
        for asked in asked {
            let sides = keys(rules, &asked.flow, &session.context)?;
            let tables = sides.each_ref().map(|side| side.keys().cloned().collect::<BTreeSet<String>>());
            let decision = asked.decision(tables.each_ref(), by)?;
            if decision.action == Action::WriteOff && tables.iter().any(BTreeSet::is_empty) {
                let error =
                    Error::new(ErrorKind::Usage, "the rules of the flow match nothing, so no difference is left to write off");
                return Err(error.with("flow", &decision.flow).hint("exclude leaves rows out of it"));
            }
            if decision.action != Action::Comment {
                for (rows, keys) in decision.rows.iter().zip(&sides) {
                    if let Some(key) = keys.get(&rows.table) {
                        session.has_rows(&rows.table, key, rows.ids()).await?;
                    }
                }
            }
            decisions.push(decision);
        }
        results.decide(decisions, &session.context.state()).await
    }

    /// Closes the periods of a flow through a day, counted since 1970.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no lake, [`ErrorKind::Usage`] when no rule is of the flow, [`ErrorKind::Query`] when it
    /// is not known of all its tables which day rows are of; those of [`Results::close`].
    pub async fn close(&self, flow: &str, through: i32, may_reopen: bool, rules: &[Rule], by: &Entered) -> Result<()> {
        let results = self.results()?;
        let session = self.session()?;
        keys(rules, flow, &session.context)?;
        let rules = with_days(rules)?;
        all_dated(rules.iter().filter(|rule| rule.flow == flow), &session.context)?;
        results.close(flow, through, may_reopen, by, &session.context.state()).await
    }
}

impl Session {
    /// Runs matching rules under what people have decided.
    pub(super) async fn run_under(&self, rules: &[Rule], overrides: &Overrides, as_of: i32) -> Result<Outcome> {
        let [outcome] = self.run_each([rules], overrides, as_of).await?;
        Ok(outcome)
    }

    /// Runs sets of matching rules over the same rows.
    async fn run_each<const SETS: usize>(
        &self,
        sets: [&[Rule]; SETS],
        overrides: &Overrides,
        as_of: i32,
    ) -> Result<[Outcome; SETS]> {
        let context = self.at_once()?;
        let mut dated = [const { Vec::new() }; SETS];
        for (dated, rules) in dated.iter_mut().zip(sets) {
            *dated = with_days(rules)?;
        }
        run_each(dated.each_ref().map(Vec::as_slice), overrides, &context, &self.conventions, as_of).await
    }

    /// Runs matching rules under what people have decided, but those of flows that go by what they are known to have gone by.
    async fn run_unknown(&self, rules: &[Rule], overrides: &Overrides, as_of: i32, known: &Hashes) -> Result<Ran> {
        run_unknown(&with_days(rules)?, overrides, &self.at_once()?, &self.conventions, as_of, known).await
    }

    /// As of one statement: with one budget of requests, and what is read for one rule is there for the next.
    fn at_once(&self) -> Result<SessionContext> {
        Ok(SessionContext::new_with_state(self.state_now()?))
    }

    /// That a table has rows of these ids.
    async fn has_rows(&self, table: &str, key: &str, ids: &[String]) -> Result<()> {
        let key = cast(ident(key), DataType::Utf8);
        let wanted: Vec<Expr> = ids.iter().map(|id| lit(id.as_str())).collect();
        let rows = self.context.table(TableReference::parse_str(table)).await?;
        let rows = rows.filter(key.clone().in_list(wanted, false))?.select(vec![key.alias("id")])?;
        let mut there = BTreeSet::new();
        for batch in rows.collect().await? {
            let ids = batch.column(0).as_string_opt::<i32>().ok_or_else(|| Error::bug("ids were read as no texts"))?;
            there.extend(ids.iter().flatten().map(str::to_owned));
        }
        match ids.iter().find(|id| !there.contains(*id)) {
            None => Ok(()),
            Some(unknown) => Err(Error::new(ErrorKind::Query, "there is no such row")
                .with("table", table)
                .with("id", unknown)
                .hint(format!("ids are what {table} has in the column that the rules name as its key"))),
        }
    }
}

/// A column of what a check answers, in a type.
fn cast_of(batch: &RecordBatch, name: &str, data_type: &DataType) -> Result<ArrayRef> {
    let column = batch.column_by_name(name).ok_or_else(|| Error::bug("a check lacks a column").with("column", name))?;
    compute::cast(column, data_type).map_err(|error| Error::bug("a check's column is of another type").caused_by(error))
}
