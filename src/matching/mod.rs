//! Matching: which rows of two sides mean the same money, and which cannot be told.
//!
//! ```text
//!  rule        header and SELECT ─▶ check: can it be trusted ─▶ proposal: its candidates ─▶ assigned: which belong together
//!  planned     the rules of a run, step by step, over a snapshot: the tables of their headers, each read once
//!  sides       what rules compare of the tables whose rows they match
//!  known       which flows need not run, as they go by what they went by before
//!  run         the rules of a step in turn: amounts compared, rows taken or held, what is due ─▶ outcome
//!  reasons     why a row is left
//!  overrides   what people have decided of rows; apart: what of it a rule has to keep apart
//!  results     what was found, kept in the lake
//!  explain     why a row matched, or why not, in sentences
//!  files       where rules and their cases are
//!  template    a rule to begin with
//!  test        given rows, expected matches: how a rule is tried
//!  functions   what rules compare with: references, amounts, business days, likeness of texts
//!  conventions what amounts and days are counted by: decimals of currencies, calendars of business days
//!  assign      given candidates, which rows belong together: pure functions of values
//! ```
//!
//! Nothing here guesses: where two answers are as good as one another, the answer is that there are two. What comes out is
//! the same for the same rows, whatever their order.

pub mod assign;
pub mod calendar;
pub mod check;
pub mod conventions;
pub mod diff;
pub mod explain;
pub mod files;
pub mod functions;
pub mod known;
pub mod outcome;
pub mod overrides;
pub mod reasons;
pub mod results;
pub mod rule;
pub mod run;
pub mod sided;
pub mod sides;
pub mod template;
pub mod test;

mod amounts;
mod apart;
mod assigned;
mod decided;
mod due;
mod planned;
mod proposal;
mod snapshot;
