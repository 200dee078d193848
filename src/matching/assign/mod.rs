//! Given rows of two sides and what makes them candidates of one another: which belong together.
//!
//! Pure functions of values. They count candidates before they pair any, so rows that are alike cost no more than others,
//! and they pair only what cannot be paired otherwise. Rows are meant by their number; whoever calls has put them into an
//! order of their own (by id), so that numbers mean the same rows every time. Amounts are mantissas of decimal(38,8).
//!
//! ```text
//!  key columns of both sides ─▶ Keys ─┬▶ unique          one and one of a key
//!                                     ├▶ Window          the only one within days, from both sides
//!                                     ├▶ bucket          as many as there are on the other side, all alike
//!                                     └▶ group_sum       members that add up to an amount
//!  scored pairs ─────────────────────▶ mutual_best       better than all others, from both sides
//!  pairs that people set apart ──────▶ Keys::without   no candidates, of any of these
//!  what is left ─────────────────────▶ suggest           hints for people, never matches
//! ```

mod apart;
mod both;
mod bucket;
mod columns;
mod group_sum;
mod intern;
mod keys;
mod mutual;
mod standing;
pub mod suggest;
mod unique;
mod window;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod properties;

pub use apart::Apart;
pub(super) use apart::Candidates;
pub(super) use both::both;
pub use bucket::{Bucket, Buckets, bucket};
pub use group_sum::{Agreement, Group, GroupSums, group_sum, minor_unit, sums};
pub use keys::{Keys, NO_KEY};
pub use mutual::{Mutual, Scored, mutual_best};
pub use standing::{Assignment, Pair, Side, Standing};
pub use unique::unique;
pub use window::{Window, unique_in_window};
