//! Why a row matched, or why not, in sentences.

use std::fmt::Write as _;

use chrono::NaiveDate;

use super::amounts::{Sums, sums};
use super::assign::Side;
use super::outcome::{Difference, Exception, Match, OutOfScope, Outcome, Step, decimal};
use super::reasons::REASONS;
use super::rule::{Assign, Rule};
use super::sides::Lines;
use crate::error::{Error, ErrorKind, Result};

/// What became of the row, or the match, of an id: a paragraph for each step that knows it.
///
/// # Errors
/// [`ErrorKind::Query`] when no step knows it.
pub fn explain(outcome: &Outcome, id: &str) -> Result<String> {
    let mut text = String::new();
    for step in &outcome.steps {
        for found in step.matches.iter().chain(&step.suggestions) {
            if step.match_id(found)? == id || step.ids(found)?.iter().flatten().any(|row| *row == id) {
                matched(step, found, &mut text)?;
            }
        }
        for left in &step.exceptions {
            if step.table(left.table)?.id(left.row)? == id {
                left_over(step, left, &mut text)?;
            }
        }
        for out in &step.out_of_scope {
            if step.table(out.table)?.id(out.row)? == id {
                out_of_scope(step, out.table, id, &mut text)?;
                by_rule(step, out, &mut text);
            }
        }
        for out in &step.excluded {
            if step.table(out.table)?.id(out.row)? == id {
                out_of_scope(step, out.table, id, &mut text)?;
                line(&mut text, format_args!("  by override {}", out.decision));
            }
        }
    }
    if text.is_empty() {
        return Err(Error::new(ErrorKind::Query, "no row and no match of the flows has this id")
            .with("id", id)
            .hint("ckosql reconcile --dry-run --show exceptions, or --show matches, lists them"));
    }
    Ok(text)
}

fn matched(step: &Step, found: &Match, text: &mut String) -> Result<()> {
    let rule = step.rule(found)?;
    let is_suggested = step.suggestions.iter().any(|suggested| suggested == found);
    let what = if is_suggested { "suggested" } else { "matched" };
    let id = step.match_id(found)?;
    line(text, format_args!("{id} is {what} by {}, hop {} of {}", made_by(step, found)?, step.hop, step.flow));
    if let Some(why) = &found.why {
        line(text, format_args!("  because {why}"));
    }
    if let Some(score) = found.score() {
        let best = match rule.assign {
            Assign::MutualBest { margin } => format!(", at least {margin} better than any other of both rows that was left then"),
            _ => String::new(),
        };
        line(text, format_args!("  with a score of {score}{best}"));
    }
    let [left, right] = step.tables_of(found)?;
    let tables = [left.lines(rule, Side::Left), right.lines(rule, Side::Right)];
    for ((side, lines), rows) in [Side::Left, Side::Right].into_iter().zip(tables).zip([found.group.left(), found.group.right()])
    {
        for row in rows {
            line(text, format_args!("  {} {}", if side == Side::Left { "left " } else { "right" }, shown(lines, *row)?));
        }
    }
    if rule.amount.is_some() {
        line(text, format_args!("  {}", compared(tables, found)?));
    }
    // People look at no window.
    if let Some(window) = window(rule).filter(|_| found.decision().is_none()) {
        line(text, format_args!("  the days lie in the window: {window}"));
    }
    // What else its rows could have been matched with.
    for apart in step.apart.iter().filter(|apart| step.rows_of(found).any(|(_, table, row)| apart.has(table, row))) {
        line(text, format_args!("  {}", step.said(apart)?));
    }
    Ok(())
}

/// Who made a match: its rule, or people.
fn made_by(step: &Step, found: &Match) -> Result<String> {
    match found.decision() {
        Some(decision) => Ok(format!("hand, override {decision}")),
        None => Ok(step.rule(found)?.id.clone()),
    }
}

