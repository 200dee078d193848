//! A SQL layer over Checkout.com: live tables, exact money, complete or an error.
//!
//! The house has floors; a file uses its own floor and those below it, and `tests/floors.rs` checks that.
//!
//! ```text
//!  8  cli                        arguments, exit codes
//!  7  shell · pg · flight · http faces: each turns keystrokes or bytes into Engine calls
//!  6  engine · door              the session everybody shares: catalogue, options, access · who may come in, over what
//!  5  matching                   which rows of two sides mean the same money
//!  4  lake · books               the Parquet copy: sync, coverage, tables of both · the other side's files
//!  3  source · sandbox           live tables for DataFusion · the stand-in for Checkout.com
//!  2  resources                  what Checkout.com offers, as data: one small file a table
//!  1  api · schema · store       how to talk HTTP to Checkout.com · how a declared column becomes Arrow · where files are
//!     output                     how rows become bytes: tables, CSV, JSON, Arrow, Parquet
//!  0  error · money · secret · clock
//! ```
//!
//! Data goes one way: `api` bytes → `schema` batch → `source` table → (`lake` file) → `engine` → a face.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::unwrap_in_result,
        clippy::too_many_lines,
        clippy::allow_attributes,
        reason = "tests may panic"
    )
)]

pub mod clock;
pub mod error;
pub mod money;
pub mod secret;

pub mod api;
pub mod output;
pub mod schema;
pub mod store;

pub mod resources;

pub mod sandbox;
pub mod source;

pub mod books;
pub mod lake;

pub mod matching;

pub mod door;
pub mod engine;

pub mod flight;
pub mod http;
pub mod pg;
pub mod shell;

pub mod cli;
