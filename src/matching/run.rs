//! The rules of a step, one after the other: each sees only the rows that none before it took.
//!
//! A step is a hop of a flow; the rows of one are all there again in the next. A row that a rule found ambiguous, or of another
//! amount than its counterpart, is held: later rules count it among the candidates, so that nothing looks unique that is
//! not, and match it only if they say so. One whose candidates came too early or late is matched with these alone, by a rule of
//! a wider window. What no rule took is an exception, with the most telling reason of all rules.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

use super::amounts::{Compared, compare};
use super::apart::Apart;
use super::assign::Side;
use super::assigned::{Assigned, Spans, Together, Waiting, spans};
use super::conventions::Conventions;
use super::decided;
use super::due::Known;
use super::outcome::{Exception, Group, Made, Match, OutOfScope, Outcome, Step};
use super::overrides::{Decided, Overrides};
use super::planned::{Planned, Steps};
use super::proposal::{Proposal, one_side};
use super::reasons::{DATE_OUT_OF_WINDOW, NO_COUNTERPART_LEFT, NO_COUNTERPART_RIGHT, holds, rank};
use super::rule::{Assign, Rule};
use super::sided::Sided;
use super::sides::{Lines, Named, Table};
use super::snapshot::Snapshot;
use crate::error::{Error, Result};

/// Runs rules, step by step. `as_of` is the day, counted since 1970, that what is due is told by.
///
/// # Errors
/// [`crate::error::ErrorKind::Query`] when two rules have one name, or know the rows of a table by different keys; those of
/// [`check`](super::check::check) and of reading the tables.
pub async fn run(rules: &[Rule], context: &SessionContext, conventions: &Conventions, as_of: i32) -> Result<Outcome> {
    run_under(rules, &Overrides::default(), context, conventions, as_of).await
}

/// The same, under what people have decided.
///
/// # Errors
/// Those of [`run`]; [`crate::error::ErrorKind::Query`] when a decision is of rows that are not there.
pub async fn run_under(
    rules: &[Rule],
    overrides: &Overrides,
    context: &SessionContext,
    conventions: &Conventions,
    as_of: i32,
) -> Result<Outcome> {
    let [outcome] = run_each([rules], overrides, context, conventions, as_of).await?;
    Ok(outcome)
}

/// Runs sets of rules, each as if there were no other, over the same rows.
///
/// # Errors
/// Those of [`run_under`].
pub async fn run_each<const SETS: usize>(
    sets: [&[Rule]; SETS],
    overrides: &Overrides,
    context: &SessionContext,
    conventions: &Conventions,
    as_of: i32,
) -> Result<[Outcome; SETS]> {
    let Planned { snapshot, steps } = Planned::of(sets, context).await?;
    let mut outcomes = [const { Outcome { steps: Vec::new() } }; SETS];
    for (outcome, steps) in outcomes.iter_mut().zip(steps) {
        *outcome = ran(steps, &snapshot, overrides, conventions, as_of).await?;
    }
    Ok(outcomes)
}

/// Runs steps that are planned over a snapshot.
///
/// # Errors
/// Those of [`run_under`], but of planning.
pub(super) async fn ran(
    steps: Vec<Steps>,
    snapshot: &Arc<Snapshot>,
    overrides: &Overrides,
    conventions: &Conventions,
    as_of: i32,
) -> Result<Outcome> {
    let (mut outcome, mut made) = (Outcome::default(), BTreeSet::new());
    for step in steps {
        let session = Session { snapshot, conventions, as_of, decided: overrides.of(&step.flow) };
        outcome.steps.push(session.step(step, &mut made).await?);
    }
    for flow in outcome.steps.iter().map(|step| step.flow.as_str()).collect::<BTreeSet<_>>() {
        decided::all_made(flow, overrides.of(flow), &made)?;
    }
    Ok(outcome)
}

/// What a step is run in.
#[derive(Clone, Copy)]
struct Session<'a> {
    snapshot: &'a Arc<Snapshot>,
    conventions: &'a Conventions,
    as_of: i32,
    decided: &'a Decided,
}

impl Session<'_> {
    async fn step(self, planned: Steps, made: &mut BTreeSet<i64>) -> Result<Step> {
        let Steps { flow, hop, rules, plans, tables, sides, .. } = planned;
        let tables = self.tables(tables).await?;
        let mut state = State::new(Step { flow, hop, rules, tables, sides, ..Step::default() });
        let done = decided::done(&state.step, self.decided, made)?;
        done.taken.into_iter().for_each(|(table, row)| state.take(table, row));
        state.step.matches = done.matches;
        state.step.excluded = done.excluded;
        state.step.apart = done.apart;
        for (place, plan) in plans.into_iter().enumerate() {
            state.rule(self, place, plan).await?;
        }
        state.end()
    }

    /// The tables, side by side: putting the rows of one in order takes a core of its own.
    async fn tables(self, named: Vec<Named>) -> Result<Vec<Arc<Table>>> {
        let read = |named: Named| {
            let snapshot = Arc::clone(self.snapshot);
            SpawnedTask::spawn(async move { Table::of(&named, &snapshot).await })
        };
        let mut tables = Vec::new();
        for reading in named.into_iter().map(read).collect::<Vec<_>>() {
            let table =
                reading.join_unwind().await.map_err(|error| Error::bug("a table was not read to its end").caused_by(error))?;
            tables.push(Arc::new(table?));
        }
        Ok(tables)
    }
}

