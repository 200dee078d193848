//! Old rows, read again by turns: some at each sync, from where the last one came to, and from the beginning when all were.
//!
//! No cursor sees what changes of an old payment. Most is told by a report or a dispute; what nothing tells of, an account
//! without reports above all, is seen when its turn comes.

use super::limit::Limit;
use super::walk::{FIRST, LONGEST, SHORTEST, Walk, Walker};
use crate::source::span::Span;

/// Rows in a request, at the most, of the table that has most: payments have several actions.
const ROWS: u64 = 4_000;

impl Walk<'_> {
    /// Reads what is next of the rows that lie before those that this sync has read, which took it so many requests.
    pub(super) async fn by_turns(&self, walkers: &mut [Walker], now: i64, took: u64) {
        let budget = self.options.reread;
        let is_due = |walker: &&mut Walker| walker.is_refreshed && walker.error.is_none() && walker.since < walker.read_from;
        let mut due: Vec<&mut Walker> = walkers.iter_mut().filter(is_due).collect();
        let Some(end) = due.iter().map(|walker| walker.read_from).min() else { return };
        let Some(start) = due.iter().map(|walker| walker.since).min() else { return };
        // The same for all of them, unless somebody broke one off.
        let turn = due.iter().map(|walker| walker.turn).max().unwrap_or(start);
        let mut from = if (start..end).contains(&turn) { turn } else { start };
        // As many old rows as new ones lie in a span of time, as far as one knows yet.
        let mut width = match took {
            0 => FIRST,
            took => scaled(now.saturating_sub(end), budget, took),
        };
        let (begun, mut is_given_up) = (self.requests(), false);
        loop {
            let left = budget.saturating_sub(self.requests().saturating_sub(begun));
            let is_over = from >= end || (left == 0 && !is_given_up) || budget == 0;
            if is_over || self.options.stop.is_asked() || due.iter().any(|walker| walker.error.is_some()) {
                return;
            }
            // Where one of them has older rows than another, these are read alone.
            let next = due.iter().map(|walker| walker.since).filter(|since| *since > from).min();
            let span = Span { from, to: from.saturating_add(width).min(next.unwrap_or(end)).min(end) };
            let limit = Limit::of(span, budget.saturating_mul(ROWS));
            let mut these: Vec<&mut Walker> = Vec::new();
            for walker in due.iter_mut().filter(|walker| walker.since <= from) {
                walker.turn = if span.to < end { span.to } else { i64::MIN };
                these.push(walker);
            }
            let before = self.requests();
            self.read(&mut these, span, false, now, &limit).await;
            is_given_up = limit.exceeded().is_some();
            match limit.exceeded() {
                Some(narrower) => width = narrower,
                None => {
                    from = span.to;
                    let made = self.requests().saturating_sub(before).max(1);
                    let left = budget.saturating_sub(self.requests().saturating_sub(begun));
                    width = scaled(span.width(), left, made);
                }
            }
        }
    }
}

/// The width for so many requests where another one took so many.
fn scaled(width: i64, requests: u64, took: u64) -> i64 {
    let scaled = i128::from(width) * i128::from(requests) / i128::from(took.max(1));
    i64::try_from(scaled).unwrap_or(LONGEST).clamp(SHORTEST, LONGEST)
}
