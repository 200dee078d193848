//! Hints for people: what a row may belong to where no rule could tell. None of them makes a match.

mod likeness;
mod similar;
mod subset_sum;

pub use likeness::{MILLION, jaro_winkler};
pub use similar::{Similar, similar};
pub use subset_sum::{MOST_MEMBERS, SubsetSum, subset_sum};
