//! A connection: an account's client, with what this process has learnt about the account.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use chrono::{DateTime, Utc};

use crate::api::Client;
use crate::api::config::Account;
use crate::clock::Clock;
use crate::schema::decode::{OnMalformed, Settings};

/// An account's client, with what this process has learnt about the account.
#[derive(Debug)]
pub struct Connection {
    /// The client.
    pub client: Client,
    clock: Clock,
    next_link: AtomicU8,
    page_cap: AtomicUsize,
    whole_page: AtomicUsize,
    rows: AtomicU64,
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
    /// A connection through this client.
    pub fn new(client: Client, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            client,
            clock,
            next_link: AtomicU8::new(0),
            page_cap: AtomicUsize::new(usize::MAX),
            whole_page: AtomicUsize::new(0),
            rows: AtomicU64::new(0),
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

    /// Rows decoded so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Counts decoded rows.
    pub fn count_rows(&self, rows: usize) {
        self.rows.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
