//! The rules of a run before they have their turn: step by step, checked against the tables that there are, and planned over
//! a snapshot of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

use super::check::{self, check};
use super::due;
use super::rule::Rule;
use super::sided::Sided;
use super::sides::{Named, add};
use super::snapshot::Snapshot;
use crate::error::Result;

/// What a run is of.
pub(super) struct Planned<const SETS: usize> {
    /// The tables that rules match rows of, and the days that these are known of.
    pub(super) snapshot: Arc<Snapshot>,
    /// Of each set of rules, by flow and hop.
    pub(super) steps: [Vec<Steps>; SETS],
}

/// The rules of a step.
pub(super) struct Steps {
    pub(super) flow: String,
    pub(super) hop: u32,
    /// As they have their turn.
    pub(super) rules: Vec<Rule>,
    /// The plans of their SELECTs, over the snapshot.
    pub(super) plans: Vec<LogicalPlan>,
    /// The plans of what is read beside them.
    reads: Vec<LogicalPlan>,
    /// The tables of their sides.
    pub(super) tables: Vec<Named>,
    /// Which of these are the sides of each rule.
    pub(super) sides: Vec<Sided<usize>>,
}

impl<const SETS: usize> Planned<SETS> {
    /// Checks and plans sets of rules that know nothing of each other, and reads the tables that their headers name once for all.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Query`] when two rules of a set have one name, or know the rows of a table by different keys;
    /// those of [`check()`] and of reading the tables.
    pub(super) async fn of(sets: [&[Rule]; SETS], context: &SessionContext) -> Result<Self> {
        // All are checked before anything is read.
        let mut steps = [const { Vec::new() }; SETS];
        for (steps, rules) in steps.iter_mut().zip(sets) {
            *steps = checked(rules, context).await?;
        }
        let days = sets.into_iter().flatten().filter_map(|rule| rule.covered.as_ref());
        let days = days.map(|covered| (TableReference::parse_str(&covered.table), None));
        let named = steps.iter().flatten().flat_map(|step| &step.tables).map(Named::table);
        let snapshot = Snapshot::of(named.chain(days).collect(), context).await?;
        for step in steps.iter_mut().flatten() {
            step.plan(snapshot.context()).await?;
        }
        let plans: Vec<&LogicalPlan> = steps.iter().flatten().flat_map(Steps::all_plans).collect();
        snapshot.fill(&plans).await?;
        Ok(Self { snapshot: Arc::new(snapshot), steps })
    }
}

/// The steps of rules, each of which is checked.
async fn checked(rules: &[Rule], context: &SessionContext) -> Result<Vec<Steps>> {
    let mut of_steps: BTreeMap<(String, u32), Vec<Rule>> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for rule in rules {
        if !names.insert(&rule.id) {
            return Err(rule.is_twin());
        }
        of_steps.entry((rule.flow.clone(), rule.hop)).or_default().push(rule.clone());
    }
    let mut steps = Vec::with_capacity(of_steps.len());
    for ((flow, hop), rules) in of_steps {
        steps.push(Steps::checked(flow, hop, rules, context).await?);
    }
    Ok(steps)
}

impl Steps {
    async fn checked(flow: String, hop: u32, mut rules: Vec<Rule>, context: &SessionContext) -> Result<Self> {
        rules.sort_by(|one, other| one.turn().cmp(&other.turn()));
        let mut tables: BTreeMap<String, Named> = BTreeMap::new();
        let mut named = Vec::with_capacity(rules.len());
        for rule in &rules {
            let sides = check(rule, context).await?.sides;
            add(&mut tables, rule, &sides)?;
            named.push(sides);
        }
        let place = |side: &Named| tables.keys().position(|known| known == side.name()).unwrap_or_default();
        let sides = named.iter().map(|sides| sides.map(|_, side| place(side))).collect();
        Ok(Self { flow, hop, rules, plans: Vec::new(), reads: Vec::new(), sides, tables: tables.into_values().collect() })
    }

    /// The plans of all that is read for them.
    pub(super) fn all_plans(&self) -> impl Iterator<Item = &LogicalPlan> {
        self.plans.iter().chain(&self.reads)
    }

    /// Plans the rules, and what is read beside them.
    async fn plan(&mut self, context: &SessionContext) -> Result<()> {
        let state = context.state();
        for rule in &self.rules {
            self.plans.push(check::planned(rule, &state).await?);
            if let Some(covered) = &rule.covered {
                self.reads.push(due::rows(covered, context).await?.into_optimized_plan()?);
            }
        }
        for table in &self.tables {
            self.reads.push(table.rows(context).await?.into_optimized_plan()?);
        }
        Ok(())
    }
}
