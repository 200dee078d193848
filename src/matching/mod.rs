//! Matching: which rows of two sides mean the same money, and which cannot be told.
//!
//! ```text
//!  rule        header and SELECT ─▶ check: can it be trusted ─▶ proposal: its candidates ─▶ assigned: which belong together
//!  run         the rules of a flow in turn: amounts compared, rows taken or held, exceptions
//!  files       where rules and their cases are
//!  test        given rows, expected matches: how a rule is tried
//!  functions   what rules compare with: references, amounts, business days, likeness of texts
//!  calendar    which days are business days
//!  assign      given candidates, which rows belong together: pure functions of values
//! ```
//!
//! Nothing here guesses: where two answers are as good as one another, the answer is that there are two. What comes out is
//! the same for the same rows, whatever their order.

pub mod assign;
pub mod calendar;
pub mod check;
pub mod files;
pub mod functions;
pub mod overrides;
pub mod rule;
pub mod run;
pub mod test;

mod assigned;
mod lines;
mod proposal;