/// What comes of the amounts of a match.
fn compared(lines: [Lines<'_>; 2], found: &Match) -> Result<String> {
    if let Some(Difference { kind, amount, currency, account }) = found.residual.as_deref() {
        let account = account.as_ref().map(|account| format!(", booked to {account}")).unwrap_or_default();
        return Ok(format!("{} {currency} are left of the amounts: {kind}{account}", decimal(*amount)));
    }
    match sums(lines, &found.group)? {
        Sums::Of { left, right, .. } if left == right => Ok("the amounts are equal".to_owned()),
        Sums::Lacking(id) => Ok(format!("the amounts are not compared: {id} has no amount or no currency")),
        _ => Ok("the amounts are not compared".to_owned()),
    }
}

fn left_over(step: &Step, left: &Exception, text: &mut String) -> Result<()> {
    let table = step.table(left.table)?;
    let about = REASONS.iter().find(|(reason, _)| *reason == left.reason).map_or("", |(_, about)| about);
    let (flow, hop) = (&step.flow, step.hop);
    line(text, format_args!("{} {} is left, hop {hop} of {flow}: {}", table.name(), table.id(left.row)?, left.reason));
    line(text, format_args!("  {about}"));
    let rule = left.rule.and_then(|rule| step.rules.get(rule));
    let Some(rule) = rule else {
        let tried: Vec<&str> = step.rules.iter().map(|rule| rule.id.as_str()).collect();
        line(text, format_args!("  none of these rules matched it, or found out more of it: {}", tried.join(", ")));
        detail(left, text);
        return Ok(());
    };
    line(text, format_args!("  found by {}", rule.id));
    detail(left, text);
    let is_left_side = step.sides.get(left.rule.unwrap_or_default()).is_some_and(|sides| *sides.left() == left.table);
    let (own, other) = if is_left_side { (Side::Left, Side::Right) } else { (Side::Right, Side::Left) };
    line(text, format_args!("  it is {}", shown(table.lines(rule, own), left.row)?));
    if let Some(window) = window(rule) {
        line(text, format_args!("  the window of the rule: {window}"));
    }
    let others = step.table(left.candidate_table)?;
    let lines = others.lines(rule, other);
    for candidate in left.candidates.iter() {
        let became = became(step, left.candidate_table, *candidate)?;
        line(text, format_args!("  candidate {}: {became}", shown(lines, *candidate)?));
    }
    let told = u32::try_from(left.candidates.len()).unwrap_or(u32::MAX);
    if left.candidate_count > told {
        line(text, format_args!("  and {} more candidates", left.candidate_count - told));
    }
    Ok(())
}

/// What there is to say of a row that is left.
fn detail(left: &Exception, text: &mut String) {
    if let Some(detail) = &left.detail {
        line(text, format_args!("  {detail}"));
    }
}

fn out_of_scope(step: &Step, table: usize, id: &str, text: &mut String) -> Result<()> {
    let (Step { flow, hop, .. }, table) = (step, step.table(table)?.name());
    line(text, format_args!("{table} {id} is out of scope, hop {hop} of {flow}"));
    Ok(())
}

fn by_rule(step: &Step, out: &OutOfScope, text: &mut String) {
    if let Some(rule) = step.rules.get(out.rule) {
        line(text, format_args!("  by {}{}", rule.id, rule.reason.map(|reason| format!(": {reason}")).unwrap_or_default()));
    }
    if let Some(why) = &out.why {
        line(text, format_args!("  because {why}"));
    }
}

/// What became of a candidate.
fn became(step: &Step, table: usize, row: u32) -> Result<String> {
    for found in &step.matches {
        if let Some((side, ..)) = step.rows_of(found).find(|(_, place, own)| (*place, *own) == (table, row)) {
            let [lefts, rights] = step.ids(found)?;
            let others = if side == Side::Left { rights } else { lefts };
            return Ok(format!("it is matched to {} by {}", others.join(", "), made_by(step, found)?));
        }
    }
    let left = step.exceptions.iter().find(|left| left.table == table && left.row == row);
    Ok(left.map_or_else(|| "it is out of scope".to_owned(), |left| format!("it is left as well, {}", left.reason)))
}

/// A row with what is compared of it.
fn shown(lines: Lines<'_>, row: u32) -> Result<String> {
    let mut text = format!("{} {}", lines.table().name(), lines.table().id(row)?);
    if let Some(amount) = lines.amount(row) {
        // Writing to a String cannot fail.
        let _written = write!(text, ", {} {}", decimal(amount), lines.currency(row).unwrap_or("of no currency"));
    }
    if let Some(day) = lines.day(row) {
        let _written = write!(text, ", {}", NaiveDate::from_epoch_days(day).map(|day| day.to_string()).unwrap_or_default());
    }
    Ok(text)
}

fn window(rule: &Rule) -> Option<String> {
    let window = rule.window.as_ref()?;
    let days = window.calendar.as_ref().map_or_else(|| "days".to_owned(), |calendar| format!("business days of {calendar}"));
    Some(format!("{} within {:+} to {:+} {days} of {}", window.right, window.from, window.to, window.left))
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _written = text.write_fmt(words);
    text.push('\n');
}
