//! Matching that is kept: the rules of the session run under what people have decided, and the lake keeps what they find.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use arrow::array::AsArray;
use arrow::datatypes::DataType;
use datafusion::common::TableReference;
use datafusion::logical_expr::{Expr, cast, ident, lit};
use datafusion::prelude::SessionContext;

use super::sides::with_days;
use super::{Engine, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::lake::no_lake;
use crate::matching::known::{Hashes, Ran, run_unknown};
use crate::matching::outcome::Outcome;
use crate::matching::overrides::{Action, Overrides};
use crate::matching::results::{Asked, Entered, Occasion, Recorded, Results};
use crate::matching::rule::Rule;
use crate::matching::run::run_each;
use crate::matching::sided::Sided;
use crate::matching::sides::{all_dated, names};

/// Schema of what matching has found.
pub const RECON: &str = "recon";

/// The tables of a side of a flow's rules, each with its key.
type Keys = BTreeMap<String, String>;

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

    /// Runs matching rules under what people have decided, and keeps what they find; `as_of` is a day, counted since 1970.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no lake; those of the rules, of reading the tables, and of [`Results::record`].
    pub async fn reconcile(&self, rules: &[Rule], as_of: i32) -> Result<Vec<Recorded>> {
        let results = self.results()?;
        let session = self.session()?;
        let state = session.context.state();
        let flows: BTreeSet<&str> = rules.iter().map(|rule| rule.flow.as_str()).collect();
        let begun = results.begin(flows, &state, self.clock()).await?;
        let ran = session.run_unknown(rules, &begun.overrides, as_of, &begun.known(as_of)).await?;
        // What is written before a run comes to its end is told from that of others by its id.
        let occasion = Occasion { as_of, clock: self.clock(), nonce: RandomState::new().hash_one(()) };
        results.record(&begun, &ran, &state, occasion).await
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
            let sides = session.keys(rules, &asked.flow)?;
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
        session.keys(rules, flow)?;
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
        let context = self.at_once();
        let mut dated = [const { Vec::new() }; SETS];
        for (dated, rules) in dated.iter_mut().zip(sets) {
            *dated = with_days(rules)?;
        }
        run_each(dated.each_ref().map(Vec::as_slice), overrides, &context, &self.conventions, as_of).await
    }

    /// Runs matching rules under what people have decided, but those of flows that go by what they are known to have gone by.
    async fn run_unknown(&self, rules: &[Rule], overrides: &Overrides, as_of: i32, known: &Hashes) -> Result<Ran> {
        run_unknown(&with_days(rules)?, overrides, &self.at_once(), &self.conventions, as_of, known).await
    }

    /// As of one statement: with one budget of requests, and what is read for one rule is there for the next.
    fn at_once(&self) -> SessionContext {
        SessionContext::new_with_state(self.state_now())
    }

    /// The tables of both sides of a flow's rules.
    fn keys(&self, rules: &[Rule], flow: &str) -> Result<[Keys; 2]> {
        let (mut keys, mut alone): ([Keys; 2], Keys) = Default::default();
        for rule in rules.iter().filter(|rule| rule.flow == flow) {
            match names(rule, &self.context) {
                Sided::One(named) => drop(alone.insert(named.0, named.1)),
                Sided::Two(left, right) => {
                    keys.iter_mut().zip([left, right]).for_each(|(keys, named)| drop(keys.insert(named.0, named.1)));
                }
            }
        }
        match &keys {
            // Where no rule has two sides, what those of one look at is what can be decided of.
            [left, _] if left.is_empty() && !alone.is_empty() => Ok([alone, Keys::new()]),
            [left, _] if left.is_empty() => {
                let known: BTreeSet<&str> = rules.iter().map(|rule| rule.flow.as_str()).collect();
                let error = Error::new(ErrorKind::Usage, "no rule is of this flow").with("flow", flow);
                Err(error.hint(format!("there are {}", known.into_iter().collect::<Vec<_>>().join(", "))))
            }
            _ => Ok(keys),
        }
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
