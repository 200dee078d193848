//! The integration tests: one binary, a module per subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    clippy::too_many_lines,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests may panic"
)]

/// Compares a text with the one kept in `tests/snapshots`.
macro_rules! assert_snapshot {
    ($text:expr) => {
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($text)
        })
    };
}

mod acceptance;
mod accounts;
mod budget;
mod checks;
mod cli;
mod conformance;
mod copy;
mod docs;
mod doctor;
mod doors;
mod downloads;
mod export;
mod faults;
mod faulty_store;
mod flight;
mod flows;
mod grammar;
mod http;
mod init;
mod injection;
mod joins;
mod lake;
mod lake_history;
mod lake_policy;
mod lake_store;
mod lake_watch;
mod ledger;
mod pg;
mod pg_dialect;
mod predicates;
mod rates;
mod recon;
mod report_listing;
mod report_tables;
mod requests;
mod roles;
mod roles_of_kept;
mod rules;
mod scopes;
mod secrets;
mod shapes;
mod sides;
mod stand;
mod truth;
