//! The stand-in for Checkout.com: a made-up merchant served on loopback with the vendor's shapes, rules and faults.
//!
//! ```text
//!  merchant ─► payment ─► json ──────────────► server (five hosts, and a storage for files) ─► HTTP
//!      └─► movement ─► effect ─► report ─► files ──┘          faults bend the answers
//!             └─► ledger (the truth to compare with)
//!             └─► other_side: its shop's orders and its banks' statements, as files
//! ```
//!
//! It is product code: `ckosql sandbox`, `--demo`, the tests and the benches use it. It knows the vendor's API only from
//! its documentation, and nothing of how ckosql reads it.

pub mod balance;
mod billing;
mod card;
pub mod currency;
mod dice;
mod dispute;
mod effect;
pub mod faults;
mod files;
mod id;
mod json;
pub mod ledger;
mod life;
pub mod merchant;
mod movement;
pub mod other_side;
pub mod payment;
mod query;
mod report;
mod schedule;
pub mod server;
mod settlement;
mod transfer;
mod vault;
mod zone;

pub use faults::Faults;
pub use files::{FileOptions, Lie, LineEnd};
pub use ledger::Ledger;
pub use merchant::{Merchant, MerchantOptions};
pub use other_side::OtherSide;
pub use server::{LoggedRequest, NextLink, Sandbox, SandboxOptions, SearchOrder, Site};
