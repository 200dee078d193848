//! Matching: which rows of two sides mean the same money, and which cannot be told.
//!
//! ```text
//!  functions   what rules compare with: references, amounts, business days, likeness of texts
//!  calendar    which days are business days
//!  assign      given candidates, which rows belong together: pure functions of values
//! ```
//!
//! Nothing here guesses: where two answers are as good as one another, the answer is that there are two. What comes out is
//! the same for the same rows, whatever their order.

pub mod assign;
pub mod calendar;
pub mod functions;
