//! What all requests share: the merchant, the options, and the little that changes while the server runs.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

use super::access::{Credentials, Pace, SCOPES, Tokens};
use super::disputes::Changes;
use crate::api::config::Hosts;
use crate::api::request::Host;
use crate::sandbox::faults::Faults;
use crate::sandbox::merchant::Merchant;

/// How the stand-in behaves.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Port of the main host, the other hosts and the storage on the ports after it; free ones when none is given.
    pub base_port: Option<u16>,
    /// In which order search answers its rows.
    pub order: SearchOrder,
    /// What the link to a search's next page is worth.
    pub next_link: NextLink,
    /// Rows of a search page at the most, where that is fewer than may be asked for.
    pub page_cap: usize,
    /// Fields of the search language that it refuses.
    pub refused_fields: Vec<String>,
    /// What the credentials may do; everything by default.
    pub scopes: BTreeSet<String>,
    /// Requests let through in any second, over all hosts; more are answered 429.
    pub requests_per_second: Option<u32>,
    /// How long a token lives.
    pub token_life: Duration,
    /// How long a link to a report's file lives.
    pub link_life: Duration,
    /// What goes wrong.
    pub faults: Faults,
    /// How long a slow answer takes.
    pub slow: Duration,
}

/// In which order search answers its rows; the vendor does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SearchOrder {
    /// By time, backwards.
    #[default]
    NewestFirst,
    /// By time.
    OldestFirst,
    /// In none that can be seen; the same every time.
    Scattered,
}

/// What the link to a search's next page is worth; the vendor's documentation does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NextLink {
    /// It is there and works.
    #[default]
    Working,
    /// It is not there.
    Absent,
    /// It is there and answers 404.
    Broken,
    /// It is there and answers with no rows, whatever is left.
    Empty,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            base_port: None,
            order: SearchOrder::default(),
            next_link: NextLink::default(),
            page_cap: usize::MAX,
            refused_fields: Vec::new(),
            scopes: SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
            requests_per_second: None,
            token_life: Duration::from_secs(3600),
            link_life: Duration::from_secs(60),
            faults: Faults::default(),
            slow: Duration::from_millis(50),
        }
    }
}

/// Who was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// One of the vendor's hosts.
    Api(Host),
    /// Where the files of reports are, which is not the vendor's own and must not see a token.
    Storage,
}

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Who was asked.
    pub site: Site,
    /// `GET` or `POST`.
    pub method: String,
    /// Path, as sent.
    pub path: String,
    /// Query, as sent, without the question mark.
    pub query: String,
    /// Body; left out on the token host, where it is a secret.
    pub body: String,
    /// Status answered.
    pub status: u16,
}

/// What all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    pub merchant: Arc<Merchant>,
    pub options: SandboxOptions,
    pub hosts: Hosts,
    /// Address of the storage.
    pub storage: Url,
    pub credentials: Credentials,
    pub tokens: Tokens,
    pub pace: Pace,
    pub changes: Changes,
    /// What goes wrong now; what is told wrongly in the report files stays as the options have it.
    pub faults: Mutex<Faults>,
    /// Requests so far.
    pub count: AtomicU64,
    pub log: Mutex<VecDeque<LoggedRequest>>,
}
