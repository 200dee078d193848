//! What an ask took, and whether it was carried out whole.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::api::client::{Activity, Tally};

/// What an ask took so far.
#[derive(Debug, Default)]
pub struct Effort {
    /// The client's count of it.
    pub(super) tally: Tally,
    rows: AtomicU64,
    shared: AtomicU64,
}

impl Effort {
    /// Requests, bytes and waits.
    pub fn activity(&self) -> Activity {
        self.tally.read()
    }

    /// Rows decoded.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Pages that the same statement had read before.
    pub fn shared(&self) -> u64 {
        self.shared.load(Ordering::Relaxed)
    }

    /// Adds what a part of it took.
    pub(super) fn add(&self, part: &Self) {
        self.tally.add(part.activity());
        self.rows.fetch_add(part.rows(), Ordering::Relaxed);
        self.shared.fetch_add(part.shared(), Ordering::Relaxed);
    }

    pub(super) fn add_bytes(&self, bytes: usize) {
        self.tally.add(Activity { bytes: u64::try_from(bytes).unwrap_or(u64::MAX), ..Activity::default() });
    }

    pub(super) fn add_rows(&self, rows: usize) {
        self.rows.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn add_shared(&self) {
        self.shared.fetch_add(1, Ordering::Relaxed);
    }
}