/// What the rules of a step have come to so far.
#[derive(Debug)]
struct State {
    step: Step,
    /// By table: which rows are taken.
    taken: Vec<Vec<bool>>,
    /// By table: why rows are left, where more is known than that they have no counterpart.
    left: Vec<Vec<Option<Box<Exception>>>>,
    /// By table: the last day that a rule looks for the counterpart of a row on; nothing where none does within days.
    due: Vec<Vec<Option<i32>>>,
}

/// A rule that has its turn.
#[derive(Clone, Copy)]
struct Turn<'a> {
    place: usize,
    rule: &'a Rule,
    /// Places of the tables of its sides.
    sides: Sided<usize>,
}

impl Turn<'_> {
    /// The table of a side; that of the left where there is no other.
    fn table(self, side: Side) -> usize {
        *self.sides.of(side).unwrap_or_else(|| self.sides.left())
    }
}

impl State {
    fn new(step: Step) -> Self {
        let taken = step.tables.iter().map(|table| vec![false; table.len()]).collect();
        let left = step.tables.iter().map(|table| (0..table.len()).map(|_| None).collect()).collect();
        let due = vec![Vec::new(); step.tables.len()];
        Self { step, taken, left, due }
    }

    async fn rule(&mut self, session: Session<'_>, place: usize, plan: LogicalPlan) -> Result<()> {
        let astray = || Error::bug("a rule is not of its step");
        let rule = self.step.rules.get(place).ok_or_else(astray)?.clone();
        let sides = *self.step.sides.get(place).ok_or_else(astray)?;
        let turn = Turn { place, rule: &rule, sides };
        self.turn(session, turn, plan).await.map_err(|error| error.with_missing("rule", &rule.id))
    }

    async fn turn(&mut self, session: Session<'_>, turn: Turn<'_>, plan: LogicalPlan) -> Result<()> {
        let Sided::Two(left, right) = turn.sides else {
            return self.one_sided(session, turn, plan).await;
        };
        let (context, conventions) = (session.snapshot.context(), session.conventions);
        let [left_table, right_table] = [left, right].map(|place| self.step.tables.get(place).cloned());
        let (Some(left_table), Some(right_table)) = (left_table, right_table) else {
            return Err(Error::bug("a rule without tables"));
        };
        let lines = [left_table.lines(turn.rule, Side::Left), right_table.lines(turn.rule, Side::Right)];
        let spans = turn.rule.window.as_ref().map(|window| spans(window, lines[0], conventions)).transpose()?;
        self.expect(left, spans.as_ref());
        let taken = [left, right].map(|place| self.taken.get(place).map(Vec::as_slice).unwrap_or_default());
        let apart = Apart::of(&self.step, [left, right]);
        let proposal = Proposal::read(turn.rule, plan, context, [&left_table, &right_table], taken, &apart).await?;
        let assigned = Assigned::of(turn.rule, proposal, lines, spans.as_ref(), &apart)?;
        for waiting in assigned.waiting {
            self.wait(turn, waiting);
        }
        for Together { group, score, margin, why } in assigned.suggested {
            self.step.suggestions.push(Match {
                rule: turn.place,
                group,
                residual: None,
                why,
                made: Made::by_rule(score, margin),
            });
        }
        let why = assigned.why;
        let of_pair = |pair| Together { group: Group::of_pair(pair), score: None, margin: None, why: why.clone() };
        if self.step.matches.is_empty() {
            // Room for all that there may be, once: to move a million matches takes longer than to have room that is not used.
            self.step.matches.reserve(left_table.len().min(right_table.len()));
        }
        for together in assigned.pairs.into_iter().map(of_pair).chain(assigned.together) {
            self.settle(turn, lines, together, conventions)?;
        }
        if let (Some(spans), Some(known)) = (&spans, Known::read(turn.rule, context).await?) {
            self.due(session, turn, spans, &known)?;
        }
        Ok(())
    }

