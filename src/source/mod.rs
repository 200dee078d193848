//! Live tables: one [`table::LiveTable`] for any resource, which asks the API when it is queried.
//!
//! ```text
//!  filters ─▶ constraints ─┐
//!  a join's keys ─▶ dynamic ┴▶ scan: which call ─▶ asks ─▶ fetch ─▶ rows
//!                                   │                       └▶ listing, in windows
//!                                   └▶ estimate: what it will cost
//! ```
//!
//! [`exec`] is the plan node of a scan, [`lookup`] that of a join with a table that needs keys, and [`joins`] the planning
//! rules for both. A [`statement`] has a budget of requests and shares its pages; a [`connection`] remembers what was
//! learnt of an account, and its [`coverage`].

pub mod ask;
pub mod connection;
pub mod constraints;
pub mod coverage;
mod dynamic;
pub mod effort;
mod entities;
pub mod estimate;
pub mod exec;
pub mod fetch;
pub mod joins;
pub mod lineage;
mod listing;
pub mod lookup;
pub mod moments;
pub mod options;
mod pages;
mod reports;
pub mod rows;
pub mod scalar;
pub mod scan;
mod search;
pub mod span;
pub mod statement;
pub mod table;
pub mod windows;

pub use options::CheckoutOptions;
pub use table::LiveTable;
