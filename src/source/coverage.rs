//! Coverage: what scans have read lately, and whether that is all there was; for `system.coverage`.

use chrono::{DateTime, Utc};

use super::span::Span;

/// What one ask of a scan has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The table.
    pub table: &'static str,
    /// Path of the call, with its keys unsaid.
    pub path: &'static str,
    /// The report file, where it is one.
    pub file: Option<String>,
    /// The span asked for, where the call is one by time.
    pub span: Option<Span>,
    /// Rows read, before any filter.
    pub rows: u64,
    /// Requests made.
    pub requests: u64,
    /// Whether all rows of the ask were read; a limit that was met leaves the rest unread.
    pub is_proven: bool,
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Why it is not whole, where it failed.
    pub error: Option<String>,
}