    /// Takes out, or refuses, the rows that a rule of one side gives.
    async fn one_sided(&mut self, session: Session<'_>, turn: Turn<'_>, plan: LogicalPlan) -> Result<()> {
        let place = turn.table(Side::Left);
        let table = self.step.tables.get(place).cloned().ok_or_else(|| Error::bug("a rule without tables"))?;
        let taken = self.taken.get(place).map(Vec::as_slice).unwrap_or_default();
        for (row, why) in one_side(plan, session.snapshot.context(), &table, taken).await? {
            match (turn.rule.assign, turn.rule.reason) {
                (Assign::Refuse, Some(reason)) => {
                    self.wait(turn, Waiting { side: Side::Left, row, reason, count: 0, candidates: Arc::default(), why });
                }
                _ if !turn.rule.is_after_ambiguous && self.is_held(place, row) => {}
                _ => {
                    self.take(place, row);
                    self.step.out_of_scope.push(OutOfScope { table: place, row, rule: turn.place, why });
                }
            }
        }
        Ok(())
    }

    /// Compares the amounts of rows that belong together, and matches them or says why not.
    fn settle(&mut self, turn: Turn<'_>, lines: [Lines<'_>; 2], together: Together, conventions: &Conventions) -> Result<()> {
        let Together { group, score, margin, why } = together;
        let sides = group.sides();
        if !turn.rule.is_after_ambiguous {
            let held = sides.iter().any(|(side, own, others)| {
                let table = turn.table(*side);
                own.iter().any(|row| self.is_held(table, *row) && !self.is_only_late(table, *row, others))
            });
            if held {
                for (side, own, others) in sides {
                    let reason = if side == Side::Left { NO_COUNTERPART_LEFT } else { NO_COUNTERPART_RIGHT };
                    let detail = "an earlier rule keeps what it could belong to";
                    self.all_wait(turn, side, own, others, reason, detail);
                }
                return Ok(());
            }
        }
        match compare(turn.rule, lines, &group, conventions)? {
            Compared::Equal(residual) => {
                for (side, own, _) in sides {
                    for row in own {
                        self.take(turn.table(side), *row);
                    }
                }
                self.step.matches.push(Match { rule: turn.place, group, residual, why, made: Made::by_rule(score, margin) });
            }
            Compared::Unequal { reasons, detail } => {
                for ((side, own, others), reason) in sides.into_iter().zip(reasons) {
                    self.all_wait(turn, side, own, others, reason, &detail);
                }
            }
        }
        Ok(())
    }

    fn all_wait(&mut self, turn: Turn<'_>, side: Side, own: &[u32], others: &[u32], reason: &'static str, detail: &str) {
        let count = u32::try_from(others.len()).unwrap_or(u32::MAX);
        let candidates: Arc<[u32]> = others.into();
        for row in own {
            let why = Some(detail.into());
            self.wait(turn, Waiting { side, row: *row, reason, count, candidates: Arc::clone(&candidates), why });
        }
    }

    /// Says of rows without counterpart whether their time is over.
    fn due(&mut self, session: Session<'_>, turn: Turn<'_>, spans: &Spans, known: &Known) -> Result<()> {
        let Some(table) = self.step.tables.get(turn.table(Side::Left)).cloned() else { return Ok(()) };
        let lines = table.lines(turn.rule, Side::Left);
        let calendar = turn.rule.window.as_ref().and_then(|window| window.calendar.as_ref());
        let calendar = calendar.map(|name| session.conventions.calendars.get(name)).transpose()?.map(AsRef::as_ref);
        for (row, span) in (0_u32..).zip(spans) {
            let (false, Some((from, to))) = (self.is_taken(turn.table(Side::Left), row), span) else { continue };
            let reason = known.reason(*from..=*to, lines.currency(row), session.as_of, calendar)?;
            self.wait(turn, Waiting { side: Side::Left, row, reason, count: 0, candidates: Arc::default(), why: None });
        }
        Ok(())
    }

    /// Notes until when a rule looks for counterparts of the rows of its left side.
    fn expect(&mut self, table: usize, spans: Option<&Spans>) {
        let (Some(spans), Some(due)) = (spans, self.due.get_mut(table)) else { return };
        due.resize(due.len().max(spans.len()), None);
        due.iter_mut().zip(spans).for_each(|(due, span)| *due = (*due).max(span.map(|(_, to)| to)));
    }

    fn is_taken(&self, table: usize, row: u32) -> bool {
        self.taken.get(table).and_then(|taken| taken.get(at(row))).copied().unwrap_or_default()
    }

    /// Why a row is left, as far as that is known.
    fn known(&self, table: usize, row: u32) -> Option<&Exception> {
        self.left.get(table).and_then(|left| left.get(at(row))?.as_deref())
    }

    fn is_held(&self, table: usize, row: u32) -> bool {
        self.known(table, row).is_some_and(|left| holds(left.reason) || self.is_refused(left))
    }

    /// Whether a row is held for nothing but that these came too early or too late.
    fn is_only_late(&self, table: usize, row: u32, others: &[u32]) -> bool {
        let is_candidate = |left: &Exception| others.iter().all(|other| left.candidates.contains(other));
        self.known(table, row)
            .is_some_and(|left| left.reason == DATE_OUT_OF_WINDOW && !self.is_refused(left) && is_candidate(left))
    }

    /// Whether the rule that it is left by keeps it from later ones.
    fn is_refused(&self, left: &Exception) -> bool {
        let rule = left.rule.and_then(|rule| self.step.rules.get(rule));
        rule.is_some_and(|rule| rule.assign.keeps())
    }

    fn take(&mut self, table: usize, row: u32) {
        if let Some(taken) = self.taken.get_mut(table).and_then(|taken| taken.get_mut(at(row))) {
            *taken = true;
        }
    }

    /// Says why a row is left, unless something more telling is known of it.
    fn wait(&mut self, turn: Turn<'_>, waiting: Waiting) {
        let Waiting { side, row, reason, count, candidates, why } = waiting;
        let (table, candidate_table) = (turn.table(side), turn.table(side.other()));
        // What lets a row go does not take the place of what keeps it.
        let lets_go = (!holds(reason) || reason == DATE_OUT_OF_WINDOW) && !turn.rule.assign.keeps();
        let is_kept = lets_go && self.is_held(table, row);
        // Of two that say the same, the one that keeps the row counts.
        let is_told = |known: &Exception| match rank(known.reason).cmp(&rank(reason)) {
            Ordering::Less => true,
            Ordering::Equal => self.is_refused(known) || !turn.rule.assign.keeps(),
            Ordering::Greater => false,
        };
        if is_kept || self.known(table, row).is_some_and(is_told) {
            return;
        }
        let Some(place) = self.left.get_mut(table).and_then(|left| left.get_mut(at(row))) else { return };
        let rule = Some(turn.place);
        let (detail, candidate_count, due) = (why, count, None);
        let exception = Exception { table, row, reason, rule, detail, candidate_count, candidate_table, candidates, due };
        *place = Some(Box::new(exception));
    }

    /// The step, with all rows that no rule took.
    fn end(mut self) -> Result<Step> {
        self.step.out_of_scope.sort_by_key(|out| (out.table, out.row));
        let is_side = |side: usize, table: usize| {
            self.step.sides.iter().filter_map(Sided::both).any(|both| both.get(side) == Some(&&table))
        };
        let is_left_side = |table: usize| is_side(0, table) || !is_side(1, table);
        let mut exceptions = Vec::with_capacity(self.taken.iter().flatten().filter(|is_taken| !**is_taken).count());
        for (table, (taken, left)) in self.taken.iter().zip(std::mem::take(&mut self.left)).enumerate() {
            let reason = if is_left_side(table) { NO_COUNTERPART_LEFT } else { NO_COUNTERPART_RIGHT };
            for ((row, is_taken), known) in (0_u32..).zip(taken).zip(left) {
                if *is_taken {
                    continue;
                }
                let nothing = || Exception { table, row, reason, ..Exception::default() };
                let mut left = known.map_or_else(nothing, |known| *known);
                left.due = self.due.get(table).and_then(|due| due.get(at(row)).copied().flatten());
                exceptions.push(left);
            }
        }
        self.step.exceptions = exceptions;
        self.say_apart()?;
        self.step.matches.sort_by(|one, other| (one.rule, &one.group).cmp(&(other.rule, &other.group)));
        // What is suggested of rows that a later rule took is settled.
        let mut suggestions = std::mem::take(&mut self.step.suggestions);
        suggestions.retain(|found| self.is_open(found));
        suggestions.sort_by(|one, other| (one.rule, &one.group).cmp(&(other.rule, &other.group)));
        self.step.suggestions = suggestions;
        Ok(self.step)
    }

    /// Says of rows that are left what people have set them apart from: they may have no candidate for that.
    fn say_apart(&mut self) -> Result<()> {
        let mut exceptions = std::mem::take(&mut self.step.exceptions);
        for apart in &self.step.apart {
            let said = self.step.said(apart)?;
            for place in apart.places() {
                let known = exceptions.binary_search_by_key(&place, |left| (left.table, left.row));
                if let Some(left) = known.ok().and_then(|known| exceptions.get_mut(known)) {
                    let detail = left.detail.take().map_or_else(|| said.clone(), |detail| format!("{detail}; {said}"));
                    left.detail = Some(detail.into());
                }
            }
        }
        self.step.exceptions = exceptions;
        Ok(())
    }

    /// Whether none of its rows is taken.
    fn is_open(&self, found: &Match) -> bool {
        self.step.rows_of(found).all(|(_, table, row)| !self.is_taken(table, row))
    }
}

fn at(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}
