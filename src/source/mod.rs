//! Live tables: one [`table::LiveTable`] for any resource, which asks the API when it is queried.
//!
//! A query's filters become [`constraints`], these and the resource's declaration become [`ask`]s, and [`fetch`] carries
//! them out inside the plan node of [`exec`]; [`windows`] says which spans a [`listing`] asks for.

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
mod listing;
pub mod lookup;
pub mod options;
pub mod rows;
pub mod scan;
mod search;
pub mod span;
pub mod statement;
pub mod table;
pub mod windows;

pub use options::CheckoutOptions;
pub use table::LiveTable;
