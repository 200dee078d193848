//! The stand-in as five HTTP hosts on loopback, and a storage for files; one file a group of calls.
//!
//! ```text
//!  HTTP ─► serve ─► (fault) ─► route ─► access ─► payments · search · disputes … ─► json
//! ```

mod access;
mod answer;
mod balances;
mod disputes;
mod entities;
mod events;
mod evidence;
mod financial_actions;
mod paging;
mod payments;
mod rates;
mod reports;
mod route;
mod running;
mod search;
mod serve;
mod shared;
mod storage;
#[cfg(test)]
mod tests;
mod token;
mod vault;

pub use running::Sandbox;
pub use shared::{LoggedRequest, NextLink, SandboxOptions, SearchOrder, Site};
