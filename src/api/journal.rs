//! The journal: what a client asked lately, for `system.requests`. Parameters and keys stay unsaid; paths are templates.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::request::{Host, Method};

/// Attempts kept; older ones are forgotten.
const LONGEST: usize = 1000;

/// One attempt at a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was sent.
    pub at: DateTime<Utc>,
    /// The table it was made for; none for access tokens.
    pub table: Option<&'static str>,
    /// Which host.
    pub host: Host,
    /// HTTP method.
    pub method: Method,
    /// Path, with its keys unsaid.
    pub path: &'static str,
    /// HTTP status; `None` when no whole answer came.
    pub status: Option<u16>,
    /// From sending to the last byte.
    pub milliseconds: u64,
    /// Time spent waiting for a turn at the limiter.
    pub waited_milliseconds: u64,
    /// Bytes of the body, decompressed.
    pub bytes: u64,
    /// `Cko-Request-Id`, for support.
    pub request_id: Option<String>,
}

/// The last attempts of a client, oldest first.
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: Mutex<VecDeque<Entry>>,
}

impl Journal {
    pub(super) fn add(&self, entry: Entry) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= LONGEST {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    pub(super) fn read(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
