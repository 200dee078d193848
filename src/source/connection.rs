//! A connection: an account's client, with what this process has learnt about the account.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::OnceCell;

use super::coverage::Covered;
use super::span::DAY;
use crate::api::Client;
use crate::api::config::Account;
use crate::api::recent::Recent;
use crate::clock::Clock;
use crate::schema::decode::{OnMalformed, Settings};

/// An account's client, with what this process has learnt about the account.
#[derive(Debug)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// Its entities, where they had to be found out.
    pub(super) entities: OnceCell<Vec<String>>,
    /// What scans of it have covered lately.
    pub coverage: Recent<Covered>,
    clock: Clock,
    next_link: AtomicU8,
    page_cap: AtomicUsize,
    whole_page: AtomicUsize,
    rows: AtomicU64,
    /// Rows and microseconds of whole windows seen, by path of the call.
    seen: Mutex<BTreeMap<&'static str, (u64, i64)>>,
}

/// Whether the `_links.next` of a search can be followed, which the vendor does not document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextLink {
    /// Not tried yet.
    Unknown,
    /// It has led from a full page to other rows.
    Works,
    /// It did not answer.
    Broken,
}

impl Connection {
    /// A connection to the same account for work that nobody waits for; it learns for itself.
    #[must_use]
    pub fn in_background(&self) -> Arc<Self> {
        Self::new(self.client.in_background(), self.clock)
    }

    /// A connection through this client.
    pub fn new(client: Client, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            client,
            entities: OnceCell::new(),
            coverage: Recent::default(),
            clock,
            next_link: AtomicU8::new(0),
            page_cap: AtomicUsize::new(usize::MAX),
            whole_page: AtomicUsize::new(0),
            rows: AtomicU64::new(0),
            seen: Mutex::default(),
        })
    }

    /// The account's configuration.
    pub fn account(&self) -> &Account {
        self.client.account()
    }

    /// The account's name.
    pub fn name(&self) -> &str {
        &self.account().name
    }

    /// Its entities, as far as they are configured or were found out.
    pub fn known_entities(&self) -> &[String] {
        self.entities.get().unwrap_or_else(|| &self.account().entity_ids)
    }

    /// The current instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// How the account's pages are read.
    pub fn settings(&self, on_malformed: OnMalformed) -> Settings {
        let account = self.account();
        Settings { exponents: Arc::clone(&account.exponents), assumed_unit: account.balances_unit, on_malformed }
    }

    /// What is known of the account's next links.
    pub fn next_link(&self) -> NextLink {
        match self.next_link.load(Ordering::Relaxed) {
            0 => NextLink::Unknown,
            1 => NextLink::Works,
            _ => NextLink::Broken,
        }
    }

    /// Remembers what was learnt of the account's next links.
    pub fn learn_next_link(&self, state: NextLink) {
        let code = match state {
            NextLink::Unknown => 0,
            NextLink::Works => 1,
            NextLink::Broken => 2,
        };
        self.next_link.store(code, Ordering::Relaxed);
    }

    /// The most rows a page of the search holds, where that was found to be fewer than asked for.
    pub fn page_cap(&self) -> usize {
        self.page_cap.load(Ordering::Relaxed)
    }

    /// Remembers the most rows a page of the search holds.
    pub fn learn_page_cap(&self, rows: usize) {
        self.page_cap.fetch_min(rows, Ordering::Relaxed);
    }

    /// Rows of the longest short page of the search whose next link was found to lead nowhere.
    pub fn whole_page(&self) -> usize {
        self.whole_page.load(Ordering::Relaxed)
    }

    /// Remembers that a short page of so many rows was all there was.
    pub fn learn_whole_page(&self, rows: usize) {
        self.whole_page.fetch_max(rows, Ordering::Relaxed);
    }

    /// Rows a year of a listing by time, as far as it was read.
    pub fn seen_per_year(&self, path: &str) -> Option<u64> {
        let (rows, micros) = *self.seen().get(path)?;
        let per_year = u128::from(rows) * u128::try_from(365 * DAY).ok()? / u128::try_from(micros).ok()?.max(1);
        u64::try_from(per_year).ok()
    }

    /// Remembers the rows of a whole window of a listing by time.
    pub fn learn_rows(&self, path: &'static str, rows: usize, micros: i64) {
        let mut seen = self.seen();
        let (all_rows, all_micros) = seen.entry(path).or_default();
        *all_rows = all_rows.saturating_add(u64::try_from(rows).unwrap_or(u64::MAX));
        *all_micros = all_micros.saturating_add(micros);
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<&'static str, (u64, i64)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rows decoded so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Counts decoded rows.
    pub fn count_rows(&self, rows: usize) {
        self.rows.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
